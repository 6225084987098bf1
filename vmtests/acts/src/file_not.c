// SPDX-License-Identifier: Apache-2.0
/* What is near to a change of a file and is none. */
#include "file.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

static void failed(const char *what, long result, int error)
{
	if (result >= 0 || errno != error)
		die("%s: expected error %d", what, error);
}

/* Nothing more than its making is told of old.txt. */
static void reads(void)
{
	char buf[8];
	int fd;

	given("old.txt", "hello");
	fd = open_file("old.txt", O_RDONLY);
	if (read(fd, buf, sizeof(buf)) != 5 || lseek(fd, 0, SEEK_SET) || fsync(fd))
		die("read");
	close_file(fd);
	close_file(open_file("old.txt", O_RDWR)); /* could have been written */
	if (access("old.txt", W_OK))
		die("access");
}

static int as_another(void *arg)
{
	(void)arg;
	if (setgid(65534) || setuid(65534))
		die("change the user");
	failed("open", open("old.txt", O_WRONLY), EACCES);
	failed("open", open("none.txt", O_WRONLY | O_CREAT, 0644), EACCES);
	failed("unlink", unlink("old.txt"), EACCES);
	failed("mkdir", mkdir("none", 0755), EACCES);
	failed("chmod", chmod("old.txt", 0600), EPERM);
	return 0;
}

static void opens_fail(void)
{
	given("old.txt", "hello");
	failed("open", open("none", O_WRONLY), ENOENT);
	failed("open", open("none/none", O_WRONLY | O_CREAT, 0644), ENOENT);
	failed("open", open("old.txt", O_WRONLY | O_CREAT | O_EXCL, 0644), EEXIST);
	failed("open", open("old.txt/none", O_WRONLY | O_CREAT, 0644), ENOTDIR);
	failed("open", open(".", O_WRONLY), EISDIR);
	reap(child(as_another, NULL));
}

static void writes_fail(void)
{
	struct rlimit limit = { 10, RLIM_INFINITY }, old;
	int fd, error;
	long n;

	given("old.txt", "hello");
	fd = open_file("old.txt", O_RDONLY);
	failed("write", write(fd, "x", 1), EBADF);
	failed("ftruncate", ftruncate(fd, 0), EINVAL);
	close_file(fd);
	fd = open_file("old.txt", O_RDWR);
	if (write(fd, "", 0))
		die("write nothing");
	failed("write", syscall(SYS_write, fd, 8L, 5L), EFAULT);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	setrlimit(RLIMIT_FSIZE, &limit);
	n = pwrite(fd, "x", 1, 100);
	error = errno;
	setrlimit(RLIMIT_FSIZE, &old); /* what it says goes to a file as well */
	errno = error;
	failed("write beyond the limit", n, EFBIG);
	close_file(fd);
}

static void names_fail(void)
{
	given("old.txt", "hello");
	given_dir("below");
	given("below/inside", "");
	failed("rename", rename("none", "new"), ENOENT);
	failed("rename", rename("old.txt", "none/new"), ENOENT);
	failed("rename", syscall(SYS_renameat2, AT_FDCWD, "old.txt", AT_FDCWD, "below/inside", 1), EEXIST);
	failed("rename", rename("old.txt", "below"), EISDIR);
	failed("unlink", unlink("none"), ENOENT);
	failed("rmdir", rmdir("none"), ENOENT);
	failed("rmdir", rmdir("below"), ENOTEMPTY);
	failed("mkdir", mkdir("below", 0755), EEXIST);
	failed("mkdir", mkdir("none/none", 0755), ENOENT);
	failed("link", link("none", "new"), ENOENT);
	failed("link", link("below", "new"), EPERM);
	failed("link", link("old.txt", "below/inside"), EEXIST);
	failed("symlink", symlink("old.txt", "below"), EEXIST);
	failed("mknod", mknod("old.txt", S_IFREG | 0644, 0), EEXIST);
	failed("truncate", truncate("none", 0), ENOENT);
}

/* To itself: Linux does nothing. */
static void renames_to_itself(void)
{
	struct file f;

	given("old.txt", "hello");
	if (link("old.txt", "same.txt"))
		die("link");
	f = file_at("same.txt");
	said_created(&f);
	if (rename("old.txt", "old.txt") || rename("old.txt", "same.txt"))
		die("rename");
	file_at("old.txt"); /* it is still there */
}

static void write_to(int fd, const char *text)
{
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die("write to what is no file");
	never_file(fd);
	close_file(fd);
}

static void no_storage(void)
{
	int fds[2];
	uint64_t one = 1;
	int fd;

	write_to(open_file("/dev/null", O_WRONLY), "hello");
	never_path("/dev/null");
	if (pipe2(fds, O_CLOEXEC))
		die("make a pipe");
	write_to(fds[1], "hello");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		die("make a socket pair");
	write_to(fds[1], "hello");
	fd = eventfd(0, EFD_CLOEXEC);
	if (write(fd, &one, sizeof(one)) != sizeof(one))
		die("write to an eventfd");
	never_file(fd);
	write_to(open_file("/proc/self/comm", O_WRONLY), "acts");
	never_path(format("/proc/%d/comm", getpid()));
}

static void memory(void)
{
	int fd = memfd_create("act", MFD_CLOEXEC);

	called("memfd_create", fd);
	if (ftruncate(fd, 100))
		die("ftruncate");
	write_to(fd, "hello");
}

static void private_mapping(void)
{
	char *at;
	int fd;

	given("old.txt", "hello");
	fd = open_file("old.txt", O_RDWR);
	at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		die("map a file");
	memcpy(at, "HELLO", 5);
	munmap(at, 4096);
	close_file(fd);
}

static void map_for_reading(int flags)
{
	char *at;
	int fd;

	given("old.txt", "hello");
	fd = open_file("old.txt", flags);
	at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED || *at != 'h')
		die("map a file");
	munmap(at, 4096);
	close_file(fd);
}

/* Shared, but for reading; and from a descriptor that is no more than that. */
static void read_mapping(void)
{
	map_for_reading(O_RDONLY);
}

/* It could be made writable, and is not. */
static void read_mapping_of_writer(void)
{
	map_for_reading(O_RDWR);
}

/* Neither file, directory nor symbolic link. */
static void special(void)
{
	int fd;

	if (mkfifo("fifo", 0644) || mknod("null", S_IFCHR | 0644, 0x103))
		die("mknod");
	fd = open_file("fifo", O_RDWR);
	put_text(fd, "hello");
	close_file(fd);
	if (rename("fifo", "fifo.1"))
		die("rename");
	never_path(in_dir("fifo"));
	never_path(in_dir("fifo.1"));
	never_path(in_dir("null"));
	if (unlink("fifo.1") || unlink("null"))
		die("unlink");
}

const struct act file_not_acts[] = {
	{ "file-not-read", reads, "what is opened and read alone: nothing", NULL },
	{ "file-not-opened", opens_fail, "opens that fail: nothing", NULL },
	{ "file-not-written", writes_fail, "writes that fail, or write nothing: nothing", NULL },
	{ "file-not-named", names_fail, "renames, removals and creations that fail: nothing", NULL },
	{ "file-not-renamed", renames_to_itself, "renames that Linux leaves out: nothing", NULL },
	{ "file-not-storage", no_storage, "devices, pipes, sockets and /proc are written: nothing", NULL },
	{ "file-not-memory", memory, "a memfd is written: nothing", NULL },
	{ "file-not-private", private_mapping, "a private mapping is written: nothing", NULL },
	{ "file-not-mapped", read_mapping, "a shared mapping for reading: nothing", NULL },
	{ "file-not-mapped-writer", read_mapping_of_writer, "a shared mapping for reading of a descriptor for writing: nothing", NULL },
	{ "file-not-special", special, "FIFOs and devices that are made, written, renamed and removed: nothing", NULL },
	{ 0 },
};
