// SPDX-License-Identifier: Apache-2.0
#include "net.h"

#include <poll.h>

#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <time.h>

#ifndef SIOCGSKNS
#define SIOCGSKNS 0x894C
#endif

struct end end_of(const char *ip, int port)
{
	struct end e = { .len = 0 };

	if (inet_pton(AF_INET, ip, &e.in.sin_addr) == 1) {
		e.in.sin_family = AF_INET;
		e.in.sin_port = htons(port);
		e.len = sizeof(e.in);
	} else if (inet_pton(AF_INET6, ip, &e.in6.sin6_addr) == 1) {
		e.in6.sin6_family = AF_INET6;
		e.in6.sin6_port = htons(port);
		e.len = sizeof(e.in6);
	} else {
		errno = EINVAL;
		die("parse %s", ip);
	}
	return e;
}

struct end end_local(int fd)
{
	struct end e = { .len = sizeof(struct sockaddr_in6) };

	if (getsockname(fd, &e.addr, &e.len))
		die("get a socket's address");
	return e;
}

int socket_of(int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	if (fd < 0 && (errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT || errno == ENOPROTOOPT || errno == EPERM || errno == EACCES))
		skip("no such socket: %s", strerror(errno));
	if (fd < 0)
		die("make a socket");
	return fd;
}

int tcp(const char *ip)
{
	return socket_of(end_of(ip, 0).addr.sa_family, SOCK_STREAM, 0);
}

int udp(const char *ip)
{
	return socket_of(end_of(ip, 0).addr.sa_family, SOCK_DGRAM, 0);
}

struct end bind_to(int fd, const char *ip, int port)
{
	struct end e = end_of(ip, port);

	if (bind(fd, &e.addr, e.len)) {
		if (errno == EADDRNOTAVAIL)
			skip("this host has no %s", ip);
		die("bind to %s", ip);
	}
	return end_local(fd);
}

int listen_on(const char *ip, struct end *at)
{
	int fd = tcp(ip);

	*at = bind_to(fd, ip, 0);
	if (listen(fd, 16))
		die("listen on %s", ip);
	return fd;
}

static int full_by;

/* A child fills it, so that this connection is nobody's here: it says its own. */
static int fill(void *arg)
{
	struct end *at = arg;
	int fd = socket(at->addr.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct flow f;

	connect_to(fd, at);
	f = flow_from(fd);
	said_connect(&f, 0);
	said_close(&f);
	if (write(full_by, "", 1) != 1)
		die("tell the parent");
	pause(); /* until the act is over: SIGKILL */
	return 0;
}

static pid_t filler;

static void unfill(void)
{
	if (filler) {
		kill(filler, SIGKILL);
		reap(filler);
	}
	filler = 0;
}

int listen_full(const char *ip, struct end *at)
{
	int fd = tcp(ip), told[2];
	char c;

	*at = bind_to(fd, ip, 0);
	if (listen(fd, 0) || pipe2(told, O_CLOEXEC))
		die("listen on %s", ip);
	full_by = told[1];
	filler = child(fill, at);
	on_exit_undo(unfill);
	if (read(told[0], &c, 1) != 1)
		die("fill the listener's queue");
	/* Connected, but perhaps not yet in the queue: until then SYN cookies let more in. */
	if (poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 10000) != 1)
		die("wait for the listener's queue");
	close_fd(told[0]);
	close_fd(told[1]);
	return fd;
}

int unused_port(const char *ip, struct end *at)
{
	int fd = tcp(ip);

	*at = bind_to(fd, ip, 0);
	return fd;
}

void connect_to(int fd, const struct end *peer)
{
	if (connect(fd, &peer->addr, peer->len))
		die("connect");
}

int accept_from(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		die("accept");
	return fd;
}

void nonblocking(int fd)
{
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		die("set O_NONBLOCK");
}

int wait_writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int error;

	if (poll(&p, 1, 10000) != 1 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len))
		die("wait for a connect");
	return error;
}

void transfer(int from, int to, size_t bytes)
{
	char buf[8192];
	ssize_t n;

	memset(buf, 'x', sizeof(buf));
	while (bytes) {
		size_t part = bytes < sizeof(buf) ? bytes : sizeof(buf);

		if (send(from, buf, part, MSG_NOSIGNAL) != (ssize_t)part)
			die("send");
		for (size_t left = part; left; left -= n) {
			n = read(to, buf, left);
			if (n <= 0)
				die("receive");
		}
		bytes -= part;
	}
}

void expect_eof(int fd)
{
	char c;

	if (read(fd, &c, 1) != 0)
		die("wait for the end of a connection");
}

void close_fd(int fd)
{
	if (close(fd))
		die("close");
}

static pthread_t threads[16];
static int thread_count;

void start_thread(void *(*fn)(void *), void *arg)
{
	if ((errno = pthread_create(&threads[thread_count++], NULL, fn, arg)))
		die("start a thread");
}

void join_threads(void)
{
	while (thread_count)
		pthread_join(threads[--thread_count], NULL);
}

void own_network(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	if (unshare(CLONE_NEWNET))
		skip("no own network namespace: %s", strerror(errno));
	fd = socket_of(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(fd, SIOCSIFFLAGS, &lo))
		die("bring lo up");
	close_fd(fd);
}

ino_t own_namespace(void)
{
	struct stat st;

	if (stat("/proc/thread-self/ns/net", &st))
		die("see the network namespace");
	return st.st_ino;
}

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static ino_t namespace_of(int fd)
{
	int namespace = ioctl(fd, SIOCGSKNS);
	struct stat st;

	if (namespace < 0)
		return 0;
	if (fstat(namespace, &st))
		die("see a socket's network namespace");
	close_fd(namespace);
	return st.st_ino;
}

struct flow flow_to(int fd, const struct end *peer)
{
	struct flow f = { .pid = getpid(), .peer = *peer, .since = now(), .namespace = namespace_of(fd) };
	int type;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){ sizeof(type) }))
		die("get a socket's type");
	f.transport = type == SOCK_STREAM ? "tcp" : type == SOCK_DGRAM ? "udp" : NULL;
	if (type != SOCK_STREAM)
		f.sent = f.received = -1;
	f.local = end_local(fd);
	return f;
}

struct flow flow_from(int fd)
{
	struct end peer = { .len = sizeof(struct sockaddr_in6) };

	if (getpeername(fd, &peer.addr, &peer.len))
		die("get a socket's peer");
	return flow_to(fd, &peer);
}

struct flow flow_in(int fd)
{
	struct flow f = flow_from(fd);

	f.ingress = true;
	return f;
}
