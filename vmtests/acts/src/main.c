// SPDX-License-Identifier: Apache-2.0
/*
 *	acts list            say what there is
 *	acts NAME [TOKEN]    do it; TOKEN is for the caller to find the process
 *
 * With ACT_ROLE in the environment it is a program that an act runs.
 */
#include "file.h"

#include <dirent.h>

static const struct act *const tables[] = {
	exec_acts, script_acts, args_acts, odd_acts, path_acts, cred_acts, namespace_acts, fork_acts,
	exit_acts, leader_acts, storm_acts, helper_acts, compat_acts, failed_acts, thread_acts, older_acts,
	net_connect_acts, net_failed_acts, net_open_acts, net_udp_acts, net_raw_acts, net_accept_acts, net_close_acts,
	net_not_acts, net_passed_acts, net_uring_acts, net_uring_more_acts, net_compat_acts, net_older_acts,
	net_bind_acts, net_unix_acts, net_vsock_acts,
	file_create_acts, file_write_acts, file_shared_acts, file_rename_acts, file_delete_acts, file_path_acts,
	file_attributes_acts, file_uring_acts, file_compat_acts, file_not_acts,
};

static pid_t owner;
static void (*undo)(void);
static bool of_files; /* the act is, and is judged by all that it does to them */

void on_exit_undo(void (*fn)(void))
{
	undo = fn;
}

/*
 * Removes what is in the working directory. It goes from directory to
 * directory, one open at a time: a path may be too long, and there may be many.
 */
static void empty(void)
{
	struct dirent *entry;
	char name[NAME_MAX + 1];
	DIR *list;

again:
	list = opendir(".");
	while (list && (entry = readdir(list))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (of_files)
			empty_said(entry->d_name);
		if (unlink(entry->d_name) == 0 || errno != EISDIR)
			continue;
		strcpy(name, entry->d_name);
		closedir(list);
		if (chdir(name))
			return;
		empty();
		if (chdir("..") || rmdir(name))
			return;
		goto again;
	}
	if (list)
		closedir(list);
}

static void clean(void)
{
	if (getpid() != owner)
		return;
	if (undo)
		undo();
	if (!dir || chdir(dir))
		return;
	empty();
	if (chdir("/") || rmdir(dir))
		fprintf(stderr, "remove %s: %s\n", dir, strerror(errno));
}

static void terminated(int signal)
{
	if (undo && getpid() == owner)
		undo();
	_exit(128 + signal);
}

static void make_dir(void)
{
	const char *tmp = getenv("TMPDIR");
	char *template = format("%s/act.XXXXXX", tmp ? tmp : "/tmp");

	if (!mkdtemp(template) || chmod(template, 0755))
		die("make a directory in %s", tmp ? tmp : "/tmp");
	dir = resolved(template);
}

static void list(void)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		for (const struct act *a = tables[i]; a->name; a++)
			printf("{\"name\":\"%s\",\"shows\":\"%s\",\"needs\":\"%s\"}\n", a->name, a->shows, a->needs ? a->needs : "");
}

int main(int argc, char **argv)
{
	const char *part = getenv("ACT_ROLE");

	self_argv = argv;
	if (part)
		return play(part, argc, argv);
	/* Where no environment can be given, and where no argument can either. */
	if (argc > 2 && !strcmp(argv[1], "role"))
		return play(argv[2], argc, argv);
	if (!strcmp(program_invocation_short_name, "act-helper"))
		return play("helper", argc, argv);
	if (argc == 2 && !strcmp(argv[1], "list"))
		return list(), 0;
	for (size_t i = 0; argc > 1 && i < sizeof(tables) / sizeof(*tables); i++)
		for (const struct act *a = tables[i]; a->name; a++) {
			if (strcmp(a->name, argv[1]))
				continue;
			owner = getpid();
			signal(SIGTERM, terminated);
			umask(022);
			atexit(clean);
			make_dir();
			if (chdir(dir))
				die("enter %s", dir);
			of_files = !strncmp(a->name, "file-", strlen("file-"));
			if (of_files)
				files(dir);
			a->run();
			return 0;
		}
	fprintf(stderr, "usage: acts list | acts NAME [TOKEN]\n");
	return 2;
}
