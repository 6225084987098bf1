// SPDX-License-Identifier: Apache-2.0
/* AF_UNIX: each act says all such documents of its process. */
#include "net_ring.h"

#include <sys/un.h>

struct name {
	struct sockaddr_un at;
	socklen_t len;
};

static struct name name_of(const char *bytes, size_t n)
{
	struct name name = { .at.sun_family = AF_UNIX, .len = offsetof(struct sockaddr_un, sun_path) + n };

	memcpy(name.at.sun_path, bytes, n);
	return name;
}

static struct name path_of(const char *path)
{
	return name_of(path, strlen(path) + 1);
}

static int socket_at(int type, const struct name *name)
{
	int fd = socket_of(AF_UNIX, type, 0);

	if (name && bind(fd, (void *)&name->at, name->len))
		die("bind");
	return fd;
}

static int listen_at(int type, const struct name *name)
{
	int fd = socket_at(type, name);

	if (listen(fd, 4))
		die("listen");
	return fd;
}

static void put_end(const char *which, const char *shown)
{
	if (shown) {
		str(format("%s.path", which), shown);
		str(format("%s.address", which), shown);
	} else {
		no(format("%s.path", which));
		no(format("%s.address", which));
	}
	no(format("%s.port", which));
	no(format("%s.ip", which));
}

static void put(const char *direction, const char *source, const char *destination)
{
	strs("event.category", (char *[]){ "network", NULL });
	strs("event.type", (char *[]){ "start", NULL });
	put_end("source", source);
	put_end("destination", destination);
	str("network.transport", "unix");
	str("network.direction", direction);
	no("network.type");
	num(NET_NAMESPACE, own_namespace());
}

/* NULL where an end has no name. */
static void said_to(const char *source, const char *destination)
{
	expect(NET_LOCAL_CONNECT, getpid());
	put("egress", source, destination);
	str("event.outcome", "success");
	no("error.code");
	said();
}

static void said_failed(const char *destination, const char *error)
{
	expect(NET_LOCAL_CONNECT, getpid());
	put("egress", NULL, destination);
	str("event.outcome", "failure");
	str("error.code", error);
	said();
}

static void said_from(const char *source, const char *destination)
{
	expect(NET_LOCAL_ACCEPT, getpid());
	put("ingress", source, destination);
	str("event.outcome", "success");
	no("error.code");
	said();
}

static void connects(int fd, const struct name *to)
{
	if (connect(fd, (void *)&to->at, to->len))
		die("connect");
}

static void fails(int fd, const struct name *to, int error)
{
	if (connect(fd, (void *)&to->at, to->len) == 0 || errno != error)
		die("connect: expected %s", strerror(error));
}

/* A connection of this process to itself. */
static void both(int type, const struct name *client, const char *from, const struct name *server, const char *to)
{
	int listener = listen_at(type, server), out = socket_at(type, client), in;

	connects(out, server);
	said_to(from, to);
	in = accept_from(listener);
	said_from(from, to);
	close_fd(out);
	close_fd(in);
	close_fd(listener);
}

static void by_path(void)
{
	struct name at = path_of(in_dir("socket"));

	both(SOCK_STREAM, NULL, NULL, &at, in_dir("socket"));
}

static void named_client(void)
{
	struct name at = path_of(in_dir("server")), from = path_of(in_dir("client"));

	both(SOCK_STREAM, &from, in_dir("client"), &at, in_dir("server"));
}

static void packets(void)
{
	struct name at = path_of(in_dir("socket"));

	both(SOCK_SEQPACKET, NULL, NULL, &at, in_dir("socket"));
}

static void abstract(void)
{
	struct name at = name_of("\0act-server", 11), from = name_of("\0", 1);

	both(SOCK_STREAM, &from, "@", &at, "@act-server");
}

/* Shown is what was bound, not what was asked for. */
static void relative(void)
{
	struct name at = path_of("./socket"), link = path_of(in_dir("link"));
	int listener = listen_at(SOCK_STREAM, &at), fd = socket_at(SOCK_STREAM, NULL);

	if (symlink("socket", "link"))
		die("make a link");
	connects(fd, &link);
	said_to(NULL, "./socket");
	close_fd(fd);
	close_fd(listener);
}

/* The longest path has no NUL at its end. */
static void longest(void)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	struct name at;

	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = 0;
	memcpy(path, "./", 2);
	at = name_of(path, sizeof(path) - 1);
	both(SOCK_STREAM, NULL, NULL, &at, path);
}

static void bytes(void)
{
	struct name at = path_of("\xff\n\"s");
	int listener = listen_at(SOCK_STREAM, &at), fd = socket_at(SOCK_STREAM, NULL);

	connects(fd, &at);
	expect(NET_LOCAL_CONNECT, getpid());
	str("destination.path", "\xff\n\"s");
	str("destination.address", "\xff\n\"s");
	raw("destination.path", "\xff\n\"s", 4);
	said();
	close_fd(fd);
	close_fd(listener);
}

/* Connected, connected to another one, and to none. */
static void datagrams(void)
{
	struct name first = path_of("first"), second = name_of("\0act\0second", 11);
	struct name none = { .at.sun_family = AF_UNSPEC, .len = sizeof(sa_family_t) };
	int a = socket_at(SOCK_DGRAM, &first), b = socket_at(SOCK_DGRAM, &second), fd = socket_at(SOCK_DGRAM, NULL);

	connects(fd, &first);
	said_to(NULL, "first");
	connects(fd, &second);
	expect(NET_LOCAL_CONNECT, getpid());
	str_len("destination.path", "@act\0second", 11);
	said();
	connects(fd, &none);
	if (sendto(fd, "x", 1, 0, (void *)&first.at, first.len) != 1)
		die("send");
	close_fd(fd);
	close_fd(a);
	close_fd(b);
}

static void refused(void)
{
	struct name gone = path_of(in_dir("gone")), nobody = name_of("\0act-nobody", 11), missing = path_of("missing"), stream = path_of("stream");
	int listener = listen_at(SOCK_STREAM, &stream), fd = socket_at(SOCK_STREAM, NULL), other = socket_at(SOCK_DGRAM, NULL), pair[2];

	close_fd(listen_at(SOCK_STREAM, &gone));
	fails(fd, &gone, ECONNREFUSED);
	said_failed(in_dir("gone"), "ECONNREFUSED");
	fails(fd, &nobody, ECONNREFUSED);
	said_failed("@act-nobody", "ECONNREFUSED");
	fails(fd, &missing, ENOENT);
	said_failed("missing", "ENOENT");
	fails(other, &stream, EPROTOTYPE);
	said_failed("stream", "EPROTOTYPE");
	/* Another one than it is connected to. */
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair))
		die("make sockets");
	fails(pair[0], &missing, ENOENT);
	said_failed("missing", "ENOENT");
	close_fd(pair[0]);
	close_fd(pair[1]);
	close_fd(other);
	close_fd(fd);
	close_fd(listener);
}

static int connects_in_child(void *arg)
{
	int fd = socket_at(SOCK_STREAM, NULL);

	connects(fd, arg);
	said_to(NULL, "socket");
	close_fd(fd);
	return 0;
}

/* The peer is gone before it is accepted. */
static void two_processes(void)
{
	struct name at = path_of("socket");
	int listener = listen_at(SOCK_STREAM, &at);

	reap(child(connects_in_child, &at));
	close_fd(accept_from(listener));
	said_from(NULL, "socket");
	close_fd(listener);
}

static int connects_silently(void *arg)
{
	connects(socket_at(SOCK_STREAM, NULL), arg);
	return 0;
}

/* Too many wait already. */
static void backlog(void)
{
	struct name at = path_of("socket");
	int listener = socket_at(SOCK_STREAM, &at), fd = socket_at(SOCK_STREAM, NULL);

	if (listen(listener, 0))
		die("listen");
	reap(child(connects_silently, &at));
	nonblocking(fd);
	fails(fd, &at, EAGAIN);
	said_failed("socket", "EAGAIN");
	close_fd(fd);
	close_fd(listener);
}

/* What is no connect, or one that is wrong in itself. */
static void nothing(void)
{
	struct name at = path_of("socket");
	int listener = listen_at(SOCK_STREAM, &at), fd = socket_at(SOCK_STREAM, NULL), pair[2];

	connects(fd, &at);
	said_to(NULL, "socket");
	fails(fd, &at, EISCONN);
	fails(listener, &at, EINVAL);
	if (connect(socket_at(SOCK_STREAM, NULL), (void *)8, at.len) == 0 || errno != EFAULT)
		die("connect: expected EFAULT");
	if (connect(socket_at(SOCK_STREAM, NULL), (void *)&at.at, 1) == 0 || errno != EINVAL)
		die("connect: expected EINVAL");
	nonblocking(listener);
	close_fd(accept_from(listener));
	said_from(NULL, "socket");
	if (accept(listener, NULL, NULL) >= 0 || errno != EAGAIN)
		die("accept: expected EAGAIN");
	fails(-1, &at, EBADF);
	fails(STDIN_FILENO, &at, ENOTSOCK);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) || send(pair[0], "x", 1, 0) != 1)
		die("send");
	never(NET_BIND, getpid());
	said();
	never(NET_LISTEN, getpid());
	said();
	close_fd(fd);
	close_fd(listener);
}

static void by_uring(void)
{
	struct name at = path_of("socket");
	struct request *q;
	struct ring r;
	int listener = listen_at(SOCK_STREAM, &at), fd = socket_at(SOCK_STREAM, NULL), in;

	ring_make(&r, 0);
	q = ring_next(&r, OP_CONNECT, fd);
	q->addr = (uintptr_t)&at.at;
	q->offset = at.len;
	ring_supported("connect", ring_result(&r));
	said_to(NULL, "socket");
	ring_accept(&r, listener);
	in = ring_supported("accept", ring_result(&r));
	said_from(NULL, "socket");
	close_fd(in);
	close_fd(fd);
	close_fd(listener);
	close_fd(r.fd);
}

const struct act net_unix_acts[] = {
	{ "net-local-unix", by_path, "connect and accept by a path", NULL },
	{ "net-local-unix-named", named_client, "who connects has a name, too", NULL },
	{ "net-local-unix-packets", packets, "connect and accept of a SOCK_SEQPACKET", NULL },
	{ "net-local-unix-abstract", abstract, "abstract names, one of them empty", NULL },
	{ "net-local-unix-relative", relative, "the name is what was bound: a relative path", NULL },
	{ "net-local-unix-longest", longest, "a path of 108 bytes", NULL },
	{ "net-local-unix-bytes", bytes, "a path that is not UTF-8", NULL },
	{ "net-local-unix-datagrams", datagrams, "a datagram socket connects twice, and disconnects", NULL },
	{ "net-local-unix-refused", refused, "connects that fail, with what was asked for", "trampolines" },
	{ "net-local-unix-backlog", backlog, "a connect that does not wait", "trampolines" },
	{ "net-local-unix-child", two_processes, "a child connects and ends before it is accepted", NULL },
	{ "net-local-unix-nothing", nothing, "wrong calls, and a pair of sockets, are nothing", NULL },
	{ "net-local-unix-uring", by_uring, "connect and accept by io_uring", "io_uring trampolines" },
	{ 0 },
};
