/* SPDX-License-Identifier: Apache-2.0 */
/* Connections: what the acts of the network share. */
#ifndef NET_H
#define NET_H

#include "act.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#define NET_CONNECT "connection_attempted"
#define NET_ACCEPT "connection_accepted"
#define NET_CLOSE "disconnect_received"
#define NET_BIND "bound-socket"
#define NET_LISTEN "listen-for-connections"
#define NET_LOCAL_CONNECT "connected-to"
#define NET_LOCAL_ACCEPT "accepted-connection-from"
#define NET_NAMESPACE "sensor.network.namespace" /* of the socket */

/* An address and a port. The family is 0 if there is none. */
struct end {
	union {
		struct sockaddr addr;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
	socklen_t len;
};

struct flow {
	pid_t pid;             /* who connected or accepted, and owns it */
	const char *transport; /* NULL: not said */
	bool ingress;
	bool vague;              /* the local address is not said, only the port */
	struct end local, peer;
	ino_t namespace;         /* 0: not said */
	long long sent, received; /* payload, as the local end sees it; -1: not said */
	long long since;         /* ns of CLOCK_MONOTONIC: it is that old, or older; 0: not said */
};

/* net.c */
struct end end_of(const char *ip, int port);
struct end end_local(int fd);
int socket_of(int family, int type, int protocol); /* close on exec; skips where the kernel has none such */
int tcp(const char *ip);			     /* of that address's family */
int udp(const char *ip);
struct end bind_to(int fd, const char *ip, int port);
int listen_on(const char *ip, struct end *at); /* on a port of the kernel's choice */
int listen_full(const char *ip, struct end *at); /* answers no further SYN: its queue is full, by itself */
int unused_port(const char *ip, struct end *at); /* nobody listens there; the socket keeps it */
void connect_to(int fd, const struct end *peer);
int accept_from(int listener);
void nonblocking(int fd);
int wait_writable(int fd); /* until the outcome of a connect; returns SO_ERROR */
void transfer(int from, int to, size_t bytes); /* all of it, and reads it */
void expect_eof(int fd);
void close_fd(int fd);
void start_thread(void *(*fn)(void *), void *arg);
void join_threads(void); /* those that start_thread started */
void own_network(void); /* of this process, with lo up; skips where there is none */
ino_t own_namespace(void);

/* Of this process. A flow from fd has both ends from there, one to a peer that was not reached has the local one. */
struct flow flow_from(int fd);
struct flow flow_to(int fd, const struct end *peer);
struct flow flow_in(int fd); /* accepted */

/* net_said.c: each says one document. */
enum { UNKNOWN = -1 };
void said_connect(const struct flow *f, int error); /* 0: success, or UNKNOWN */
void said_accept(const struct flow *f);
void said_close(const struct flow *f); /* before the close itself, so that the duration is no less */
/*
 * Of a connection that is older than the sensor. Nobody saw who began it, and where that is
 * unknown the local end is the source: of what was accepted only what is the same both ways is said.
 */
void said_old_close(const struct flow *f);
void said_bind(int fd);		       /* where it is bound to now */
void said_listen(int fd, int error);  /* 0: success, or UNKNOWN */
void may_close(const struct flow *f);
void never_any(pid_t pid);	       /* no document of the network */
void never_unspecified(pid_t pid);     /* no local address 0.0.0.0 or :: */

/* A connection of this process to itself. */
struct pair {
	int listener, client, server;
	struct flow out, in;
};
void pair_make(struct pair *p, const char *ip); /* says the connect and the accept */
void pair_accept(struct pair *p); /* the client has connected: the rest of it */
void pair_send(struct pair *p, size_t there, size_t back);
void pair_said_close(struct pair *p);
void pair_close(struct pair *p); /* says both closes; the client is closed first */
void pair_connect(struct pair *p, const char *ip); /* says the connect; nobody has accepted it */

#endif
