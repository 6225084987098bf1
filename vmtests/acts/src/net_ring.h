/* SPDX-License-Identifier: Apache-2.0 */
/* io_uring by its system calls. All is defined here: old headers know little of it. */
#ifndef NET_RING_H
#define NET_RING_H

#include "net.h"

enum {
	OP_NOP = 0,
	OP_SENDMSG = 9,
	OP_ACCEPT = 13,
	OP_CANCEL = 14,
	OP_CONNECT = 16,
	OP_CLOSE = 19,
	OP_SEND = 26,
	OP_RECV = 27,
	OP_SOCKET = 45,
	OP_BIND = 56,
	OP_LISTEN = 57,
};

enum { /* flags of a request */
	FIXED_FILE = 1,
	LINK = 1 << 2,
	ASYNC = 1 << 4,
	SKIP_SUCCESS = 1 << 6,
};

enum {
	SETUP_SQPOLL = 1 << 1,
	FEATURE_SQPOLL_NONFIXED = 1 << 7,
	ACCEPT_MULTISHOT = 1, /* in ioprio */
	CQE_MORE = 2,
};

struct request {
	uint8_t opcode, flags;
	uint16_t ioprio;
	int32_t fd;
	uint64_t offset, addr;
	uint32_t len, op_flags;
	uint64_t user_data;
	uint16_t buffer, personality;
	uint32_t file_index; /* a slot and one more */
	uint64_t more[2];
};

struct completion {
	uint64_t user_data;
	int32_t result;
	uint32_t flags;
};

struct ring {
	int fd;
	uint32_t features;
	bool polled;
	uint32_t *tail, *mask, *array; /* of requests */
	uint32_t *head, *done, *done_mask;
	struct request *requests;
	struct completion *completions;
	unsigned queued;
};

void ring_make(struct ring *r, uint32_t flags); /* skips where there is none */
void ring_files(struct ring *r, const int *fds, int n);
struct request *ring_next(struct ring *r, int opcode, int fd);
struct request *ring_connect(struct ring *r, int fd, const struct end *to); /* `to` has to stay */
struct request *ring_accept(struct ring *r, int fd);
void ring_submit(struct ring *r);
struct completion ring_wait(struct ring *r);
int ring_result(struct ring *r);	    /* submits, and waits for one completion */
int ring_supported(const char *what, int result); /* skips if it is EINVAL, else passes it on */

#endif
