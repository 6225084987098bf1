// SPDX-License-Identifier: Apache-2.0
/* Connections that begin in unusual ways. */
#include "net.h"

#include <linux/filter.h>
#include <netinet/tcp.h>

#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#define REPAIR 19
#define REPAIR_QUEUE 20
#define REPAIR_SEQUENCE 21

static void set(int fd, int option, int value, const char *name)
{
	if (setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value)))
		die("set %s", name);
}

static void receive(int fd, size_t bytes)
{
	char c;

	while (bytes--)
		if (read(fd, &c, 1) != 1)
			die("receive");
}

/* A network in which data in a SYN is sent and taken without a cookie. */
static int fast_listener(const char *ip, struct end *at)
{
	int fd;

	own_network();
	if (!write_setting("/proc/sys/net/ipv4/tcp_fastopen", "1543")) /* 0x607 */
		skip("no fast open: %s", strerror(errno));
	fd = tcp(ip);
	*at = bind_to(fd, ip, 0);
	set(fd, TCP_FASTOPEN, 5, "TCP_FASTOPEN");
	if (listen(fd, 16))
		die("listen");
	return fd;
}

/* The client has sent five bytes as it connected. */
static void after_five(struct pair *p)
{
	pair_accept(p);
	receive(p->server, 5);
	p->out.sent = p->in.received = 5;
	pair_send(p, 3, 4);
	pair_close(p);
}

static void fast_sendto(void)
{
	struct pair p;
	struct end at;

	p.listener = fast_listener("127.0.0.1", &at);
	p.client = tcp("127.0.0.1");
	if (sendto(p.client, "hello", 5, MSG_FASTOPEN, &at.addr, at.len) != 5)
		die("send");
	after_five(&p);
}

static void fast_sendmsg_on(const char *ip)
{
	struct pair p;
	struct end at;
	struct iovec iov[2] = { { (char *)"he", 2 }, { (char *)"llo", 3 } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };

	p.listener = fast_listener(ip, &at);
	p.client = tcp(ip);
	m.msg_name = &at.addr;
	m.msg_namelen = at.len;
	if (sendmsg(p.client, &m, MSG_FASTOPEN) != 5)
		die("send");
	after_five(&p);
}

static void fast_sendmsg(void)
{
	fast_sendmsg_on("127.0.0.1");
}

static void fast_v6(void)
{
	fast_sendmsg_on("::1");
}

/* connect() says yes at once; the first write really connects. */
static void fast_connect(void)
{
	struct pair p;
	struct end at;

	p.listener = fast_listener("127.0.0.1", &at);
	p.client = tcp("127.0.0.1");
	set(p.client, TCP_FASTOPEN_CONNECT, 1, "TCP_FASTOPEN_CONNECT");
	connect_to(p.client, &at);
	if (write(p.client, "hello", 5) != 5)
		die("send");
	after_five(&p);
}

/* Nobody listens: sendto fails with what a connect would have. */
static void fast_refused(void)
{
	struct end at;
	struct flow f;
	int fd, holder;

	own_network();
	holder = unused_port("127.0.0.1", &at);
	fd = tcp("127.0.0.1");
	bind_to(fd, "127.0.0.1", 0);
	if (sendto(fd, "hello", 5, MSG_FASTOPEN, &at.addr, at.len) >= 0 || errno != ECONNREFUSED)
		die("send: expected a refusal");
	f = flow_to(fd, &at);
	said_connect(&f, ECONNREFUSED);
	close_fd(fd);
	close_fd(holder);
}

static int mptcp(const char *ip)
{
	int fd = socket_of(end_of(ip, 0).addr.sa_family, SOCK_STREAM, IPPROTO_MPTCP);

	return fd;
}

static void multipath_between(const char *ip, int client, int listener)
{
	struct pair p = { .client = client, .listener = listener };
	struct end at = bind_to(listener, ip, 0);

	if (listen(listener, 16))
		die("listen");
	connect_to(client, &at);
	pair_accept(&p);
	pair_send(&p, 100, 2000);
	pair_said_close(&p);
	/* Each end sees the other's before it is closed: the kernel leaves the rest to a worker. */
	if (shutdown(client, SHUT_WR))
		die("shut down");
	expect_eof(p.server);
	if (shutdown(p.server, SHUT_WR))
		die("shut down");
	expect_eof(client);
	close_fd(client);
	close_fd(p.server);
	close_fd(listener);
	usleep(50000);
}

static void multipath(void)
{
	multipath_between("127.0.0.1", mptcp("127.0.0.1"), mptcp("127.0.0.1"));
}

static void multipath_v6(void)
{
	multipath_between("::1", mptcp("::1"), mptcp("::1"));
}

/* The other end knows only TCP. */
static void multipath_client(void)
{
	multipath_between("127.0.0.1", mptcp("127.0.0.1"), tcp("127.0.0.1"));
}

static void multipath_refused(void)
{
	struct end at;
	struct flow f;
	int fd = mptcp("127.0.0.1"), holder = unused_port("127.0.0.1", &at);

	bind_to(fd, "127.0.0.1", 0);
	f = flow_to(fd, &at);
	if (connect(fd, &at.addr, at.len) == 0 || errno != ECONNREFUSED)
		die("connect: expected a refusal");
	said_connect(&f, ECONNREFUSED);
	close_fd(fd);
	close_fd(holder);
}

static void repair_queue(int fd, int queue, unsigned sequence)
{
	set(fd, REPAIR_QUEUE, queue, "TCP_REPAIR_QUEUE");
	set(fd, REPAIR_SEQUENCE, sequence, "TCP_QUEUE_SEQ");
}

static int repaired(const char *ip, struct end *local, unsigned sent, unsigned received)
{
	int fd = tcp(ip), on = 1;

	if (setsockopt(fd, IPPROTO_TCP, REPAIR, &on, sizeof(on))) {
		if (errno == EPERM || errno == ENOPROTOOPT)
			skip("no TCP_REPAIR: %s", strerror(errno));
		die("set TCP_REPAIR");
	}
	*local = bind_to(fd, ip, 0);
	repair_queue(fd, 2, sent);
	repair_queue(fd, 1, received);
	return fd;
}

/* As checkpoints are restored: both ends are connected without a packet. */
static void repair(void)
{
	struct pair p = { .listener = -1 };
	struct end a, b;

	p.client = repaired("127.0.0.1", &a, 1000, 5000);
	p.server = repaired("127.0.0.1", &b, 5000, 1000);
	connect_to(p.client, &b);
	p.out = flow_from(p.client);
	said_connect(&p.out, 0);
	connect_to(p.server, &a);
	p.in = flow_from(p.server);
	said_connect(&p.in, 0);
	set(p.client, REPAIR, 0, "TCP_REPAIR");
	set(p.server, REPAIR, 0, "TCP_REPAIR");
	pair_send(&p, 30, 40);
	pair_said_close(&p);
	close_fd(p.client);
	close_fd(p.server);
}

/* It is closed as silently as it was opened. */
static void repair_silent(void)
{
	struct end a, peer = end_of("127.0.0.1", 4242);
	int fd = repaired("127.0.0.1", &a, 1000, 5000);
	struct flow f;

	connect_to(fd, &peer);
	f = flow_from(fd);
	said_connect(&f, 0);
	said_close(&f);
	close_fd(fd);
}

/* A socket that connects to itself: the simplest simultaneous open. */
static void self(void)
{
	struct pair p = { .listener = -1 };
	struct end at;

	p.client = p.server = tcp("127.0.0.1");
	at = bind_to(p.client, "127.0.0.1", 0);
	connect_to(p.client, &at);
	p.out = flow_from(p.client);
	said_connect(&p.out, 0);
	transfer(p.client, p.client, 11);
	p.out.sent = p.out.received = 11;
	said_close(&p.out);
	close_fd(p.client);
}

/*
 * Two sockets call each other, and none listens. The first one's SYN is refused, which
 * a filter keeps from it: it still waits when the second one's SYN comes.
 */
static void simultaneous(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 4 /* RST */, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, -1),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(*code), code };
	struct pair p = { .listener = -1 };
	struct end a, b;

	p.client = tcp("127.0.0.1");
	p.server = tcp("127.0.0.1");
	a = bind_to(p.client, "127.0.0.1", 0);
	b = bind_to(p.server, "127.0.0.1", 0);
	if (setsockopt(p.client, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)))
		die("attach a filter");
	nonblocking(p.client);
	if (connect(p.client, &b.addr, b.len) == 0 || errno != EINPROGRESS)
		die("connect: expected EINPROGRESS");
	connect_to(p.server, &a);
	if (wait_writable(p.client))
		die("connect");
	p.out = flow_from(p.client);
	said_connect(&p.out, 0);
	p.in = flow_from(p.server);
	said_connect(&p.in, 0);
	pair_send(&p, 7, 9);
	pair_said_close(&p);
	close_fd(p.client);
	close_fd(p.server);
}

const struct act net_open_acts[] = {
	{ "net-connect-fast-sendto", fast_sendto, "TCP fast open by sendto: data in the SYN", NULL },
	{ "net-connect-fast-sendmsg", fast_sendmsg, "TCP fast open by sendmsg", NULL },
	{ "net-connect-fast-v6", fast_v6, "TCP fast open over IPv6", NULL },
	{ "net-connect-fast-connect", fast_connect, "TCP_FASTOPEN_CONNECT: the first write connects; one attempt", NULL },
	{ "net-connect-fast-refused", fast_refused, "TCP fast open that is refused", NULL },
	{ "net-connect-mptcp", multipath, "an MPTCP connection: one connect, one accept, two closes", "MPTCP" },
	{ "net-connect-mptcp-v6", multipath_v6, "an MPTCP connection over IPv6", "MPTCP" },
	{ "net-connect-mptcp-client", multipath_client, "an MPTCP socket connects to a listener that has only TCP", "MPTCP" },
	{ "net-connect-mptcp-refused", multipath_refused, "an MPTCP connect that is refused", "MPTCP" },
	{ "net-connect-repair", repair, "TCP_REPAIR: two sockets are made a connection without a packet, and both connected", NULL },
	{ "net-connect-repair-silent", repair_silent, "TCP_REPAIR: connected and closed without a packet", NULL },
	{ "net-connect-self", self, "a socket that connects to itself: one attempt, one close", NULL },
	{ "net-connect-simultaneous", simultaneous, "a simultaneous open: two attempts, none accepted", NULL },
	{ 0 },
};
