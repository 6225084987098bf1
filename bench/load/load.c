// SPDX-License-Identifier: Apache-2.0
/*
 * The load that bench measures with. Prints how many nanoseconds it took.
 *   load exec N      forks and executes itself N times, one after the other
 *   load getppid N   calls getppid N times
 *   load connect N   connects N times to a second process, one after the other
 *   load write N     writes 64 bytes N times, to one after another of 1,000 files in the working directory
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void execs(long n)
{
	for (long i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			execl("/proc/self/exe", "true", "an-argument", NULL);
			_exit(127);
		}
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			die("fork");
	}
}

static void accepts(int listener)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			die("accept");
		close(fd);
	}
}

/* Each connection lives until the server has closed it, so that no queue overflows. */
static void connects(long n)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	pid_t server;
	char c;

	if (bind(listener, (void *)&at, len) || getsockname(listener, (void *)&at, &len) || listen(listener, 16))
		die("listen");
	server = fork();
	if (server < 0)
		die("fork");
	if (server == 0)
		accepts(listener);
	for (; n > 0; n--) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (connect(fd, (void *)&at, len) || read(fd, &c, 1) != 0)
			die("connect");
		close(fd);
	}
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

/* Once the files are there, every write is over what the last run wrote. */
static void writes(long n)
{
	enum { FILES = 1000 };
	static const char block[64];
	int fds[FILES];
	char name[16];

	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "%d", i);
		fds[i] = open(name, O_WRONLY | O_CREAT, 0600);
		if (fds[i] < 0)
			die("open");
	}
	for (long i = 0; i < n; i++)
		if (write(fds[i % FILES], block, sizeof(block)) != sizeof(block))
			die("write");
	for (int i = 0; i < FILES; i++)
		close(fds[i]);
}

int main(int argc, char **argv)
{
	long begin = now();

	if (argc == 2)
		return 0; /* the program that exec executes */
	if (argc == 3 && !strcmp(argv[1], "exec"))
		execs(atol(argv[2]));
	else if (argc == 3 && !strcmp(argv[1], "connect"))
		connects(atol(argv[2]));
	else if (argc == 3 && !strcmp(argv[1], "write"))
		writes(atol(argv[2]));
	else if (argc == 3 && !strcmp(argv[1], "getppid"))
		for (long i = atol(argv[2]); i > 0; i--)
			syscall(SYS_getppid);
	else
		return 2;
	printf("%ld\n", now() - begin);
	return 0;
}
