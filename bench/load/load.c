// SPDX-License-Identifier: Apache-2.0
/*
 * The load that bench measures with. Prints how many nanoseconds it took.
 *   load exec N      forks and executes itself N times, one after the other
 *   load getppid N   calls getppid N times
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static void execs(long n)
{
	for (long i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			execl("/proc/self/exe", "true", "an-argument", NULL);
			_exit(127);
		}
		if (pid < 0 || waitpid(pid, NULL, 0) != pid) {
			perror("fork");
			exit(1);
		}
	}
}

int main(int argc, char **argv)
{
	long begin = now();

	if (argc == 2)
		return 0; /* the program that exec executes */
	if (argc == 3 && !strcmp(argv[1], "exec"))
		execs(atol(argv[2]));
	else if (argc == 3 && !strcmp(argv[1], "getppid"))
		for (long i = atol(argv[2]); i > 0; i--)
			syscall(SYS_getppid);
	else
		return 2;
	printf("%ld\n", now() - begin);
	return 0;
}
