// SPDX-License-Identifier: Apache-2.0
/* What is known of a file besides its content, changed. */
#include "file.h"

#include <sys/xattr.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

/* Of the file old.txt that is as it was before the call. */
static void changed(const char *what, long result)
{
	struct file f;

	called(what, result);
	f = file_at("old.txt");
	said_attributes(&f);
}

static int given_open(void)
{
	given("old.txt", "hello");
	return open_file("old.txt", O_RDONLY);
}

#ifdef SYS_chmod
static void by_chmod(void)
{
	given("old.txt", "hello");
	changed("chmod", syscall(SYS_chmod, "old.txt", 04750));
}

static void by_chown(void)
{
	given("old.txt", "hello");
	changed("chown", syscall(SYS_chown, "old.txt", 12345, 54321));
}

static void by_lchown(void)
{
	struct file f;

	if (symlink("nowhere", "link"))
		die("symlink");
	f = file_at("link");
	said_created(&f);
	called("lchown", syscall(SYS_lchown, "link", 1, 2));
	f = file_at("link");
	said_attributes(&f);
}
#endif

static void by_fchmod(void)
{
	int fd = given_open();

	changed("fchmod", fchmod(fd, 0600));
	close_file(fd);
}

static void by_fchmodat(void)
{
	given("old.txt", "hello");
	changed("fchmodat", syscall(SYS_fchmodat, AT_FDCWD, "old.txt", 0640));
}

static void by_fchmodat2(void)
{
	given("old.txt", "hello");
	changed("fchmodat2", syscall(SYS_fchmodat2, AT_FDCWD, "old.txt", 0604, AT_SYMLINK_NOFOLLOW));
}

static void by_fchown(void)
{
	int fd = given_open();

	changed("fchown", fchown(fd, -1, 7));
	close_file(fd);
}

static void by_fchownat(void)
{
	given("old.txt", "hello");
	changed("fchownat", fchownat(AT_FDCWD, "old.txt", 8, -1, 0));
}

static void of_directory(void)
{
	struct file f;

	given_dir("below");
	if (chmod("below", 01777))
		die("chmod");
	f = file_at("below");
	said_attributes(&f);
}

static void sets_xattr(void)
{
	given("old.txt", "hello");
	changed("setxattr", setxattr("old.txt", "user.act", "value", 5, 0));
}

static void sets_xattr_open(void)
{
	int fd = given_open();

	changed("fsetxattr", fsetxattr(fd, "user.act", "value", 5, 0));
	close_file(fd);
}

static void removes_xattr(void)
{
	given("old.txt", "hello");
	changed("setxattr", lsetxattr("old.txt", "user.act", "value", 5, 0));
	changed("removexattr", removexattr("old.txt", "user.act"));
}

/* Times alone: perhaps nothing. */
static void sets_times(void)
{
	struct timespec times[2] = { { 1000000000, 0 }, { 1000000000, 0 } };
	struct file f;

	given("old.txt", "hello");
	called("utimensat", utimensat(AT_FDCWD, "old.txt", times, 0));
	f = file_at("old.txt");
	may_attributes(&f);
}

static void fails(void)
{
	given("old.txt", "hello");
	if (chmod("none", 0600) == 0 || errno != ENOENT || lchown("none", 1, 1) == 0 || errno != ENOENT)
		die("chmod: expected ENOENT");
	if (removexattr("old.txt", "user.none") == 0 || (errno != ENODATA && errno != EOPNOTSUPP))
		die("removexattr: expected ENODATA");
	never(FILE_ATTRIBUTES, getpid());
	str("file.path", in_dir("old.txt"));
	said();
}

const struct act file_attributes_acts[] = {
#ifdef SYS_chmod
	{ "file-attributes-chmod", by_chmod, "chmod with setuid", NULL },
	{ "file-attributes-chown", by_chown, "chown of user and group", NULL },
	{ "file-attributes-lchown", by_lchown, "lchown of a symbolic link to nowhere", NULL },
#endif
	{ "file-attributes-fchmod", by_fchmod, "fchmod", NULL },
	{ "file-attributes-fchmodat", by_fchmodat, "fchmodat", NULL },
	{ "file-attributes-fchmodat2", by_fchmodat2, "fchmodat2", NULL },
	{ "file-attributes-fchown", by_fchown, "fchown of the group alone", NULL },
	{ "file-attributes-fchownat", by_fchownat, "fchownat of the user alone", NULL },
	{ "file-attributes-directory", of_directory, "chmod of a directory", NULL },
	{ "file-attributes-setxattr", sets_xattr, "setxattr", NULL },
	{ "file-attributes-fsetxattr", sets_xattr_open, "fsetxattr", NULL },
	{ "file-attributes-removexattr", removes_xattr, "removexattr", NULL },
	{ "file-attributes-times", sets_times, "utimensat: perhaps nothing", NULL },
	{ "file-attributes-failed", fails, "calls that fail: nothing", NULL },
	{ 0 },
};
