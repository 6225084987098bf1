// SPDX-License-Identifier: Apache-2.0
/* Connections by io_uring: told is the process whose request it is. */
#include "net_ring.h"

static void finish(struct pair *p)
{
	p->out = flow_from(p->client);
	said_connect(&p->out, 0);
	p->in = flow_in(p->server);
	said_accept(&p->in);
	pair_send(p, 6, 7);
	pair_close(p);
}

static void both(uint32_t setup, uint8_t flags)
{
	struct ring r;
	struct pair p;
	struct end at;

	ring_make(&r, setup);
	p.listener = listen_on("127.0.0.1", &at);
	p.client = tcp("127.0.0.1");
	if (r.polled && !(r.features & FEATURE_SQPOLL_NONFIXED))
		skip("a thread that polls takes registered files only");
	ring_connect(&r, p.client, &at)->flags = flags;
	ring_supported("connect", ring_result(&r));
	ring_accept(&r, p.listener)->flags = flags;
	p.server = ring_supported("accept", ring_result(&r));
	finish(&p);
	close_fd(r.fd);
}

static void plain(void)
{
	both(0, 0);
}

/* Not tried at once, but by a worker of the kernel. */
static void worker(void)
{
	both(0, ASYNC);
}

static void polled(void)
{
	both(SETUP_SQPOLL, 0);
}

/* The requests name slots, in which the sockets were put. */
static void fixed_on(uint32_t setup)
{
	struct ring r;
	struct pair p;
	struct end at;

	ring_make(&r, setup);
	p.listener = listen_on("127.0.0.1", &at);
	p.client = tcp("127.0.0.1");
	ring_files(&r, (int[]){ p.listener, p.client }, 2);
	ring_connect(&r, 1, &at)->flags = FIXED_FILE;
	ring_supported("connect", ring_result(&r));
	ring_accept(&r, 0)->flags = FIXED_FILE;
	p.server = ring_supported("accept", ring_result(&r));
	p.out = flow_from(p.client);
	said_connect(&p.out, 0);
	p.in = flow_in(p.server);
	said_accept(&p.in);
	pair_send(&p, 6, 7);
	pair_said_close(&p);
	if (shutdown(p.client, SHUT_RDWR) || shutdown(p.server, SHUT_RDWR)) /* the ring keeps one, for a while */
		die("shut down");
	close_fd(p.client);
	close_fd(p.server);
	close_fd(p.listener);
	close_fd(r.fd);
}

static void fixed(void)
{
	fixed_on(0);
}

static void polled_fixed(void)
{
	fixed_on(SETUP_SQPOLL);
}

/* The accepted socket never has a descriptor. */
static void direct(void)
{
	struct ring r;
	struct pair p;
	struct request *q;
	char buf[8];
	int listener;

	ring_make(&r, 0);
	ring_files(&r, (int[]){ -1, -1, -1 }, 3);
	pair_connect(&p, "127.0.0.1");
	listener = p.listener;
	q = ring_next(&r, OP_ACCEPT, listener);
	q->file_index = 2 + 1;
	if (ring_supported("accept into a slot", ring_result(&r)) != 0)
		skip("io_uring has no accept into a slot");
	p.in = p.out;
	p.in.ingress = true;
	p.in.local = p.out.peer;
	p.in.peer = p.out.local;
	p.in.since = 0;
	said_accept(&p.in);
	if (send(p.client, "hello", 5, 0) != 5)
		die("send");
	q = ring_next(&r, OP_RECV, 2);
	q->flags = FIXED_FILE;
	q->addr = (uintptr_t)buf;
	q->len = sizeof(buf);
	if (ring_supported("receive", ring_result(&r)) != 5)
		die("receive");
	p.out.sent = p.in.received = 5;
	pair_said_close(&p);
	q = ring_next(&r, OP_CLOSE, 0);
	q->file_index = 2 + 1;
	ring_supported("close of a slot", ring_result(&r));
	expect_eof(p.client);
	close_fd(p.client);
	close_fd(listener);
	close_fd(r.fd);
}

/* Neither has the socket that connects. */
static void without_descriptor(void)
{
	struct ring r;
	struct request *q;
	struct flow in, out;
	struct end at;
	int listener, server;

	ring_make(&r, 0);
	ring_files(&r, (int[]){ -1 }, 1);
	listener = listen_on("127.0.0.1", &at);
	q = ring_next(&r, OP_SOCKET, AF_INET);
	q->offset = SOCK_STREAM;
	q->file_index = 0 + 1;
	ring_supported("socket", ring_result(&r));
	ring_connect(&r, 0, &at)->flags = FIXED_FILE;
	ring_supported("connect", ring_result(&r));
	server = accept_from(listener);
	in = flow_in(server);
	out = in;
	out.ingress = false;
	out.local = in.peer;
	out.peer = in.local;
	said_connect(&out, 0);
	said_accept(&in);
	said_close(&out);
	said_close(&in);
	q = ring_next(&r, OP_CLOSE, 0);
	q->file_index = 0 + 1;
	ring_supported("close of a slot", ring_result(&r));
	expect_eof(server);
	close_fd(server);
	close_fd(listener);
	close_fd(r.fd);
}

/* The second request runs when the first is done. */
static void linked(void)
{
	struct ring r;
	struct pair p;
	struct request *q;
	struct end at;
	char buf[8];

	ring_make(&r, 0);
	p.listener = listen_on("127.0.0.1", &at);
	p.client = tcp("127.0.0.1");
	ring_connect(&r, p.client, &at)->flags = LINK;
	q = ring_next(&r, OP_SEND, p.client);
	q->addr = (uintptr_t) "hello";
	q->len = 5;
	ring_supported("connect", ring_result(&r));
	ring_supported("send", ring_wait(&r).result);
	pair_accept(&p);
	if (recv(p.server, buf, 5, MSG_WAITALL) != 5)
		die("receive");
	p.out.sent = p.in.received = 5;
	pair_close(&p);
	close_fd(r.fd);
}

/* One request accepts whatever comes. */
static void multishot(void)
{
	enum { MANY = 3 };
	struct ring r;
	struct pair p[MANY];
	struct request *q;
	struct end at;
	int listener;

	ring_make(&r, 0);
	listener = listen_on("127.0.0.1", &at);
	q = ring_accept(&r, listener);
	q->ioprio = ACCEPT_MULTISHOT;
	q->user_data = 7;
	ring_submit(&r);
	for (int i = 0; i < MANY; i++) {
		struct completion c;

		p[i].client = tcp("127.0.0.1");
		connect_to(p[i].client, &at);
		c = ring_wait(&r);
		p[i].server = ring_supported("accept of many", c.result);
		if (!(c.flags & CQE_MORE))
			die("accept of many accepts no more");
	}
	for (int i = 0; i < MANY; i++) {
		p[i].listener = dup(listener);
		finish(&p[i]);
	}
	q = ring_next(&r, OP_CANCEL, -1);
	q->addr = q->user_data = 7;
	ring_submit(&r);
	ring_wait(&r); /* in either order: of what was cancelled, and of the cancelling */
	ring_wait(&r);
	close_fd(listener);
	close_fd(r.fd);
}

/* No completion tells of it. */
static void silent(void)
{
	struct completion c;
	struct ring r;
	struct pair p;
	struct end at;

	ring_make(&r, 0);
	p.listener = listen_on("127.0.0.1", &at);
	p.client = tcp("127.0.0.1");
	ring_connect(&r, p.client, &at)->flags = SKIP_SUCCESS | LINK;
	ring_next(&r, OP_NOP, -1)->user_data = 9;
	ring_submit(&r);
	c = ring_wait(&r);
	if (c.user_data != 9 || c.result == -ECANCELED)
		ring_supported("silent success", c.user_data == 9 ? -EINVAL : c.result);
	p.server = accept_from(p.listener);
	finish(&p);
	close_fd(r.fd);
}

/* The request is there before the connection. */
static void waiting(void)
{
	struct ring r;
	struct pair p;
	struct end at;

	ring_make(&r, 0);
	p.listener = listen_on("127.0.0.1", &at);
	ring_accept(&r, p.listener);
	ring_submit(&r);
	p.client = tcp("127.0.0.1");
	connect_to(p.client, &at);
	p.server = ring_supported("accept", ring_wait(&r).result);
	finish(&p);
	close_fd(r.fd);
}

struct inherited {
	struct ring ring;
	struct pair pair;
	struct end at;
};

static int submits(void *arg)
{
	struct inherited *h = arg;

	close_fd(h->pair.listener);
	h->pair.client = tcp("127.0.0.1");
	ring_connect(&h->ring, h->pair.client, &h->at);
	ring_supported("connect", ring_result(&h->ring));
	h->pair.out = flow_from(h->pair.client);
	said_connect(&h->pair.out, 0);
	said_close(&h->pair.out);
	close_fd(h->pair.client);
	return 0;
}

/* The ring is the parent's, the request the child's. */
static void by_child(void)
{
	struct inherited h;
	struct pair *p = &h.pair;
	pid_t pid;

	ring_make(&h.ring, 0);
	p->listener = listen_on("127.0.0.1", &h.at);
	pid = child(submits, &h);
	p->server = accept_from(p->listener);
	p->in = flow_in(p->server);
	said_accept(&p->in);
	said_close(&p->in);
	expect_eof(p->server);
	close_fd(p->server);
	reap(pid);
	close_fd(p->listener);
	close_fd(h.ring.fd);
}

const struct act net_uring_acts[] = {
	{ "net-uring", plain, "connect and accept by io_uring", "io_uring" },
	{ "net-uring-worker", worker, "the same in a worker thread of the kernel", "io_uring" },
	{ "net-uring-polled", polled, "the same in a thread that polls for requests", "io_uring" },
	{ "net-uring-fixed", fixed, "registered sockets connect and accept", "io_uring" },
	{ "net-uring-polled-fixed", polled_fixed, "registered sockets, and a thread that polls", "io_uring" },
	{ "net-uring-direct", direct, "accept into a slot: the socket has no descriptor", "io_uring" },
	{ "net-uring-socket", without_descriptor, "a socket that was made in a slot connects", "io_uring" },
	{ "net-uring-linked", linked, "a connect with a linked send", "io_uring" },
	{ "net-uring-multishot", multishot, "one request accepts three connections", "io_uring" },
	{ "net-uring-silent", silent, "a connect without a completion (CQE_SKIP_SUCCESS)", "io_uring" },
	{ "net-uring-waiting", waiting, "accept is requested before the connection comes", "io_uring" },
	{ "net-uring-fork", by_child, "a child puts its request into its parent's ring: the child is told", "io_uring" },
	{ 0 },
};
