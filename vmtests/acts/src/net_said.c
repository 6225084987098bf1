// SPDX-License-Identifier: Apache-2.0
/* What a connection has to show. */
#include "net.h"

#include <time.h>

static bool mapped(const struct end *e)
{
	return e->addr.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&e->in6.sin6_addr);
}

static const char *ip(const struct end *e)
{
	static char text[2][INET6_ADDRSTRLEN];
	static int turn;
	char *s = text[turn ^= 1];

	if (mapped(e))
		inet_ntop(AF_INET, e->in6.sin6_addr.s6_addr + 12, s, INET6_ADDRSTRLEN);
	else if (e->addr.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &e->in6.sin6_addr, s, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET, &e->in.sin_addr, s, INET6_ADDRSTRLEN);
	return s;
}

static int port(const struct end *e)
{
	return ntohs(e->addr.sa_family == AF_INET6 ? e->in6.sin6_port : e->addr.sa_family ? e->in.sin_port : 0);
}

static bool unspecified(const struct end *e)
{
	return !e->addr.sa_family || !strcmp(ip(e), "0.0.0.0") || !strcmp(ip(e), "::");
}

static const char *error_name(int error)
{
	switch (error) {
	case ECONNREFUSED: return "ECONNREFUSED";
	case ECONNRESET: return "ECONNRESET";
	case ETIMEDOUT: return "ETIMEDOUT";
	case ENETUNREACH: return "ENETUNREACH";
	case EHOSTUNREACH: return "EHOSTUNREACH";
	case EADDRNOTAVAIL: return "EADDRNOTAVAIL";
	case EACCES: return "EACCES";
	case EADDRINUSE: return "EADDRINUSE";
	}
	errno = error;
	die("name an error");
}

static void put_end(const char *which, const struct end *e, bool vague)
{
	if (unspecified(e) && !vague)
		no(format("%s.ip", which));
	else if (!vague)
		str(format("%s.ip", which), ip(e));
	if (port(e))
		num(format("%s.port", which), port(e));
	else
		no(format("%s.port", which));
}

/* Both directions of a flow have one community id: the act names it by the lower end first. */
static void put_community(const struct flow *f)
{
	char *a, *b;

	if (!f->transport || f->vague || unspecified(&f->local) || !port(&f->local) || !port(&f->peer))
		return;
	a = format("%s:%d", ip(&f->local), port(&f->local));
	b = format("%s:%d", ip(&f->peer), port(&f->peer));
	same("network.community_id", strcmp(a, b) < 0 ? format("%s %s %s", f->transport, a, b) : format("%s %s %s", f->transport, b, a));
}

static void put_flow(const struct flow *f, const char *type)
{
	strs("event.category", (char *[]){ "network", NULL });
	strs("event.type", (char *[]){ (char *)type, NULL });
	put_end("source", f->ingress ? &f->peer : &f->local, !f->ingress && f->vague);
	put_end("destination", f->ingress ? &f->local : &f->peer, f->ingress && f->vague);
	str("network.direction", f->ingress ? "ingress" : "egress");
	str("network.type", f->peer.addr.sa_family == AF_INET6 && !mapped(&f->peer) ? "ipv6" : "ipv4");
	if (f->transport)
		str("network.transport", f->transport);
	if (f->namespace)
		num(NET_NAMESPACE, f->namespace);
	put_community(f);
}

static void put_outcome(int error)
{
	if (error == UNKNOWN)
		no("event.outcome");
	else
		str("event.outcome", error ? "failure" : "success");
	if (error > 0) {
		str("error.code", error_name(error));
	} else {
		no("error.code");
		no("error.message");
	}
}

void said_connect(const struct flow *f, int error)
{
	expect(NET_CONNECT, f->pid);
	put_flow(f, "start");
	put_outcome(error);
	no("source.bytes");
	no("event.duration");
	said();
}

void said_accept(const struct flow *f)
{
	expect(NET_ACCEPT, f->pid);
	put_flow(f, "start");
	str("event.outcome", "success");
	no("error.code");
	said();
}

static void put_close(const struct flow *f)
{
	struct timespec t;

	put_flow(f, "end");
	if (f->sent >= 0) {
		num("source.bytes", f->ingress ? f->received : f->sent);
		num("destination.bytes", f->ingress ? f->sent : f->received);
		num("network.bytes", f->sent + f->received);
	}
	if (f->since) {
		clock_gettime(CLOCK_MONOTONIC, &t);
		at_least("event.duration", t.tv_sec * 1000000000LL + t.tv_nsec - f->since);
	}
	no("error.code");
	said();
}

void said_close(const struct flow *f)
{
	expect(NET_CLOSE, f->pid);
	put_close(f);
}

void said_old_close(const struct flow *f)
{
	expect(NET_CLOSE, f->pid);
	put_community(f);
	str("network.transport", f->transport);
	num("network.bytes", f->sent + f->received);
	if (!f->ingress) {
		put_end("source", &f->local, false);
		put_end("destination", &f->peer, false);
		num("source.bytes", f->sent);
		num("destination.bytes", f->received);
	}
	no("error.code");
	said();
}

static void put_bound(int fd)
{
	struct flow f = flow_to(fd, &(struct end){ .len = 0 });

	strs("event.category", (char *[]){ "network", NULL });
	strs("event.type", (char *[]){ "start", NULL });
	str("source.ip", ip(&f.local));
	str("source.address", ip(&f.local));
	num("source.port", port(&f.local));
	no("destination.ip");
	no("destination.port");
	no("network.direction");
	no("network.community_id");
	str("network.type", f.local.addr.sa_family == AF_INET6 && !mapped(&f.local) ? "ipv6" : "ipv4");
	str("network.transport", f.transport);
	if (f.namespace)
		num(NET_NAMESPACE, f.namespace);
}

void said_bind(int fd)
{
	expect(NET_BIND, getpid());
	put_bound(fd);
	put_outcome(0);
	said();
}

void said_listen(int fd, int error)
{
	expect(NET_LISTEN, getpid());
	put_bound(fd);
	put_outcome(error);
	said();
}

void may_close(const struct flow *f)
{
	may(NET_CLOSE, f->pid);
	put_close(f);
}

void never_any(pid_t pid)
{
	const char *const actions[] = { NET_CONNECT, NET_ACCEPT, NET_CLOSE };

	for (int i = 0; i < 3; i++) {
		never(actions[i], pid);
		said();
	}
}

void never_unspecified(pid_t pid)
{
	const char *const addresses[] = { "0.0.0.0", "::" };

	for (int i = 0; i < 2; i++) {
		never(NET_CONNECT, pid);
		str("source.ip", addresses[i]);
		said();
	}
}

void pair_connect(struct pair *p, const char *address)
{
	struct end at;

	p->listener = listen_on(address, &at);
	p->client = tcp(address);
	connect_to(p->client, &at);
	p->out = flow_from(p->client);
	said_connect(&p->out, 0);
}

void pair_make(struct pair *p, const char *address)
{
	pair_connect(p, address);
	p->server = accept_from(p->listener);
	p->in = flow_in(p->server);
	said_accept(&p->in);
}

void pair_accept(struct pair *p)
{
	p->out = flow_from(p->client);
	said_connect(&p->out, 0);
	p->server = accept_from(p->listener);
	p->in = flow_in(p->server);
	said_accept(&p->in);
}

void pair_send(struct pair *p, size_t there, size_t back)
{
	transfer(p->client, p->server, there);
	transfer(p->server, p->client, back);
	p->out.sent += there;
	p->in.received += there;
	p->in.sent += back;
	p->out.received += back;
}

void pair_said_close(struct pair *p)
{
	said_close(&p->out);
	said_close(&p->in);
}

void pair_close(struct pair *p)
{
	pair_said_close(p);
	close_fd(p->client);
	close_fd(p->server);
	close_fd(p->listener);
}
