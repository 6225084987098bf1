// SPDX-License-Identifier: Apache-2.0
/* How many arguments, and how long. */
#include "act.h"

#include <pthread.h>
#include <sys/mman.h>

#define WHOLE 65536 /* a sensor reports this many bytes of arguments, NULs included */

/* n arguments of len bytes each, NUL not counted, all different. */
static char **vector(int n, int len)
{
	char **argv = calloc(n + 1, sizeof(*argv));

	for (int i = 0; i < n; i++)
		argv[i] = format("%0*d", len, i);
	return argv;
}

static void many(void)
{
	run(copy_self("true", 0755), NULL, vector(3000, 8), role("quiet:0"));
}

static void thousands_empty(void)
{
	char **argv = vector(5000, 1);

	for (int i = 1; i < 5000; i++)
		argv[i] = "";
	run(copy_self("true", 0755), NULL, argv, role("quiet:0"));
}

static void whole(void)
{
	run(copy_self("true", 0755), NULL, vector(64, WHOLE / 64 - 1), role("quiet:0"));
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

/* argv is longer than what is reported. */
static void run_cut(char **argv, size_t at_least)
{
	char *path = copy_self("true", 0755);
	struct image image = { path, argv, role("quiet:0") };
	pid_t pid = child(become, &image);

	expect("exec", pid);
	str("process.executable", path);
	num("process.args_count", count_strs(argv));
	yes("process.Ext.command_line_truncated");
	begins("process.args", argv, at_least);
	said();
	reap(pid);
}

static void cut_many(void)
{
	run_cut(vector(3000, 31), WHOLE - 64);
}

static void cut_by_one(void)
{
	char **argv = vector(64, WHOLE / 64 - 1);

	argv[63] = format("%sx", argv[63]);
	run_cut(argv, WHOLE - 64);
}

/* Many arguments, one of the longest that the kernel takes, more. */
static void cut_long(void)
{
	char **argv = vector(5, 100);

	argv[1] = format("%0*d", 131071, 1);
	run_cut(argv, WHOLE - 64);
}

static void cut_megabyte(void)
{
	run_cut(vector(15000, 100), WHOLE - 128);
}

static void none(void)
{
	char *path = copy_self("true", 0755), *argv[] = { NULL };
	struct image image = { path, argv, role("args") };
	pid_t pid = child(become, &image);

	/* What the kernel makes of it, [""] since Linux 5.18, the image says itself. */
	expect("exec", pid);
	str("process.executable", path);
	said();
	reap(pid);
}

static void empty(void)
{
	char *argv[] = { "", "", "x", "", NULL };

	run(copy_self("true", 0755), NULL, argv, role("exit:0"));
}

/* The name in argv is not that of the file. */
static void other_name(void)
{
	char *argv[] = { "[kworker/0:1]", NULL };

	run(copy_self("true", 0755), NULL, argv, role("exit:0"));
}

static void forged(void)
{
	char *argv[] = { "true", "what", "exec", "took", NULL };

	run(copy_self("true", 0755), NULL, argv, role("forge"));
}

static char *shared;
static volatile bool going;

static void *flip(void *arg)
{
	(void)arg;
	going = true;
	for (unsigned i = 0;; i++)
		memset(shared, i & 1 ? 'B' : 'A', 100);
	return NULL;
}

static int become_raced(void *arg)
{
	struct image *image = arg;
	pthread_t thread;

	if (pthread_create(&thread, NULL, flip, NULL))
		die("start a thread");
	while (!going)
		usleep(100);
	return become(image);
}

/* Another thread changes the arguments while execve reads them: the image says what it got. */
static void raced(void)
{
	char *path = copy_self("true", 0755);
	char *argv[] = { "true", NULL, NULL };
	struct image image = { path, argv, role("args") };

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("map memory");
	memset(shared, 'A', 100);
	argv[1] = shared;
	for (int i = 0; i < 30; i++) {
		pid_t pid = child(become_raced, &image);

		expect("exec", pid);
		str("process.executable", path);
		said();
		reap(pid);
	}
}

const struct act args_acts[] = {
	{ "args-many", many, "3,000 arguments, whole", NULL },
	{ "args-many-empty", thousands_empty, "4,999 empty arguments, all counted", NULL },
	{ "args-64k", whole, "arguments of exactly 64 KiB, whole", NULL },
	{ "args-64k-and-one", cut_by_one, "one byte more: marked as cut", NULL },
	{ "args-cut-many", cut_many, "3,000 arguments of 94 KiB: the beginning, a mark and the count", NULL },
	{ "args-cut-long", cut_long, "an argument of 128 KiB: its beginning, a mark and the count", NULL },
	{ "args-cut-megabyte", cut_megabyte, "15,000 arguments of 1.4 MiB: the beginning, a mark and the count", NULL },
	{ "args-none", none, "an empty argument vector: what the kernel makes of it", NULL },
	{ "args-empty", empty, "empty arguments, also the first and the last", NULL },
	{ "args-other-name", other_name, "argv[0] that is not the program's name", NULL },
	{ "args-forged", forged, "arguments overwritten by the image: those that exec took", NULL },
	{ "args-raced", raced, "arguments changed during execve: those that the image got", NULL },
	{ 0 },
};
