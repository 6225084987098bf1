// SPDX-License-Identifier: Apache-2.0
/* Names and arguments that are awkward to write down. */
#include "act.h"

static void control(void)
{
	char *argv[] = { "true", "two\nlines\r", "\x1b[31mred\x1b[0m", "tab\there", "bell\a\b\f\v\x7f", "\x01\x1f", NULL };

	run(copy_self("true", 0755), NULL, argv, role("quiet:0"));
}

static void quotes(void)
{
	char *argv[] = { "true", "say \"hi\"", "back\\slash", "it's", "</script>&", "{\"a\":1}", " a  b ", "$(x)`y`*?", "\\u0041", NULL };

	run(copy_self("true", 0755), NULL, argv, role("quiet:0"));
}

static void utf8(void)
{
	char *argv[] = { "true", "gr\xc3\xbc\xc3\x9f", "\xe6\x97\xa5\xe6\x9c\xac", "\xf0\x9f\x98\x80", "\xe2\x80\xa8\xe2\x80\xa9",
			 "\xef\xbf\xbd", "\xf4\x8f\xbf\xbf", "\xc2\x80", "\xe2\x80\xaegnp.exe", NULL };

	run(copy_self("true", 0755), NULL, argv, role("quiet:0"));
}

struct image {
	const char *path;
	char **argv;
	char **env;
};

static int become(void *arg)
{
	struct image *image = arg;

	execve(image->path, image->argv, image->env);
	die("exec %s", image->path);
}

/* Latin-1, a lone continuation, sequences cut short, overlong forms, surrogates, beyond U+10FFFF. */
static void not_utf8(void)
{
	char *path = copy_self("true", 0755);
	char *argv[] = { "true", "gr\xfc\xdf", "\x80", "\xe6\x97", "\xf0\x9f\x98", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
			 "\xf4\x90\x80\x80", "\xff\xfe", "a\xc3" "b\xc3\xbc", NULL };
	struct image image = { path, argv, role("quiet:0") };
	pid_t pid = child(become, &image);

	expect_exec(pid, path, argv);
	raw_strs("process.args", argv);
	said();
	reap(pid);
	/* the neighbour: nothing raw where all is UTF-8 */
	image.argv = (char *[]){ "true", "\xc3\xbc", NULL };
	pid = child(become, &image);
	expect_exec(pid, path, image.argv);
	no("sensor.raw");
	said();
	reap(pid);
}

static void odd_name(void)
{
	char *path = copy_self("two\nlines \"\\\x1b[31m", 0755);
	char *argv[] = { "true", NULL };

	run(path, NULL, argv, role("quiet:0"));
}

static void name_not_utf8(void)
{
	char *path = copy_self("gr\xfc\xdf", 0755), *argv[] = { "true", NULL };
	struct image image = { path, argv, role("quiet:0") };
	pid_t pid = child(become, &image);

	expect_exec(pid, path, argv);
	raw("process.executable", path, strlen(path));
	said();
	reap(pid);
}

static void directory_not_utf8(void)
{
	char *where = in_dir("d\xe9j\xe0"), *argv[] = { "true", NULL };
	char *path;
	struct image image = { "./true", argv, role("quiet:0") };
	pid_t pid;

	if (mkdir(where, 0755) || chdir(where))
		die("enter %s", where);
	path = copy_self(format("%s/true", where), 0755);
	pid = child(become, &image);
	expect_exec(pid, path, argv);
	str("process.working_directory", where);
	str("sensor.exec.filename", "./true");
	raw("process.executable", path, strlen(path));
	raw("process.working_directory", where, strlen(where));
	said();
	reap(pid);
}

/* A component of the longest length: 255 bytes. */
static void long_name(void)
{
	char *argv[] = { "true", NULL };

	run(copy_self(format("%0255d", 1), 0755), NULL, argv, role("quiet:0"));
}

const struct act odd_acts[] = {
	{ "odd-control", control, "arguments with newlines, escape codes and other control characters", NULL },
	{ "odd-quotes", quotes, "arguments with quotes, backslashes and markup", NULL },
	{ "odd-utf8", utf8, "arguments in all lengths of UTF-8", NULL },
	{ "odd-bytes", not_utf8, "arguments that are not UTF-8: U+FFFD for each byte, and the exact bytes in hex", NULL },
	{ "odd-name", odd_name, "a program whose name has a newline, quotes and an escape code", NULL },
	{ "odd-name-bytes", name_not_utf8, "a program whose name is not UTF-8", NULL },
	{ "odd-directory-bytes", directory_not_utf8, "a working directory whose name is not UTF-8", NULL },
	{ "odd-long-name", long_name, "a program whose name is 255 bytes long", NULL },
	{ 0 },
};
