// SPDX-License-Identifier: Apache-2.0
#include "file.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#define RENAME_WHITEOUT 4
#endif

static void renamed(const char *from, const char *to, int what)
{
	struct file f = file_at(to);

	said_renamed(&f, in_dir(from), what);
}

#ifdef SYS_rename
static void by_rename(void)
{
	given("old.txt", "hello");
	called("rename", syscall(SYS_rename, "old.txt", "new.log"));
	renamed("old.txt", "new.log", 0);
}
#endif

#ifdef SYS_renameat
static void by_renameat(void)
{
	int at;

	given_dir("below");
	given("below/old.txt", "");
	at = open_file("below", O_DIRECTORY);
	called("renameat", syscall(SYS_renameat, at, "old.txt", at, "new"));
	renamed("below/old.txt", "below/new", 0);
	close_file(at);
}
#endif

static void rename_2(const char *from, const char *to, unsigned flags)
{
	long result = syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);

	if (result < 0 && errno == EINVAL)
		errno = EOPNOTSUPP;
	called("renameat2", result);
}

static void without_replacing(void)
{
	given("old.txt", "");
	rename_2("old.txt", "new.txt", RENAME_NOREPLACE);
	renamed("old.txt", "new.txt", 0);
}

static void exchanges(void)
{
	given("one.txt", "");
	given_dir("below");
	given("below/two.log", "hello");
	rename_2("one.txt", "below/two.log", RENAME_EXCHANGE);
	renamed("one.txt", "below/two.log", EXCHANGED);
	renamed("below/two.log", "one.txt", EXCHANGED);
}

/* What stays at the old name is a device. */
static void leaves_whiteout(void)
{
	given("old.txt", "");
	rename_2("old.txt", "new.txt", RENAME_WHITEOUT);
	renamed("old.txt", "new.txt", 0);
}

static void replaces(void)
{
	given("old.txt", "hello");
	given("new.txt", "world");
	if (rename("old.txt", "new.txt"))
		die("rename");
	renamed("old.txt", "new.txt", REPLACED);
}

static void directory(void)
{
	given_dir("old");
	given("old/file.txt", "");
	if (rename("old", "new.d"))
		die("rename");
	renamed("old", "new.d", 0);
	write_done(open_file("new.d/file.txt", O_WRONLY), "hello");
}

static void replaces_directory(void)
{
	given_dir("old");
	given_dir("new");
	if (rename("old", "new"))
		die("rename");
	renamed("old", "new", REPLACED);
}

static void across(void)
{
	given_dir("from");
	given_dir("to");
	given("from/one.txt", "hello");
	if (rename("from/one.txt", "to/one.txt"))
		die("rename");
	renamed("from/one.txt", "to/one.txt", 0);
}

static void of_symlink(void)
{
	struct file f;

	if (symlink("nowhere", "old"))
		die("symlink");
	f = file_at("old");
	said_created(&f);
	if (rename("old", "new"))
		die("rename");
	renamed("old", "new", 0);
}

/* As editors save: a new file takes the old one's name. */
static void saved(void)
{
	given("file.txt", "hello");
	given("file.txt.tmp", "world");
	if (rename("file.txt.tmp", "file.txt"))
		die("rename");
	renamed("file.txt.tmp", "file.txt", REPLACED);
}

const struct act file_rename_acts[] = {
#ifdef SYS_rename
	{ "file-rename", by_rename, "rename to another name and extension", NULL },
#endif
#ifdef SYS_renameat
	{ "file-rename-at", by_renameat, "renameat below a directory's descriptor", NULL },
#endif
	{ "file-rename-noreplace", without_replacing, "renameat2 with RENAME_NOREPLACE", NULL },
	{ "file-rename-exchange", exchanges, "renameat2 with RENAME_EXCHANGE: both are told", NULL },
	{ "file-rename-whiteout", leaves_whiteout, "renameat2 with RENAME_WHITEOUT", NULL },
	{ "file-rename-replace", replaces, "rename onto an existing file", NULL },
	{ "file-rename-directory", directory, "a directory is renamed: its files have the new path", NULL },
	{ "file-rename-replace-directory", replaces_directory, "a directory is renamed onto an empty one", NULL },
	{ "file-rename-across", across, "rename to another directory", NULL },
	{ "file-rename-symlink", of_symlink, "a symbolic link is renamed, not what it points to", NULL },
	{ "file-rename-saved", saved, "a new file takes the old one's name, as editors save", NULL },
	{ 0 },
};
