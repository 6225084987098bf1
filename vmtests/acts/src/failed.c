// SPDX-License-Identifier: Apache-2.0
/* Programs that do not run: no exec. */
#include "act.h"

#include <elf.h>
#include <sys/mount.h>
#include <sys/resource.h>

static char *true_argv[] = { "true", "-a", NULL };

struct attempt {
	const char *path;
	char **argv;
	int error;
	const char *then; /* program that is run after it */
};

static int try(void *arg)
{
	struct attempt *a = arg;
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	execve(a->path, a->argv, role("quiet:0"));
	if (errno != a->error)
		die("exec %s, expected error %d", a->path, a->error);
	if (!a->then)
		return 5;
	execve(a->then, a->argv, role("exit:0"));
	die("exec %s", a->then);
}

static void said_failed(pid_t pid, const struct attempt *a)
{
	expect_failed(pid);
	str("error.code", strerrorname_np(a->error));
	strs("process.args", self_argv); /* it is still the old image */
	if (*a->path)
		str("sensor.exec.filename", a->path);
	if (a->argv == true_argv)
		strs("sensor.exec.args", a->argv);
	said();
}

static void fails(const char *path, char **argv, int error)
{
	struct attempt a = { path, argv, error, NULL };
	pid_t pid = child(try, &a);

	never("exec", pid);
	said();
	said_failed(pid, &a);
	reap(pid);
}

static void missing(void)
{
	fails(in_dir("missing"), true_argv, ENOENT);
	fails("", true_argv, ENOENT);
}

static void denied(void)
{
	fails(copy_self("true", 0644), true_argv, EACCES);
	fails(dir, true_argv, EACCES);
}

static void strange(void)
{
	write_file("text", "neither ELF nor a script\n", 0755);
	fails(in_dir("text"), true_argv, ENOEXEC);
	write_file("empty", "", 0755);
	fails(in_dir("empty"), true_argv, ENOEXEC);
}

static void uninterpreted(void)
{
	write_file("script", "#!/no/such/interpreter\n", 0755);
	fails(in_dir("script"), true_argv, ENOENT);
}

static void looped(void)
{
	char *path = in_dir("loop");

	write_file(path, format("#!%s\n", path), 0755);
	fails(path, true_argv, ELOOP);
	if (symlink("round", "round"))
		die("make a link");
	fails(in_dir("round"), true_argv, ELOOP);
}

static void too_big(void)
{
	char *argv[] = { "true", format("%0*d", 132000, 1), NULL };

	fails(copy_self("true", 0755), argv, E2BIG);
}

static void not_readable(void)
{
	fails(copy_self("true", 0755), (char **)8, EFAULT);
}

static int on_noexec(void *arg)
{
	(void)arg;
	private_tmpfs();
	if (mount(NULL, dir, NULL, MS_REMOUNT | MS_NOEXEC, "mode=755"))
		die("remount without exec");
	fails(copy_self("true", 0755), true_argv, EACCES);
	return 0;
}

static void noexec(void)
{
	reap(child(on_noexec, NULL));
}

/* As a shell looks for a program: the third one is there. */
static void searched(void)
{
	struct attempt a = { in_dir("missing"), true_argv, ENOENT, copy_self("true", 0755) };
	pid_t pid = child(try, &a);

	said_failed(pid, &a);
	expect_exec(pid, a.then, true_argv);
	said();
	reap(pid);
}

/* The old image is gone when the kernel finds that it cannot load the new one. */
static void late(void)
{
	char *path = copy_self("broken", 0755);
	struct attempt a = { path, true_argv, 0, NULL };
	int fd = open(path, O_RDWR | O_CLOEXEC), status;
	unsigned long long address = 0xffff800000000000ULL; /* the kernel's */
	Elf64_Ehdr h;
	Elf64_Phdr p;
	pid_t pid;

	if (sizeof(void *) != 8 || pread(fd, &h, sizeof(h), 0) != sizeof(h))
		skip("not for this machine");
	for (int i = 0; i < h.e_phnum; i++) {
		off_t at = h.e_phoff + i * sizeof(p);

		if (pread(fd, &p, sizeof(p), at) != sizeof(p))
			die("read %s", path);
		if (p.p_type != PT_LOAD)
			continue;
		p.p_vaddr = p.p_paddr = address;
		if (pwrite(fd, &p, sizeof(p), at) != sizeof(p) || close(fd))
			die("write %s", path);
		break;
	}
	pid = child(try, &a);
	never("exec", pid);
	said();
	status = reap(pid);
	if (!WIFSIGNALED(status))
		die("the image should not run");
	expect_failed(pid);
	said();
}

const struct act failed_acts[] = {
	{ "failed-missing", missing, "no such file", NULL },
	{ "failed-denied", denied, "a file without the x bit, and a directory", NULL },
	{ "failed-format", strange, "files of no known format", NULL },
	{ "failed-interpreter", uninterpreted, "a script whose interpreter is missing", NULL },
	{ "failed-loop", looped, "a script that interprets itself, a link to itself", NULL },
	{ "failed-big", too_big, "an argument that is too long", NULL },
	{ "failed-fault", not_readable, "an argument vector that is no memory", NULL },
	{ "failed-noexec", noexec, "a program on a mount with noexec", NULL },
	{ "failed-searched", searched, "a search along a path: only the program that ran", NULL },
	{ "failed-late", late, "a program that fails after the old image is gone: no exec, but an end", NULL },
	{ 0 },
};
