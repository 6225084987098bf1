// SPDX-License-Identifier: Apache-2.0
/* Failing connects, and datagrams, by io_uring. */
#include "net_ring.h"

#include <netinet/tcp.h>

static void fails(const char *ip, struct end *to, int error)
{
	struct ring r;
	struct flow f;
	int fd, result;

	ring_make(&r, 0);
	fd = tcp(ip);
	if (error == ECONNREFUSED)
		bind_to(fd, ip, 0);
	ring_connect(&r, fd, to);
	result = ring_result(&r);
	if (result == -EINVAL)
		skip("io_uring has no connect");
	if (result != -error)
		die("connect by io_uring is %d", result);
	f = flow_to(fd, to);
	said_connect(&f, error);
	close_fd(fd);
	close_fd(r.fd);
}

static void refused(void)
{
	struct end at;
	int holder = unused_port("127.0.0.1", &at);

	fails("127.0.0.1", &at, ECONNREFUSED);
	close_fd(holder);
}

static void no_route(void)
{
	struct end to = end_of("192.0.2.7", 4242);

	own_network();
	fails("192.0.2.7", &to, ENETUNREACH);
}

/* Cancelled while nobody answers, and closed: there is no outcome. */
static void cancelled(void)
{
	struct ring r;
	struct request *q;
	struct flow f;
	struct end at;
	int listener, fd;

	ring_make(&r, 0);
	listener = listen_full("127.0.0.1", &at);
	fd = tcp("127.0.0.1");
	ring_connect(&r, fd, &at)->user_data = 7;
	ring_submit(&r);
	f = flow_to(fd, &at);
	q = ring_next(&r, OP_CANCEL, -1);
	q->addr = 7;
	ring_submit(&r);
	for (int i = 0; i < 2; i++) {
		struct completion c = ring_wait(&r);

		if (c.user_data == 7 && c.result != -ECANCELED && c.result != -EINTR)
			ring_supported("connect", c.result ? c.result : -EPROTO);
	}
	said_connect(&f, UNKNOWN);
	close_fd(fd);
	close_fd(listener);
	close_fd(r.fd);
}

static int send_by_ring(int fd, const struct end *to, int flags)
{
	struct iovec iov = { (char *)"hello", 5 };
	struct end name = *to;
	struct msghdr m = { .msg_name = &name.addr, .msg_namelen = to->len, .msg_iov = &iov, .msg_iovlen = 1 };
	struct ring r;
	struct request *q;
	int result;

	ring_make(&r, 0);
	q = ring_next(&r, OP_SENDMSG, fd);
	q->addr = (uintptr_t)&m;
	q->len = 1;
	q->op_flags = flags;
	result = ring_result(&r);
	close_fd(r.fd);
	return result;
}

static void fast(void)
{
	struct pair p;
	struct end at;
	char buf[8];
	int queue = 5;

	own_network();
	if (!write_setting("/proc/sys/net/ipv4/tcp_fastopen", "1543"))
		skip("no fast open: %s", strerror(errno));
	p.listener = tcp("127.0.0.1");
	at = bind_to(p.listener, "127.0.0.1", 0);
	if (setsockopt(p.listener, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof(queue)) || listen(p.listener, 16))
		die("listen");
	p.client = tcp("127.0.0.1");
	if (ring_supported("sendmsg", send_by_ring(p.client, &at, MSG_FASTOPEN)) != 5)
		die("send");
	pair_accept(&p);
	if (recv(p.server, buf, 5, MSG_WAITALL) != 5)
		die("receive");
	p.out.sent = p.in.received = 5;
	pair_send(&p, 3, 4);
	pair_close(&p);
}

static void datagrams(void)
{
	struct end to;
	int peer = udp("127.0.0.1"), fd = udp("127.0.0.1");
	struct flow f;

	to = bind_to(peer, "127.0.0.1", 0);
	bind_to(fd, "127.0.0.1", 0);
	for (int i = 0; i < 2; i++)
		if (ring_supported("sendmsg", send_by_ring(fd, &to, 0)) != 5)
			die("send");
	f = flow_to(fd, &to);
	said_connect(&f, 0);
	may_close(&f);
	close_fd(fd);
	close_fd(peer);
}

static void connected_datagrams(void)
{
	struct ring r;
	struct end to;
	int peer = udp("127.0.0.1"), fd = udp("127.0.0.1");
	struct flow f;

	ring_make(&r, 0);
	to = bind_to(peer, "127.0.0.1", 0);
	ring_connect(&r, fd, &to);
	ring_supported("connect", ring_result(&r));
	f = flow_from(fd);
	said_connect(&f, 0);
	said_close(&f);
	close_fd(fd);
	close_fd(peer);
	close_fd(r.fd);
}

const struct act net_uring_more_acts[] = {
	{ "net-uring-refused", refused, "a connect by io_uring that is refused", "io_uring" },
	{ "net-uring-no-route", no_route, "a connect by io_uring to where no route leads: ENETUNREACH", "io_uring trampolines" },
	{ "net-uring-cancelled", cancelled, "a connect by io_uring is cancelled, and its socket closed: no outcome", "io_uring" },
	{ "net-uring-fast", fast, "TCP fast open by sendmsg of io_uring", "io_uring" },
	{ "net-uring-udp-send", datagrams, "two datagrams by io_uring: one flow", "io_uring trampolines" },
	{ "net-uring-udp-connect", connected_datagrams, "a UDP socket is connected by io_uring", "io_uring" },
	{ 0 },
};
