/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The sockets of a host and its virtual machines, AF_UNIX and AF_VSOCK: their record, and what it holds. */
#ifndef SENSOR_LOCAL_H
#define SENSOR_LOCAL_H

#include "sock.h"

#include <bpf/bpf_core_read.h>

#include "record.h"

#define NAME_MAX_UNIX 108

struct local_end {
	__u32 cid, port; /* vsock: UNNAMED if it has none */
	__u32 length;    /* of name; 0 if it has none */
	__u8 name[NAME_MAX_UNIX]; /* as bind(2) was given it: an abstract one begins with NUL */
};

struct local_record {
	struct header header;
	__u32 netns;
	__u32 error; /* errno */
	__u16 flags;
	__u16 pad[3];
	struct local_end local, remote;
};

#define UNNAMED 0xffffffff

static __always_inline void name_fill(struct local_end *e, const void *name, int length)
{
	__u32 n = length - sizeof(__u16);

	if (length <= (int)sizeof(__u16))
		return;
	if (n > sizeof(e->name))
		n = sizeof(e->name);
	if (bpf_probe_read_kernel(e->name, n, name + sizeof(__u16)) == 0)
		e->length = n;
}

static __always_inline void unix_fill(struct local_end *e, struct sock *sk)
{
	struct unix_address *address = BPF_CORE_READ((struct unix_sock *)sk, addr);

	if (address)
		name_fill(e, &address->name, BPF_CORE_READ(address, len));
}

/* struct sockaddr_vm, as it is in the kernel's ABI: what it begins with, and its size. */
struct vsock_address {
	__u16 family, reserved;
	__u32 port, cid;
};
#define VSOCK_ADDRESS_SIZE 16

static __always_inline void vsock_fill(struct local_end *e, const void *address)
{
	struct vsock_address a = {};

	bpf_probe_read_kernel(&a, sizeof(a), address);
	if (a.family != AF_VSOCK)
		return;
	e->cid = a.cid;
	e->port = a.port;
}

/* Both ends as the kernel has them. */
static __always_inline void ends_fill(struct local_record *r, struct sock *sk)
{
	struct vsock_sock *vsk = (void *)sk;
	struct sock *peer;
	void *local;

	r->local.cid = r->local.port = r->remote.cid = r->remote.port = UNNAMED;
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_UNIX) {
		unix_fill(&r->local, sk);
		peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
		if (peer)
			unix_fill(&r->remote, peer);
		return;
	}
	if (bpf_core_field_exists(vsk->local_addr))
		local = &vsk->local_addr;
	else /* the same since Linux 5.5: the sock, a pointer, and both addresses */
		local = (void *)sk + bpf_core_type_size(struct sock) + sizeof(void *);
	vsock_fill(&r->local, local);
	vsock_fill(&r->remote, local + VSOCK_ADDRESS_SIZE);
}

#endif
