// SPDX-License-Identifier: Apache-2.0
/* The ways to make a process. */
#include "act.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static void plain(void)
{
	reap(child(nothing, NULL));
}

static void vforked(void)
{
	pid_t pid = vfork();

	if (pid == 0)
		_exit(5);
	if (pid < 0)
		die("vfork");
	said_fork(pid);
	reap(pid);
}

static pid_t clone3(struct clone_args *args)
{
	return syscall(SYS_clone3, args, sizeof(*args));
}

static void cloned3(void)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	pid_t pid = clone3(&args);

	if (pid == 0)
		_exit(5);
	if (pid < 0)
		skip("no clone3: %s", strerror(errno));
	said_fork(pid);
	reap(pid);
}

/* Its end sends no signal to the parent. */
static void no_signal(void)
{
	struct clone_args args = { .exit_signal = 0 };
	pid_t pid = clone3(&args);

	if (pid == 0)
		_exit(5);
	if (pid < 0)
		skip("no clone3: %s", strerror(errno));
	said_fork(pid);
	reap(pid);
}

static int leave(void *arg)
{
	(void)arg;
	syscall(SYS_exit_group, 8);
	return 0;
}

/* A process of its own, but one that shares the memory, files and file system of its parent. */
static void shared(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	pid_t pid = clone(leave, stack + sizeof(stack), CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND | SIGCHLD, NULL);

	if (pid < 0)
		die("clone");
	said_fork(pid);
	reap(pid);
}

static int make_sibling(void *gate)
{
	pid_t pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);

	if (pid < 0)
		die("clone with CLONE_PARENT");
	if (pid == 0)
		_exit(5);
	if (write(((struct gate *)gate)->fd[1], &pid, sizeof(pid)) != sizeof(pid))
		die("hand over a pid");
	return 0;
}

static void clone_parent(void)
{
	struct gate gate;
	pid_t pid, sibling;

	gate_make(&gate);
	pid = child(make_sibling, &gate);
	if (read(gate.fd[0], &sibling, sizeof(sibling)) != sizeof(sibling))
		die("take a pid");
	said_fork(sibling); /* this process is the parent of both */
	reap(sibling);
	reap(pid);
}

struct orphan {
	struct gate alone, end;
	pid_t pid;
};

static int orphan_lives(void *arg)
{
	struct orphan *o = arg;

	gate_wait(&o->alone);
	_exit(11);
}

static int orphan_parent(void *arg)
{
	child(orphan_lives, arg);
	_exit(0);
}

/* The parent dies first; a subreaper, this act, waits for the orphan. */
static void orphan(void)
{
	struct orphan o;
	pid_t parent;
	int status;

	gate_make(&o.alone);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1))
		die("become a subreaper");
	parent = child(orphan_parent, &o);
	reap(parent);
	gate_open(&o.alone);
	o.pid = wait(&status);
	if (o.pid < 0)
		die("wait for the orphan");
	said_end(o.pid, status);
}

/* Double fork: the daemon's way, to init. Its end is seen through a pidfd. */
static int daemon_lives(void *arg)
{
	struct orphan *o = arg;

	gate_wait(&o->alone);
	_exit(12);
}

static int daemon_parent(void *arg)
{
	struct orphan *o = arg;
	pid_t pid;

	if (setsid() < 0)
		die("begin a session");
	pid = child(daemon_lives, o);
	if (write(o->end.fd[1], &pid, sizeof(pid)) != sizeof(pid))
		die("hand over a pid");
	_exit(0);
}

static void daemonized(void)
{
	struct orphan o;
	pid_t parent;

	gate_make(&o.alone);
	gate_make(&o.end);
	parent = child(daemon_parent, &o);
	if (read(o.end.fd[0], &o.pid, sizeof(o.pid)) != sizeof(o.pid))
		die("take a pid");
	reap(parent);
	gate_open(&o.alone);
	close(o.end.fd[1]);
	if (read(o.end.fd[0], &parent, 1) != 0) /* ends with the last process that has the pipe */
		die("wait for the end of %d", o.pid);
	said_end(o.pid, 12 << 8);
}

static int nested(void *depth)
{
	int left = *(int *)depth - 1;

	if (left > 0)
		reap(child(nested, &left));
	return left;
}

static void generations(void)
{
	int depth = 20;

	reap(child(nested, &depth));
}

/* The limit on processes counts for an unprivileged user: no fork, no event. */
static int refused(void *arg)
{
	struct rlimit none = { 0, 0 };

	(void)arg;
	if (setrlimit(RLIMIT_NPROC, &none) || setresgid(65533, 65533, 65533) || setresuid(65533, 65533, 65533))
		die("become nobody");
	if (fork() >= 0)
		die("fork in spite of the limit");
	return errno == EAGAIN ? 0 : 1;
}

static void fork_refused(void)
{
	reap(child(refused, NULL));
}

const struct act fork_acts[] = {
	{ "fork", plain, "fork, with the parent's image", NULL },
	{ "fork-vfork", vforked, "vfork without exec", NULL },
	{ "fork-clone3", cloned3, "clone3", NULL },
	{ "fork-no-signal", no_signal, "a child whose end sends no signal", NULL },
	{ "fork-shared", shared, "a process that shares memory, files and handlers: a process, no thread", NULL },
	{ "fork-clone-parent", clone_parent, "CLONE_PARENT: the parent is the caller's parent", NULL },
	{ "fork-orphan", orphan, "a process that outlives its parent, with a subreaper", NULL },
	{ "fork-daemon", daemonized, "a process that outlives its parent, with init; its end after that", NULL },
	{ "fork-generations", generations, "twenty generations", NULL },
	{ "fork-refused", fork_refused, "a fork that the process limit refuses is none", NULL },
	{ 0 },
};
