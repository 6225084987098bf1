// SPDX-License-Identifier: Apache-2.0
/* TCP connections that succeed. */
#include "net.h"

#include <pthread.h>

static void plain(const char *ip)
{
	struct pair p;

	pair_make(&p, ip);
	pair_close(&p);
}

static void v4(void)
{
	plain("127.0.0.1");
}

static void v6(void)
{
	plain("::1");
}

static void other_address(void)
{
	plain("127.8.7.6");
}

static void v4_mapped(void)
{
	plain("::ffff:127.0.0.1");
}

/* A socket of IPv6 calls one of IPv4. */
static void v4_mapped_client(void)
{
	struct pair p;
	struct end at, mapped;

	p.listener = listen_on("127.0.0.1", &at);
	mapped = end_of("::ffff:127.0.0.1", ntohs(at.in.sin_port));
	p.client = tcp("::1");
	connect_to(p.client, &mapped);
	pair_accept(&p);
	pair_close(&p);
}

static void bound(void)
{
	struct pair p;
	struct end at;

	p.listener = listen_on("127.0.0.1", &at);
	p.client = tcp("127.0.0.1");
	bind_to(p.client, "127.0.0.3", 0);
	connect_to(p.client, &at);
	pair_accept(&p);
	pair_close(&p);
}

/* connect() to 0.0.0.0 goes to this host: the peer is 127.0.0.1. */
static void to_any(const char *ip, const char *any)
{
	struct pair p;
	struct end at, to;

	p.listener = listen_on(ip, &at);
	to = end_of(any, ntohs(at.in.sin_port)); /* of IPv6 the port is at the same place */
	p.client = tcp(ip);
	connect_to(p.client, &to);
	pair_accept(&p);
	never_unspecified(getpid());
	pair_close(&p);
}

static void any_v4(void)
{
	to_any("127.0.0.1", "0.0.0.0");
}

static void any_v6(void)
{
	to_any("::1", "::");
}

/* The outcome comes later; asked twice more, it is one attempt. */
static void nonblock(void)
{
	struct pair p;
	struct end at;

	p.listener = listen_on("127.0.0.1", &at);
	p.client = tcp("127.0.0.1");
	nonblocking(p.client);
	if (connect(p.client, &at.addr, at.len) && errno != EINPROGRESS)
		die("connect");
	if (wait_writable(p.client))
		die("connect");
	for (int i = 0; i < 2; i++)
		if (connect(p.client, &at.addr, at.len) && errno != EISCONN)
			die("connect again");
	pair_accept(&p);
	pair_close(&p);
}

/* One socket has a connection, gives it up by AF_UNSPEC, and has another one. */
static void reused(void)
{
	struct pair a, b;
	struct end at;

	pair_make(&a, "127.0.0.1");
	pair_send(&a, 10, 20);
	pair_said_close(&a);
	if (connect(a.client, &(struct sockaddr){ .sa_family = AF_UNSPEC }, sizeof(struct sockaddr)))
		die("disconnect");
	close_fd(a.server);
	close_fd(a.listener);
	b.listener = listen_on("127.0.0.1", &at);
	b.client = a.client;
	connect_to(b.client, &at);
	pair_accept(&b);
	pair_send(&b, 1, 2);
	pair_close(&b);
}

static void *connect_here(void *arg)
{
	struct pair *p = arg;
	struct end at = end_local(p->listener);

	connect_to(p->client, &at);
	return NULL;
}

static void in_thread(void)
{
	struct pair p;
	struct end at;

	p.listener = listen_on("127.0.0.1", &at);
	p.client = tcp("127.0.0.1");
	start_thread(connect_here, &p);
	join_threads();
	pair_accept(&p);
	pair_close(&p);
}

/* The leader has ended; a thread goes on. */
static void *connect_after_leader(void *arg)
{
	char *path = format("/proc/self/task/%d/stat", getpid()), *stat;
	struct pair p;

	(void)arg;
	while ((stat = read_setting(path)) && !strstr(strrchr(stat, ')'), ") Z"))
		usleep(1000);
	pair_make(&p, "127.0.0.1");
	pair_close(&p);
	_exit(0);
}

static int without_leader(void *arg)
{
	start_thread(connect_after_leader, arg);
	pthread_exit(NULL);
}

static void orphan_thread(void)
{
	reap(child(without_leader, NULL));
}

static int connects_inherited(void *arg)
{
	struct pair *p = arg;
	struct end at = end_local(p->listener);

	connect_to(p->client, &at);
	p->out = flow_from(p->client);
	said_connect(&p->out, 0);
	return 0;
}

/* The child connects the parent's socket; the parent closes it last. */
static void forked(void)
{
	struct pair p;
	struct end at;
	pid_t pid;

	p.listener = listen_on("127.0.0.1", &at);
	p.client = tcp("127.0.0.1");
	pid = child(connects_inherited, &p);
	reap(pid);
	p.server = accept_from(p.listener);
	p.in = flow_in(p.server);
	said_accept(&p.in);
	p.out = flow_from(p.client);
	p.out.pid = pid;
	pair_close(&p);
}

/* A duplicate connects; the first descriptor is closed before. */
static void duplicate(void)
{
	struct pair p;
	struct end at;
	int first;

	p.listener = listen_on("127.0.0.1", &at);
	first = tcp("127.0.0.1");
	p.client = dup(first);
	close_fd(first);
	connect_to(p.client, &at);
	pair_accept(&p);
	pair_close(&p);
}

static struct end shared;
static in_port_t ports[2];
static volatile bool over;

static void *flip(void *arg)
{
	(void)arg;
	for (unsigned i = 0; !over; i++)
		*(volatile in_port_t *)&shared.in.sin_port = ports[i & 1];
	return NULL;
}

/* What counts is where the kernel went. */
static void changed(void)
{
	int listeners[2];
	struct pair p;
	struct end at;

	for (int i = 0; i < 2; i++) {
		listeners[i] = listen_on("127.0.0.1", &at);
		ports[i] = at.in.sin_port;
	}
	shared = at;
	start_thread(flip, NULL);
	for (int i = 0; i < 40; i++) {
		p.client = tcp("127.0.0.1");
		if (connect(p.client, &shared.addr, shared.len))
			die("connect");
		p.out = flow_from(p.client);
		p.listener = listeners[p.out.peer.in.sin_port == ports[1]];
		pair_accept(&p);
		pair_said_close(&p);
		close_fd(p.client);
		close_fd(p.server);
	}
	over = true;
	join_threads();
}

const struct act net_connect_acts[] = {
	{ "net-connect", v4, "connect and accept over IPv4", NULL },
	{ "net-connect-v6", v6, "connect and accept over IPv6", NULL },
	{ "net-connect-address", other_address, "connect to another address of lo: the local one is the kernel's choice", NULL },
	{ "net-connect-mapped", v4_mapped, "both sockets are of IPv6, with mapped addresses: shown as IPv4", NULL },
	{ "net-connect-mapped-client", v4_mapped_client, "a socket of IPv6 connects to one of IPv4: shown as IPv4", NULL },
	{ "net-connect-bound", bound, "connect of a socket that was bound to an address", NULL },
	{ "net-connect-any", any_v4, "connect to 0.0.0.0: the peer is what the kernel made of it", NULL },
	{ "net-connect-any-v6", any_v6, "connect to ::, the same", NULL },
	{ "net-connect-nonblock", nonblock, "a connect without waiting: one attempt, however often it is asked", NULL },
	{ "net-connect-reused", reused, "a socket is disconnected by AF_UNSPEC and connected again: two connections", NULL },
	{ "net-connect-thread", in_thread, "connect in a thread: the process did it", NULL },
	{ "net-connect-orphan", orphan_thread, "connect by a thread after the leader's end", NULL },
	{ "net-connect-fork", forked, "a child connects its parent's socket: the child did it, and its is the close", NULL },
	{ "net-connect-dup", duplicate, "a duplicate of a socket connects", NULL },
	{ "net-connect-changed", changed, "another thread changes the address meanwhile: the destination is the real peer", NULL },
	{ 0 },
};
