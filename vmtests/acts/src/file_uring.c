// SPDX-License-Identifier: Apache-2.0
/* Files by io_uring: told is the process whose request it is. */
#include "file.h"
#include "net_ring.h"

#include <sys/uio.h>

enum {
	OP_WRITEV = 2,
	OP_FALLOCATE = 17,
	OP_OPENAT = 18,
	OP_WRITE = 23,
	OP_SPLICE = 30,
	OP_RENAMEAT = 35,
	OP_UNLINKAT = 36,
	OP_MKDIRAT = 37,
	OP_SYMLINKAT = 38,
	OP_LINKAT = 39,
	OP_FTRUNCATE = 55,
};

static struct request *put_write(struct ring *r, int fd, const char *text, uint8_t flags)
{
	struct request *q = ring_next(r, OP_WRITE, fd);

	q->addr = (uintptr_t)text;
	q->len = strlen(text);
	q->flags = flags;
	return q;
}

/* The ring may hold the file for longer than its descriptor is there. */
static void changed(int fd, long long bytes, long long count)
{
	struct file f = file_of(fd);

	said_first(&f);
	said_late_summary(&f, bytes, count);
	close_file(fd);
}

static void write_with(uint32_t setup, uint8_t flags)
{
	struct ring r;
	int fd;

	ring_make(&r, setup);
	if (r.polled && !(r.features & FEATURE_SQPOLL_NONFIXED))
		skip("a thread that polls takes registered files only");
	fd = create("new.txt");
	put_write(&r, fd, "hello", flags);
	if (ring_supported("write", ring_result(&r)) != 5)
		die("write by io_uring");
	changed(fd, 5, 1);
	never_file(r.fd);
	close_file(r.fd);
}

static void by_write(void)
{
	write_with(0, 0);
}

static void by_worker(void)
{
	write_with(0, ASYNC);
}

static void by_polling(void)
{
	write_with(SETUP_SQPOLL, 0);
}

static void by_writev(void)
{
	static const struct iovec vector[] = { { (char *)"hel", 3 }, { (char *)"lo", 2 } };
	struct request *q;
	struct ring r;
	int fd;

	ring_make(&r, 0);
	fd = create("new.txt");
	q = ring_next(&r, OP_WRITEV, fd);
	q->addr = (uintptr_t)vector;
	q->len = 2;
	if (ring_supported("writev", ring_result(&r)) != 5)
		die("write by io_uring");
	changed(fd, 5, 1);
	close_file(r.fd);
}

static void fixed_with(uint32_t setup)
{
	struct ring r;
	int fd;

	ring_make(&r, setup);
	fd = create("new.txt");
	ring_files(&r, (int[]){ fd }, 1);
	put_write(&r, 0, "hello", FIXED_FILE);
	if (ring_supported("write", ring_result(&r)) != 5)
		die("write by io_uring");
	changed(fd, 5, 1);
	close_file(r.fd);
}

static void by_fixed(void)
{
	fixed_with(0);
}

static void by_polling_fixed(void)
{
	fixed_with(SETUP_SQPOLL);
}

static void many(void)
{
	struct ring r;
	int fd;

	ring_make(&r, 0);
	fd = create("new.txt");
	for (int i = 0; i < 10; i++) {
		for (int j = 0; j < 8; j++)
			put_write(&r, fd, "hello", j < 7 ? LINK : 0)->offset = 5 * (8 * i + j);
		ring_submit(&r);
		for (int j = 0; j < 8; j++)
			if (ring_supported("write", ring_wait(&r).result) != 5)
				die("write by io_uring");
	}
	changed(fd, 400, 80);
	close_file(r.fd);
}

/* No completion tells of it. */
static void silent(void)
{
	struct completion c;
	struct ring r;
	int fd;

	ring_make(&r, 0);
	given("new.txt", "");
	fd = open_file("new.txt", O_WRONLY);
	put_write(&r, fd, "hello", SKIP_SUCCESS | LINK);
	ring_next(&r, OP_NOP, -1)->user_data = 9;
	ring_submit(&r);
	c = ring_wait(&r);
	if (c.user_data != 9 || c.result == -ECANCELED)
		ring_supported("silent success", c.user_data == 9 ? -EINVAL : c.result);
	changed(fd, 5, 1);
	close_file(r.fd);
}

static void by_splice(void)
{
	struct request *q;
	struct ring r;
	int fd, pipe[2];

	ring_make(&r, 0);
	if (pipe2(pipe, O_CLOEXEC))
		die("make a pipe");
	put_text(pipe[1], "hello");
	fd = create("new.txt");
	q = ring_next(&r, OP_SPLICE, fd);
	q->offset = 0;
	q->addr = -1; /* where in the pipe: nowhere */
	q->len = 5;
	q->file_index = pipe[0];
	if (ring_supported("splice", ring_result(&r)) != 5)
		die("splice by io_uring");
	changed(fd, 5, 1);
	close_file(r.fd);
}

static void by_fallocate(void)
{
	struct request *q;
	struct ring r;
	int fd;

	ring_make(&r, 0);
	fd = create("new.bin");
	q = ring_next(&r, OP_FALLOCATE, fd);
	q->addr = 10000; /* the length */
	ring_supported("fallocate", ring_result(&r));
	changed(fd, 0, 0);
	close_file(r.fd);
}

static void by_ftruncate(void)
{
	struct ring r;
	int fd;

	ring_make(&r, 0);
	given("old.txt", "hello");
	fd = open_file("old.txt", O_WRONLY);
	ring_next(&r, OP_FTRUNCATE, fd)->offset = 2;
	ring_supported("ftruncate", ring_result(&r));
	changed(fd, 0, 0);
	close_file(r.fd);
}

static void open_with(int flags)
{
	struct request *q;
	struct file f;
	struct ring r;
	int fd;

	ring_make(&r, 0);
	q = ring_next(&r, OP_OPENAT, AT_FDCWD);
	q->addr = (uintptr_t) "new.txt";
	q->len = 0640;
	q->op_flags = O_WRONLY | O_CREAT | O_CLOEXEC;
	q->flags = flags;
	fd = ring_supported("openat", ring_result(&r));
	f = file_at("new.txt");
	said_created(&f);
	close_file(fd);
	close_file(r.fd);
}

static void by_openat(void)
{
	open_with(0);
}

static void by_openat_worker(void)
{
	open_with(ASYNC);
}

/* Of one or two names below the working directory. */
static void name_with(int opcode, const char *what, const char *one, uint32_t len, const char *two, uint32_t flags)
{
	struct request *q;
	struct ring r;

	ring_make(&r, 0);
	q = ring_next(&r, opcode, AT_FDCWD);
	q->addr = (uintptr_t)one;
	q->len = len;
	q->offset = (uintptr_t)two;
	q->op_flags = flags;
	ring_supported(what, ring_result(&r));
	close_file(r.fd);
}

static void by_unlinkat(void)
{
	struct file f;

	given("old.txt", "hello");
	f = file_at("old.txt");
	name_with(OP_UNLINKAT, "unlinkat", "old.txt", 0, NULL, 0);
	said_deleted(&f);
}

static void by_rmdir(void)
{
	struct file f;

	given_dir("old");
	f = file_at("old");
	name_with(OP_UNLINKAT, "unlinkat", "old", 0, NULL, AT_REMOVEDIR);
	said_deleted(&f);
}

static void by_renameat(void)
{
	struct file f;

	given("old.txt", "hello");
	name_with(OP_RENAMEAT, "renameat", "old.txt", AT_FDCWD, "new.log", 0);
	f = file_at("new.log");
	said_renamed(&f, in_dir("old.txt"), 0);
}

static void made(const char *path)
{
	struct file f = file_at(path);

	said_created(&f);
}

static void by_mkdirat(void)
{
	name_with(OP_MKDIRAT, "mkdirat", "new", 0750, NULL, 0);
	made("new");
}

static void by_symlinkat(void)
{
	name_with(OP_SYMLINKAT, "symlinkat", "nowhere", 0, "new", 0);
	made("new");
}

static void by_linkat(void)
{
	given("old.txt", "hello");
	name_with(OP_LINKAT, "linkat", "old.txt", AT_FDCWD, "new.txt", 0);
	made("new.txt");
}

const struct act file_uring_acts[] = {
	{ "file-uring-write", by_write, "a write by io_uring", "io_uring" },
	{ "file-uring-worker", by_worker, "a write in a worker thread of the kernel", "io_uring" },
	{ "file-uring-polled", by_polling, "a write in a thread that polls for requests", "io_uring" },
	{ "file-uring-writev", by_writev, "writev by io_uring", "io_uring" },
	{ "file-uring-fixed", by_fixed, "a registered file is written", "io_uring" },
	{ "file-uring-polled-fixed", by_polling_fixed, "a registered file, and a thread that polls", "io_uring" },
	{ "file-uring-many", many, "80 writes by io_uring: two documents", "io_uring" },
	{ "file-uring-silent", silent, "a write without a completion (CQE_SKIP_SUCCESS)", "io_uring" },
	{ "file-uring-splice", by_splice, "splice by io_uring", "io_uring" },
	{ "file-uring-fallocate", by_fallocate, "fallocate by io_uring", "io_uring" },
	{ "file-uring-ftruncate", by_ftruncate, "ftruncate by io_uring", "io_uring" },
	{ "file-uring-openat", by_openat, "openat with O_CREAT by io_uring", "io_uring" },
	{ "file-uring-openat-worker", by_openat_worker, "the same in a worker thread of the kernel", "io_uring" },
	{ "file-uring-unlinkat", by_unlinkat, "unlinkat by io_uring", "io_uring" },
	{ "file-uring-rmdir", by_rmdir, "unlinkat with AT_REMOVEDIR by io_uring", "io_uring" },
	{ "file-uring-renameat", by_renameat, "renameat by io_uring", "io_uring" },
	{ "file-uring-mkdirat", by_mkdirat, "mkdirat by io_uring", "io_uring" },
	{ "file-uring-symlinkat", by_symlinkat, "symlinkat by io_uring", "io_uring" },
	{ "file-uring-linkat", by_linkat, "linkat by io_uring", "io_uring" },
	{ 0 },
};
