// SPDX-License-Identifier: Apache-2.0
/* Namespaces and control groups. */
#include "act.h"

#include <sched.h>
#include <sys/socket.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static char *const true_argv[] = { "true", "-a", NULL };

/* What processes in other pid namespaces send here: the kernel translates their pids. */
static int mail[2];

static void mail_make(void)
{
	int on = 1;

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, mail) || setsockopt(mail[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)))
		die("make a socket pair");
}

static void mail_post(void)
{
	if (send(mail[1], "", 1, 0) != 1)
		die("send");
}

static pid_t mail_sender(void)
{
	char byte, control[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };

	if (recvmsg(mail[0], &m, 0) != 1 || !CMSG_FIRSTHDR(&m))
		die("receive");
	return ((struct ucred *)CMSG_DATA(CMSG_FIRSTHDR(&m)))->pid;
}

struct inner {
	const char *path;
	int levels; /* of pid namespaces still to be made */
	struct gate pid; /* brings a process's outer pid */
};

/* As the first process of a pid namespace: a second one execs, then this one. */
static int namespace_init(struct inner *in)
{
	pid_t second;
	int status;

	second = fork();
	if (second == 0) {
		mail_post();
		execve(in->path, true_argv, role("quiet:4"));
		_exit(125);
	}
	if (waitpid(second, &status, 0) != second || status != 4 << 8)
		die("wait in the namespace");
	mail_post();
	if (dup2(in->pid.fd[0], 3) != 3) /* for the role: its outer pid */
		die("duplicate a descriptor");
	execve(in->path, true_argv, role("outer:6"));
	die("exec %s", in->path);
}

static void said_fork_inside(pid_t pid, pid_t parent, int vpid)
{
	expect("fork", pid);
	num("process.parent.pid", parent);
	num("process.vpid", vpid);
	said();
}

/* Makes the levels one in the other, and waits for what runs in the innermost. */
static int descend(void *arg)
{
	struct inner *in = arg;
	int status;
	pid_t pid;

	if (in->levels-- == 0)
		return namespace_init(in);
	if (unshare(CLONE_NEWPID))
		skip("no pid namespace: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		mail_post();
		_exit(descend(in));
	}
	if (waitpid(pid, &status, 0) != pid)
		die("wait");
	return WEXITSTATUS(status);
}

static void nested(int levels)
{
	struct inner in = { copy_self("true", 0755), levels, { { 0, 0 } } };
	pid_t outer, pid[8], second;
	int i;

	mail_make();
	gate_make(&in.pid);
	outer = child(descend, &in);
	pid[0] = outer;
	for (i = 1; i <= levels; i++) {
		pid[i] = mail_sender();
		said_fork_inside(pid[i], pid[i - 1], 1);
	}
	second = mail_sender();
	said_fork_inside(second, pid[levels], 2);
	expect_exec(second, in.path, true_argv);
	num("process.vpid", 2);
	said();
	said_end(second, 4 << 8);
	if (mail_sender() != pid[levels])
		die("the mail is from somebody else");
	expect_exec(pid[levels], in.path, true_argv);
	num("process.vpid", 1);
	num("process.parent.pid", pid[levels - 1]);
	said();
	if (write(in.pid.fd[1], &pid[levels], sizeof(pid_t)) != sizeof(pid_t))
		die("hand over a pid");
	for (i = levels; i > 0; i--)
		said_end(pid[i], 6 << 8);
	reap(outer);
}

static void pid_namespace(void)
{
	nested(1);
}

static void pid_namespace_nested(void)
{
	nested(3);
}

struct apart {
	const char *path;
	int flags;
};

static int become_apart(void *arg)
{
	struct apart *a = arg;

	if (unshare(a->flags))
		skip("no such namespaces: %s", strerror(errno));
	execve(a->path, true_argv, role("exit:0"));
	die("exec %s", a->path);
}

static void unshared(int flags)
{
	struct apart a = { copy_self("true", 0755), flags };
	pid_t pid = child(become_apart, &a);

	expect_exec(pid, a.path, true_argv);
	said();
	reap(pid);
	run(a.path, NULL, true_argv, role("exit:0")); /* the neighbour: in the old ones */
}

static void all(void)
{
	unshared(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWCGROUP);
}

/* It is for the children: this process stays where it is. */
static void for_children(void)
{
	unshared(CLONE_NEWPID);
}

static int in_new_time(void *arg)
{
	struct apart *a = arg;

	if (unshare(CLONE_NEWTIME))
		skip("no time namespace: %s", strerror(errno));
	write_setting("/proc/self/timens_offsets", "boottime 1000000 0\nmonotonic 1000000 0\n");
	run(a->path, NULL, true_argv, role("exit:0"));
	return 0;
}

static void time_namespace(void)
{
	struct apart a = { copy_self("true", 0755), 0 };

	reap(child(in_new_time, &a));
}

struct mapped {
	struct gate unshared, mapped;
	const char *path;
};

static int as_mapped_root(void *arg)
{
	struct mapped *m = arg;
	struct stat st;

	if (unshare(CLONE_NEWUSER))
		skip("no user namespace: %s", strerror(errno));
	gate_open(&m->unshared);
	gate_wait(&m->mapped);
	if (setresgid(0, 0, 0) || setresuid(0, 0, 0) || stat("/proc/self/ns/user", &st))
		die("become root of the namespace");
	also("exec", getpid());
	num("sensor.namespaces.user", st.st_ino);
	said();
	execve(m->path, true_argv, role("quiet:0"));
	die("exec %s", m->path);
}

/* Root inside, somebody outside: ids are those of the initial namespace. */
static void user_namespace(void)
{
	struct mapped m = { .path = copy_self("true", 0755) };
	pid_t pid;

	gate_make(&m.unshared);
	gate_make(&m.mapped);
	pid = child(as_mapped_root, &m);
	close(m.unshared.fd[1]);
	if (read(m.unshared.fd[0], &(char){ 0 }, 1) != 1) { /* it skipped */
		waitpid(pid, NULL, 0);
		return;
	}
	if (!write_setting(format("/proc/%d/uid_map", pid), "0 100000 10") || !write_setting(format("/proc/%d/gid_map", pid), "0 200000 10"))
		die("map ids");
	gate_open(&m.mapped);
	expect_exec(pid, m.path, true_argv);
	id("user.id", 100000);
	id("process.real_user.id", 100000);
	id("group.id", 200000);
	said();
	reap(pid);
}

static char *group;

static void group_undo(void)
{
	if (group)
		rmdir(group);
	group = NULL;
}

/* Where the v2 hierarchy is mounted. */
static char *hierarchy(void)
{
	FILE *mounts = fopen("/proc/self/mounts", "re");
	char where[PATH_MAX], type[64];

	while (mounts && fscanf(mounts, "%*s %4095s %63s %*[^\n]", where, type) == 2)
		if (!strcmp(type, "cgroup2"))
			return format("%s", where);
	skip("no cgroup v2 hierarchy");
}

static int in_group(void *path)
{
	if (!write_setting(format("%s/cgroup.procs", group), "0"))
		skip("the control group takes no process: %s", strerror(errno));
	execve(path, true_argv, role("exit:0"));
	die("exec %s", (char *)path);
}

static void control_group(void)
{
	char *path = copy_self("true", 0755), *where = hierarchy();
	struct stat st;
	pid_t pid;

	on_exit_undo(group_undo);
	group = format("%s/act %d", where, getpid());
	if (mkdir(group, 0755) || stat(group, &st))
		skip("no control group can be made: %s", strerror(errno));
	pid = child(in_group, path);
	expect_exec(pid, path, true_argv);
	str("sensor.cgroup.id", format("%llu", (unsigned long long)st.st_ino));
	ends_with("sensor.cgroup.path", strrchr(group, '/'));
	said();
	reap(pid);
	run(path, NULL, true_argv, role("exit:0")); /* the neighbour: in the old one */
}

const struct act namespace_acts[] = {
	{ "ns-pid", pid_namespace, "the first and the second process of a pid namespace: outer pids, and vpid 1 and 2", NULL },
	{ "ns-pid-nested", pid_namespace_nested, "pid namespaces three deep: vpid is that of the innermost", NULL },
	{ "ns-pid-for-children", for_children, "a pid namespace made for children: the process itself is not in it", NULL },
	{ "ns-all", all, "own mount, network, UTS, IPC and cgroup namespaces, beside a process without", NULL },
	{ "ns-time", time_namespace, "an own time namespace, with another clock", "time namespaces" },
	{ "ns-user", user_namespace, "root of a user namespace: the ids of the initial one", NULL },
	{ "cgroup", control_group, "an own control group", "cgroup2" },
	{ 0 },
};
