// SPDX-License-Identifier: Apache-2.0
/* Datagrams. */
#include "net.h"

/* A socket that is bound to no address has none, where the routes would choose one for each datagram. */
static struct flow flow_of(int fd, const struct end *peer, bool unbound)
{
	struct flow f = flow_to(fd, peer);

	f.vague = unbound;
	return f;
}

/* A socket that gets datagrams, and keeps them until it is closed: no flow of its own. */
static int sink(const char *ip, struct end *at)
{
	int fd = udp(ip);

	*at = bind_to(fd, ip, 0);
	return fd;
}

static void send_to(int fd, const struct end *to)
{
	if (sendto(fd, "hello", 5, 0, &to->addr, to->len) != 5)
		die("send");
}

/* Sends so many datagrams to the sinks in turn: one flow for each sink. */
static void sends(const char *ip, const char *local, int peers, int datagrams)
{
	struct end to[4];
	int fd = udp(ip), sinks[4];

	for (int i = 0; i < peers; i++)
		sinks[i] = sink(ip, &to[i]);
	if (local)
		bind_to(fd, local, 0);
	for (int i = 0; i < datagrams; i++)
		send_to(fd, &to[i % peers]);
	for (int i = 0; i < peers; i++) {
		struct flow f = flow_of(fd, &to[i], !local);

		said_connect(&f, 0);
		may_close(&f);
	}
	never_unspecified(getpid());
	close_fd(fd);
	for (int i = 0; i < peers; i++)
		close_fd(sinks[i]);
}

static void send_one(void)
{
	sends("127.0.0.1", "127.0.0.1", 1, 1);
}

static void send_v6(void)
{
	sends("::1", "::1", 1, 1);
}

static void send_mapped(void)
{
	sends("::ffff:127.0.0.1", "::ffff:127.0.0.1", 1, 1);
}

static void send_unbound(void)
{
	sends("127.0.0.1", NULL, 1, 2);
}

static void send_unbound_v6(void)
{
	sends("::1", NULL, 1, 2);
}

static void send_many(void)
{
	sends("127.0.0.1", "127.0.0.1", 1, 100);
}

static void send_two(void)
{
	sends("127.0.0.1", "127.0.0.1", 2, 20);
}

/* Two sockets, the same peer: two flows. */
static void two_sockets(void)
{
	struct end to;
	int peer = sink("127.0.0.1", &to), fd[2];

	for (int i = 0; i < 2; i++) {
		struct flow f;

		fd[i] = udp("127.0.0.1");
		bind_to(fd[i], "127.0.0.1", 0);
		for (int n = 0; n < 3; n++)
			send_to(fd[i], &to);
		f = flow_of(fd[i], &to, false);
		said_connect(&f, 0);
		may_close(&f);
	}
	close_fd(fd[0]);
	close_fd(fd[1]);
	close_fd(peer);
}

struct shared {
	int fd;
	struct end to;
};

static int sends_inherited(void *arg)
{
	struct shared *s = arg;
	struct flow f;

	for (int i = 0; i < 3; i++)
		send_to(s->fd, &s->to);
	f = flow_of(s->fd, &s->to, false);
	said_connect(&f, 0);
	may_close(&f);
	return 0;
}

/* One socket, two processes: each is told once. */
static void two_processes(void)
{
	struct shared s;
	int peer = sink("127.0.0.1", &s.to);

	s.fd = udp("127.0.0.1");
	bind_to(s.fd, "127.0.0.1", 0);
	sends_inherited(&s);
	reap(child(sends_inherited, &s));
	close_fd(s.fd);
	close_fd(peer);
}

static void by_sendmmsg(void)
{
	struct end to[2];
	int fd = udp("127.0.0.1"), sinks[2];
	struct iovec iov = { (char *)"hello", 5 };
	struct mmsghdr m[6] = { 0 };

	bind_to(fd, "127.0.0.1", 0);
	for (int i = 0; i < 2; i++)
		sinks[i] = sink("127.0.0.1", &to[i]);
	for (int i = 0; i < 6; i++)
		m[i].msg_hdr = (struct msghdr){ .msg_name = &to[i & 1].addr, .msg_namelen = to[i & 1].len, .msg_iov = &iov, .msg_iovlen = 1 };
	if (sendmmsg(fd, m, 6, 0) != 6)
		die("send");
	for (int i = 0; i < 2; i++) {
		struct flow f = flow_of(fd, &to[i], false);

		said_connect(&f, 0);
		may_close(&f);
		close_fd(sinks[i]);
	}
	close_fd(fd);
}

/* The connect is the event, the datagrams are none. */
static void connected_on(const char *ip)
{
	struct end to;
	int fd = udp(ip), peer = sink(ip, &to);
	struct flow f;

	connect_to(fd, &to);
	f = flow_from(fd);
	said_connect(&f, 0);
	for (int i = 0; i < 5; i++)
		if (send(fd, "hello", 5, 0) != 5)
			die("send");
	said_close(&f);
	close_fd(fd);
	close_fd(peer);
}

static void connected(void)
{
	connected_on("127.0.0.1");
}

static void connected_v6(void)
{
	connected_on("::1");
}

static void connected_mapped(void)
{
	connected_on("::ffff:127.0.0.1");
}

/* Each connect is one; AF_UNSPEC is none. */
static void reconnected(void)
{
	struct end to[2];
	int fd = udp("127.0.0.1"), sinks[2];

	bind_to(fd, "127.0.0.1", 0);
	for (int i = 0; i < 2; i++) {
		struct flow f;

		sinks[i] = sink("127.0.0.1", &to[i]);
		connect_to(fd, &to[i]);
		f = flow_from(fd);
		said_connect(&f, 0);
		may_close(&f);
		if (connect(fd, &(struct sockaddr){ .sa_family = AF_UNSPEC }, sizeof(struct sockaddr)))
			die("disconnect");
	}
	close_fd(fd);
	close_fd(sinks[0]);
	close_fd(sinks[1]);
}

/* No UDP connect finds out whether somebody is there. */
static void nobody(void)
{
	struct end to;
	int fd = udp("127.0.0.1"), holder = sink("127.0.0.1", &to);
	struct pollfd refused = { .fd = fd };
	struct flow f;

	close_fd(holder);
	connect_to(fd, &to);
	f = flow_from(fd);
	said_connect(&f, 0);
	if (send(fd, "hello", 5, 0) != 5 || poll(&refused, 1, 10000) != 1 || send(fd, "hello", 5, 0) >= 0 || errno != ECONNREFUSED)
		die("send: expected a refusal of the second");
	said_close(&f);
	close_fd(fd);
}

static void connect_no_route(const char *ip)
{
	struct end to = end_of(ip, 4242);
	struct flow f;
	int fd;

	own_network();
	fd = udp(ip);
	if (connect(fd, &to.addr, to.len) == 0 || errno != ENETUNREACH)
		die("connect: expected ENETUNREACH");
	f = flow_to(fd, &to);
	said_connect(&f, ENETUNREACH);
	close_fd(fd);
}

static void no_route_v4(void)
{
	connect_no_route("192.0.2.7");
}

static void no_route_v6(void)
{
	connect_no_route("2001:db8::7");
}

static void send_no_route(void)
{
	struct end to = end_of("192.0.2.7", 4242);
	struct flow f;
	int fd;

	own_network();
	fd = udp("192.0.2.7");
	if (sendto(fd, "hello", 5, 0, &to.addr, to.len) >= 0 || errno != ENETUNREACH)
		die("send: expected ENETUNREACH");
	f = flow_of(fd, &to, true);
	said_connect(&f, ENETUNREACH);
	never_unspecified(getpid());
	close_fd(fd);
}

/* Answers go back on the socket on which the question came: that one is no connection. */
static void answered(void)
{
	struct end to, from = { .len = sizeof(from.in6) };
	int server = sink("127.0.0.1", &to), fd = udp("127.0.0.1");
	struct flow out, back;
	char buf[8];

	bind_to(fd, "127.0.0.1", 0);
	send_to(fd, &to);
	out = flow_of(fd, &to, false);
	said_connect(&out, 0);
	may_close(&out);
	if (recvfrom(server, buf, sizeof(buf), 0, &from.addr, &from.len) != 5)
		die("receive");
	send_to(server, &from);
	back = flow_of(server, &from, false);
	said_connect(&back, 0);
	may_close(&back);
	if (recv(fd, buf, sizeof(buf), 0) != 5)
		die("receive");
	close_fd(fd);
	close_fd(server);
}

const struct act net_udp_acts[] = {
	{ "net-udp-send", send_one, "a datagram to a peer: one flow", NULL },
	{ "net-udp-send-v6", send_v6, "a datagram over IPv6", NULL },
	{ "net-udp-send-mapped", send_mapped, "a datagram between mapped addresses: shown as IPv4", NULL },
	{ "net-udp-send-unbound", send_unbound, "a socket that was never bound: the kernel's port, and no address 0.0.0.0", NULL },
	{ "net-udp-send-unbound-v6", send_unbound_v6, "the same over IPv6", NULL },
	{ "net-udp-send-many", send_many, "100 datagrams to one peer: one flow", NULL },
	{ "net-udp-send-two", send_two, "20 datagrams to two peers: two flows", NULL },
	{ "net-udp-sockets", two_sockets, "two sockets send to one peer: two flows", NULL },
	{ "net-udp-processes", two_processes, "two processes send by one socket: one flow for each", NULL },
	{ "net-udp-sendmmsg", by_sendmmsg, "six datagrams to two peers in one call: two flows", NULL },
	{ "net-udp-answered", answered, "a datagram and its answer: a flow for each socket", NULL },
	{ "net-udp-send-no-route", send_no_route, "a datagram to where no route leads: ENETUNREACH", NULL },
	{ "net-udp-connect", connected, "a connected socket: the connect is the event, and its datagrams are none", NULL },
	{ "net-udp-connect-v6", connected_v6, "the same over IPv6", NULL },
	{ "net-udp-connect-mapped", connected_mapped, "the same between mapped addresses", NULL },
	{ "net-udp-reconnect", reconnected, "a socket is connected, disconnected by AF_UNSPEC and connected elsewhere: two flows", NULL },
	{ "net-udp-nobody", nobody, "nobody is there: the connect succeeds all the same", NULL },
	{ "net-udp-no-route", no_route_v4, "a connect to where no route leads: ENETUNREACH", NULL },
	{ "net-udp-no-route-v6", no_route_v6, "the same over IPv6", NULL },
	{ 0 },
};
