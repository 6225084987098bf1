// SPDX-License-Identifier: Apache-2.0
#include "act.h"

#include <sched.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

const char *dir;
char **self_argv;

char *format(const char *format, ...)
{
	va_list ap;
	char *s;

	va_start(ap, format);
	if (vasprintf(&s, format, ap) < 0)
		abort();
	va_end(ap);
	return s;
}

char *in_dir(const char *name)
{
	return format("%s/%s", dir, name);
}

char *resolved(const char *path)
{
	char *s = realpath(path, NULL);

	if (!s)
		die("resolve %s", path);
	return s;
}

char *copy_self(const char *path, mode_t mode)
{
	char *full = *path == '/' ? format("%s", path) : in_dir(path);
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int out = open(full, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	ssize_t n;

	if (in < 0 || out < 0)
		die("copy this program to %s", full);
	while ((n = sendfile(out, in, NULL, 1 << 30)) > 0)
		;
	if (n < 0 || fchmod(out, mode) || close(out) || close(in))
		die("copy this program to %s", full);
	return full;
}

void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	size_t n = strlen(text);

	if (fd < 0 || write(fd, text, n) != (ssize_t)n || fchmod(fd, mode) || close(fd))
		die("write %s", path);
}

bool write_setting(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), error;
	ssize_t n = -1;

	if (fd >= 0) {
		n = write(fd, text, strlen(text));
		error = errno;
		close(fd);
		errno = error;
	}
	return n >= 0;
}

char *read_setting(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[4096];
	ssize_t n;

	if (fd < 0)
		return NULL;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n < 0)
		return NULL;
	if (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n] = 0;
	return format("%s", buf);
}

int count_strs(char *const list[])
{
	int n = 0;

	while (list[n])
		n++;
	return n;
}

char **role(const char *format, ...)
{
	char **env = calloc(2, sizeof(*env)), *text;
	va_list ap;

	va_start(ap, format);
	if (!env || vasprintf(&text, format, ap) < 0)
		abort();
	va_end(ap);
	if (asprintf(&env[0], "ACT_ROLE=%s", text) < 0)
		abort();
	free(text);
	return env;
}

void said_fork(pid_t pid)
{
	char exe[PATH_MAX], *mark;
	size_t size = 0;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	expect("fork", pid);
	num("process.parent.pid", getpid());
	for (int i = 0; self_argv[i]; i++)
		size += strlen(self_argv[i]) + 1;
	if (size > 65536)
		begins("process.args", self_argv, 4000);
	else
		strs("process.args", self_argv);
	if (n > 0) {
		exe[n] = 0;
		mark = strstr(exe, " (deleted)");
		if (mark)
			*mark = 0;
		str("process.executable", exe);
		str("process.parent.executable", exe);
	}
	said();
}

pid_t child(int (*fn)(void *), void *arg)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0)
		_exit(fn(arg));
	said_fork(pid);
	return pid;
}

void said_end(pid_t pid, int status)
{
	expect("end", pid);
	if (WIFSIGNALED(status)) {
		num("process.exit_code", 128 + WTERMSIG(status));
		num("sensor.exit.signal", WTERMSIG(status));
		if (WCOREDUMP(status))
			yes("sensor.exit.core_dumped");
		else
			no("sensor.exit.core_dumped");
	} else {
		num("process.exit_code", WEXITSTATUS(status));
		no("sensor.exit.signal");
	}
	said();
}

int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, __WALL) < 0)
		if (errno != EINTR)
			die("wait for %d", pid);
	said_end(pid, status);
	return status;
}

void expect_exec(pid_t pid, const char *executable, char *const argv[])
{
	const char *base = strrchr(executable, '/');

	expect("exec", pid);
	str("process.executable", executable);
	str("process.name", base ? base + 1 : executable);
	strs("process.args", argv);
	num("process.args_count", count_strs(argv));
	num("process.thread.id", pid);
	no("process.Ext.command_line_truncated");
}

struct image {
	const char *path;
	char *const *argv;
	char **env;
};

static int become(void *arg)
{
	struct image *image = arg;

	execve(image->path, image->argv, image->env);
	die("exec %s", image->path);
}

pid_t run(const char *path, const char *executable, char *const argv[], char **env)
{
	struct image image = { path, argv, env };
	pid_t pid = child(become, &image);
	char cwd[PATH_MAX];

	if (!getcwd(cwd, sizeof(cwd)))
		die("get the working directory");
	expect_exec(pid, executable ? executable : path, argv);
	num("process.parent.pid", getpid());
	str("process.working_directory", cwd);
	if (executable && strcmp(executable, path))
		str("sensor.exec.filename", path);
	else
		no("sensor.exec.filename");
	no("sensor.exec.script");
	no("sensor.executable.deleted");
	no("sensor.executable.detached");
	no("sensor.executable.cut");
	said();
	reap(pid);
	return pid;
}

void gate_make(struct gate *g)
{
	if (pipe2(g->fd, O_CLOEXEC))
		die("make a pipe");
}

void gate_open(struct gate *g)
{
	if (write(g->fd[1], "", 1) != 1)
		die("open the gate");
}

void gate_wait(struct gate *g)
{
	char c;

	if (read(g->fd[0], &c, 1) != 1)
		die("wait at the gate");
}

void post_fd(int mailbox, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { (char *)"", 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	if (sendmsg(mailbox, &m, 0) != 1)
		die("pass a descriptor");
}

int fetch_fd(int mailbox)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	int fd;

	if (recvmsg(mailbox, &m, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&m))
		die("take a descriptor");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	return fd;
}

void private_tmpfs(void)
{
	if (unshare(CLONE_NEWNS))
		skip("no own mount namespace: %s", strerror(errno));
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("make mounts private");
	if (mount("tmpfs", dir, "tmpfs", 0, "mode=755"))
		die("mount tmpfs");
}
