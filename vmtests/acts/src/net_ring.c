// SPDX-License-Identifier: Apache-2.0
#include "net_ring.h"

#include <sys/mman.h>

#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425
#define SYS_io_uring_enter 426
#define SYS_io_uring_register 427
#endif

enum { ENTRIES = 16, REGISTER_FILES = 2, ENTER_GETEVENTS = 1, ENTER_SQ_WAKEUP = 2 };

struct offsets { /* of the requests' ring, or of the completions' */
	uint32_t head, tail, mask, entries, five, six, seven, reserved;
	uint64_t address;
};

struct params {
	uint32_t sq_entries, cq_entries, flags, thread_cpu, thread_idle, features, wq_fd, reserved[3];
	struct offsets sq, cq;
};

static char *map(int fd, size_t size, long offset)
{
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);

	if (at == MAP_FAILED)
		die("map a ring");
	return at;
}

void ring_make(struct ring *r, uint32_t flags)
{
	struct params p = { .flags = flags, .thread_idle = 100 };
	char *sq, *cq;

	memset(r, 0, sizeof(*r));
	r->fd = syscall(SYS_io_uring_setup, ENTRIES, &p);
	if (r->fd < 0 && (errno == ENOSYS || errno == EINVAL || errno == EPERM || errno == EACCES))
		skip("no io_uring: %s", strerror(errno));
	if (r->fd < 0)
		die("make a ring");
	fcntl(r->fd, F_SETFD, FD_CLOEXEC);
	sq = map(r->fd, p.sq.seven + p.sq_entries * sizeof(uint32_t), 0);
	cq = map(r->fd, p.cq.six + p.cq_entries * sizeof(struct completion), 0x8000000);
	r->requests = (void *)map(r->fd, p.sq_entries * sizeof(struct request), 0x10000000);
	r->features = p.features;
	r->polled = flags & SETUP_SQPOLL;
	r->tail = (void *)(sq + p.sq.tail);
	r->mask = (void *)(sq + p.sq.mask);
	r->array = (void *)(sq + p.sq.seven);
	r->head = (void *)(cq + p.cq.head);
	r->done = (void *)(cq + p.cq.tail);
	r->done_mask = (void *)(cq + p.cq.mask);
	r->completions = (void *)(cq + p.cq.six);
}

void ring_files(struct ring *r, const int *fds, int n)
{
	if (syscall(SYS_io_uring_register, r->fd, REGISTER_FILES, fds, n))
		skip("no registered files: %s", strerror(errno));
}

struct request *ring_next(struct ring *r, int opcode, int fd)
{
	unsigned slot = (*r->tail + r->queued) & *r->mask;
	struct request *q = &r->requests[slot];

	memset(q, 0, sizeof(*q));
	q->opcode = opcode;
	q->fd = fd;
	r->array[slot] = slot;
	r->queued++;
	return q;
}

struct request *ring_connect(struct ring *r, int fd, const struct end *to)
{
	struct request *q = ring_next(r, OP_CONNECT, fd);

	q->addr = (uintptr_t)&to->addr;
	q->offset = to->len;
	return q;
}

struct request *ring_accept(struct ring *r, int fd)
{
	struct request *q = ring_next(r, OP_ACCEPT, fd);

	q->op_flags = SOCK_CLOEXEC;
	return q;
}

static void enter(struct ring *r, unsigned submit, unsigned wait)
{
	unsigned flags = (wait ? ENTER_GETEVENTS : 0) | (r->polled ? ENTER_SQ_WAKEUP : 0);

	while (syscall(SYS_io_uring_enter, r->fd, submit, wait, flags, NULL, 0) < 0)
		if (errno != EINTR)
			die("enter the ring");
}

void ring_submit(struct ring *r)
{
	unsigned n = r->queued;

	__atomic_store_n(r->tail, *r->tail + n, __ATOMIC_RELEASE);
	r->queued = 0;
	enter(r, n, 0);
}

struct completion ring_wait(struct ring *r)
{
	struct completion c;

	while (__atomic_load_n(r->done, __ATOMIC_ACQUIRE) == *r->head)
		enter(r, 0, 1);
	c = r->completions[*r->head & *r->done_mask];
	__atomic_store_n(r->head, *r->head + 1, __ATOMIC_RELEASE);
	return c;
}

int ring_result(struct ring *r)
{
	ring_submit(r);
	return ring_wait(r).result;
}

int ring_supported(const char *what, int result)
{
	if (result == -EINVAL || result == -EOPNOTSUPP)
		skip("io_uring has no %s", what);
	if (result < 0) {
		errno = -result;
		die("%s by io_uring", what);
	}
	return result;
}
