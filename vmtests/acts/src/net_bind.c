// SPDX-License-Identifier: Apache-2.0
/* Sockets that are bound, and those that listen: each act says all such documents of its process. */
#include "net_ring.h"

#include <netinet/tcp.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static int bound(int family, int type, int protocol, const char *ip)
{
	int fd = socket_of(family, type, protocol);

	bind_to(fd, ip, 0);
	said_bind(fd);
	return fd;
}

static int bound_tcp(const char *ip)
{
	return bound(end_of(ip, 0).addr.sa_family, SOCK_STREAM, 0, ip);
}

static void bind_v4(void)
{
	close_fd(bound_tcp("127.0.0.1"));
	close_fd(bound_tcp("0.0.0.0"));
}

static void bind_v6(void)
{
	close_fd(bound_tcp("::1"));
	close_fd(bound_tcp("::"));
	close_fd(bound_tcp("::ffff:127.0.0.1"));
	close_fd(bound_tcp("::ffff:0.0.0.0"));
}

static void bind_udp(void)
{
	close_fd(bound(AF_INET, SOCK_DGRAM, 0, "127.0.0.1"));
	close_fd(bound(AF_INET6, SOCK_DGRAM, 0, "::"));
}

static void bind_mptcp(void)
{
	close_fd(bound(AF_INET, SOCK_STREAM, IPPROTO_MPTCP, "127.0.0.1"));
}

static int binds(void *arg)
{
	(void)arg;
	close_fd(bound_tcp("127.0.0.1"));
	return 0;
}

static void bind_child(void)
{
	reap(child(binds, NULL));
}

/* Of the binds the first alone succeeds. */
static void bind_fails(void)
{
	int first = bound_tcp("127.0.0.1"), second = tcp("127.0.0.1");
	struct end at = end_local(first), absent = end_of("192.0.2.1", 0);

	if (bind(second, &at.addr, at.len) == 0 || errno != EADDRINUSE)
		die("bind: expected EADDRINUSE");
	if (bind(second, &absent.addr, absent.len) == 0 || errno != EADDRNOTAVAIL)
		die("bind: expected EADDRNOTAVAIL");
	if (bind(first, &at.addr, at.len) == 0 || errno != EINVAL)
		die("bind: expected EINVAL");
	if (bind(-1, &at.addr, at.len) == 0 || errno != EBADF)
		die("bind: expected EBADF");
	close_fd(first);
	close_fd(second);
}

/* The kernel chooses ports for who connects and who sends. */
static void bind_auto(void)
{
	struct end to;
	int peer, fd = udp("127.0.0.1"), listener, client = tcp("127.0.0.1");
	struct flow f;

	peer = bound(AF_INET, SOCK_DGRAM, 0, "127.0.0.1");
	to = end_local(peer);
	if (connect(fd, &to.addr, to.len))
		die("connect");
	f = flow_from(fd);
	said_connect(&f, 0);
	said_close(&f);
	listener = bound_tcp("127.0.0.1");
	if (listen(listener, 1))
		die("listen");
	said_listen(listener, 0);
	to = end_local(listener);
	connect_to(client, &to);
	f = flow_from(client);
	said_connect(&f, 0);
	said_close(&f);
	close_fd(fd);
	close_fd(peer);
	close_fd(client);
	close_fd(listener);
}

static void listens(int fd)
{
	if (listen(fd, 4))
		die("listen");
	said_listen(fd, 0);
	if (listen(fd, 8)) /* changes how many may wait: no event */
		die("listen again");
	close_fd(fd);
}

static void listen_v4(void)
{
	listens(bound_tcp("127.0.0.1"));
	listens(bound_tcp("0.0.0.0"));
}

static void listen_v6(void)
{
	listens(bound_tcp("::"));
	listens(bound_tcp("::ffff:127.0.0.1"));
}

static void listen_mptcp(void)
{
	listens(bound(AF_INET, SOCK_STREAM, IPPROTO_MPTCP, "127.0.0.1"));
}

/* The kernel chooses the port when it listens. */
static void listen_unbound(void)
{
	never(NET_BIND, getpid());
	said();
	listens(tcp("127.0.0.1"));
	listens(tcp("::1"));
}

/* Two sockets may be bound to one port, but not both listen. */
static void listen_in_use(void)
{
	int on = 1, first = tcp("127.0.0.1"), second = tcp("127.0.0.1");
	struct end at;

	if (setsockopt(first, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) || setsockopt(second, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		die("set SO_REUSEADDR");
	at = bind_to(first, "127.0.0.1", 0);
	said_bind(first);
	bind_to(second, "127.0.0.1", ntohs(at.in.sin_port));
	said_bind(second);
	if (listen(first, 1))
		die("listen");
	said_listen(first, 0);
	if (listen(second, 1) == 0 || errno != EADDRINUSE)
		die("listen: expected EADDRINUSE");
	said_listen(second, EADDRINUSE);
	close_fd(first);
	close_fd(second);
}

/* It ends, and begins once more. */
static void listen_anew(void)
{
	int fd = bound_tcp("127.0.0.1");

	if (listen(fd, 4))
		die("listen");
	said_listen(fd, 0);
	if (shutdown(fd, SHUT_RD) || listen(fd, 4))
		die("listen anew");
	said_listen(fd, 0);
	close_fd(fd);
}

/* What cannot listen. */
static void listen_wrong(void)
{
	int fd = udp("127.0.0.1");
	struct pair p;

	pair_make(&p, "127.0.0.1");
	never(NET_LISTEN, getpid());
	num("source.port", ntohs(p.out.local.in.sin_port));
	said();
	if (listen(p.client, 1) == 0 || errno != EINVAL)
		die("listen: expected EINVAL");
	if (listen(fd, 1) == 0 || errno != EOPNOTSUPP)
		die("listen: expected EOPNOTSUPP");
	if (listen(-1, 1) == 0 || errno != EBADF)
		die("listen: expected EBADF");
	said_listen(p.listener, 0);
	pair_close(&p);
	close_fd(fd);
}

/* No system call whose end could be seen. */
static void by_uring(void)
{
	struct end at = end_of("127.0.0.1", 0);
	struct ring r;
	struct request *q;
	int fd = tcp("127.0.0.1");

	ring_make(&r, 0);
	q = ring_next(&r, OP_BIND, fd);
	q->addr = (uintptr_t)&at.addr;
	q->offset = at.len;
	ring_supported("bind", ring_result(&r));
	said_bind(fd);
	ring_next(&r, OP_LISTEN, fd)->len = 4;
	ring_supported("listen", ring_result(&r));
	said_listen(fd, UNKNOWN);
	close_fd(fd);
	close_fd(r.fd);
}

const struct act net_bind_acts[] = {
	{ "net-bind", bind_v4, "sockets of TCP are bound to an address and to all", NULL },
	{ "net-bind-v6", bind_v6, "the same with IPv6, and IPv4 on such a socket", NULL },
	{ "net-bind-udp", bind_udp, "sockets of UDP are bound", NULL },
	{ "net-bind-mptcp", bind_mptcp, "a socket of MPTCP is bound: one event, of TCP", NULL },
	{ "net-bind-child", bind_child, "a child binds: the child is told", NULL },
	{ "net-bind-fails", bind_fails, "binds that fail are nothing", NULL },
	{ "net-bind-auto", bind_auto, "who connects without a bind gets a port, which is nothing", NULL },
	{ "net-listen", listen_v4, "listeners, one on all addresses; to change the backlog is nothing", NULL },
	{ "net-listen-v6", listen_v6, "the same with IPv6, and IPv4 on such a socket", NULL },
	{ "net-listen-mptcp", listen_mptcp, "a listener of MPTCP: one event", NULL },
	{ "net-listen-unbound", listen_unbound, "a listener that was not bound: the port is the kernel's choice", NULL },
	{ "net-listen-in-use", listen_in_use, "the second listener on a port fails", NULL },
	{ "net-listen-anew", listen_anew, "a listener is shut down and listens again: two events", NULL },
	{ "net-listen-wrong", listen_wrong, "sockets that cannot listen are nothing", NULL },
	{ "net-listen-uring", by_uring, "bind and listen by io_uring: the outcome is not seen", "io_uring" },
	{ 0 },
};
