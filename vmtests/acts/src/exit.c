// SPDX-License-Identifier: Apache-2.0
/* How processes end. Threads' part in it is in thread.c. */
#include "act.h"

#include <sys/resource.h>
#include <sys/prctl.h>

static int leave(void *code)
{
	_exit(*(int *)code);
}

static void codes(void)
{
	int list[] = { 0, 1, 3, 127, 255, 256 + 7, -2 };

	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		reap(child(leave, &list[i]));
}

static int die_of(void *signal_number)
{
	struct rlimit none = { 0, 0 };
	int number = *(int *)signal_number;

	setrlimit(RLIMIT_CORE, &none);
	signal(number, SIG_DFL);
	if (number == SIGSEGV)
		*(volatile int *)8 = 1;
	kill(getpid(), number);
	return 0;
}

static void signals(void)
{
	int list[] = { SIGKILL, SIGTERM, SIGSEGV, SIGABRT, SIGPIPE, 64 };

	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		reap(child(die_of, &list[i]));
}

static int hold(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return 0;
}

static void killed(void)
{
	pid_t pid = child(hold, NULL);

	kill(pid, SIGKILL);
	reap(pid);
}

static int survive(void *arg)
{
	(void)arg;
	signal(SIGTERM, SIG_IGN);
	kill(getpid(), SIGTERM);
	_exit(9);
}

static void survived(void)
{
	reap(child(survive, NULL));
}

static int stop(void *arg)
{
	(void)arg;
	raise(SIGSTOP);
	_exit(2);
}

static void stopped(void)
{
	pid_t pid = child(stop, NULL);
	int status;

	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
		die("wait for the stop of %d", pid);
	kill(pid, SIGCONT);
	reap(pid);
}

static int dump(void *arg)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	int number = SIGSEGV;

	(void)arg;
	if (setrlimit(RLIMIT_CORE, &all)) {
		getrlimit(RLIMIT_CORE, &all);
		all.rlim_cur = all.rlim_max;
		setrlimit(RLIMIT_CORE, &all);
	}
	prctl(PR_SET_DUMPABLE, 1);
	raise(number);
	return 0;
}

static void core(void)
{
	char *pattern = read_setting("/proc/sys/kernel/core_pattern");
	pid_t pid;

	if (!pattern || *pattern == '|' || *pattern == '/')
		skip("core_pattern is not a file in the working directory: %s", pattern ? pattern : strerror(errno));
	pid = child(dump, NULL);
	if (!WCOREDUMP(reap(pid)))
		skip("no core was written");
}

static int nobody_waits(void *gate)
{
	gate_open(gate);
	_exit(6);
}

/* Nobody waits for it: the kernel reaps it itself. */
static void ignored(void)
{
	struct gate gate;
	pid_t pid;

	gate_make(&gate);
	signal(SIGCHLD, SIG_IGN);
	pid = child(nobody_waits, &gate);
	gate_wait(&gate);
	while (kill(pid, 0) == 0)
		usleep(1000);
	said_end(pid, 6 << 8);
}

static void unprogrammed(void)
{
	char *argv[] = { "true", NULL };

	run(copy_self("true", 0755), NULL, argv, role("exit:42"));
}

const struct act exit_acts[] = {
	{ "exit-codes", codes, "exit codes 0 to 255, and what is left of larger ones", NULL },
	{ "exit-signals", signals, "ends by signals that a process sends itself or meets", NULL },
	{ "exit-killed", killed, "an end by another process's SIGKILL", NULL },
	{ "exit-survived", survived, "a signal that is ignored ends nothing: the exit code counts", NULL },
	{ "exit-stopped", stopped, "stopped and continued, then an end: one end", NULL },
	{ "exit-core", core, "an end with a core dump", "core_pattern that names a file" },
	{ "exit-ignored", ignored, "a child that nobody waits for", NULL },
	{ "exit-image", unprogrammed, "the exit code of an image run by exec", NULL },
	{ 0 },
};
