// SPDX-License-Identifier: Apache-2.0
/* Process groups, sessions and terminals. */
#include "act.h"

#include <sys/ioctl.h>

static char *const true_argv[] = { "true", "-a", NULL };

static int in_session(void *path)
{
	if (setsid() < 0)
		die("begin a session");
	execve(path, true_argv, role("exit:0"));
	die("exec %s", (char *)path);
}

static void session(void)
{
	char *path = copy_self("true", 0755);
	pid_t pid = child(in_session, path);

	expect_exec(pid, path, true_argv);
	num("process.group_leader.pid", pid);
	num("process.session_leader.pid", pid);
	yes("process.group_leader.same_as_process");
	yes("process.session_leader.same_as_process");
	no("process.interactive");
	said();
	reap(pid);
}

static int in_group(void *path)
{
	if (setpgid(0, 0))
		die("begin a group");
	execve(path, true_argv, role("exit:0"));
	die("exec %s", (char *)path);
}

static void group(void)
{
	char *path = copy_self("true", 0755);
	pid_t pid = child(in_group, path);

	expect_exec(pid, path, true_argv);
	num("process.group_leader.pid", pid);
	leader("process.session_leader.pid", getsid(0));
	yes("process.group_leader.same_as_process");
	no("process.session_leader.same_as_process");
	said();
	reap(pid);
	pid = run(path, NULL, true_argv, role("exit:0"));
	also("exec", pid); /* the neighbour: in this act's group */
	leader("process.group_leader.pid", getpgrp());
	no("process.group_leader.same_as_process");
	strs("process.group_leader.args", self_argv);
	said();
}

struct member {
	struct gate go;
	pid_t leader;
	const char *path;
};

static int lead(void *arg)
{
	struct member *m = arg;

	gate_wait(&m->go);
	return 0;
}

static int follow(void *arg)
{
	struct member *m = arg;

	gate_wait(&m->go);
	execve(m->path, true_argv, role("exit:0"));
	die("exec %s", m->path);
}

/* The group outlives its leader: its number stays. */
static void leader_gone(void)
{
	struct member m = { .path = copy_self("true", 0755) };
	pid_t pid;

	gate_make(&m.go);
	m.leader = child(lead, &m);
	if (setpgid(m.leader, m.leader))
		die("begin a group");
	gate_open(&m.go);
	while (waitid(P_PID, m.leader, NULL, WEXITED | WNOWAIT)) /* a zombie keeps the group */
		if (errno != EINTR)
			die("wait for %d", m.leader);
	pid = child(follow, &m);
	if (setpgid(pid, m.leader))
		die("join the group");
	reap(m.leader);
	gate_open(&m.go);
	expect_exec(pid, m.path, true_argv);
	num("process.group_leader.pid", m.leader);
	said();
	reap(pid);
}

struct terminal {
	int master, slave;
	struct gate done;
	const char *path;
};

static int on_terminal(void *arg)
{
	struct terminal *t = arg;
	unsigned number;
	pid_t pid;

	if (setsid() < 0 || ioctl(t->master, TIOCGPTN, &number) || ioctl(t->slave, TIOCSCTTY, 0))
		die("take the terminal");
	close(t->master);
	pid = run(t->path, NULL, true_argv, role("exit:0"));
	for (int i = 0; i < 3; i++) {
		also((const char *[]){ "fork", "exec", "end" }[i], pid);
		yes("process.interactive");
		num("process.tty.char_device.major", 136 + number / 256);
		num("process.tty.char_device.minor", number % 256);
		num("process.session_leader.pid", getpid());
		said();
	}
	gate_open(&t->done);
	for (;;)
		pause();
	return 0;
}

static void terminal(void)
{
	struct terminal t = { .path = copy_self("true", 0755) };
	pid_t pid;

	gate_make(&t.done);
	t.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (t.master < 0 || unlockpt(t.master))
		skip("no pseudo terminal: %s", strerror(errno));
	t.slave = ioctl(t.master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (t.slave < 0)
		skip("no pseudo terminal: %s", strerror(errno));
	pid = child(on_terminal, &t);
	also("fork", pid); /* it has none yet */
	no("process.interactive");
	said();
	close(t.slave);
	gate_wait(&t.done);
	close(t.master); /* hangs up: SIGHUP for the leader */
	reap(pid);
}

/* sshd, and sshd-session since OpenSSH 9.8. */
static void login(void)
{
	char *shell = copy_self("shell", 0755), *argv[] = { "sshd", NULL };

	run(copy_self("sshd", 0755), NULL, argv, role("login:%s", shell));
	run(copy_self("sshd-session", 0755), NULL, argv, role("login:%s", shell));
}

const struct act leader_acts[] = {
	{ "leader-login", login, "sessions that sshd and sshd-session begin: the entry leader is what they run", NULL },
	{ "leader-session", session, "a session's own leader", NULL },
	{ "leader-group", group, "a group's own leader, beside a process led by another", NULL },
	{ "leader-gone", leader_gone, "a group whose leader has ended", NULL },
	{ "leader-terminal", terminal, "a session on a pseudo terminal, ended by its hangup", NULL },
	{ 0 },
};
