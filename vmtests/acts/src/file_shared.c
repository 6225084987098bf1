// SPDX-License-Identifier: Apache-2.0
/* Descriptors and files of several processes: told is who writes, not who opened. */
#include "file.h"

#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>

struct writer {
	int fd;
	int times;
	int mailbox;
	struct gate go, done;
};

/* The file stays open in another process: this one's end tells the sum. */
static void write_inherited(int fd, int times)
{
	struct file f = file_of(fd);

	for (int i = 0; i < times; i++)
		put_text(fd, "hello");
	said_first(&f);
	said_late_summary(&f, 5 * times, times);
}

static int writes_inherited(void *arg)
{
	struct writer *w = arg;

	write_inherited(w->fd, w->times);
	return 0;
}

static void inherited(void)
{
	struct writer w = { create("new.txt"), 3, 0, { { 0 } }, { { 0 } } };

	reap(child(writes_inherited, &w));
	close_file(w.fd);
}

/* The child has the only descriptor when it ends. */
static int writes_last(void *arg)
{
	struct writer *w = arg;
	struct file f;

	gate_wait(&w->go);
	put_text(w->fd, "hello");
	f = file_of(w->fd);
	said_written(&f, 5, 1);
	return 0;
}

static void handed_over(void)
{
	struct writer w = { .fd = create("new.txt") };
	pid_t pid;

	gate_make(&w.go);
	pid = child(writes_last, &w);
	close_file(w.fd);
	gate_open(&w.go);
	reap(pid);
}

/* Both write by one descriptor: each is told. */
static void parent_and_child(void)
{
	struct writer w = { create("new.txt"), 2, 0, { { 0 } }, { { 0 } } };
	struct file f;

	put_text(w.fd, "mine");
	f = file_of(w.fd);
	said_first(&f);
	reap(child(writes_inherited, &w));
	f = file_of(w.fd);
	said_summary(&f, 4, 1);
	close_file(w.fd);
}

static int writes_own(void *arg)
{
	struct writer *w = arg;
	int fd = open_file("old.txt", O_WRONLY | O_APPEND);
	struct file f;

	for (int i = 0; i < w->times; i++)
		put_text(fd, "hello");
	f = file_of(fd);
	said_first(&f);
	gate_open(&w->done); /* nobody else writes when the size is taken */
	gate_wait(&w->go);
	f = file_of(fd);
	said_summary(&f, 5 * w->times, w->times);
	close_file(fd);
	return 0;
}

/* Two processes with descriptors of their own, at the same time. */
static void two(void)
{
	struct writer w = { 0 };
	pid_t pid[2];

	given("old.txt", "");
	gate_make(&w.go);
	gate_make(&w.done);
	for (int i = 0; i < 2; i++) {
		w.times = 3 + i;
		pid[i] = child(writes_own, &w);
	}
	gate_wait(&w.done);
	gate_wait(&w.done);
	gate_open(&w.go);
	gate_open(&w.go);
	reap(pid[0]);
	reap(pid[1]);
}

static int becomes_writer(void *arg)
{
	struct writer *w = arg;

	if (dup2(w->fd, 3) != 3 || (w->fd == 3 && fcntl(3, F_SETFD, 0)))
		die("duplicate a descriptor");
	execve("./writer", (char *[]){ "writer", NULL }, role("file:inherited"));
	die("exec the writer");
}

/* copy_self writes in the act's directory: all of that is said here. */
static void given_program(const char *name)
{
	struct file f;
	int out = create(name), in = open_file("/proc/self/exe", O_RDONLY), n;
	char buf[65536];
	long long bytes = 0, count = 0;

	while ((n = read(in, buf, sizeof(buf))) > 0) {
		if (write(out, buf, n) != n)
			die("copy this program");
		bytes += n;
		count++;
	}
	f = file_of(out);
	said_first(&f);
	if (fchmod(out, 0755))
		die("chmod");
	f = file_of(out);
	said_attributes(&f);
	said_summary(&f, bytes, count);
	close_file(out);
	close_file(in);
}

static void over_exec(void)
{
	struct writer w = { 0 };
	pid_t pid;

	given_program("writer");
	w.fd = create("new.txt");
	pid = child(becomes_writer, &w);
	expect_exec(pid, in_dir("writer"), (char *[]){ "writer", NULL });
	said();
	reap(pid);
	close_file(w.fd);
}

static int writes_passed(void *arg)
{
	struct writer *w = arg;
	int fd = fetch_fd(w->mailbox);

	write_inherited(fd, 2);
	close_file(fd);
	return 0;
}

static void passed(void)
{
	struct writer w = { 0 };
	int box[2], fd;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, box))
		die("make a socket pair");
	w.mailbox = box[1];
	pid = child(writes_passed, &w); /* before the file is opened */
	fd = create("new.txt");
	post_fd(box[0], fd);
	reap(pid);
	close_file(fd);
}

static char stack[65536] __attribute__((aligned(16)));

static int opens_and_writes(void *arg)
{
	struct writer *w = arg;

	w->fd = create("new.txt");
	write_inherited(w->fd, 1);
	return 0;
}

/* One table of descriptors: what the child opens the parent writes and closes. What is said shares memory as well: the parent waits. */
static void shared_table(void)
{
	struct writer w = { 0 };
	pid_t pid = clone(opens_and_writes, stack + sizeof(stack), CLONE_FILES | CLONE_VM | CLONE_VFORK | SIGCHLD, &w);
	struct file f;

	if (pid < 0)
		die("clone");
	said_fork(pid);
	reap(pid);
	put_text(w.fd, "mine");
	f = file_of(w.fd);
	said_written(&f, 4, 1);
	close_file(w.fd);
}

static void *writes_in_thread(void *arg)
{
	put_text(*(int *)arg, "hello");
	return NULL;
}

/* Of one process: they are one writer. */
static void threads(void)
{
	pthread_t thread[4];
	struct file f;
	int fd = create("new.txt");

	for (int i = 0; i < 4; i++)
		if ((errno = pthread_create(&thread[i], NULL, writes_in_thread, &fd)))
			die("start a thread");
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	f = file_of(fd);
	said_written(&f, 20, 4);
	close_file(fd);
}

/* The descriptor is for reading, and is opened once more. */
static void reopened(void)
{
	int fd;

	given("old.txt", "hello");
	fd = open_file("old.txt", O_RDONLY);
	write_done(open_file(format("/proc/self/fd/%d", fd), O_WRONLY), "HELLO");
	close_file(fd);
}

/* O_PATH, likewise. */
static void reopened_path(void)
{
	int fd;

	given("old.txt", "hello");
	fd = open_file("old.txt", O_PATH);
	write_done(open_file(format("/proc/self/fd/%d", fd), O_WRONLY), "HELLO");
	close_file(fd);
}

/* The sum comes with the last close alone. */
static void duplicated(void)
{
	int fd = create("new.txt"), copies[3];
	struct file f;

	for (int i = 0; i < 3; i++)
		copies[i] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	put_text(fd, "hello");
	close_file(fd);
	for (int i = 0; i < 3; i++) {
		put_text(copies[i], "world");
		if (i == 2) {
			f = file_of(copies[i]);
			said_written(&f, 20, 4);
		}
		close_file(copies[i]);
	}
}

/* Not closed: the end of the process tells the sum. */
static int leaves_open(void *arg)
{
	int fd = create("new.txt");
	struct file f;

	(void)arg;
	put_text(fd, "hello");
	f = file_of(fd);
	said_written(&f, 5, 1);
	return 0;
}

static void ended(void)
{
	reap(child(leaves_open, NULL));
}

static int is_killed(void *arg)
{
	leaves_open(arg);
	raise(SIGKILL);
	return 0;
}

/* Opened before the sensor was there. */
static void older(void)
{
	int fd = open("old.txt", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		die("create a file");
	put_text(fd, "hello");
	wait_for_sensor();
	write_done(fd, " world");
}

static void killed(void)
{
	reap(child(is_killed, NULL));
}

const struct act file_shared_acts[] = {
	{ "file-write-fork", inherited, "a child writes by an inherited descriptor: the child is told", NULL },
	{ "file-write-handed", handed_over, "the child that writes has the last descriptor", NULL },
	{ "file-write-both", parent_and_child, "parent and child write by one descriptor: each is told", NULL },
	{ "file-write-two", two, "two processes write one file: each is told with its own sum", NULL },
	{ "file-write-exec", over_exec, "an inherited descriptor is written after exec", NULL },
	{ "file-write-passed", passed, "a descriptor is passed to another process, which writes", NULL },
	{ "file-write-table", shared_table, "a shared table of descriptors: two processes write by one", NULL },
	{ "file-write-threads", threads, "four threads write: one modification", NULL },
	{ "file-write-reopened", reopened, "a descriptor for reading is opened for writing through /proc", NULL },
	{ "file-write-reopened-path", reopened_path, "likewise one of O_PATH", NULL },
	{ "file-write-dup", duplicated, "the sum is told by the last close of all duplicates", NULL },
	{ "file-write-exit", ended, "the end of the process tells the sum", NULL },
	{ "file-write-killed", killed, "likewise of a killed one", NULL },
	{ "file-write-older", older, "a descriptor that is older than the sensor is written", "older" },
	{ 0 },
};
