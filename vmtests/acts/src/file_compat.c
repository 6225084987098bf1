// SPDX-License-Identifier: Apache-2.0
/* Files by 32-bit system calls, and what a copy of this program does to files. */
#include "file.h"

#include <sys/mman.h>
#include <sys/uio.h>

/* All that can be done to one file. */
static void life(void)
{
	static const struct iovec vector[] = { { (char *)"hel", 3 }, { (char *)"lo", 2 } };
	struct file f, g;
	int fd = create("compat.txt");

	put_text(fd, "hello");
	if (writev(fd, vector, 2) != 5 || pwrite(fd, "x", 1, 0) != 1)
		die("write");
	f = file_of(fd);
	said_written(&f, 11, 3);
	close_file(fd);
	if (rename("compat.txt", "compat.log"))
		die("rename");
	g = file_at("compat.log");
	said_renamed(&g, f.path, 0);
	if (ftruncate(fd = open_file("compat.log", O_RDWR), 3))
		die("ftruncate");
	f = file_of(fd);
	said_written(&f, 0, 0);
	close_file(fd);
	if (chmod("compat.log", 0600))
		die("chmod");
	f = file_at("compat.log");
	said_attributes(&f);
	if (unlink("compat.log"))
		die("unlink");
	said_deleted(&f);
	given_dir("compat");
	f = file_at("compat");
	if (rmdir("compat"))
		die("rmdir");
	said_deleted(&f);
}

static void vectors(void)
{
	static const struct iovec vector[] = { { (char *)"hel", 3 }, { (char *)"lo", 2 } };
	struct file f;
	int fd = create("compat.txt");

	if (writev(fd, vector, 2) != 5 || pwritev(fd, vector, 2, 5) != 5 || pwritev2(fd, vector, 2, -1, 0) != 5)
		die("writev");
	f = file_of(fd);
	said_written(&f, 15, 3);
	close_file(fd);
}

/* Descriptor 3 came over exec; who made it keeps it. */
static void inherited(void)
{
	struct file f = file_of(3);

	put_text(3, "hello");
	said_first(&f);
	said_late_summary(&f, 5, 1);
}

int play_file(const char *what)
{
	if (!strcmp(what, "inherited"))
		inherited();
	else if (!strcmp(what, "vectors"))
		vectors();
	else
		life();
	return 0;
}

#ifdef __x86_64__
static char *const program_argv[] = { "file32", NULL };

static void program(const char *what)
{
	char *path = copy_32("file32");
	struct file f = file_at(path);

	said_created(&f);
	said_written(&f, f.st.st_size, UNSEEN);
	need_32(path);
	run(path, NULL, program_argv, role("file:%s", what));
}

static void life_32(void)
{
	program("life");
}

static void vectors_32(void)
{
	program("vectors");
}

/* The numbers for 32-bit programs. */
enum { CALL_WRITE = 4, CALL_CREAT = 8, CALL_UNLINK = 10, CALL_RENAME = 38, CALL_MKDIR = 39, CALL_RMDIR = 40 };

static int call(const char *what, int number, uint32_t a, uint32_t b, uint32_t c)
{
	long result = number;

	asm volatile("int $0x80" : "+a"(result) : "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
	if ((int)result < 0) {
		errno = -(int)result;
		die("%s by a 32-bit call", what);
	}
	return result;
}

static uint32_t low(const char *text)
{
	static char *room;

	if (!room)
		room = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (room == MAP_FAILED)
		die("map memory below 4 GiB");
	strcpy(room, text);
	room += strlen(text) + 1;
	return (uint32_t)(uintptr_t)room - strlen(text) - 1;
}

static void by_int80(void)
{
	struct file f;
	int fd;

	need_int80();
	fd = call("creat", CALL_CREAT, low("new.txt"), 0644, 0);
	f = file_at("new.txt");
	said_created(&f);
	call("write", CALL_WRITE, fd, low("hello"), 5);
	f = file_of(fd);
	said_written(&f, 5, 1);
	close_file(fd);
	call("rename", CALL_RENAME, low("new.txt"), low("new.log"), 0);
	f = file_at("new.log");
	said_renamed(&f, in_dir("new.txt"), 0);
	call("unlink", CALL_UNLINK, low("new.log"), 0, 0);
	said_deleted(&f);
	call("mkdir", CALL_MKDIR, low("new"), 0755, 0);
	f = file_at("new");
	said_created(&f);
	call("rmdir", CALL_RMDIR, low("new"), 0, 0);
	said_deleted(&f);
}
#endif

const struct act file_compat_acts[] = {
#ifdef __x86_64__
	{ "file-compat", life_32, "a 32-bit program creates, writes, renames, truncates and removes a file", "32-bit" },
	{ "file-compat-writev", vectors_32, "a 32-bit program writes by writev, pwritev and pwritev2", "32-bit" },
	{ "file-compat-int80", by_int80, "a 64-bit program does so by 32-bit calls", "32-bit" },
#endif
	{ 0 },
};
