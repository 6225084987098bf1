// SPDX-License-Identifier: Apache-2.0
#include "file.h"

#ifdef SYS_unlink
static void by_unlink(void)
{
	struct file f;

	given("old.txt", "hello");
	f = file_at("old.txt");
	called("unlink", syscall(SYS_unlink, "old.txt"));
	said_deleted(&f);
}

static void by_rmdir(void)
{
	struct file f;

	given_dir("old.d");
	f = file_at("old.d");
	called("rmdir", syscall(SYS_rmdir, "old.d"));
	said_deleted(&f);
}
#endif

static void by_unlinkat(void)
{
	struct file f;
	int at;

	given_dir("below");
	given("below/old.tar.gz", "");
	f = file_at("below/old.tar.gz");
	at = open_file("below", O_DIRECTORY);
	called("unlinkat", unlinkat(at, "old.tar.gz", 0));
	said_deleted(&f);
	close_file(at);
}

static void remove_directory(void)
{
	struct file f;

	given_dir("old");
	f = file_at("old");
	called("unlinkat", unlinkat(AT_FDCWD, "old", AT_REMOVEDIR));
	said_deleted(&f);
}

/* It lives on without a name; its end is no event. */
static void while_open(void)
{
	struct file f;
	char buf[8];
	int fd;

	given("old.txt", "hello");
	fd = open_file("old.txt", O_RDONLY);
	f = file_at("old.txt");
	if (unlink("old.txt") || read(fd, buf, sizeof(buf)) != 5)
		die("unlink");
	said_deleted(&f);
	close_file(fd);
}

/* The inode stays. */
static void one_of_two(void)
{
	struct file f;

	given("old.txt", "hello");
	if (link("old.txt", "new.txt"))
		die("link");
	f = file_at("new.txt");
	said_created(&f);
	f = file_at("old.txt");
	if (unlink("old.txt"))
		die("unlink");
	said_deleted(&f);
}

static void of_symlink(void)
{
	struct file f;

	given("old.txt", "hello");
	if (symlink("old.txt", "name"))
		die("symlink");
	f = file_at("name");
	said_created(&f);
	if (unlink("name"))
		die("unlink");
	said_deleted(&f);
}

static void many(void)
{
	struct file f;

	for (int i = 0; i < 50; i++)
		given(format("old.%d", i), "");
	for (int i = 0; i < 50; i++) {
		f = file_at(format("old.%d", i));
		if (unlink(format("old.%d", i)))
			die("unlink");
		said_deleted(&f);
	}
}

static int deletes(void *arg)
{
	struct file f = file_at("old.txt");

	(void)arg;
	if (unlink("old.txt"))
		die("unlink");
	said_deleted(&f);
	return 0;
}

static void by_child(void)
{
	given("old.txt", "hello");
	reap(child(deletes, NULL));
}

const struct act file_delete_acts[] = {
#ifdef SYS_unlink
	{ "file-delete", by_unlink, "unlink", NULL },
	{ "file-delete-rmdir", by_rmdir, "rmdir", NULL },
#endif
	{ "file-delete-unlinkat", by_unlinkat, "unlinkat below a directory's descriptor", NULL },
	{ "file-delete-removedir", remove_directory, "unlinkat with AT_REMOVEDIR", NULL },
	{ "file-delete-open", while_open, "unlink of a file that is open: its last close is no event", NULL },
	{ "file-delete-link", one_of_two, "unlink of one name of two", NULL },
	{ "file-delete-symlink", of_symlink, "unlink of a symbolic link, not of what it points to", NULL },
	{ "file-delete-many", many, "50 files", NULL },
	{ "file-delete-child", by_child, "a child unlinks what its parent made", NULL },
	{ 0 },
};
