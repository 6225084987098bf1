// SPDX-License-Identifier: Apache-2.0
/* 32-bit programs and calls on a 64-bit kernel. */
#include "act.h"

#include <sys/mman.h>
#include <sys/sendfile.h>

static char *const true_argv[] = { "true", "-a", NULL };

char *copy_32(const char *name)
{
	char *path = in_dir(name), *from = resolved("/proc/self/exe");
	int in, out;
	ssize_t n;

	strrchr(from, '/')[1] = 0;
	in = open(format("%sacts32", from), O_RDONLY | O_CLOEXEC);
	if (in < 0)
		skip("the acts were built without a 32-bit program");
	out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	while ((n = sendfile(out, in, NULL, 1 << 30)) > 0)
		;
	if (n < 0 || close(out) || close(in))
		die("write %s", path);
	return path;
}

struct image {
	const char *path;
	char **env;
};

static int become(void *arg)
{
	struct image *image = arg;

	execve(image->path, true_argv, image->env);
	if (errno == ENOEXEC)
		_exit(99);
	die("exec %s", image->path);
}

void need_32(const char *path)
{
	struct image image = { path, role("quiet:0") };
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(become(&image));
	if (waitpid(pid, &status, 0) != pid)
		die("wait for %d", pid);
	said_fork(pid);
	said_end(pid, status);
	if (WEXITSTATUS(status) == 99)
		skip("the kernel runs no 32-bit programs");
	expect_exec(pid, path, true_argv);
	said();
}

static void program(void)
{
	char *path = copy_32("true32");

	need_32(path);
	run(path, NULL, true_argv, role("exit:7"));
}

static void from_32(void)
{
	char *path = copy_32("true32"), *other = copy_self("true", 0755);
	char *next[] = { "next", "-b", NULL };
	struct image image = { path, role("become:%s", other) };
	pid_t pid;

	need_32(path);
	pid = child(become, &image);
	expect_exec(pid, path, true_argv);
	said();
	expect_exec(pid, other, next);
	num("process.parent.pid", getpid());
	said();
	reap(pid);
}

static void forks_32(void)
{
	char *path = copy_32("true32");

	need_32(path);
	run(path, NULL, true_argv, role("forks:20"));
}

#ifdef __x86_64__
static int become_int80(void *path)
{
	struct {
		char path[PATH_MAX], role[64];
		uint32_t argv[4], env[2];
	} *low = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long result = 11; /* execve */

	if (low == MAP_FAILED)
		die("map memory below 4 GiB");
	strcpy(low->path, path);
	strcpy(low->role, "ACT_ROLE=exit:3");
	low->argv[0] = low->argv[1] = low->argv[2] = (uint32_t)(uintptr_t)low->path;
	low->env[0] = (uint32_t)(uintptr_t)low->role;
	asm volatile("int $0x80" : "+a"(result) : "b"(low->path), "c"(low->argv), "d"(low->env) : "memory", "r8", "r9", "r10", "r11");
	errno = -result;
	die("exec by int 0x80");
}

static int no_int80(void *arg)
{
	long result = 20; /* getpid */

	(void)arg;
	asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
	return result != getpid();
}

void need_int80(void)
{
	if (reap(child(no_int80, NULL)))
		skip("the kernel takes no 32-bit system calls");
}

/* The 32-bit system call, made by a 64-bit program for a 64-bit one. */
static void int80(void)
{
	char *path = copy_self("true", 0755), *argv[] = { path, path, path, NULL };
	pid_t pid;

	need_int80();
	pid = child(become_int80, path);
	expect_exec(pid, path, argv);
	said();
	reap(pid);
}
#endif

const struct act compat_acts[] = {
	{ "compat-exec", program, "a 32-bit program", "32-bit" },
	{ "compat-from", from_32, "a 32-bit program runs a 64-bit one", "32-bit" },
	{ "compat-fork", forks_32, "a 32-bit program forks", "32-bit" },
#ifdef __x86_64__
	{ "compat-int80", int80, "the 32-bit execve called by a 64-bit program", "32-bit" },
#endif
	{ 0 },
};
