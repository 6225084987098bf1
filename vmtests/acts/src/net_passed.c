// SPDX-License-Identifier: Apache-2.0
/* Sockets that come from somewhere else: other processes and other network namespaces. */
#include "net.h"

#include <sched.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

struct mail {
	int box[2]; /* [0] is the parent's */
	struct end at;
};

static void mail_make(struct mail *m)
{
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, m->box))
		die("make a socket pair");
}

/* Gets a socket, connects it, and waits until the other side ends the connection. */
static int connects_fetched(void *arg)
{
	struct mail *m = arg;
	int fd = fetch_fd(m->box[1]);
	struct flow f;

	connect_to(fd, &m->at);
	f = flow_from(fd);
	said_connect(&f, 0);
	said_close(&f);
	expect_eof(fd);
	close_fd(fd);
	return 0;
}

static void passed_connect(void)
{
	struct mail m;
	int listener = listen_on("127.0.0.1", &m.at), fd, server;
	struct flow in;
	pid_t pid;

	mail_make(&m);
	pid = child(connects_fetched, &m); /* before the socket is made */
	fd = tcp("127.0.0.1");
	post_fd(m.box[0], fd);
	close_fd(fd);
	server = accept_from(listener);
	in = flow_in(server);
	said_accept(&in);
	said_close(&in);
	close_fd(server);
	reap(pid);
	close_fd(listener);
}

static int accepts_fetched(void *arg)
{
	struct mail *m = arg;
	int listener = fetch_fd(m->box[1]), fd = accept_from(listener);
	struct flow f = flow_in(fd);

	said_accept(&f);
	said_close(&f);
	expect_eof(fd);
	close_fd(fd);
	return 0;
}

static void passed_listener(void)
{
	struct mail m;
	struct pair p;
	pid_t pid;

	mail_make(&m);
	pid = child(accepts_fetched, &m);
	pair_connect(&p, "127.0.0.1");
	post_fd(m.box[0], p.listener);
	said_close(&p.out);
	close_fd(p.client);
	reap(pid);
	close_fd(p.listener);
}

static int closes_fetched(void *arg)
{
	struct mail *m = arg;
	int fd = fetch_fd(m->box[1]);

	if (send(fd, "hello", 5, 0) != 5)
		die("send");
	close_fd(fd);
	return 0;
}

/* Connected here, used and closed there: it belongs to who connected. */
static void passed_connection(void)
{
	struct mail m;
	struct pair p;
	char buf[8];
	pid_t pid;

	mail_make(&m);
	pid = child(closes_fetched, &m);
	pair_make(&p, "127.0.0.1");
	p.out.sent = p.in.received = 5;
	pair_said_close(&p);
	post_fd(m.box[0], p.client);
	close_fd(p.client);
	if (recv(p.server, buf, 5, MSG_WAITALL) != 5)
		die("receive");
	expect_eof(p.server);
	close_fd(p.server);
	reap(pid);
	close_fd(p.listener);
}

struct theft {
	struct gate stolen, done;
	struct end at;
	int fd; /* in the child */
};

static int is_robbed(void *arg)
{
	struct theft *t = arg;
	int fd = tcp("127.0.0.1");

	if (fd != t->fd && dup2(fd, t->fd) != t->fd)
		die("duplicate a descriptor");
	gate_open(&t->stolen);
	gate_wait(&t->done);
	return 0;
}

/* The socket is another process's, which does nothing. */
static void stolen(void)
{
	struct theft t = { .fd = 99 };
	struct pair p;
	pid_t pid;
	int pidfd;

	gate_make(&t.stolen);
	gate_make(&t.done);
	pid = child(is_robbed, &t);
	gate_wait(&t.stolen);
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	p.client = pidfd < 0 ? -1 : syscall(SYS_pidfd_getfd, pidfd, t.fd, 0);
	if (p.client < 0 && (errno == ENOSYS || errno == EPERM)) {
		gate_open(&t.done);
		reap(pid);
		skip("no pidfd_getfd: %s", strerror(errno));
	}
	if (p.client < 0)
		die("take a descriptor");
	p.listener = listen_on("127.0.0.1", &t.at);
	connect_to(p.client, &t.at);
	pair_accept(&p);
	never_any(pid);
	gate_open(&t.done);
	reap(pid);
	pair_close(&p);
	close_fd(pidfd);
}

static int enters(int target)
{
	return syscall(SYS_setns, target, CLONE_NEWNET);
}

static int namespace_fd(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("open the network namespace");
	return fd;
}

/* Sockets of a namespace in which the process no longer is. */
static void foreign(void)
{
	int home = namespace_fd();
	struct pair p;
	struct end at;
	ino_t there;

	own_network();
	there = own_namespace();
	p.listener = listen_on("127.0.0.1", &at);
	p.client = tcp("127.0.0.1");
	if (enters(home))
		die("go back to the network namespace");
	if (own_namespace() == there)
		die("the namespaces are one");
	connect_to(p.client, &at);
	p.out = flow_from(p.client);
	p.server = accept_from(p.listener);
	p.in = flow_in(p.server);
	if (p.out.namespace != there || p.in.namespace != there)
		die("the sockets are in another network namespace");
	said_connect(&p.out, 0);
	also(NET_CONNECT, getpid());
	num("sensor.namespaces.net", own_namespace());
	said();
	said_accept(&p.in);
	pair_send(&p, 3, 4);
	pair_close(&p);
	close_fd(home);
}

static void foreign_refused(void)
{
	int home = namespace_fd(), fd;
	struct end to = end_of("192.0.2.7", 4242);
	struct flow f;
	ino_t there;

	own_network();
	fd = tcp("192.0.2.7");
	there = own_namespace();
	if (enters(home))
		die("go back to the network namespace");
	if (connect(fd, &to.addr, to.len) == 0 || errno != ENETUNREACH)
		die("connect: expected ENETUNREACH");
	f = flow_to(fd, &to);
	if (f.namespace != there)
		die("the socket is in another network namespace");
	said_connect(&f, ENETUNREACH);
	close_fd(fd);
	close_fd(home);
}

/* The same addresses and ports in two namespaces are two connections. */
static void twins(void)
{
	struct pair a, b;
	struct end at;
	int listener;

	pair_make(&a, "127.0.0.1");
	own_network();
	listener = tcp("127.0.0.1");
	at = bind_to(listener, "127.0.0.1", ntohs(a.out.peer.in.sin_port));
	if (listen(listener, 16))
		die("listen");
	b.listener = listener;
	b.client = tcp("127.0.0.1");
	bind_to(b.client, "127.0.0.1", ntohs(a.out.local.in.sin_port));
	connect_to(b.client, &at);
	b.out = flow_from(b.client);
	b.server = accept_from(listener);
	b.in = flow_in(b.server);
	said_connect(&b.out, 0);
	said_accept(&b.in);
	pair_send(&a, 1, 2);
	pair_send(&b, 30, 40);
	pair_close(&b);
	pair_close(&a);
}

const struct act net_passed_acts[] = {
	{ "net-passed-connect", passed_connect, "a socket is passed to another process, which connects it: that one is told", NULL },
	{ "net-passed-accept", passed_listener, "a listener is passed to another process, which accepts: that one is told", NULL },
	{ "net-passed-close", passed_connection, "a connection is passed to another process, which closes it: it is who connected", NULL },
	{ "net-passed-stolen", stolen, "a socket taken by pidfd_getfd is connected: by who took it", NULL },
	{ "net-passed-namespace", foreign, "sockets of a network namespace in which the process is no longer: told is the sockets'", NULL },
	{ "net-passed-namespace-failed", foreign_refused, "likewise where a connect fails", NULL },
	{ "net-passed-namespace-twins", twins, "the same addresses and ports in two network namespaces: two connections", NULL },
	{ 0 },
};
