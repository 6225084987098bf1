// SPDX-License-Identifier: Apache-2.0
/* The ways to name and to load a program. */
#include "act.h"

#include <spawn.h>
#include <sys/mman.h>

static char *const true_argv[] = { "true", "-a", NULL };

static void plain(void)
{
	run(copy_self("true", 0755), NULL, true_argv, role("exit:0"));
}

static void relative(void)
{
	char *path = copy_self("true", 0755);

	run("./true", path, true_argv, role("exit:0"));
	if (mkdir("below", 0755) || chdir("below"))
		die("enter below");
	run("../below/.././true", path, true_argv, role("exit:0"));
}

static void symlinked(void)
{
	char *path = copy_self("true", 0755);

	if (symlink("true", "link") || symlink(dir, "way"))
		die("make a link");
	run(in_dir("link"), path, true_argv, role("exit:0"));
	run(in_dir("way/link"), path, true_argv, role("exit:0"));
}

static void hard_linked(void)
{
	char *name = in_dir("other");

	if (link(copy_self("true", 0755), name))
		die("make a hard link");
	run(name, NULL, true_argv, role("exit:0"));
}

static void renamed(void)
{
	char *path = copy_self("before", 0755), *after = in_dir("after");
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0 || rename(path, after))
		die("rename %s", path);
	run(format("/proc/self/fd/%d", fd), after, true_argv, role("exit:0"));
}

static void self_exe(void)
{
	run("/proc/self/exe", resolved("/proc/self/exe"), true_argv, role("exit:0"));
}

struct at {
	int fd;
	const char *path;
	int flags;
	char **env;
};

static int exec_at(void *arg)
{
	struct at *at = arg;

	syscall(SYS_execveat, at->fd, at->path, true_argv, at->env, at->flags);
	die("execveat %s", at->path);
}

/* Runs what the descriptor and path name, and begins its expectation. */
static pid_t begin_exec_at(struct at *at, const char *executable)
{
	pid_t pid;

	at->env = role("exit:0");
	pid = child(exec_at, at);
	expect_exec(pid, executable, true_argv);
	str("sensor.exec.filename", *at->path ? format("/dev/fd/%d/%s", at->fd, at->path) : format("/dev/fd/%d", at->fd));
	return pid;
}

static void execveat_directory(void)
{
	char *path = copy_self("true", 0755);
	struct at at = { open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), "true", 0, NULL };
	pid_t pid;

	if (chdir("/"))
		die("enter /");
	pid = begin_exec_at(&at, path);
	str("process.working_directory", "/");
	said();
	reap(pid);
}

static void execveat_cwd(void)
{
	char *path = copy_self("true", 0755);
	struct at at = { AT_FDCWD, "true", 0, role("exit:0") };
	pid_t pid = child(exec_at, &at);

	expect_exec(pid, path, true_argv);
	str("sensor.exec.filename", "true");
	str("process.working_directory", dir);
	said();
	reap(pid);
}

static void execveat_empty(void)
{
	char *path = copy_self("true", 0755);
	struct at at = { open(path, O_PATH | O_CLOEXEC), "", AT_EMPTY_PATH, NULL };
	pid_t pid = begin_exec_at(&at, path);

	no("sensor.executable.deleted");
	said();
	reap(pid);
}

static int exec_fd(void *arg)
{
	struct at *at = arg;

	fexecve(at->fd, true_argv, at->env);
	die("fexecve");
}

static void fexecve_file(void)
{
	char *path = copy_self("true", 0755);
	struct at at = { open(path, O_RDONLY | O_CLOEXEC), "", 0, role("exit:0") };
	pid_t pid = child(exec_fd, &at);

	expect_exec(pid, path, true_argv);
	str("sensor.exec.filename", format("/dev/fd/%d", at.fd));
	said();
	reap(pid);
}

static void deleted(void)
{
	char *path = copy_self("gone", 0755);
	struct at at = { open(path, O_RDONLY | O_CLOEXEC), "", AT_EMPTY_PATH, NULL };
	pid_t pid;

	if (unlink(path))
		die("unlink %s", path);
	pid = begin_exec_at(&at, path);
	yes("sensor.executable.deleted");
	no("sensor.executable.detached");
	said();
	reap(pid);
}

/* The program that was run is gone, another one has its name now. */
static void replaced(void)
{
	char *path = copy_self("true", 0755);
	struct at at = { open(path, O_RDONLY | O_CLOEXEC), "", AT_EMPTY_PATH, NULL };
	pid_t pid;

	if (unlink(path))
		die("unlink %s", path);
	copy_self("true", 0755);
	pid = begin_exec_at(&at, path);
	yes("sensor.executable.deleted");
	said();
	reap(pid);
	run(path, NULL, true_argv, role("exit:0"));
}

static void memfd(void)
{
	struct at at = { memfd_create("hidden", MFD_CLOEXEC), "", AT_EMPTY_PATH, NULL };
	int out = at.fd, in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char buf[65536];
	ssize_t n;
	pid_t pid;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, n) != n)
			die("fill the memfd");
	pid = begin_exec_at(&at, "/memfd:hidden");
	yes("sensor.executable.detached");
	said();
	reap(pid);
}

/* One process, three images: three events, one end. */
static void chain(void)
{
	char *path = copy_self("true", 0755), *again[] = { "true", "again", NULL };
	char **env = role("again:again:quiet:3");
	struct at at = { AT_FDCWD, path, 0, env };
	pid_t pid = child(exec_at, &at);

	expect_exec(pid, path, true_argv);
	said();
	for (int i = 0; i < 2; i++) {
		expect_exec(pid, path, again);
		str("sensor.exec.filename", "/proc/self/exe");
		num("process.parent.pid", getpid());
		said();
	}
	reap(pid);
}

static void spawned(void)
{
	char *path = copy_self("true", 0755);
	pid_t pid;

	errno = posix_spawn(&pid, path, NULL, NULL, true_argv, role("exit:0"));
	if (errno)
		die("spawn %s", path);
	said_fork(pid);
	expect_exec(pid, path, true_argv);
	num("process.parent.pid", getpid());
	said();
	reap(pid);
}

static void vforked(void)
{
	char *path = copy_self("true", 0755), **env = role("exit:0");
	pid_t pid = vfork();

	if (pid == 0) {
		execve(path, true_argv, env);
		_exit(1);
	}
	if (pid < 0)
		die("vfork");
	said_fork(pid);
	expect_exec(pid, path, true_argv);
	num("process.parent.pid", getpid());
	said();
	reap(pid);
}

const struct act exec_acts[] = {
	{ "exec", plain, "execve of an absolute path", NULL },
	{ "exec-relative", relative, "execve of relative paths; executable and working directory resolved", NULL },
	{ "exec-symlink", symlinked, "a link to the program and one on the way to it: executable resolved, filename as given", NULL },
	{ "exec-hardlink", hard_linked, "the name that was used of a file with two", NULL },
	{ "exec-renamed", renamed, "a descriptor whose file was renamed: the name of now", NULL },
	{ "exec-self", self_exe, "execve of /proc/self/exe", NULL },
	{ "execveat-dirfd", execveat_directory, "execveat below a directory descriptor", NULL },
	{ "execveat-cwd", execveat_cwd, "execveat with AT_FDCWD", NULL },
	{ "execveat-empty", execveat_empty, "execveat of an O_PATH descriptor with AT_EMPTY_PATH", NULL },
	{ "fexecve", fexecve_file, "fexecve as the C library does it", NULL },
	{ "exec-deleted", deleted, "a program unlinked before it is run by descriptor", NULL },
	{ "exec-replaced", replaced, "a deleted program whose name another file has; the other one is not deleted", NULL },
	{ "exec-memfd", memfd, "a program that never had a name", NULL },
	{ "exec-chain", chain, "one process with three images one after the other: three execs, one end", NULL },
	{ "posix-spawn", spawned, "posix_spawn: fork and exec", NULL },
	{ "vfork", vforked, "vfork and exec", NULL },
	{ 0 },
};
