// SPDX-License-Identifier: Apache-2.0
/* Accepted connections: told is who accepts. */
#include "net.h"

#include <sys/epoll.h>

static void with_address(void)
{
	struct pair p;
	struct end peer = { .len = sizeof(peer.in6) };

	pair_connect(&p, "127.0.0.1");
	p.server = accept(p.listener, &peer.addr, &peer.len);
	if (p.server < 0)
		die("accept");
	p.in = flow_in(p.server);
	said_accept(&p.in);
	pair_close(&p);
}

/* Nobody is there yet: that is no event. */
static void nonblock(void)
{
	struct pair p;
	struct end at;

	p.listener = listen_on("127.0.0.1", &at);
	nonblocking(p.listener);
	if (accept(p.listener, NULL, NULL) >= 0 || errno != EAGAIN)
		die("accept: expected EAGAIN");
	p.client = tcp("127.0.0.1");
	connect_to(p.client, &at);
	pair_accept(&p);
	pair_close(&p);
}

static int connects_later(void *arg)
{
	struct end *at = arg;
	int fd = tcp("127.0.0.1");
	struct flow f;
	char c;

	usleep(20000);
	connect_to(fd, at);
	f = flow_from(fd);
	said_connect(&f, 0);
	said_close(&f);
	if (read(fd, &c, 1) != 0) /* the parent closes first */
		die("wait for the end of a connection");
	return 0;
}

/* The acceptor sleeps in accept when the connection comes. */
static void waiting(void)
{
	struct end at;
	int listener = listen_on("127.0.0.1", &at), server;
	pid_t pid = child(connects_later, &at);
	struct flow in;

	server = accept_from(listener);
	in = flow_in(server);
	said_accept(&in);
	said_close(&in);
	close_fd(server);
	reap(pid);
	close_fd(listener);
}

static void by_epoll(void)
{
	struct pair p;
	struct epoll_event event = { .events = EPOLLIN };
	struct end at;
	int poller = epoll_create1(EPOLL_CLOEXEC);

	p.listener = listen_on("127.0.0.1", &at);
	if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, p.listener, &event))
		die("poll");
	p.client = tcp("127.0.0.1");
	connect_to(p.client, &at);
	if (epoll_wait(poller, &event, 1, 10000) != 1)
		die("wait for a connection");
	pair_accept(&p);
	pair_close(&p);
	close_fd(poller);
}

/* The peer has sent something and gone. */
static void peer_gone(void)
{
	struct pair p;
	char buf[8];

	pair_connect(&p, "127.0.0.1");
	if (send(p.client, "hello", 5, 0) != 5)
		die("send");
	p.out.sent = p.in.received = 5;
	said_close(&p.out);
	close_fd(p.client);
	p.server = accept_from(p.listener);
	p.in = flow_in(p.server);
	p.in.received = 5;
	said_accept(&p.in);
	if (read(p.server, buf, sizeof(buf)) != 5)
		die("receive");
	expect_eof(p.server);
	said_close(&p.in);
	close_fd(p.server);
	close_fd(p.listener);
}

/* The peer has reset the connection: it is accepted all the same, and is over. */
static void peer_reset(void)
{
	struct linger hard = { 1, 0 };
	struct end peer = { .len = sizeof(peer.in6) };
	struct pair p;

	pair_connect(&p, "127.0.0.1");
	said_close(&p.out);
	if (setsockopt(p.client, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)) || close(p.client))
		die("reset a connection");
	p.server = accept(p.listener, &peer.addr, &peer.len);
	if (p.server < 0)
		die("accept");
	p.in = flow_to(p.server, &peer);
	p.in.local = p.out.peer;
	p.in.ingress = true;
	p.in.since = 0; /* it ended before it was accepted */
	said_accept(&p.in);
	may_close(&p.in);
	close_fd(p.server);
	close_fd(p.listener);
}

static void any(const char *bound, const char *ip)
{
	struct pair p;
	struct end at, to;

	p.listener = socket_of(end_of(bound, 0).addr.sa_family, SOCK_STREAM, 0);
	at = bind_to(p.listener, bound, 0);
	if (listen(p.listener, 16))
		die("listen");
	to = end_of(ip, ntohs(at.in.sin_port)); /* of IPv6 the port is at the same place */
	p.client = tcp(ip);
	connect_to(p.client, &to);
	pair_accept(&p);
	pair_close(&p);
}

/* The listener has no address, the connection has. */
static void any_v4(void)
{
	any("0.0.0.0", "127.0.0.9");
}

static void any_v6(void)
{
	any("::", "::1");
}

static void any_mapped(void)
{
	any("::", "127.0.0.1");
}

static void *accept_here(void *arg)
{
	struct pair *p = arg;

	p->server = accept_from(p->listener);
	return NULL;
}

static void in_thread(void)
{
	struct pair p;

	pair_connect(&p, "127.0.0.1");
	start_thread(accept_here, &p);
	join_threads();
	p.in = flow_in(p.server);
	said_accept(&p.in);
	pair_close(&p);
}

static int accepts_one(void *arg)
{
	struct pair *p = arg;

	close_fd(p->client);
	p->server = accept_from(p->listener);
	p->in = flow_in(p->server);
	said_accept(&p->in);
	said_close(&p->in);
	expect_eof(p->server);
	close_fd(p->server);
	return 0;
}

/* The parent listens, the child accepts. */
static void forked(void)
{
	struct pair p;
	pid_t pid;

	pair_connect(&p, "127.0.0.1");
	pid = child(accepts_one, &p);
	said_close(&p.out);
	close_fd(p.client);
	reap(pid);
	close_fd(p.listener);
}

/* Accepted by the parent, served and closed by a child, as servers do. */
static int serves(void *arg)
{
	struct pair *p = arg;

	close_fd(p->client);
	if (send(p->server, "hello", 5, 0) != 5)
		die("send");
	expect_eof(p->server);
	close_fd(p->server);
	return 0;
}

static void handed_to_child(void)
{
	struct pair p;
	char buf[8];
	pid_t pid;

	pair_make(&p, "127.0.0.1");
	pid = child(serves, &p);
	close_fd(p.server);
	if (recv(p.client, buf, sizeof(buf), 0) != 5)
		die("receive");
	p.in.sent = p.out.received = 5;
	pair_said_close(&p);
	close_fd(p.client);
	reap(pid);
	close_fd(p.listener);
}

enum { SERVERS = 3, CONNECTIONS = 6 };

struct server {
	int listener, client;
	struct gate go; /* one for each connection that is wanted */
};

/* Accepts when it is told to; ends when nobody can tell it any more. */
static int preforked_server(void *arg)
{
	struct server *s = arg;
	char c;

	close_fd(s->go.fd[1]);
	while (read(s->go.fd[0], &c, 1) == 1) {
		int fd = accept_from(s->listener);
		struct flow f = flow_in(fd);

		said_accept(&f);
		said_close(&f);
		expect_eof(fd);
		close_fd(fd);
	}
	return 0;
}

/* All wait for the same listener: told is who got the connection. */
static void preforked(void)
{
	struct server s;
	struct end at;
	pid_t pid[SERVERS];

	s.listener = listen_on("127.0.0.1", &at);
	gate_make(&s.go);
	for (int i = 0; i < SERVERS; i++)
		pid[i] = child(preforked_server, &s);
	for (int i = 0; i < CONNECTIONS; i++) {
		int fd = tcp("127.0.0.1");
		struct flow f;

		gate_open(&s.go);
		connect_to(fd, &at);
		f = flow_from(fd);
		said_connect(&f, 0);
		said_close(&f);
		close_fd(fd);
	}
	close_fd(s.go.fd[1]);
	for (int i = 0; i < SERVERS; i++)
		reap(pid[i]);
	close_fd(s.listener);
}

/* Connections of many peers wait, and are accepted in a row. */
static void backlog(void)
{
	struct end at;
	int listener = listen_on("127.0.0.1", &at), clients[8], servers[8];

	for (int i = 0; i < 8; i++) {
		struct flow f;

		clients[i] = tcp("127.0.0.1");
		connect_to(clients[i], &at);
		f = flow_from(clients[i]);
		said_connect(&f, 0);
		said_close(&f);
	}
	for (int i = 0; i < 8; i++) {
		struct flow f;

		servers[i] = accept_from(listener);
		f = flow_in(servers[i]);
		said_accept(&f);
		said_close(&f);
	}
	for (int i = 0; i < 8; i++) {
		close_fd(clients[i]);
		close_fd(servers[i]);
	}
	close_fd(listener);
}

const struct act net_accept_acts[] = {
	{ "net-accept", with_address, "accept that asks for the peer's address", NULL },
	{ "net-accept-nonblock", nonblock, "accept without a connection, and with one", NULL },
	{ "net-accept-waiting", waiting, "accept that waits for a connection", NULL },
	{ "net-accept-epoll", by_epoll, "accept after epoll", NULL },
	{ "net-accept-gone", peer_gone, "the peer has closed before accept: its address all the same", NULL },
	{ "net-accept-reset", peer_reset, "the peer has reset before accept: accepted with its address", NULL },
	{ "net-accept-any", any_v4, "the listener is bound to 0.0.0.0: the local end is the connection's", NULL },
	{ "net-accept-any-v6", any_v6, "the listener is bound to ::", NULL },
	{ "net-accept-any-mapped", any_mapped, "a listener of IPv6 is called over IPv4: shown as IPv4", NULL },
	{ "net-accept-thread", in_thread, "accept in a thread: the process did it", NULL },
	{ "net-accept-fork", forked, "the parent listens and the child accepts: the child is told", NULL },
	{ "net-accept-served", handed_to_child, "the parent accepts and a child serves: the parent is told, also at the close", NULL },
	{ "net-accept-prefork", preforked, "three processes accept from one listener: who gets a connection is told", NULL },
	{ "net-accept-backlog", backlog, "eight connections wait and are accepted in a row", NULL },
	{ 0 },
};
