// SPDX-License-Identifier: Apache-2.0
/* Sockets that are older than the sensor. */
#include "net.h"

/* Both ends, without a word, and bytes. */
static void open_pair(struct pair *p, const char *ip)
{
	struct end at;

	p->listener = listen_on(ip, &at);
	p->client = tcp(ip);
	connect_to(p->client, &at);
	p->out = flow_from(p->client);
	p->server = accept_from(p->listener);
	p->in = flow_in(p->server);
	pair_send(p, 100, 200);
}

static void closed(const char *ip)
{
	struct pair p;

	open_pair(&p, ip);
	wait_for_sensor();
	pair_send(&p, 11, 22);
	said_old_close(&p.out);
	said_old_close(&p.in);
	close_fd(p.client);
	close_fd(p.server);
	close_fd(p.listener);
}

static void closed_v4(void)
{
	closed("127.0.0.1");
}

static void closed_v6(void)
{
	closed("::1");
}

static void closed_mapped(void)
{
	closed("::ffff:127.0.0.1");
}

struct held {
	struct gate there, go;
	int listener;
};

/* Connects before the sensor, and ends with the connection when it is told to. */
static int holds(void *arg)
{
	struct held *h = arg;
	struct end at = end_local(h->listener);
	int fd = tcp("127.0.0.1");
	struct flow f;

	close_fd(h->listener);
	connect_to(fd, &at);
	f = flow_from(fd);
	gate_open(&h->there);
	gate_wait(&h->go);
	if (send(fd, "hello", 5, 0) != 5)
		die("send");
	f.sent = 5;
	said_old_close(&f);
	return 0;
}

/* The two ends are of two processes. */
static void two_processes(void)
{
	struct held h;
	struct end at;
	struct flow in;
	char buf[8];
	pid_t pid;
	int server;

	h.listener = listen_on("127.0.0.1", &at);
	gate_make(&h.there);
	gate_make(&h.go);
	pid = unseen(holds, &h);
	expect("already_running", pid);
	num("process.parent.pid", getpid());
	said();
	gate_wait(&h.there);
	server = accept_from(h.listener);
	in = flow_in(server);
	wait_for_sensor();
	gate_open(&h.go);
	if (recv(server, buf, 5, MSG_WAITALL) != 5)
		die("receive");
	expect_eof(server);
	in.received = 5;
	said_old_close(&in);
	close_fd(server);
	reap(pid);
	close_fd(h.listener);
}

static void listener(void)
{
	struct pair p;
	struct end at;

	p.listener = listen_on("127.0.0.1", &at);
	p.client = tcp("127.0.0.1");
	wait_for_sensor();
	connect_to(p.client, &at);
	pair_accept(&p);
	pair_send(&p, 1, 2);
	pair_close(&p);
}

/* The client is from before; accepted is after. */
static void accepted_later(void)
{
	struct pair p;
	struct end at;

	p.listener = listen_on("127.0.0.1", &at);
	p.client = tcp("127.0.0.1");
	connect_to(p.client, &at);
	p.out = flow_from(p.client);
	wait_for_sensor();
	p.server = accept_from(p.listener);
	p.in = flow_in(p.server);
	said_accept(&p.in);
	pair_send(&p, 3, 4);
	said_old_close(&p.out);
	said_close(&p.in);
	close_fd(p.client);
	close_fd(p.server);
	close_fd(p.listener);
}

/* What it sent before nobody saw: the next datagram begins the flow. */
static void datagrams(void)
{
	struct end to;
	int peer = udp("127.0.0.1"), fd = udp("127.0.0.1");
	struct flow f;

	to = bind_to(peer, "127.0.0.1", 0);
	bind_to(fd, "127.0.0.1", 0);
	for (int i = 0; i < 4; i++) {
		if (i == 2)
			wait_for_sensor();
		if (sendto(fd, "hello", 5, 0, &to.addr, to.len) != 5)
			die("send");
	}
	f = flow_to(fd, &to);
	said_connect(&f, 0);
	may_close(&f);
	never_unspecified(getpid());
	close_fd(fd);
	close_fd(peer);
}

const struct act net_older_acts[] = {
	{ "net-close-older", closed_v4, "a connection older than the sensor: its close has its process and all bytes", "older" },
	{ "net-close-older-v6", closed_v6, "the same over IPv6", "older" },
	{ "net-close-older-mapped", closed_mapped, "the same between mapped addresses", "older" },
	{ "net-close-older-two", two_processes, "an older connection between two processes, closed by the end of one", "older" },
	{ "net-accept-older", listener, "listener and client are older than the sensor, the connection is not", "older" },
	{ "net-accept-older-client", accepted_later, "connected before the sensor, accepted after", "older" },
	{ "net-udp-older", datagrams, "a UDP socket older than the sensor sends on: one flow", "older" },
	{ 0 },
};
