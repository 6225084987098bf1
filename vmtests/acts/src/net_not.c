// SPDX-License-Identifier: Apache-2.0
/* What is near to a connection and is none. */
#include "net.h"

#include <linux/netlink.h>
#include <sys/un.h>

static void listener_alone(void)
{
	struct end at;
	int fd = listen_on("127.0.0.1", &at);

	never_any(getpid());
	close_fd(fd);
}

static void bind_fails(void)
{
	struct end at;
	int first = listen_on("127.0.0.1", &at), second = tcp("127.0.0.1");

	if (bind(second, &at.addr, at.len) == 0 || errno != EADDRINUSE)
		die("bind: expected EADDRINUSE");
	never_any(getpid());
	close_fd(second);
	close_fd(first);
}

static void socket_alone(void)
{
	int on = 1, error;

	for (int i = 0; i < 2; i++) {
		int fd = socket_of(AF_INET, i ? SOCK_DGRAM : SOCK_STREAM, 0);

		if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) ||
		    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){ sizeof(error) }))
			die("ask a socket");
		bind_to(fd, "127.0.0.1", 0);
		end_local(fd);
		close_fd(fd);
	}
	never_any(getpid());
}

/* Calls that fail before there is an attempt. */
static void wrong(void)
{
	struct end at = end_of("127.0.0.1", 1);
	int fd = tcp("127.0.0.1"), listener = listen_on("127.0.0.1", &at);

	if (connect(fd, &at.addr, 3) == 0 || errno != EINVAL)
		die("connect: expected EINVAL");
	if (connect(-1, &at.addr, at.len) == 0 || errno != EBADF)
		die("connect: expected EBADF");
	if (connect(STDIN_FILENO, &at.addr, at.len) == 0 || errno != ENOTSOCK)
		die("connect: expected ENOTSOCK");
	if (connect(fd, (void *)8, at.len) == 0 || errno != EFAULT)
		die("connect: expected EFAULT");
	if (send(fd, "x", 1, MSG_NOSIGNAL) >= 0 || errno != EPIPE)
		die("send: expected EPIPE");
	if (accept(fd, NULL, NULL) >= 0 || errno != EINVAL)
		die("accept: expected EINVAL");
	never_any(getpid());
	close_fd(fd);
	close_fd(listener);
}

static void unix_sockets(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), server, pair[2];

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", "socket"); /* in the act's directory */
	if (bind(listener, (void *)&at, sizeof(at)) || listen(listener, 1) || connect(client, (void *)&at, sizeof(at)))
		die("connect");
	server = accept_from(listener);
	transfer(client, server, 10);
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) || send(pair[0], "x", 1, 0) != 1)
		die("send");
	never_any(getpid());
	close_fd(client);
	close_fd(server);
	close_fd(listener);
	close_fd(pair[0]);
	close_fd(pair[1]);
}

static void netlink(void)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int fd = socket_of(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	if (connect(fd, (void *)&kernel, sizeof(kernel)))
		die("connect");
	never_any(getpid());
	close_fd(fd);
}

static int waits_for_end(void *arg)
{
	int listener = *(int *)arg, fd = tcp("127.0.0.1");
	struct end at = end_local(listener);
	struct flow f;
	char c;

	close_fd(listener);
	connect_to(fd, &at);
	f = flow_from(fd);
	f.since = 0; /* the listener ends it, perhaps before it is said */
	said_connect(&f, 0);
	said_close(&f);
	if (read(fd, &c, 1) > 0)
		die("receive: expected the end");
	return 0;
}

/* Nobody accepts it: the kernel ends it with the listener. Only who connected is told. */
static void never_accepted(void)
{
	struct end at;
	int listener = listen_on("127.0.0.1", &at);
	pid_t pid = child(waits_for_end, &listener);

	if (poll(&(struct pollfd){ .fd = listener, .events = POLLIN }, 1, 10000) != 1)
		die("wait for a connection");
	usleep(5000);
	never_any(getpid());
	close_fd(listener);
	reap(pid);
}

/* The socket of a connection is asked and duplicated, and connected once more: nothing new. */
static void connected_again(void)
{
	struct pair p;
	struct end at;
	int copy;

	pair_make(&p, "127.0.0.1");
	at = end_local(p.listener);
	if (connect(p.client, &at.addr, at.len) == 0 || errno != EISCONN)
		die("connect: expected EISCONN");
	copy = dup(p.client);
	end_local(copy);
	close_fd(copy); /* not the last one: no close */
	pair_close(&p);
}

/* Datagrams that come are no event of who gets them. */
static void received(void)
{
	struct end to;
	int fd = udp("127.0.0.1"), server = udp("127.0.0.1");
	struct flow f;
	char buf[8];

	to = bind_to(server, "127.0.0.1", 0);
	bind_to(fd, "127.0.0.1", 0);
	if (sendto(fd, "hello", 5, 0, &to.addr, to.len) != 5 || recv(server, buf, sizeof(buf), 0) != 5)
		die("send");
	f = flow_to(fd, &to);
	said_connect(&f, 0);
	may_close(&f);
	never(NET_ACCEPT, getpid());
	said();
	close_fd(fd);
	close_fd(server);
}

const struct act net_not_acts[] = {
	{ "net-not-listen", listener_alone, "a listener that nobody calls is nothing", NULL },
	{ "net-not-bind", bind_fails, "a bind that fails is nothing", NULL },
	{ "net-not-socket", socket_alone, "sockets that are made, bound, asked and closed are nothing", NULL },
	{ "net-not-wrong", wrong, "calls that are wrong in themselves are no attempts", NULL },
	{ "net-not-unix", unix_sockets, "sockets of the host itself (AF_UNIX) are not told", NULL },
	{ "net-not-netlink", netlink, "a netlink socket is not told", NULL },
	{ "net-not-accepted", never_accepted, "a connection that nobody accepts: only who connected is told", NULL },
	{ "net-not-again", connected_again, "a connected socket is connected again and its duplicate closed: nothing new", NULL },
	{ "net-not-received", received, "datagrams that come are no event of who gets them", NULL },
	{ 0 },
};
