// SPDX-License-Identifier: Apache-2.0
/* Threads: they are no processes, and may do what processes do. */
#include "act.h"

#include <pthread.h>

static char *const true_argv[] = { "true", "-a", NULL };

static void start(void *(*fn)(void *), void *arg)
{
	pthread_t thread;

	if ((errno = pthread_create(&thread, NULL, fn, arg)))
		die("start a thread");
}

/* Until the leader is a zombie: not before has the kernel done all that it does at a thread's end. */
static void wait_for_leader(void)
{
	char *path = format("/proc/self/task/%d/stat", getpid()), *stat;

	for (;;) {
		stat = read_setting(path);
		if (!stat)
			_exit(124);
		if (strstr(strrchr(stat, ')'), ") Z"))
			return;
		free(stat);
		usleep(1000);
	}
}

static void *say_tid(void *arg)
{
	pid_t tid = syscall(SYS_gettid);

	(void)arg;
	for (int i = 0; i < 3; i++) {
		never((const char *[]){ "fork", "exec", "end" }[i], tid);
		said();
	}
	never("fork", getpid());
	num("process.thread.id", tid);
	said();
	never("end", getpid());
	num("process.thread.id", tid);
	said();
	return NULL;
}

static int make_threads(void *arg)
{
	pthread_t thread;

	(void)arg;
	for (int i = 0; i < 5; i++)
		if (pthread_create(&thread, NULL, say_tid, NULL) || pthread_join(thread, NULL))
			die("run a thread");
	_exit(0);
}

static void threads(void)
{
	reap(child(make_threads, NULL));
}

static int leave(void *arg)
{
	(void)arg;
	return 4;
}

static void *fork_here(void *arg)
{
	reap(child(leave, arg));
	return NULL;
}

static void fork_in_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, fork_here, NULL) || pthread_join(thread, NULL))
		die("run a thread");
}

static void *exec_here(void *path)
{
	execve(path, true_argv, role("exit:3"));
	die("exec %s", (char *)path);
}

static int exec_other(void *path)
{
	start(exec_here, path);
	for (;;)
		pause();
	return 0;
}

static void exec_in_thread(void)
{
	char *path = copy_self("true", 0755);
	pid_t pid = child(exec_other, path);

	expect_exec(pid, path, true_argv); /* with the leader's tid */
	num("process.parent.pid", getpid());
	said();
	reap(pid);
}

static void *exec_after_leader(void *path)
{
	wait_for_leader();
	return exec_here(path);
}

static int exec_orphaned(void *path)
{
	start(exec_after_leader, path);
	pthread_exit(NULL);
}

static void exec_without_leader(void)
{
	char *path = copy_self("true", 0755);
	pid_t pid = child(exec_orphaned, path);

	expect_exec(pid, path, true_argv);
	said();
	reap(pid);
}

static void *end_after_leader(void *arg)
{
	wait_for_leader();
	usleep(50000);
	if (arg)
		syscall(SYS_exit, 9);
	_exit(7);
}

static int leader_first(void *arg)
{
	start(end_after_leader, arg);
	syscall(SYS_exit, 5);
	return 0;
}

static void exit_leader_first(void)
{
	int status = reap(child(leader_first, NULL));

	if (!WIFEXITED(status) || WEXITSTATUS(status) != 7)
		die("status is %x", status);
}

static void exit_last_thread(void)
{
	int code = WEXITSTATUS(reap(child(leader_first, "")));

	/* The last thread's since Linux 5.17, before that the leader's: what wait says counts. */
	if (code != 9 && code != 5)
		die("exit code %d", code);
}

static pthread_barrier_t barrier;

static void *exit_now(void *code)
{
	pthread_barrier_wait(&barrier);
	_exit((int)(long)code);
}

static int race(void *arg)
{
	(void)arg;
	pthread_barrier_init(&barrier, NULL, 2);
	start(exit_now, (void *)21L);
	exit_now((void *)22L);
	return 0;
}

static void exit_race(void)
{
	for (int i = 0; i < 50; i++)
		reap(child(race, NULL));
}

static void *end_now(void *code)
{
	pthread_barrier_wait(&barrier);
	syscall(SYS_exit, (int)(long)code);
	return NULL;
}

/* The last threads leave at once, each by its own exit and with its own code. */
static int race_threads(void *arg)
{
	(void)arg;
	pthread_barrier_init(&barrier, NULL, 4);
	for (long i = 1; i < 4; i++)
		start(end_now, (void *)i);
	pthread_barrier_wait(&barrier);
	syscall(SYS_exit, 13);
	return 0;
}

static void exit_race_threads(void)
{
	for (int i = 0; i < 50; i++)
		reap(child(race_threads, NULL));
}

static void *pause_here(void *gate)
{
	gate_open(gate);
	for (;;)
		pause();
	return NULL;
}

static int many_paused(void *gate)
{
	for (int i = 0; i < 8; i++)
		start(pause_here, gate);
	for (;;)
		pause();
	return 0;
}

/* SIGKILL to a process with threads: one end. */
static void killed(void)
{
	struct gate gate;
	pid_t pid;

	gate_make(&gate);
	pid = child(many_paused, &gate);
	for (int i = 0; i < 8; i++)
		gate_wait(&gate);
	kill(pid, SIGKILL);
	reap(pid);
}

/* Two threads exec at once: one wins, the other dies with the old image. */
static void *exec_at_once(void *path)
{
	pthread_barrier_wait(&barrier);
	return exec_here(path);
}

static int exec_race_child(void *path)
{
	pthread_barrier_init(&barrier, NULL, 2);
	start(exec_at_once, path);
	exec_at_once(path);
	return 0;
}

static void exec_race(void)
{
	char *path = copy_self("true", 0755);

	for (int i = 0; i < 20; i++) {
		pid_t pid = child(exec_race_child, path);

		expect_exec(pid, path, true_argv);
		said();
		reap(pid);
	}
}

const struct act thread_acts[] = {
	{ "thread", threads, "threads that start and end are no forks and no ends", NULL },
	{ "thread-fork", fork_in_thread, "a fork by a thread: the parent is the process", NULL },
	{ "thread-exec", exec_in_thread, "exec by another thread than the leader: the same pid, and no end of the leader", NULL },
	{ "thread-exec-orphan", exec_without_leader, "exec by a thread after the leader's end", NULL },
	{ "thread-exec-race", exec_race, "two threads exec at once: one exec", NULL },
	{ "exit-leader-first", exit_leader_first, "the leader ends, a thread lives on and ends the process: one end, at the end", NULL },
	{ "exit-last-thread", exit_last_thread, "the last thread ends by itself, after the leader: the code that wait says", NULL },
	{ "exit-race", exit_race, "two threads call exit_group at once: one end, with the code that wait says", NULL },
	{ "exit-race-threads", exit_race_threads, "four threads end at the same time, each by itself: one end, with the code that wait says", NULL },
	{ "exit-threads-killed", killed, "SIGKILL to a process with threads: one end", NULL },
	{ 0 },
};
