// SPDX-License-Identifier: Apache-2.0
/* Names that come to be, and what is emptied when it is opened. */
#include "file.h"

#include <linux/openat2.h>

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

static void said_new(const char *path)
{
	struct file f = file_at(path);

	said_created(&f);
}

/* By a descriptor that some call has made: the file is new. */
static void opened(const char *what, int fd, const char *path)
{
	called(what, fd);
	said_new(path);
	close_file(fd);
}

#ifdef SYS_open
static void by_open(void)
{
	opened("open", syscall(SYS_open, "new.txt", O_WRONLY | O_CREAT | O_CLOEXEC, 0644), "new.txt");
}

static void by_creat(void)
{
	opened("creat", syscall(SYS_creat, "new.txt", 0640), "new.txt");
}
#endif

/* What is there already is opened: no event. */
static void by_open_existing(void)
{
	int fd;

	given("old.txt", "");
	fd = open("old.txt", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		die("open");
	close_file(fd);
}

static void by_openat(void)
{
	int at;

	given_dir("below.d"); /* a directory has no extension */
	at = open_file("below.d", O_DIRECTORY);
	opened("openat", openat(at, "new.tar.gz", O_WRONLY | O_CREAT | O_CLOEXEC, 0604), "below.d/new.tar.gz");
	close_file(at);
}

static void by_openat2(void)
{
	struct open_how how = { .flags = O_RDWR | O_CREAT | O_CLOEXEC, .mode = 0600 };

	opened("openat2", syscall(SYS_openat2, AT_FDCWD, "new", &how, sizeof(how)), "new");
}

static void exclusive(void)
{
	close_file(create("new"));
}

/* For reading alone: created all the same. */
static void read_only(void)
{
	opened("open", open("new", O_RDONLY | O_CREAT | O_CLOEXEC, 0444), "new");
}

/* The name comes with the link. */
static void temporary(void)
{
	int fd = open(".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
	struct file f;

	if (fd < 0 && (errno == EISDIR || errno == ENOENT))
		errno = EOPNOTSUPP;
	called("O_TMPFILE", fd);
	if (linkat(AT_FDCWD, format("/proc/self/fd/%d", fd), AT_FDCWD, "new", AT_SYMLINK_FOLLOW))
		die("link a temporary file");
	f = file_at("new");
	said_created(&f);
	close_file(fd);
}

/* It never gets a name: nothing. */
static void temporary_unnamed(void)
{
	int fd = open(".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);

	if (fd < 0 && (errno == EISDIR || errno == ENOENT))
		errno = EOPNOTSUPP;
	called("O_TMPFILE", fd);
	never(FILE_CREATE, getpid());
	str("file.inode", format("%llu", (unsigned long long)file_of(fd).st.st_ino));
	said();
	close_file(fd);
}

static void truncated(int fd)
{
	struct file f = file_at("old.txt");

	if (f.st.st_size)
		die("the file is not empty");
	said_written(&f, 0, 0);
	close_file(fd);
}

static void truncates(void)
{
	given("old.txt", "hello");
	truncated(open_file("old.txt", O_WRONLY | O_TRUNC));
}

/* Linux empties it even so. */
static void truncates_read_only(void)
{
	int fd;
	struct file f;

	given("old.txt", "hello");
	fd = open_file("old.txt", O_RDONLY | O_TRUNC);
	f = file_at("old.txt");
	if (f.st.st_size)
		die("the file is not empty");
	said_first(&f);
	said_late_summary(&f, 0, 0); /* the descriptor is not one that writes */
	close_file(fd);
}

static void truncates_empty(void)
{
	struct file f;

	given("old.txt", "");
	close_file(open_file("old.txt", O_WRONLY | O_TRUNC));
	f = file_at("old.txt");
	may(FILE_WRITE, getpid());
	str("file.path", f.path);
	no("sensor.file.summary");
	said();
	may_late_summary(&f, 0, 0);
}

static void truncates_handle(void)
{
	struct {
		struct file_handle handle;
		char room[MAX_HANDLE_SZ];
	} h = { .handle.handle_bytes = MAX_HANDLE_SZ };
	int mount_id, at = open_file(".", O_DIRECTORY), fd;

	given("old.txt", "hello");
	called("name_to_handle_at", name_to_handle_at(AT_FDCWD, "old.txt", &h.handle, &mount_id, 0));
	fd = open_by_handle_at(at, &h.handle, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0 && (errno == ESTALE || errno == EPERM))
		errno = EOPNOTSUPP;
	called("open_by_handle_at", fd);
	truncated(fd);
	close_file(at);
}

static void by_mknod(void)
{
	if (mknod("new", S_IFREG | 0640, 0))
		die("mknod");
	said_new("new");
}

#ifdef SYS_mkdir
static void by_mkdir(void)
{
	called("mkdir", syscall(SYS_mkdir, "new.d", 0750));
	said_new("new.d");
}
#endif

static void by_mkdirat(void)
{
	int at;

	given_dir("below");
	at = open_file("below", O_DIRECTORY);
	called("mkdirat", mkdirat(at, "new", 0700));
	said_new("below/new");
	close_file(at);
}

#ifdef SYS_symlink
static void by_symlink(void)
{
	called("symlink", syscall(SYS_symlink, "nowhere", "new"));
	said_new("new");
}
#endif

static void by_symlinkat(void)
{
	int at;

	given_dir("below");
	at = open_file("below", O_DIRECTORY);
	called("symlinkat", symlinkat("../old", at, "new"));
	said_new("below/new");
	close_file(at);
}

#ifdef SYS_link
static void by_link(void)
{
	given("old.txt", "");
	called("link", syscall(SYS_link, "old.txt", "new.txt"));
	said_new("new.txt");
}
#endif

static void by_linkat(void)
{
	int at;

	given("old.txt", "");
	given_dir("below");
	at = open_file("below", O_DIRECTORY);
	called("linkat", linkat(AT_FDCWD, "old.txt", at, "new.txt", 0));
	said_new("below/new.txt");
	close_file(at);
}

/* One inode, two names: told is the one that was used. */
static void by_each_name(void)
{
	given("old.txt", "");
	called("linkat", linkat(AT_FDCWD, "old.txt", AT_FDCWD, "new.txt", 0));
	said_new("new.txt");
	write_done(open_file("old.txt", O_WRONLY), "hello");
	write_done(open_file("new.txt", O_WRONLY | O_APPEND), " world");
}

static void masked(void)
{
	mode_t before = umask(077);

	close_file(create("new")); /* less is granted than was asked for */
	umask(before);
}

/* Written, closed, removed and made anew: one after the other. */
static void again(void)
{
	for (int i = 0; i < 3; i++) {
		struct file f;

		given("new", "hello");
		f = file_at("new");
		if (unlink("new"))
			die("unlink");
		said_deleted(&f);
	}
}

const struct act file_create_acts[] = {
#ifdef SYS_open
	{ "file-create-open", by_open, "open with O_CREAT of a new file", NULL },
	{ "file-create-creat", by_creat, "creat", NULL },
#endif
	{ "file-create-existing", by_open_existing, "open with O_CREAT of an existing file: nothing", NULL },
	{ "file-create-openat", by_openat, "openat with O_CREAT below a directory's descriptor", NULL },
	{ "file-create-openat2", by_openat2, "openat2 with O_CREAT", NULL },
	{ "file-create-exclusive", exclusive, "open with O_CREAT and O_EXCL", NULL },
	{ "file-create-read-only", read_only, "open with O_CREAT for reading alone", NULL },
	{ "file-create-umask", masked, "the mode is what the umask leaves", NULL },
	{ "file-create-again", again, "one name three times: each time all of it", NULL },
	{ "file-create-temporary", temporary, "O_TMPFILE and linkat: created by the link", NULL },
	{ "file-create-unnamed", temporary_unnamed, "O_TMPFILE alone: nothing", NULL },
	{ "file-create-truncate", truncates, "open with O_TRUNC of what is not empty: a modification without a write", NULL },
	{ "file-create-truncate-read-only", truncates_read_only, "likewise opened for reading alone", NULL },
	{ "file-create-truncate-empty", truncates_empty, "open with O_TRUNC of an empty file: perhaps nothing", NULL },
	{ "file-create-truncate-handle", truncates_handle, "open_by_handle_at with O_TRUNC", NULL },
	{ "file-create-mknod", by_mknod, "mknod of a regular file", NULL },
#ifdef SYS_mkdir
	{ "file-create-mkdir", by_mkdir, "mkdir: no extension, whatever the name", NULL },
	{ "file-create-symlink", by_symlink, "symlink to nowhere", NULL },
	{ "file-create-link", by_link, "link: a new name of the same inode", NULL },
#endif
	{ "file-create-mkdirat", by_mkdirat, "mkdirat below a directory's descriptor", NULL },
	{ "file-create-symlinkat", by_symlinkat, "symlinkat below a directory's descriptor", NULL },
	{ "file-create-linkat", by_linkat, "linkat below a directory's descriptor", NULL },
	{ "file-create-names", by_each_name, "an inode with two names is written by each: the name that was used", NULL },
	{ 0 },
};
