// SPDX-License-Identifier: Apache-2.0
/* Connections by 32-bit system calls. */
#include "net.h"

#if defined(__x86_64__) || defined(__i386__)
#include <sys/mman.h>

/* The numbers for 32-bit programs. */
enum { CALL_SOCKETCALL = 102, CALL_CONNECT = 362, CALL_LISTEN = 363, CALL_ACCEPT4 = 364 };
enum { SOCKETCALL_CONNECT = 3, SOCKETCALL_SENDTO = 11, SOCKETCALL_ACCEPT4 = 18 };

static bool by_socketcall; /* the one call for all, as long as there was no other */

/* What calls point to: below 4 GiB. */
static struct low {
	struct end peer;
	char text[8];
	uint32_t args[6];
} *low;

static uint32_t address(const void *p)
{
	return (uint32_t)(uintptr_t)p;
}

static void low_make(void)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;

#ifdef __x86_64__
	flags |= MAP_32BIT;
#endif
	low = mmap(NULL, sizeof(*low), PROT_READ | PROT_WRITE, flags, -1, 0);
	if (low == MAP_FAILED)
		die("map memory below 4 GiB");
}

/* The return value, or -1 and errno. */
static int call(int number, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
#ifdef __i386__
	return syscall(number, a, b, c, d);
#else
	long result = number;

	asm volatile("int $0x80" : "+a"(result) : "b"(a), "c"(b), "d"(c), "S"(d) : "memory", "r8", "r9", "r10", "r11");
	if ((int)result < 0) {
		errno = -(int)result;
		return -1;
	}
	return result;
#endif
}

static int connect_32(int fd, const struct end *to)
{
	low->peer = *to;
	if (!by_socketcall)
		return call(CALL_CONNECT, fd, address(&low->peer.addr), to->len, 0);
	low->args[0] = fd;
	low->args[1] = address(&low->peer.addr);
	low->args[2] = to->len;
	return call(CALL_SOCKETCALL, SOCKETCALL_CONNECT, address(low->args), 0, 0);
}

static int accept_32(int fd)
{
	if (!by_socketcall)
		return call(CALL_ACCEPT4, fd, 0, 0, SOCK_CLOEXEC);
	memset(low->args, 0, sizeof(low->args));
	low->args[0] = fd;
	low->args[3] = SOCK_CLOEXEC;
	return call(CALL_SOCKETCALL, SOCKETCALL_ACCEPT4, address(low->args), 0, 0);
}

static void both(void)
{
	struct pair p;
	struct end at;

	p.listener = listen_on("127.0.0.1", &at);
	p.client = tcp("127.0.0.1");
	if (connect_32(p.client, &at))
		die("connect by a 32-bit call");
	p.server = accept_32(p.listener);
	if (p.server < 0)
		die("accept by a 32-bit call");
	p.out = flow_from(p.client);
	said_connect(&p.out, 0);
	p.in = flow_in(p.server);
	said_accept(&p.in);
	pair_send(&p, 8, 9);
	pair_close(&p);
}

static void refused(void)
{
	struct end at;
	struct flow f;
	int holder = unused_port("127.0.0.1", &at), fd = tcp("127.0.0.1");

	bind_to(fd, "127.0.0.1", 0);
	if (connect_32(fd, &at) == 0 || errno != ECONNREFUSED)
		die("connect: expected a refusal");
	f = flow_to(fd, &at);
	said_connect(&f, ECONNREFUSED);
	close_fd(fd);
	close_fd(holder);
}

static void no_route(void)
{
	struct end to = end_of("192.0.2.7", 4242);
	struct flow f;
	int fd;

	own_network();
	fd = tcp("192.0.2.7");
	if (connect_32(fd, &to) == 0 || errno != ENETUNREACH)
		die("connect: expected ENETUNREACH");
	f = flow_to(fd, &to);
	said_connect(&f, ENETUNREACH);
	close_fd(fd);
}

static void datagram(void)
{
	struct end to;
	struct flow f;
	int peer = udp("127.0.0.1"), fd = udp("127.0.0.1");

	to = bind_to(peer, "127.0.0.1", 0);
	bind_to(fd, "127.0.0.1", 0);
	low->peer = to;
	strcpy(low->text, "hello");
	low->args[0] = fd;
	low->args[1] = address(low->text);
	low->args[2] = 5;
	low->args[3] = 0;
	low->args[4] = address(&low->peer.addr);
	low->args[5] = to.len;
	for (int i = 0; i < 2; i++)
		if (call(CALL_SOCKETCALL, SOCKETCALL_SENDTO, address(low->args), 0, 0) != 5)
			die("send by a 32-bit call");
	f = flow_to(fd, &to);
	said_connect(&f, 0);
	may_close(&f);
	close_fd(fd);
	close_fd(peer);
}

/* Nobody sees how it ends. */
static void listens(void)
{
	int fd = tcp("127.0.0.1");

	bind_to(fd, "127.0.0.1", 0);
	said_bind(fd);
	if (call(CALL_LISTEN, fd, 1, 0, 0))
		die("listen by a 32-bit call");
	said_listen(fd, UNKNOWN);
	close_fd(fd);
}

static void local(void)
{
	struct end to = { .addr.sa_family = AF_UNIX, .len = 9 };
	int listener = socket_of(AF_UNIX, SOCK_STREAM, 0), fd = socket_of(AF_UNIX, SOCK_STREAM, 0), server;

	memcpy(to.addr.sa_data, "\0act-32", 7);
	if (bind(listener, &to.addr, to.len) || listen(listener, 1) || connect_32(fd, &to))
		die("connect by a 32-bit call");
	expect(NET_LOCAL_CONNECT, getpid());
	str("destination.path", "@act-32");
	said();
	server = accept_32(listener);
	if (server < 0)
		die("accept by a 32-bit call");
	expect(NET_LOCAL_ACCEPT, getpid());
	str("destination.path", "@act-32");
	said();
	close_fd(server);
	close_fd(fd);
	close_fd(listener);
}

int play_net(const char *what)
{
	low_make();
	by_socketcall = !strcmp(what, "socketcall");
	if (!strcmp(what, "refused"))
		refused();
	else if (!strcmp(what, "no-route"))
		no_route();
	else if (!strcmp(what, "datagram"))
		datagram();
	else if (!strcmp(what, "listen"))
		listens();
	else if (!strcmp(what, "unix"))
		local();
	else
		both();
	return 0;
}

#ifdef __x86_64__
static char *const program_argv[] = { "net32", NULL };

static void program(const char *what)
{
	char *path = copy_32("net32");

	need_32(path);
	run(path, NULL, program_argv, role("net:%s", what));
}

static void direct_32(void)
{
	program("direct");
}

static void socketcall_32(void)
{
	program("socketcall");
}

static void refused_32(void)
{
	program("refused");
}

static void no_route_32(void)
{
	program("no-route");
}

static void datagram_32(void)
{
	program("datagram");
}

static void listen_32(void)
{
	program("listen");
}

static void local_32(void)
{
	program("unix");
}

static void direct_int80(void)
{
	need_int80();
	play_net("direct");
}

static void socketcall_int80(void)
{
	need_int80();
	play_net("socketcall");
}
#endif
#else
int play_net(const char *what)
{
	(void)what;
	return 125;
}
#endif

const struct act net_compat_acts[] = {
#ifdef __x86_64__
	{ "net-compat", direct_32, "a 32-bit program connects and accepts", "32-bit" },
	{ "net-compat-socketcall", socketcall_32, "a 32-bit program connects and accepts by socketcall", "32-bit" },
	{ "net-compat-refused", refused_32, "a 32-bit program is refused", "32-bit" },
	{ "net-compat-no-route", no_route_32, "a 32-bit program connects to where no route leads: ENETUNREACH", "32-bit trampolines" },
	{ "net-compat-udp", datagram_32, "a 32-bit program sends two datagrams: one flow", "32-bit trampolines" },
	{ "net-compat-listen", listen_32, "a 32-bit program listens: the outcome is not seen", "32-bit" },
	{ "net-compat-unix", local_32, "a 32-bit program connects and accepts by AF_UNIX", "32-bit trampolines" },
	{ "net-compat-int80", direct_int80, "a 64-bit program connects and accepts by 32-bit calls", "32-bit" },
	{ "net-compat-int80-socketcall", socketcall_int80, "a 64-bit program connects and accepts by socketcall", "32-bit" },
#endif
	{ 0 },
};
