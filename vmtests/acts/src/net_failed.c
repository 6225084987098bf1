// SPDX-License-Identifier: Apache-2.0
/* TCP connections that fail, or whose outcome nobody sees. */
#include "net.h"

#include <linux/rtnetlink.h>
#include <netinet/tcp.h>

/* Connects, which has to fail so. The local end is what is there before and after. */
static void fails(int fd, const struct end *to, int error)
{
	struct flow f;

	if (connect(fd, &to->addr, to->len) == 0 || errno != error)
		die("connect: expected %s", strerror(error));
	f = flow_to(fd, to);
	said_connect(&f, error);
}

static void refused_by(const char *ip, const char *local)
{
	int fd = tcp(ip), holder;
	struct end at;

	holder = unused_port(ip, &at);
	bind_to(fd, local, 0);
	fails(fd, &at, ECONNREFUSED);
	close_fd(fd);
	close_fd(holder);
}

static void refused(void)
{
	refused_by("127.0.0.1", "127.0.0.1");
}

static void refused_v6(void)
{
	refused_by("::1", "::1");
}

static void refused_mapped(void)
{
	refused_by("::ffff:127.0.0.1", "::ffff:127.0.0.1");
}

/* The kernel chose the local end. Until the outcome is there getsockname tells it. */
static void refused_nonblock(void)
{
	int fd = tcp("127.0.0.1"), holder;
	struct end at;
	struct flow f;

	holder = unused_port("127.0.0.1", &at);
	nonblocking(fd);
	if (connect(fd, &at.addr, at.len) == 0 || errno != EINPROGRESS)
		die("connect: expected EINPROGRESS");
	f = flow_to(fd, &at);
	f.local = end_of("127.0.0.1", ntohs(f.local.in.sin_port));
	if (wait_writable(fd) != ECONNREFUSED)
		die("connect: expected a refusal");
	said_connect(&f, ECONNREFUSED);
	close_fd(fd);
	close_fd(holder);
}

/* Nor the port is bound: what the kernel chose is not hidden by the failure. */
static void refused_unbound(void)
{
	int fd = tcp("127.0.0.1"), holder;
	struct end at, local;
	struct flow f;

	holder = unused_port("127.0.0.1", &at);
	if (connect(fd, &at.addr, at.len) == 0 || errno != ECONNREFUSED)
		die("connect: expected a refusal");
	f = flow_to(fd, &at);
	local = end_local(fd);
	f.local = end_of("127.0.0.1", ntohs(local.in.sin_port));
	said_connect(&f, ECONNREFUSED);
	close_fd(fd);
	close_fd(holder);
}

/* The same socket tries again, and then somebody listens. */
static void refused_again(void)
{
	struct pair p;
	struct end at;

	p.listener = unused_port("127.0.0.1", &at);
	p.client = tcp("127.0.0.1");
	bind_to(p.client, "127.0.0.1", 0);
	fails(p.client, &at, ECONNREFUSED);
	fails(p.client, &at, ECONNREFUSED);
	if (listen(p.listener, 16))
		die("listen");
	connect_to(p.client, &at);
	pair_accept(&p);
	pair_close(&p);
}

static int connects_refused(void *arg)
{
	int fd = tcp("127.0.0.1");

	bind_to(fd, "127.0.0.1", 0);
	fails(fd, arg, ECONNREFUSED);
	_exit(0); /* with the socket open */
}

static void refused_child(void)
{
	struct end at;
	int holder = unused_port("127.0.0.1", &at);

	reap(child(connects_refused, &at));
	close_fd(holder);
}

/* Two sockets with the same local end want the same peer. */
static void in_use(void)
{
	struct pair p;
	struct end at, local;
	int on = 1, second = tcp("127.0.0.1");

	p.listener = listen_on("127.0.0.1", &at);
	p.client = tcp("127.0.0.1");
	if (setsockopt(p.client, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) || setsockopt(second, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		die("set SO_REUSEADDR");
	local = bind_to(p.client, "127.0.0.1", 0);
	bind_to(second, "127.0.0.1", ntohs(local.in.sin_port));
	connect_to(p.client, &at);
	pair_accept(&p);
	fails(second, &at, EADDRNOTAVAIL);
	close_fd(second);
	pair_close(&p);
}

/* After the first repetition, a second later, the time is over. */
static void timed_out(void)
{
	unsigned limit = 200;
	struct end at;
	int listener = listen_full("127.0.0.1", &at), fd = tcp("127.0.0.1");

	if (setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof(limit)))
		die("set TCP_USER_TIMEOUT");
	bind_to(fd, "127.0.0.1", 0);
	fails(fd, &at, ETIMEDOUT);
	close_fd(fd);
	close_fd(listener);
}

static void no_route(const char *ip)
{
	struct end at;
	int fd;

	own_network();
	at = end_of(ip, 4242);
	fd = tcp(ip);
	fails(fd, &at, ENETUNREACH);
	close_fd(fd);
}

static void no_route_v4(void)
{
	no_route("192.0.2.7");
}

static void no_route_v6(void)
{
	no_route("2001:db8::7");
}

static void no_route_mapped(void)
{
	no_route("::ffff:192.0.2.7");
}

static void no_route_nonblock(void)
{
	struct end at = end_of("192.0.2.7", 4242);
	int fd;

	own_network();
	fd = tcp("192.0.2.7");
	nonblocking(fd);
	fails(fd, &at, ENETUNREACH);
	close_fd(fd);
}

/* A route of that type to one address. */
static void add_route(int type, const struct end *to)
{
	bool six = to->addr.sa_family == AF_INET6;
	size_t size = six ? 16 : 4;
	struct {
		struct nlmsghdr header;
		struct rtmsg route;
		struct rtattr attribute;
		char address[16];
	} request = {
		.header = { .nlmsg_type = RTM_NEWROUTE, .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK },
		.route = { .rtm_family = to->addr.sa_family, .rtm_dst_len = 8 * size, .rtm_table = RT_TABLE_MAIN,
			   .rtm_protocol = RTPROT_STATIC, .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = type },
		.attribute = { .rta_type = RTA_DST, .rta_len = RTA_LENGTH(size) },
	};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[256];
	} answer;
	int fd = socket_of(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	memcpy(request.address, six ? (const void *)&to->in6.sin6_addr : &to->in.sin_addr, size);
	request.header.nlmsg_len = NLMSG_LENGTH(sizeof(request.route)) + RTA_LENGTH(size);
	if (send(fd, &request, request.header.nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0)
		die("ask for a route");
	errno = -answer.error.error;
	if (answer.header.nlmsg_type != NLMSG_ERROR || errno)
		die("add a route");
	close_fd(fd);
}

static void by_route(int type, const char *ip, int error)
{
	struct end at = end_of(ip, 4242);
	int fd;

	own_network();
	add_route(type, &at);
	fd = tcp(ip);
	fails(fd, &at, error);
	close_fd(fd);
}

static void host_v4(void)
{
	by_route(RTN_UNREACHABLE, "192.0.2.7", EHOSTUNREACH);
}

static void host_v6(void)
{
	by_route(RTN_UNREACHABLE, "2001:db8::7", EHOSTUNREACH);
}

static void prohibited(void)
{
	by_route(RTN_PROHIBIT, "192.0.2.7", EACCES);
}

/* Sends what a router says to that packet: the first one that a raw socket took. */
static void answer_unreachable(int captured, const struct end *at)
{
	unsigned char m[8 + 60 + 8] = { 3, 1 }, packet[256]; /* destination unreachable: host */
	int fd = socket_of(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	uint32_t sum = 0;
	size_t header;

	if (recv(captured, packet, sizeof(packet), 0) < 40)
		die("take a packet");
	header = 4 * (packet[0] & 15);
	memcpy(m + 8, packet, header + 8);
	for (size_t i = 0; i < 16 + header; i += 2)
		sum += m[i] << 8 | m[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	m[2] = ~sum >> 8;
	m[3] = ~sum;
	if (sendto(fd, m, 16 + header, 0, &at->addr, at->len) < 0)
		die("send an answer");
	close_fd(fd);
}

struct router {
	int captured;
	struct end at;
};

static int routes(void *arg)
{
	struct router *r = arg;

	answer_unreachable(r->captured, &(struct end){ .in = { .sin_family = AF_INET, .sin_addr = r->at.in.sin_addr }, .len = sizeof(r->at.in) });
	may(NET_CONNECT, getpid()); /* net-udp-raw says what this shows */
	said();
	may(NET_CLOSE, getpid());
	said();
	return 0;
}

/* The SYN is out when a router says that the host is not there. */
static void by_router(void)
{
	struct router r;
	struct flow f;
	int listener, fd, error;

	own_network();
	listener = listen_full("127.0.0.1", &r.at);
	r.captured = socket_of(AF_INET, SOCK_RAW, IPPROTO_TCP);
	fd = tcp("127.0.0.1");
	bind_to(fd, "127.0.0.1", 0);
	nonblocking(fd);
	if (connect(fd, &r.at.addr, r.at.len) == 0 || errno != EINPROGRESS)
		die("connect: expected EINPROGRESS");
	f = flow_to(fd, &r.at);
	reap(child(routes, &r));
	error = wait_writable(fd);
	if (error != EHOSTUNREACH)
		die("connect: expected EHOSTUNREACH, is %d", error);
	said_connect(&f, error);
	close_fd(fd);
	close_fd(listener);
}

/* Closed before there was an outcome. */
static void aborted(void)
{
	struct end at;
	struct flow f;
	int listener = listen_full("127.0.0.1", &at), fd = tcp("127.0.0.1");

	nonblocking(fd);
	if (connect(fd, &at.addr, at.len) == 0 || errno != EINPROGRESS)
		die("connect: expected EINPROGRESS");
	f = flow_to(fd, &at);
	said_connect(&f, UNKNOWN);
	close_fd(fd);
	close_fd(listener);
}

/* A blocking connect that waits no longer; its socket is shut, and closed by the end of the process. */
static int gives_up(void *arg)
{
	struct end *at = arg;
	struct timeval limit = { .tv_usec = 30000 };
	int fd = tcp("127.0.0.1");
	struct flow f;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)))
		die("set SO_SNDTIMEO");
	if (connect(fd, &at->addr, at->len) == 0 || errno != EINPROGRESS)
		die("connect: expected EINPROGRESS");
	f = flow_to(fd, at);
	said_connect(&f, UNKNOWN);
	_exit(0);
}

static void given_up(void)
{
	struct end at;
	int listener = listen_full("127.0.0.1", &at);

	reap(child(gives_up, &at));
	close_fd(listener);
}

const struct act net_failed_acts[] = {
	{ "net-connect-refused", refused, "a connect that is refused: a failure, and no close", NULL },
	{ "net-connect-refused-v6", refused_v6, "the same over IPv6", NULL },
	{ "net-connect-refused-mapped", refused_mapped, "the same with mapped addresses", NULL },
	{ "net-connect-refused-nonblock", refused_nonblock, "refused after connect has returned", NULL },
	{ "net-connect-refused-unbound", refused_unbound, "refused; the port was the kernel's choice", NULL },
	{ "net-connect-refused-again", refused_again, "one socket is refused twice and connects then: three attempts", NULL },
	{ "net-connect-refused-child", refused_child, "refused in a child that ends with the socket open", NULL },
	{ "net-connect-in-use", in_use, "the same connection is there already: EADDRNOTAVAIL", NULL },
	{ "net-connect-timeout", timed_out, "nobody answers: ETIMEDOUT, after a second", NULL },
	{ "net-connect-no-route", no_route_v4, "no route: ENETUNREACH, and no local end", NULL },
	{ "net-connect-no-route-v6", no_route_v6, "no route for IPv6", NULL },
	{ "net-connect-no-route-mapped", no_route_mapped, "no route for a mapped address", NULL },
	{ "net-connect-no-route-nonblock", no_route_nonblock, "no route, without waiting", NULL },
	{ "net-connect-no-host", host_v4, "a route that says unreachable: EHOSTUNREACH", NULL },
	{ "net-connect-no-host-v6", host_v6, "the same for IPv6", NULL },
	{ "net-connect-prohibited", prohibited, "a route that prohibits: EACCES", NULL },
	{ "net-connect-no-host-icmp", by_router, "a router says that the host is not there, later: EHOSTUNREACH", NULL },
	{ "net-connect-aborted", aborted, "closed before there is an outcome: none is told, and no close", NULL },
	{ "net-connect-given-up", given_up, "a blocking connect ends by its time limit, and the process too: no outcome", NULL },
	{ 0 },
};
