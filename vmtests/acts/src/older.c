// SPDX-License-Identifier: Apache-2.0
/*
 * Processes that are older than the sensor: these acts wait for the end of
 * stdin after ready().
 */
#include "act.h"

#include <pthread.h>

static char *const held_argv[] = { "held", "-a", "b\nc", NULL };

void wait_for_sensor(void)
{
	char c;

	ready();
	while (read(STDIN_FILENO, &c, 1) > 0 || errno == EINTR)
		errno = 0;
}

static int become_held(void *path)
{
	if (setsid() < 0)
		die("begin a session");
	execve(path, held_argv, role("held"));
	die("exec %s", (char *)path);
}

pid_t unseen(int (*fn)(void *), void *arg)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0)
		_exit(fn(arg));
	return pid;
}

static void expect_running(pid_t pid, const char *executable, char *const argv[])
{
	expect("already_running", pid);
	str("process.executable", executable);
	strs("process.args", argv);
	num("process.args_count", count_strs(argv));
	num("process.parent.pid", getpid());
	str("process.working_directory", dir);
}

/* The image waits for the end of stdin as well, and forks then: see role held. */
static void parent(void)
{
	char *path = copy_self("held", 0755);
	pid_t pid = unseen(become_held, path);

	expect_running(pid, path, held_argv);
	num("process.session_leader.pid", pid);
	no("sensor.executable.deleted");
	said();
	while (!strstr(read_setting(format("/proc/%d/comm", pid)) ?: "", "held"))
		usleep(1000);
	wait_for_sensor();
	reap(pid);
	also("end", pid);
	str("process.executable", path);
	strs("process.args", held_argv);
	num("process.parent.pid", getpid());
	said();
}

static void deleted(void)
{
	char *path = copy_self("held", 0755);
	pid_t pid = unseen(become_held, path);

	while (!strstr(read_setting(format("/proc/%d/comm", pid)) ?: "", "held"))
		usleep(1000);
	if (unlink(path))
		die("unlink %s", path);
	expect_running(pid, path, held_argv);
	yes("sensor.executable.deleted");
	said();
	wait_for_sensor();
	reap(pid);
}

static int leave(void *arg)
{
	(void)arg;
	return 3;
}

/* It has ended and nobody has waited for it. */
static void zombie(void)
{
	pid_t pid = unseen(leave, NULL);

	while (waitid(P_PID, pid, NULL, WEXITED | WNOWAIT))
		if (errno != EINTR)
			die("wait for %d", pid);
	never("already_running", pid);
	said();
	never("end", pid);
	said();
	wait_for_sensor();
	waitpid(pid, NULL, 0);
}

static void *outlive(void *arg)
{
	char c;

	(void)arg;
	while (read(STDIN_FILENO, &c, 1) > 0 || errno == EINTR)
		errno = 0;
	_exit(7);
}

static int without_leader(void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, outlive, arg))
		die("start a thread");
	syscall(SYS_exit, 5);
	return 0;
}

/* Its leader has ended, a thread lives. */
static void leader_gone(void)
{
	pid_t pid = unseen(without_leader, NULL);
	char *stat;

	do {
		usleep(1000);
		stat = read_setting(format("/proc/%d/stat", pid));
	} while (stat && !strstr(strrchr(stat, ')'), ") Z"));
	expect("already_running", pid);
	num("process.parent.pid", getpid());
	said();
	wait_for_sensor();
	reap(pid);
}

static char **large;

static int become_large(void *path)
{
	execve(path, large, role("held"));
	die("exec %s", (char *)path);
}

static void arguments(void)
{
	char *path = copy_self("held", 0755);
	pid_t whole, cut;

	large = calloc(3001, sizeof(*large));
	for (int i = 0; i < 3000; i++)
		large[i] = format("%08d", i);
	whole = unseen(become_large, path);
	expect_running(whole, path, large);
	no("process.Ext.command_line_truncated");
	said();
	for (int i = 0; i < 3000; i++)
		large[i] = format("%031d", i);
	cut = unseen(become_large, path);
	expect("already_running", cut);
	begins("process.args", large, 4000);
	yes("process.Ext.command_line_truncated");
	said();
	while (!strstr(read_setting(format("/proc/%d/comm", cut)) ?: "", "held") ||
	       !strstr(read_setting(format("/proc/%d/comm", whole)) ?: "", "held"))
		usleep(1000);
	wait_for_sensor();
	reap(whole);
	reap(cut);
}

const struct act older_acts[] = {
	{ "older-parent", parent, "a process older than the sensor: reported once, and a parent afterwards", "older" },
	{ "older-deleted", deleted, "an older process whose program was deleted", "older" },
	{ "older-zombie", zombie, "an older process that has ended already is not reported", "older" },
	{ "older-leader-gone", leader_gone, "an older process whose leader thread has ended", "older" },
	{ "older-args", arguments, "older processes with 3,000 arguments, whole, and with 94 KiB of them, cut", "older" },
	{ 0 },
};
