// SPDX-License-Identifier: Apache-2.0
/* How connections end, and how many bytes they carried. */
#include "net.h"

#include <sys/sendfile.h>
#include <sys/uio.h>

static void bytes_on(const char *ip)
{
	struct pair p;

	pair_make(&p, ip);
	pair_send(&p, 12345, 54321);
	pair_close(&p);
}

static void bytes(void)
{
	bytes_on("127.0.0.1");
}

static void bytes_v6(void)
{
	bytes_on("::1");
}

static void one_way(void)
{
	struct pair p;

	pair_make(&p, "127.0.0.1");
	pair_send(&p, 1, 0);
	pair_close(&p);
}

static void *drain(void *arg)
{
	char buf[65536];

	while (read(*(int *)arg, buf, sizeof(buf)) > 0)
		;
	return NULL;
}

/* More than fits into any buffer. */
static void large(void)
{
	enum { PART = 65536, PARTS = 128 };
	static char buf[PART];
	struct pair p;

	pair_make(&p, "127.0.0.1");
	start_thread(drain, &p.server);
	for (int i = 0; i < PARTS; i++)
		if (send(p.client, buf, PART, 0) != PART)
			die("send");
	p.out.sent = p.in.received = PART * PARTS;
	pair_said_close(&p);
	if (shutdown(p.client, SHUT_WR))
		die("shut down");
	join_threads();
	close_fd(p.client);
	close_fd(p.server);
	close_fd(p.listener);
}

/* Every way to write is counted; what is looked at twice is not counted twice. */
static void ways(void)
{
	struct iovec iov[2] = { { (char *)"ab", 2 }, { (char *)"cde", 3 } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };
	struct mmsghdr mm[2] = { { .msg_hdr = m }, { .msg_hdr = m } };
	char *path = in_dir("file"), buf[64];
	int file, pipe[2];
	struct pair p;
	size_t got = 0;

	pair_make(&p, "127.0.0.1");
	write_file(path, "0123456789", 0600);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0 || pipe2(pipe, O_CLOEXEC) || write(pipe[1], "spliced", 7) != 7)
		die("make files");
	if (write(p.client, "x", 1) != 1 || send(p.client, "xy", 2, 0) != 2 || writev(p.client, iov, 2) != 5 ||
	    sendmsg(p.client, &m, 0) != 5 || sendmmsg(p.client, mm, 2, 0) != 2 || sendfile(p.client, file, NULL, 10) != 10 ||
	    splice(pipe[0], NULL, p.client, NULL, 7, 0) != 7)
		die("send");
	if (recv(p.server, buf, 3, MSG_PEEK) < 1)
		die("look");
	for (ssize_t n; got < 40; got += n) {
		n = read(p.server, buf, sizeof(buf));
		if (n <= 0)
			die("receive");
	}
	p.out.sent = p.in.received = 40;
	pair_close(&p);
}

/* A byte out of band takes its place in the sequence. */
static void urgent(void)
{
	struct pair p;
	char buf[8];

	pair_make(&p, "127.0.0.1");
	if (send(p.client, "abc", 3, 0) != 3 || send(p.client, "!", 1, MSG_OOB) != 1)
		die("send");
	if (recv(p.server, buf, 3, MSG_WAITALL) != 3 || recv(p.server, buf, 1, MSG_OOB) != 1)
		die("receive");
	p.out.sent = p.in.received = 4;
	pair_close(&p);
}

/* The client says that it is done; the server answers then. */
static void half(void)
{
	struct pair p;

	pair_make(&p, "127.0.0.1");
	pair_send(&p, 100, 0);
	if (shutdown(p.client, SHUT_WR))
		die("shut down");
	expect_eof(p.server);
	pair_send(&p, 0, 2000);
	pair_said_close(&p);
	close_fd(p.server);
	expect_eof(p.client);
	close_fd(p.client);
	close_fd(p.listener);
}

static void both_shut(void)
{
	struct pair p;

	pair_make(&p, "127.0.0.1");
	pair_send(&p, 10, 20);
	pair_said_close(&p);
	if (shutdown(p.client, SHUT_RDWR) || shutdown(p.server, SHUT_RDWR))
		die("shut down");
	close_fd(p.client);
	close_fd(p.server);
	close_fd(p.listener);
}

static void reset(void)
{
	struct linger hard = { 1, 0 };
	struct pair p;
	char c;

	pair_make(&p, "127.0.0.1");
	pair_send(&p, 10, 20);
	pair_said_close(&p);
	if (setsockopt(p.client, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)) || close(p.client))
		die("reset a connection");
	if (read(p.server, &c, 1) >= 0 || errno != ECONNRESET)
		die("receive: expected a reset");
	close_fd(p.server);
	close_fd(p.listener);
}

/* Closed with data that nobody has read: the kernel resets. The bytes did arrive. */
static void unread(void)
{
	struct pair p;

	pair_make(&p, "127.0.0.1");
	if (send(p.client, "hello", 5, 0) != 5 || poll(&(struct pollfd){ .fd = p.server, .events = POLLIN }, 1, 10000) != 1)
		die("send");
	p.out.sent = p.in.received = 5;
	pair_said_close(&p);
	close_fd(p.server);
	close_fd(p.client);
	close_fd(p.listener);
}

static int ends_with_it(void *arg)
{
	struct pair *p = arg;
	struct end at = end_local(p->listener);

	p->client = tcp("127.0.0.1");
	connect_to(p->client, &at);
	p->out = flow_from(p->client);
	said_connect(&p->out, 0);
	if (send(p->client, "hello", 5, 0) != 5)
		die("send");
	p->out.sent = 5;
	said_close(&p->out);
	return 0;
}

static void served_once(struct pair *p, pid_t pid)
{
	char buf[8];

	p->server = accept_from(p->listener);
	p->in = flow_in(p->server);
	said_accept(&p->in);
	if (recv(p->server, buf, 5, MSG_WAITALL) != 5)
		die("receive");
	p->in.received = 5;
	expect_eof(p->server);
	said_close(&p->in);
	close_fd(p->server);
	reap(pid);
	close_fd(p->listener);
}

static void by_exit(void)
{
	struct pair p;
	struct end at;

	p.listener = listen_on("127.0.0.1", &at);
	served_once(&p, child(ends_with_it, &p));
}

static int killed_with_it(void *arg)
{
	ends_with_it(arg);
	kill(getpid(), SIGKILL);
	return 0;
}

static void by_kill(void)
{
	struct pair p;
	struct end at;

	p.listener = listen_on("127.0.0.1", &at);
	served_once(&p, child(killed_with_it, &p));
}

static char *const true_argv[] = { "true", "-a", NULL };

static int execs_with_it(void *arg)
{
	ends_with_it(arg);
	execve(in_dir("true"), true_argv, role("quiet:0"));
	die("exec");
}

/* The descriptor is closed by exec: the same process, with another image. */
static void by_exec(void)
{
	char *path = copy_self("true", 0755);
	struct pair p;
	struct end at;
	pid_t pid;

	p.listener = listen_on("127.0.0.1", &at);
	pid = child(execs_with_it, &p);
	expect_exec(pid, path, true_argv);
	said();
	served_once(&p, pid);
}

struct heir {
	struct pair p;
	struct gate go;
};

static int closes_later(void *arg)
{
	struct heir *h = arg;

	close_fd(h->p.server);
	close_fd(h->p.listener);
	gate_wait(&h->go);
	if (send(h->p.client, "heir", 4, 0) != 4)
		die("send");
	close_fd(h->p.client);
	return 0;
}

/* The child closes last, and has sent something too: the connection is the parent's. */
static void by_child(void)
{
	struct heir h;
	char buf[4];
	pid_t pid;

	pair_make(&h.p, "127.0.0.1");
	pair_send(&h.p, 10, 20);
	gate_make(&h.go);
	pid = child(closes_later, &h);
	close_fd(h.p.client);
	usleep(5000);
	h.p.out.sent += 4;
	h.p.in.received += 4;
	pair_said_close(&h.p);
	gate_open(&h.go);
	if (recv(h.p.server, buf, 4, MSG_WAITALL) != 4)
		die("receive");
	expect_eof(h.p.server);
	close_fd(h.p.server);
	reap(pid);
	close_fd(h.p.listener);
}

struct chain {
	int listener;
	struct gate go;
};

static int last_holder(void *arg)
{
	struct chain *c = arg;

	close_fd(c->listener);
	gate_wait(&c->go);
	return 0;
}

/* Connects, leaves the socket to its own child, and ends. */
static int connects_and_goes(void *arg)
{
	struct chain *c = arg;
	struct end at = end_local(c->listener);
	int fd = tcp("127.0.0.1");
	struct flow f;

	connect_to(fd, &at);
	f = flow_from(fd);
	said_connect(&f, 0);
	said_close(&f);
	said_end(child(last_holder, c), 0); /* nobody of the act waits for it */
	return 0;
}

/* Who connected has ended before the connection did. */
static void by_orphan(void)
{
	struct chain c;
	struct pair p;
	struct end at;

	p.listener = c.listener = listen_on("127.0.0.1", &at);
	gate_make(&c.go);
	reap(child(connects_and_goes, &c));
	p.server = accept_from(p.listener);
	p.in = flow_in(p.server);
	said_accept(&p.in);
	gate_open(&c.go);
	expect_eof(p.server);
	said_close(&p.in);
	close_fd(p.server);
	close_fd(p.listener);
}

const struct act net_close_acts[] = {
	{ "net-close-bytes", bytes, "12,345 bytes there and 54,321 back", NULL },
	{ "net-close-bytes-v6", bytes_v6, "the same over IPv6", NULL },
	{ "net-close-one-byte", one_way, "one byte there, none back", NULL },
	{ "net-close-large", large, "8 MiB", NULL },
	{ "net-close-ways", ways, "bytes by write, send, writev, sendmsg, sendmmsg, sendfile and splice", NULL },
	{ "net-close-urgent", urgent, "a byte out of band counts", NULL },
	{ "net-close-half", half, "half closed by shutdown, and used on", NULL },
	{ "net-close-shutdown", both_shut, "both ends are shut down and then closed: one close each", NULL },
	{ "net-close-reset", reset, "reset by SO_LINGER 0", NULL },
	{ "net-close-unread", unread, "closed with unread data: a reset, and the bytes count", NULL },
	{ "net-close-exit", by_exit, "closed by the end of the process", NULL },
	{ "net-close-kill", by_kill, "closed by SIGKILL", NULL },
	{ "net-close-exec", by_exec, "closed by exec", NULL },
	{ "net-close-child", by_child, "a child closes last: the connection is its parent's, who made it", NULL },
	{ "net-close-orphan", by_orphan, "who connected has ended before: its is the close", NULL },
	{ 0 },
};
