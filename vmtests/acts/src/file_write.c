// SPDX-License-Identifier: Apache-2.0
/* Ways to change what is in a file, by one process that opened it itself. */
#include "file.h"

#include <linux/aio_abi.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#ifndef FICLONE
#define FICLONE _IOW(0x94, 9, int)
#endif
#ifndef SYS_copy_file_range
#define SYS_copy_file_range 326
#endif

/* A new file was changed through this descriptor, by so much and so often. */
static void changed(int fd, long long bytes, long long count)
{
	struct file f = file_of(fd);

	said_written(&f, bytes, count);
	close_file(fd);
}

static void wrote(const char *what, long result, int fd)
{
	called(what, result);
	changed(fd, result, 1);
}

static const struct iovec vector[] = { { (char *)"hel", 3 }, { (char *)"", 0 }, { (char *)"lo", 2 } };

static void by_write(void)
{
	write_done(create("new.txt"), "hello");
}

static void by_pwrite(void)
{
	int fd = create("new.txt");

	wrote("pwrite64", pwrite(fd, "hello", 5, 1000), fd); /* what is before is a hole */
}

static void by_writev(void)
{
	int fd = create("new.txt");

	wrote("writev", writev(fd, vector, 3), fd);
}

static void by_pwritev(void)
{
	int fd = create("new.txt");

	wrote("pwritev", pwritev(fd, vector, 3, 10), fd);
}

static void by_pwritev2(void)
{
	int fd = create("new.txt");

	wrote("pwritev2", pwritev2(fd, vector, 3, -1, 0), fd);
}

static void appends(void)
{
	given("old.txt", "hello");
	write_done(open_file("old.txt", O_WRONLY | O_APPEND), " world");
}

static void overwrites(void)
{
	given("old.txt", "hello");
	write_done(open_file("old.txt", O_RDWR), "HE");
}

static void direct(void)
{
	enum { SIZE = 65536 };
	char *buf;
	int fd;

	given("old.bin", "");
	fd = open("old.bin", O_WRONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0 && errno == EINVAL)
		skip("no O_DIRECT");
	if (fd < 0 || posix_memalign((void **)&buf, SIZE, SIZE))
		die("open with O_DIRECT");
	memset(buf, 'x', SIZE);
	wrote("write", write(fd, buf, SIZE), fd);
}

static void synchronous(void)
{
	given("old.txt", "");
	write_done(open_file("old.txt", O_WRONLY | O_SYNC), "hello");
}

/* A pipe with that in it; returns the end to read from. */
static int filled(const char *text, int pipe[2])
{
	if (pipe2(pipe, O_CLOEXEC))
		die("make a pipe");
	put_text(pipe[1], text);
	return pipe[0];
}

static void by_splice(void)
{
	int fd = create("new.txt"), pipe[2];

	wrote("splice", splice(filled("hello", pipe), NULL, fd, NULL, 5, 0), fd);
}

/* What tee has doubled is spliced from the second pipe. */
static void by_tee(void)
{
	int fd = create("new.txt"), from[2], to[2];

	if (pipe2(to, O_CLOEXEC))
		die("make a pipe");
	if (called("tee", tee(filled("hello", from), to[1], 5, 0)) != 5)
		die("tee");
	wrote("splice", splice(to[0], NULL, fd, NULL, 5, 0), fd);
}

static void by_vmsplice(void)
{
	struct iovec iov = { (char *)"hello", 5 };
	int fd = create("new.txt"), pipe[2];

	if (pipe2(pipe, O_CLOEXEC) || called("vmsplice", vmsplice(pipe[1], &iov, 1, 0)) != 5)
		die("vmsplice");
	wrote("splice", splice(pipe[0], NULL, fd, NULL, 5, 0), fd);
}

static void by_sendfile(void)
{
	int in, fd;

	given("old.txt", "hello world");
	in = open_file("old.txt", O_RDONLY);
	fd = create("new.txt");
	wrote("sendfile", sendfile(fd, in, NULL, 100), fd);
	close_file(in);
}

static void by_copy(void)
{
	int in, fd;
	long n;

	given("old.txt", "hello world");
	in = open_file("old.txt", O_RDONLY);
	fd = create("new.txt");
	n = syscall(SYS_copy_file_range, in, NULL, fd, NULL, 100, 0);
	if (n < 0 && errno == EXDEV)
		errno = EOPNOTSUPP;
	wrote("copy_file_range", n, fd);
	close_file(in);
}

static void by_clone(void)
{
	int in, fd;

	given("old.txt", "hello world");
	in = open_file("old.txt", O_RDONLY);
	fd = create("new.txt");
	if (ioctl(fd, FICLONE, in)) {
		if (errno == EINVAL || errno == ENOTTY)
			errno = EOPNOTSUPP;
		called("FICLONE", -1);
	}
	changed(fd, 11, 1);
	close_file(in);
}

static void by_fallocate(void)
{
	int fd = create("new.bin");

	called("fallocate", fallocate(fd, 0, 0, 10000));
	changed(fd, 0, 0);
}

static void by_punch(void)
{
	int fd;

	given("old.txt", "hello world");
	fd = open_file("old.txt", O_RDWR);
	called("fallocate", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 5));
	changed(fd, 0, 0);
}

/* By its path: there is no descriptor whose release could tell the sum. */
static void by_truncate(void)
{
	struct file f;

	given("old.txt", "hello world");
	if (truncate("old.txt", 5))
		die("truncate");
	f = file_at("old.txt");
	said_first(&f);
	may_late_summary(&f, 0, 0);
}

static void by_ftruncate(void)
{
	int fd;

	given("old.txt", "hello world");
	fd = open_file("old.txt", O_WRONLY);
	if (ftruncate(fd, 5))
		die("ftruncate");
	changed(fd, 0, 0);
}

/* Both of one descriptor: one modification. */
static void truncates_and_writes(void)
{
	int fd;

	given("old.txt", "hello world");
	fd = open_file("old.txt", O_WRONLY | O_TRUNC);
	put_text(fd, "hi");
	changed(fd, 2, 1);
}

static char *mapped(int fd, int protection, int flags)
{
	char *at = mmap(NULL, 4096, protection, flags, fd, 0);

	if (at == MAP_FAILED)
		die("map a file");
	return at;
}

static void by_mapping(void)
{
	char *at;
	int fd;

	given("old.txt", "hello world");
	fd = open_file("old.txt", O_RDWR);
	at = mapped(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	memcpy(at, "HELLO", 5);
	if (munmap(at, 4096))
		die("unmap");
	changed(fd, UNSEEN, UNSEEN);
}

/* The mapping keeps the file when its descriptor is closed. */
static void by_mapping_closed(void)
{
	struct file f;
	char *at;
	int fd;

	given("old.txt", "hello world");
	fd = open_file("old.txt", O_RDWR);
	at = mapped(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	f = file_of(fd);
	close_file(fd);
	memcpy(at, "HELLO", 5);
	said_written(&f, UNSEEN, UNSEEN);
	if (munmap(at, 4096))
		die("unmap");
}

/* Mapped for reading and made writable afterwards. */
static void by_mapping_later(void)
{
	char *at;
	int fd;

	given("old.txt", "hello world");
	fd = open_file("old.txt", O_RDWR);
	at = mapped(fd, PROT_READ, MAP_SHARED);
	if (mprotect(at, 4096, PROT_READ | PROT_WRITE))
		die("make a mapping writable");
	memcpy(at, "HELLO", 5);
	if (munmap(at, 4096))
		die("unmap");
	changed(fd, UNSEEN, UNSEEN);
}

static void by_aio(void)
{
	struct iocb block = { .aio_lio_opcode = IOCB_CMD_PWRITE, .aio_buf = (uintptr_t) "hello", .aio_nbytes = 5 };
	struct io_event event;
	aio_context_t context = 0;
	struct file f;
	int fd = create("new.txt");

	called("io_setup", syscall(SYS_io_setup, 4, &context));
	block.aio_fildes = fd;
	if (called("io_submit", syscall(SYS_io_submit, context, 1, (struct iocb *[]){ &block })) != 1)
		die("submit");
	if (syscall(SYS_io_getevents, context, 1, 1, &event, NULL) != 1 || event.res != 5)
		die("write asynchronously");
	f = file_of(fd);
	said_first(&f);
	said_late_summary(&f, 5, 1); /* the kernel may hold the file for longer */
	close_file(fd);
	syscall(SYS_io_destroy, context);
}

enum { MANY = 1000, PART = 64 };

static void put_many(int fd)
{
	char buf[PART];

	memset(buf, 'x', sizeof(buf));
	for (int i = 0; i < MANY; i++)
		if (write(fd, buf, sizeof(buf)) != sizeof(buf))
			die("write");
}

static void many(void)
{
	int fd = create("new.txt");

	put_many(fd);
	changed(fd, MANY * PART, MANY);
}

static void large(void)
{
	enum { SIZE = 8 << 20 };
	char *buf = calloc(1, SIZE);
	int fd = create("new.bin");

	wrote("write", write(fd, buf, SIZE), fd);
	free(buf);
}

/* Opened and written twice: told twice. */
static void twice(void)
{
	given("old.txt", "hello");
	write_done(open_file("old.txt", O_WRONLY), "one");
	write_done(open_file("old.txt", O_WRONLY), "three");
}

static void many_files(void)
{
	int fd[20];

	for (int i = 0; i < 20; i++) {
		fd[i] = create(format("file.%d", i));
		put_text(fd[i], "hello");
	}
	for (int i = 0; i < 20; i++)
		changed(fd[i], 5, 1);
}

/* All ways through one descriptor: one modification. */
static void mixed(void)
{
	int fd = create("new.txt"), pipe[2];

	put_text(fd, "hello");
	if (pwrite(fd, "12", 2, 0) != 2 || writev(fd, vector, 3) != 5 || splice(filled("xyz", pipe), NULL, fd, NULL, 3, 0) != 3)
		die("write");
	changed(fd, 15, 4);
}

/* What fails counts nothing, between what does not. */
static void between_failures(void)
{
	int fd = create("new.txt");

	put_text(fd, "hello");
	if (syscall(SYS_write, fd, 8L, 5L) >= 0 || errno != EFAULT || pwrite(fd, "x", 1, -1) >= 0 || errno != EINVAL || write(fd, "", 0))
		die("write: expected failures");
	put_text(fd, "world");
	changed(fd, 10, 2);
}

static void renamed_between(void)
{
	int fd = create("new.txt");
	struct file f = file_of(fd), g;

	put_text(fd, "hello");
	said_first(&f);
	if (rename("new.txt", "other.log"))
		die("rename");
	g = file_of(fd);
	said_renamed(&g, f.path, 0);
	put_text(fd, "world");
	g = file_of(fd);
	said_summary(&g, 10, 2);
	close_file(fd);
}

/* Nobody can name it any more. */
static void deleted(void)
{
	int fd = create("new.txt");
	struct file f = file_of(fd);

	if (unlink("new.txt"))
		die("unlink");
	said_deleted(&f);
	put_text(fd, "hello");
	changed(fd, 5, 1);
}

const struct act file_write_acts[] = {
	{ "file-write", by_write, "write: the first is told, and the sum at the close", NULL },
	{ "file-write-pwrite", by_pwrite, "pwrite64 beyond the end", NULL },
	{ "file-write-writev", by_writev, "writev: one write of all its parts", NULL },
	{ "file-write-pwritev", by_pwritev, "pwritev", NULL },
	{ "file-write-pwritev2", by_pwritev2, "pwritev2", NULL },
	{ "file-write-append", appends, "write to the end of an existing file", NULL },
	{ "file-write-over", overwrites, "write over what is there", NULL },
	{ "file-write-direct", direct, "write with O_DIRECT", NULL },
	{ "file-write-sync", synchronous, "write with O_SYNC", NULL },
	{ "file-write-splice", by_splice, "splice from a pipe", NULL },
	{ "file-write-tee", by_tee, "tee, and splice of what it doubled", NULL },
	{ "file-write-vmsplice", by_vmsplice, "vmsplice, and splice of that memory", NULL },
	{ "file-write-sendfile", by_sendfile, "sendfile from another file", NULL },
	{ "file-write-copy", by_copy, "copy_file_range from another file", NULL },
	{ "file-write-clone", by_clone, "FICLONE of another file", NULL },
	{ "file-write-fallocate", by_fallocate, "fallocate: a modification without a write", NULL },
	{ "file-write-punch", by_punch, "fallocate that punches a hole", NULL },
	{ "file-write-truncate", by_truncate, "truncate by path", NULL },
	{ "file-write-ftruncate", by_ftruncate, "ftruncate: a modification without a write", NULL },
	{ "file-write-truncate-write", truncates_and_writes, "O_TRUNC and a write: one modification", NULL },
	{ "file-write-mmap", by_mapping, "a shared writable mapping: how much is not known", NULL },
	{ "file-write-mmap-closed", by_mapping_closed, "a shared mapping that outlives its descriptor", NULL },
	{ "file-write-mmap-later", by_mapping_later, "a shared mapping that is made writable later", NULL },
	{ "file-write-aio", by_aio, "io_submit", NULL },
	{ "file-write-many", many, "1,000 writes: two documents", NULL },
	{ "file-write-large", large, "8 MiB in one write", NULL },
	{ "file-write-twice", twice, "opened and written twice: told twice", NULL },
	{ "file-write-files", many_files, "20 files at once", NULL },
	{ "file-write-mixed", mixed, "write, pwrite, writev and splice through one descriptor: one modification", NULL },
	{ "file-write-failures", between_failures, "failing writes between others do not count", NULL },
	{ "file-write-renamed", renamed_between, "renamed between two writes: the sum has the new name", NULL },
	{ "file-write-deleted", deleted, "a file without a name is written: marked as deleted", NULL },
	{ 0 },
};
