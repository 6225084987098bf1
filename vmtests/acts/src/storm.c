// SPDX-License-Identifier: Apache-2.0
/* Many at once, and pids that are used again. */
#include "act.h"

#include <linux/sched.h>
#include <pthread.h>

#define WORKERS 4

struct work {
	const char *path;
	int worker;
	char *big; /* an argument to be added */
};

static int exec_many(void *arg)
{
	struct work *w = arg;

	for (int i = 0; i < 500; i++) {
		char *argv[] = { "true", format("%d/%d", w->worker, i), NULL };

		run(w->path, NULL, argv, role("quiet:%d", i % 256));
		free(argv[1]);
	}
	return 0;
}

static void execs(void)
{
	struct work work[WORKERS];
	pid_t pid[WORKERS];
	char *path = copy_self("true", 0755);

	for (int i = 0; i < WORKERS; i++) {
		work[i] = (struct work){ .path = path, .worker = i };
		pid[i] = child(exec_many, &work[i]);
	}
	for (int i = 0; i < WORKERS; i++)
		reap(pid[i]);
}

static int become(void *arg)
{
	char **argv = arg;

	execve("./true", argv, role("quiet:0"));
	die("exec true");
}

static int exec_big(void *arg)
{
	struct work *w = arg;

	for (int i = 0; i < 100; i++) {
		char *argv[] = { "true", format("%d/%d", w->worker, i), w->big, NULL };
		pid_t pid = child(become, argv);

		expect("exec", pid);
		begins("process.args", argv, 2048);
		num("process.args_count", 3);
		said();
		reap(pid);
	}
	return 0;
}

/* Large vectors may be cut under pressure; small ones beside them are whole. */
static void big_execs(void)
{
	struct work work[WORKERS];
	pid_t pid[WORKERS];
	char *path = copy_self("true", 0755), *big = format("%060000d", 1);

	for (int i = 0; i < WORKERS; i++) {
		work[i] = (struct work){ path, i, big };
		pid[i] = child(i % 2 ? exec_big : exec_many, &work[i]);
	}
	for (int i = 0; i < WORKERS; i++)
		reap(pid[i]);
}

static int multiply(void *depth)
{
	int left = *(int *)depth - 1;
	pid_t pid[10];

	for (int i = 0; left > 0 && i < 10; i++)
		pid[i] = child(multiply, &left);
	for (int i = 0; left > 0 && i < 10; i++)
		reap(pid[i]);
	return left;
}

static void bomb(void)
{
	int depth = 4;

	reap(child(multiply, &depth));
}

static int leave(void *code)
{
	return *(int *)code % 256;
}

static void forks(void)
{
	for (int i = 0; i < 2000; i++)
		reap(child(leave, &i));
}

/* Each image runs the next one in the same process. */
static void images(void)
{
	char *path = copy_self("true", 0755);
	char *first[] = { path, "500", NULL };
	pid_t pid;

	if (chdir(dir))
		die("enter %s", dir);
	pid = fork();
	if (pid == 0) {
		execve(path, first, role("count"));
		die("exec %s", path);
	}
	said_fork(pid);
	for (int i = 500; i >= 0; i--) {
		char *argv[] = { path, format("%d", i), NULL };

		expect_exec(pid, path, argv);
		said();
	}
	reap(pid);
}

static void *end_at_once(void *arg)
{
	return arg;
}

static int thread_many(void *arg)
{
	pthread_t thread;

	(void)arg;
	for (int i = 0; i < 2000; i++)
		if (pthread_create(&thread, NULL, end_at_once, NULL) || pthread_join(thread, NULL))
			die("run a thread");
	return 3;
}

static void threads(void)
{
	reap(child(thread_many, NULL));
}

/* A process with a given pid; 0 if another one has it. */
static pid_t fork_as(pid_t pid)
{
	struct clone_args args = { .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid, .set_tid_size = 1 };
	pid_t got = syscall(SYS_clone3, &args, sizeof(args));

	if (got < 0 && errno == EEXIST)
		return -1;
	if (got < 0)
		skip("no process with a chosen pid: %s", strerror(errno));
	return got;
}

/* Three processes with one pid, pause between them. */
static bool reuse(const char *path, useconds_t pause)
{
	int code = 40;
	pid_t pid = child(leave, &code), got;

	reap(pid);
	for (int i = 0; i < 3; i++) {
		char *argv[] = { "true", format("life %d", i), NULL };

		usleep(pause);
		got = fork_as(pid);
		if (got < 0)
			return false;
		if (got == 0) {
			execve(path, argv, role("quiet:%d", 41 + i));
			_exit(125);
		}
		said_fork(pid);
		expect_exec(pid, path, argv);
		num("process.parent.pid", getpid());
		said();
		if (WEXITSTATUS(reap(pid)) != 41 + i)
			die("run %s", path);
	}
	if (pause)
		distinct_entity(pid);
	return true;
}

static void pid_reuse(void)
{
	char *path = copy_self("true", 0755);

	for (int i = 0; i < 10; i++) /* more than a tick of 10 ms apart, as entity_id counts */
		while (!reuse(path, 30000))
			;
}

static void pid_reuse_fast(void)
{
	char *path = copy_self("true", 0755);

	for (int i = 0; i < 50; i++)
		while (!reuse(path, 0))
			;
}

const struct act storm_acts[] = {
	{ "storm-exec", execs, "2,000 execs by four processes at once, none mixed up", NULL },
	{ "storm-big", big_execs, "execs with 60 KB of arguments beside small ones, which stay whole", NULL },
	{ "storm-fork", forks, "2,000 forks one after the other", NULL },
	{ "storm-bomb", bomb, "1,111 processes at once, four generations", NULL },
	{ "storm-images", images, "500 images in one process", NULL },
	{ "storm-threads", threads, "2,000 threads are nothing to report", NULL },
	{ "pid-reuse", pid_reuse, "processes with the same pid one after the other, each with its entity id", "clone3 with set_tid" },
	{ "pid-reuse-fast", pid_reuse_fast, "the same without a pause: arguments and exit codes are not mixed up", "clone3 with set_tid" },
	{ 0 },
};
