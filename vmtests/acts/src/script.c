// SPDX-License-Identifier: Apache-2.0
/* Programs that another program runs: scripts and binfmt_misc. */
#include "act.h"

#include <sys/mount.h>

static char *const given[] = { "named", "one", "two", NULL };

static int exec_script(void *path)
{
	execve(path, given, role("exit:4"));
	die("exec %s", (char *)path);
}

/* Runs a script and says what has to be shown, given the interpreter and what the kernel makes of argv. */
static void run_script(const char *path, const char *interpreter, char *const argv[])
{
	pid_t pid = child(exec_script, (void *)path);

	expect_exec(pid, interpreter, argv);
	str("sensor.exec.filename", path);
	yes("sensor.exec.script");
	said();
	reap(pid);
}

static void script(void)
{
	char *interpreter = copy_self("interpreter", 0755), *path = in_dir("script");
	char *argv[] = { interpreter, path, "one", "two", NULL };

	write_file(path, format("#!%s\n", interpreter), 0755);
	run_script(path, interpreter, argv);
	/* the neighbour: the interpreter run by name with the script as its argument */
	run(interpreter, NULL, argv, role("exit:0"));
}

static void script_argument(void)
{
	char *interpreter = copy_self("interpreter", 0755), *path = in_dir("script");
	char *argv[] = { interpreter, "-x  -y z", path, "one", "two", NULL };

	write_file(path, format("#! \t%s  -x  -y z \t\n", interpreter), 0755);
	run_script(path, interpreter, argv);
}

static void script_relative(void)
{
	char *interpreter = copy_self("interpreter", 0755);
	char *argv[] = { "./interpreter", "./script", "one", "two", NULL };

	write_file("script", "#!./interpreter\n", 0755);
	run_script("./script", interpreter, argv);
}

static void script_of_script(void)
{
	char *interpreter = copy_self("interpreter", 0755), *inner = in_dir("inner"), *outer = in_dir("outer");
	char *argv[] = { interpreter, "-i", inner, "-o", outer, "one", "two", NULL };

	write_file(inner, format("#!%s -i\n", interpreter), 0755);
	write_file(outer, format("#!%s -o\n", inner), 0755);
	run_script(outer, interpreter, argv);
}

static int exec_script_fd(void *fd)
{
	syscall(SYS_execveat, *(int *)fd, "", given, role("exit:4"), AT_EMPTY_PATH);
	die("execveat of a script");
}

static void script_fd(void)
{
	char *interpreter = copy_self("interpreter", 0755), *path = in_dir("script"), *name;
	int fd;
	pid_t pid;

	write_file(path, format("#!%s\n", interpreter), 0755);
	fd = open(path, O_RDONLY); /* stays open for the interpreter */
	name = format("/dev/fd/%d", fd);
	pid = child(exec_script_fd, &fd);
	expect_exec(pid, interpreter, (char *[]){ interpreter, name, "one", "two", NULL });
	str("sensor.exec.filename", name);
	yes("sensor.exec.script");
	said();
	reap(pid);
}

static int exec_bare(void *path)
{
	execve(path, (char *[]){ NULL }, role("exit:0"));
	die("exec %s", (char *)path);
}

/* A script without any argument, not even its name. */
static void script_no_argv(void)
{
	char *interpreter = copy_self("interpreter", 0755), *path = in_dir("script");
	pid_t pid;

	write_file(path, format("#!%s\n", interpreter), 0755);
	pid = child(exec_bare, path);
	expect_exec(pid, interpreter, (char *[]){ interpreter, path, NULL });
	yes("sensor.exec.script");
	said();
	reap(pid);
}

#define MISC "/proc/sys/fs/binfmt_misc"

static bool mounted;
static char *entry;

static void misc_undo(void)
{
	if (entry)
		write_setting(entry, "-1");
	entry = NULL;
	if (mounted)
		umount2(MISC, MNT_DETACH);
	mounted = false;
}

/* Registers an interpreter for a magic of this act's own. */
static void misc_register(const char *interpreter, const char *flags)
{
	char *name = format("act%d", getpid());

	on_exit_undo(misc_undo);
	if (access(MISC "/register", F_OK)) {
		if (mount("binfmt_misc", MISC, "binfmt_misc", 0, NULL))
			skip("no binfmt_misc: %s", strerror(errno));
		mounted = true;
	}
	if (!write_setting(MISC "/register", format(":%s:M::\\x7fact%d\\x00::%s:%s", name, getpid(), interpreter, flags)))
		skip("binfmt_misc takes no entry: %s", strerror(errno));
	entry = format(MISC "/%s", name);
}

static char *misc_program(void)
{
	char *path = in_dir("foreign"), *text = format("\x7f" "act%d", getpid());
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	if (fd < 0 || write(fd, text, strlen(text) + 1) < 0 || close(fd))
		die("write %s", path);
	return path;
}

static void run_misc(const char *flags, bool keeps_name)
{
	char *interpreter = copy_self("interpreter", 0755), *path = misc_program();
	char *argv[] = { interpreter, path, "one", "two", NULL };
	char *kept[] = { interpreter, path, "named", "one", "two", NULL };
	pid_t pid;

	misc_register(interpreter, flags);
	pid = child(exec_script, path);
	expect_exec(pid, interpreter, keeps_name ? kept : argv);
	str("sensor.exec.filename", path);
	said();
	reap(pid);
	misc_undo();
}

static void misc(void)
{
	run_misc("", false);
}

static void misc_keep(void)
{
	run_misc("P", true);
}

/* The interpreter was opened when it was registered, and deleted since. */
static void misc_fixed(void)
{
	char *interpreter = copy_self("interpreter", 0755), *path = misc_program();
	pid_t pid;

	misc_register(interpreter, "F");
	if (unlink(interpreter))
		die("unlink %s", interpreter);
	pid = child(exec_script, path);
	expect_exec(pid, interpreter, (char *[]){ interpreter, path, "one", "two", NULL });
	str("sensor.exec.filename", path);
	yes("sensor.executable.deleted");
	said();
	reap(pid);
	misc_undo();
}

const struct act script_acts[] = {
	{ "script", script, "a script: its interpreter's path and arguments; beside it the interpreter run by name", NULL },
	{ "script-argument", script_argument, "the one argument after the interpreter, blanks inside kept", NULL },
	{ "script-relative", script_relative, "script and interpreter named by relative paths", NULL },
	{ "script-of-script", script_of_script, "a script whose interpreter is a script: one exec", NULL },
	{ "script-fd", script_fd, "a script run by its descriptor: the name is /dev/fd/N", NULL },
	{ "script-no-argv", script_no_argv, "a script run with an empty argument vector", NULL },
	{ "binfmt-misc", misc, "a foreign format run by its registered interpreter", "binfmt_misc" },
	{ "binfmt-misc-argv0", misc_keep, "the same with flag P, which keeps argv[0]", "binfmt_misc" },
	{ "binfmt-misc-fixed", misc_fixed, "the same with flag F, the interpreter deleted since", "binfmt_misc" },
	{ 0 },
};
