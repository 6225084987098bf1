// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The network family: connect, accept, close; bind, listen; AF_UNIX and vsock.
 *
 * One map remembers for each socket who connected or accepted it, because the
 * outcome of a connect and the end of a connection are seen in interrupts, where
 * the current task is anybody. Its value is the record that will be sent.
 * Addresses come from the kernel's socket, or from the kernel's copy of what
 * the system call was given.
 */
#include "sock.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "actor.h"
#include "bulk.h"
#include "errno.h"
#include "local.h"
#include "syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum flag {
	FLAG_EGRESS = 1,
	FLAG_INGRESS = 2,
	FLAG_OWNER = 4, /* the header says who connected or accepted */
	FLAG_BYTES = 8, /* sent and received are known */
	FLAG_SUCCEEDED = 16,
	FLAG_FAILED = 32, /* error says how, unless it is 0 */
	FLAG_EARLY = 64,  /* only in the map: the attempt has sent nothing yet, or failed before it could */
	FLAG_OLDER = 128, /* older than the sensor: nobody saw it begin */
	FLAG_STREAM = 256,
};

struct record {
	struct header header; /* of who connected or accepted */
	__u64 since;          /* of the attempt or the accept, CLOCK_BOOTTIME, ns */
	__u64 sent, received; /* payload bytes */
	__u32 netns;
	__u32 error; /* errno */
	__u16 local_port, remote_port;
	__u16 protocol;
	__u16 flags;
	__u8 local[16], remote[16]; /* IPv4 addresses are mapped */
	__u32 dead;     /* only in the map: closed before it was accepted */
	__u32 accepted; /* only in the map */
};

/* For bpf2go, which finds only the types that something refers to. */
const struct record *unused_record __attribute__((unused));
const struct local_record *unused_local_record __attribute__((unused));
const enum flag *unused_flag __attribute__((unused));

/* Set by the loader before it sets stopped to 0. */
volatile __u32 wanted = 0;          /* bit for each kind */
#define FLOWS (1U << KIND_CONNECT | 1U << KIND_ACCEPT | 1U << KIND_CLOSE)
volatile bool accepts_late = false; /* no program sees every accept: what was missed is told at the release */

/*
 * By address of the struct sock, from the attempt or the accept until the end.
 * header.kind says what will be told next: KIND_CONNECT, an attempt; KIND_CLOSE,
 * an open connection; KIND_ACCEPT, one that nobody has accepted yet.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); /* set by the loader */
	__type(key, __u64);
	__type(value, struct record);
} sockets SEC(".maps");

/* Peers that unconnected sockets have sent to. */
struct flow {
	__u64 socket; /* inode number, which is not given again as an address is */
	__u32 tgid;
	__u16 port, protocol;
	__u16 outcome; /* a failure does not stand for a success */
	__u16 pad[3];
	__u8 remote[16];
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct flow);
	__type(value, __u8);
} flows SEC(".maps");

/* An unconnected socket tells this many new peers in each window; more are only counted. */
#define PEERS_MAX 64
#define PEERS_WINDOW (10ULL * 1000 * 1000 * 1000) /* ns */
struct peers {
	__u64 since;
	__u64 told;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct peers);
} peers SEC(".maps");

/* A thread's connect(2), from before anything is sent until it returns. */
struct connecting {
	__u64 sk;
	struct record attempt;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64); /* pid_tgid */
	__type(value, struct connecting);
} connecting SEC(".maps");

/*
 * The socket that began to listen in a thread's listen(2), 0 until it does: only
 * at the end are its port and the outcome there.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64); /* pid_tgid */
	__type(value, __u64);
} listening SEC(".maps");

/* The socket of AF_UNIX or AF_VSOCK that a thread's connect(2) is about. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64); /* pid_tgid */
	__type(value, __u64);
} local_connecting SEC(".maps");

static __always_inline void mapped(__u8 *to, __be32 ip)
{
	__u32 *words = (void *)to;

	words[0] = words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = ip;
}

static __always_inline void local_fill(struct record *r, struct sock *sk)
{
	__be32 ip = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
	__u64 *words = (void *)r->local;

	bpf_core_read(r->local, sizeof(r->local), &sk->__sk_common.skc_v6_rcv_saddr);
	/* IPv6's address is set last when a socket connects to a mapped one. */
	if (BPF_CORE_READ(sk, __sk_common.skc_family) != AF_INET6 || (ip && !words[0] && !words[1]))
		mapped(r->local, ip);
	/* Kept when the port is put back, unlike skc_num. A raw socket has its protocol there. */
	r->local_port = 0;
	if (BPF_CORE_READ(sk, sk_type) != SOCK_RAW)
		r->local_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
}

static __always_inline void remote_fill(struct record *r, struct sock *sk)
{
	__be32 ip = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	__u64 *words = (void *)r->remote;

	bpf_core_read(r->remote, sizeof(r->remote), &sk->__sk_common.skc_v6_daddr);
	if (BPF_CORE_READ(sk, __sk_common.skc_family) != AF_INET6 || (ip && !words[0] && !words[1]))
		mapped(r->remote, ip);
	r->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
}

static __always_inline bool same_peer(const struct record *a, const struct record *b)
{
	const __u64 *one = (const void *)a->remote, *other = (const void *)b->remote;

	return a->remote_port == b->remote_port && one[0] == other[0] && one[1] == other[1];
}

/* From the kernel's copy of a sockaddr. */
static __always_inline bool address_fill(struct record *r, const struct sockaddr *address)
{
	const struct sockaddr_in6 *in6 = (void *)address;
	const struct sockaddr_in *in = (void *)address;

	switch (BPF_CORE_READ(address, sa_family)) {
	case AF_INET:
		mapped(r->remote, BPF_CORE_READ(in, sin_addr.s_addr));
		r->remote_port = bpf_ntohs(BPF_CORE_READ(in, sin_port));
		return true;
	case AF_INET6:
		bpf_core_read(r->remote, sizeof(r->remote), &in6->sin6_addr);
		r->remote_port = bpf_ntohs(BPF_CORE_READ(in6, sin6_port));
		return true;
	}
	return false;
}

static __always_inline bool is_mapped(const __u8 *address)
{
	const __u32 *words = (const void *)address;

	return !words[0] && !words[1] && words[2] == bpf_htonl(0xffff);
}

/* Not a raw socket, whose protocol may be the same. */
static __always_inline bool is_stream(struct sock *sk)
{
	__u16 protocol = BPF_CORE_READ(sk, sk_protocol);

	return BPF_CORE_READ(sk, sk_type) == SOCK_STREAM && (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP);
}

/* What begins now, by the current task. */
static __always_inline void begin_fill(struct record *r, struct sock *sk, __u32 kind, __u16 flags)
{
	__builtin_memset(r, 0, sizeof(*r));
	r->header.kind = kind;
	r->flags = flags;
	r->since = bpf_ktime_get_boot_ns();
	r->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	r->protocol = BPF_CORE_READ(sk, sk_protocol);
	if (is_stream(sk))
		r->flags |= FLAG_STREAM;
	if (flags & FLAG_OWNER)
		actor_fill(&r->header, (void *)bpf_get_current_task());
	local_fill(r, sk);
}

static __always_inline void bytes_fill(struct record *r, struct sock *sk)
{
	struct mptcp_sock *msk = (void *)sk;
	struct tcp_sock *tp = (void *)sk;
	__u64 fin;

	if (!(r->flags & FLAG_STREAM))
		return;
	if (r->protocol == IPPROTO_TCP) {
		fin = BPF_CORE_READ(sk, __sk_common.skc_flags) >> SOCK_DONE & 1;
		r->sent = BPF_CORE_READ(tp, bytes_sent) - BPF_CORE_READ(tp, bytes_retrans);
		r->received = BPF_CORE_READ(tp, bytes_received);
		if (r->received)
			r->received -= fin;
		r->flags |= FLAG_BYTES;
	} else if (bpf_core_field_exists(msk->bytes_sent)) {
		r->sent = BPF_CORE_READ(msk, bytes_sent) - BPF_CORE_READ(msk, bytes_retrans);
		r->received = BPF_CORE_READ(msk, bytes_received);
		r->flags |= FLAG_BYTES;
	}
}

static __always_inline void send(struct record *r, __u32 kind)
{
	if (wanted & 1U << kind)
		bulk_send(&r->header, kind, sizeof(*r));
}

static __always_inline void lost_for_want_of_room(__u32 kind)
{
	struct counters *c = counters_of(kind);

	if (!c || !(wanted & 1U << kind))
		return;
	count(c->generated);
	count_drop(c, &c->dropped_map_full);
}

/*
 * Remembers an attempt, whose outcome will be told, or an open connection, whose
 * end will. Without room the attempt is told at once, and the end is lost.
 */
static __always_inline void remember(__u64 key, struct record *r)
{
	if (bpf_map_update_elem(&sockets, &key, r, BPF_ANY) == 0)
		return;
	if (r->header.kind == KIND_CONNECT)
		send(r, KIND_CONNECT);
	lost_for_want_of_room(KIND_CLOSE);
}


/* Whoever takes an entry out tells it. An int: see process_exit's map update. */
static __always_inline bool forget(__u64 key)
{
	int result = bpf_map_delete_elem(&sockets, &key);

	return result != -ENOENT;
}

/* A socket begins anew at this address: what was there has ended, in a way that was not seen. */
static __noinline int end_unseen(__u64 key, struct record *known)
{
	struct record r;

	if (!known)
		return 0;
	r = *known;
	if (!forget(key) || r.header.kind == KIND_ACCEPT)
		return 0;
	if (r.header.kind == KIND_CONNECT)
		r.flags |= FLAG_FAILED;
	send(&r, r.header.kind);
	return 0;
}

/* The subflows of MPTCP are sockets of the kernel: the connection is told by the socket above them. */
static __always_inline bool is_subflow(struct sock *sk)
{
	const struct tcp_ulp_ops *ulp = BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_ulp_ops);
	char name[8] = {};

	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP || !ulp)
		return false;
	bpf_core_read(name, sizeof(name), &ulp->name);
	return *(__u64 *)name == *(const __u64 *)"mptcp\0\0";
}

/* A connect has sent, or is about to send, its first packet: the task is who asked for it. */
static __noinline int attempt(__u64 key)
{
	struct record *known = bpf_map_lookup_elem(&sockets, &key);
	struct sock *sk = (void *)key;
	struct record r;

	/* Not what this very attempt has entered: when it began, or when this program's twin ran. */
	if (known && (known->header.kind != KIND_CONNECT || known->flags & FLAG_FAILED ||
		      known->header.tid != (__u32)bpf_get_current_pid_tgid()))
		end_unseen(key, known);
	begin_fill(&r, sk, KIND_CONNECT, FLAG_EGRESS | FLAG_OWNER);
	remote_fill(&r, sk);
	remember(key, &r);
	return 0;
}

static __noinline int established(__u64 key, int old)
{
	struct record *known = bpf_map_lookup_elem(&sockets, &key);
	struct sock *sk = (void *)key;
	struct record r;

	if (known && old == TCP_SYN_RECV) { /* another connection's, if its end was not seen */
		remote_fill(&r, sk);
		if (!same_peer(known, &r)) {
			end_unseen(key, known);
			known = NULL;
		}
	}
	if (!known) {
		if (old == TCP_SYN_SENT) { /* begun before the sensor, or when there was no room */
			begin_fill(&r, sk, KIND_CLOSE, FLAG_EGRESS | FLAG_OLDER);
			r.since = 0;
		} else if (accepts_late) {
			begin_fill(&r, sk, KIND_ACCEPT, FLAG_INGRESS);
		} else {
			return 0;
		}
		remote_fill(&r, sk);
		bpf_map_update_elem(&sockets, &key, &r, BPF_NOEXIST);
		return 0;
	}
	if (known->header.kind != KIND_CONNECT)
		return 0;
	known->header.kind = KIND_CLOSE;
	known->flags &= ~FLAG_EARLY;
	local_fill(known, sk);
	remote_fill(known, sk);
	r = *known;
	r.flags |= FLAG_SUCCEEDED;
	send(&r, KIND_CONNECT);
	return 0;
}

/* The socket is closed for good: by its owner, by its peer, or because the attempt failed. */
static __noinline int closed(__u64 key, int old)
{
	struct record *known = bpf_map_lookup_elem(&sockets, &key);
	struct sock *sk = (void *)key;
	struct record r;

	if (!known)
		return 0;
	if (known->header.kind == KIND_CONNECT && (old == TCP_SYN_SENT || old == TCP_SYN_RECV || old == TCP_CLOSE)) {
		if (!known->error)
			local_fill(known, sk);
		r = *known;
		if (!r.error)
			r.error = BPF_CORE_READ(sk, sk_err);
		if (!r.error && BPF_CORE_READ(sk, sk_socket, state) == SS_UNCONNECTED &&
		    BPF_CORE_READ(sk, sk_shutdown) != SHUTDOWN_MASK) {
			/* It failed within the system call, which alone knows why. */
			known->flags |= FLAG_EARLY | FLAG_FAILED;
			return 0;
		}
		if (r.error)
			r.flags |= FLAG_FAILED;
		if (forget(key)) /* without an error it was given up: by close, shutdown or a disconnect */
			send(&r, KIND_CONNECT);
		return 0;
	}
	if (known->header.kind == KIND_ACCEPT) {
		/* Whoever accepts it now, without the socket's lock, sees the one or is seen by the other. */
		__sync_fetch_and_add(&known->dead, 1);
		if (*(volatile __u16 *)&known->header.kind == KIND_ACCEPT)
			return 0;
	}
	r = *known;
	if (!forget(key))
		return 0;
	if (r.header.kind == KIND_CONNECT) { /* the program was skipped when it succeeded */
		r.flags |= FLAG_SUCCEEDED;
		send(&r, KIND_CONNECT);
		r.flags &= ~FLAG_SUCCEEDED;
	}
	bytes_fill(&r, sk);
	send(&r, KIND_CLOSE);
	return 0;
}

/* An MPTCP socket learns of its failure after its state has changed; its subflow knows before. */
static __noinline int subflow_failed(__u64 key, int error)
{
	struct sock *sk = (void *)key;
	struct mptcp_subflow_context *subflow = BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_ulp_data);
	struct record *known;
	__u64 above;

	if (!bpf_core_field_exists(subflow->conn))
		return 0;
	above = (__u64)BPF_CORE_READ(subflow, conn);
	known = bpf_map_lookup_elem(&sockets, &above);
	if (!known || known->header.kind != KIND_CONNECT)
		return 0;
	known->error = error;
	local_fill(known, sk);
	if (BPF_CORE_READ(sk, __sk_common.skc_dport))
		remote_fill(known, sk);
	return 0;
}

static __always_inline bool is_kernel(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, flags) & PF_KTHREAD && !BPF_CORE_READ(task, mm);
}

static __noinline int listens(__u64 key, bool ended, int result)
{
	struct sock *sk = (void *)key;
	struct record r;

	if (is_kernel())
		return 0;
	begin_fill(&r, sk, KIND_LISTEN, FLAG_OWNER);
	if (ended && result == 0) {
		r.flags |= FLAG_SUCCEEDED;
	} else if (ended) {
		r.flags |= FLAG_FAILED;
		r.error = -result;
	}
	send(&r, KIND_LISTEN);
	return 0;
}

/* listen(2) tells at its end. io_uring's and that of 32-bit programs have none that is seen. */
static __noinline int listen_begins(__u64 key)
{
	__u64 thread = bpf_get_current_pid_tgid();
	__u64 *listener = bpf_map_lookup_elem(&listening, &thread);

	if (listener)
		*listener = key;
	else
		listens(key, false, 0);
	return 0;
}

static __always_inline void state_changed(__u64 key, int old, int new)
{
	if (is_subflow((void *)key)) {
		if (new == TCP_CLOSE && old == TCP_SYN_SENT)
			subflow_failed(key, BPF_CORE_READ((struct sock *)key, sk_err));
		return;
	}
	switch (new) {
	case TCP_LISTEN:
		listen_begins(key);
		break;
	case TCP_SYN_SENT:
		attempt(key);
		break;
	case TCP_ESTABLISHED:
		established(key, old);
		break;
	case TCP_CLOSE:
		closed(key, old);
		break;
	}
}

/*
 * A program that is interrupted by what makes the same program run is not run
 * again, and the state change would be lost. So there are two of them, of which
 * at most one is interrupted: the second does what the first has not done. All
 * that they do can be done twice.
 */
struct change {
	__u64 sk;
	int new;
	int pad;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct change);
} done SEC(".maps");

static __always_inline bool concerns(struct sock *sk, int old, int new)
{
	__u16 protocol = sk->sk_protocol;

	if (stopped || (protocol != IPPROTO_TCP && protocol != IPPROTO_MPTCP))
		return false;
	if (new == TCP_LISTEN) /* MPTCP's is set twice */
		return wanted & 1U << KIND_LISTEN && old != TCP_LISTEN;
	return wanted & FLOWS && (new == TCP_SYN_SENT || new == TCP_ESTABLISHED || new == TCP_CLOSE);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(sock_state, struct sock *sk, int old, int new)
{
	struct change *mark;
	__u32 zero = 0;
	__u64 key;

	if (!concerns(sk, old, new))
		return 0;
	/* As a number: before Linux 5.12 a typed pointer cannot be the key of a map. */
	bpf_probe_read_kernel(&key, sizeof(key), ctx);
	cpu_hold();
	mark = bpf_map_lookup_elem(&done, &zero);
	if (mark)
		mark->sk = 0;
	barrier();
	state_changed(key, old, new);
	barrier();
	if (mark) {
		mark->sk = key;
		mark->new = new;
	}
	cpu_release();
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(sock_state_again, struct sock *sk, int old, int new)
{
	struct change *mark;
	__u32 zero = 0;
	__u64 key;

	if (!concerns(sk, old, new))
		return 0;
	bpf_probe_read_kernel(&key, sizeof(key), ctx);
	cpu_hold();
	mark = bpf_map_lookup_elem(&done, &zero);
	if (!mark || mark->sk != key || mark->new != new)
		state_changed(key, old, new);
	if (mark) /* also if it was set by what interrupted this: a mark is for the next program alone */
		mark->sk = 0;
	cpu_release();
	return 0;
}

/* The socket's memory is given back: nothing of it may stay, for the next one there. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(sock_destroyed, struct sock *sk)
{
	struct record *known;
	__u64 key;

	if (stopped)
		return 0;
	bpf_probe_read_kernel(&key, sizeof(key), ctx);
	cpu_hold();
	known = bpf_map_lookup_elem(&sockets, &key);
	if (known)
		end_unseen(key, known);
	cpu_release();
	return 0;
}

/* Completes a record that has its ends. */
static __always_inline void local_send(struct local_record *r, struct sock *sk, __u32 kind, __u16 flags, int error)
{
	r->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	r->flags = flags | FLAG_OWNER;
	r->error = error;
	actor_fill(&r->header, (void *)bpf_get_current_task());
	bulk_send(&r->header, kind, sizeof(*r));
}

static __noinline int local_accepted(__u64 key, __u16 family)
{
	__u32 kind = family == AF_UNIX ? KIND_UNIX_ACCEPT : KIND_VSOCK_ACCEPT;
	struct sock *sk = (void *)key;
	struct local_record r = {};

	if (!(wanted & 1U << kind) || is_kernel())
		return 0;
	ends_fill(&r, sk);
	local_send(&r, sk, kind, FLAG_INGRESS | FLAG_SUCCEEDED, 0);
	return 0;
}

/*
 * A process was handed an incoming connection. Two may think so of one socket
 * when descriptors are passed about: the first is told. Late is an accept that
 * no program saw: it was after the connection was made, and by whoever closes it
 * now, unless that is the kernel for a process that has ended.
 */
static __noinline int accepted(__u64 key, bool late)
{
	struct record *known = bpf_map_lookup_elem(&sockets, &key);
	struct sock *sk = (void *)key;
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	struct record r;
	__u32 dead = 0;

	if (!(wanted & FLOWS))
		return 0;
	if ((family != AF_INET && family != AF_INET6) || !is_stream(sk))
		return 0;
	if (known && known->header.kind != KIND_ACCEPT) {
		remote_fill(&r, sk);
		if (same_peer(known, &r))
			return 0;
		end_unseen(key, known);
		known = NULL;
	}
	/* Another socket may have been put in the descriptor's place. */
	if (!known && (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN || !BPF_CORE_READ(sk, __sk_common.skc_dport)))
		return 0;
	begin_fill(&r, sk, KIND_CLOSE, FLAG_INGRESS | (late && is_kernel() ? 0 : FLAG_OWNER));
	remote_fill(&r, sk);
	if (!known) {
		remember(key, &r);
	} else {
		if (late)
			r.since = known->since;
		r.header.kind = KIND_ACCEPT;
		known->header = r.header;
		known->flags = r.flags;
		known->since = r.since;
		known->local_port = r.local_port;
		known->remote_port = r.remote_port;
		__builtin_memcpy(known->local, r.local, sizeof(r.local));
		__builtin_memcpy(known->remote, r.remote, sizeof(r.remote));
		barrier();
		*(volatile __u16 *)&known->header.kind = KIND_CLOSE;
		__sync_fetch_and_add(&known->accepted, 1); /* a barrier: see closed() */
		dead = *(volatile __u32 *)&known->dead;
	}
	r.flags |= FLAG_SUCCEEDED;
	send(&r, KIND_ACCEPT);
	if ((dead || BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_CLOSE) && forget(key)) {
		/* Ended before it was accepted. */
		r.flags &= ~FLAG_SUCCEEDED;
		bytes_fill(&r, sk);
		send(&r, KIND_CLOSE);
	}
	return 0;
}

static __always_inline void accepted_now(__u64 key)
{
	__u16 family = BPF_CORE_READ((struct sock *)key, __sk_common.skc_family);

	if (family == AF_UNIX || family == AF_VSOCK)
		local_accepted(key, family);
	else
		accepted(key, false);
}

/* void security_sock_graft(sk, parent): every accept(2), of every family, by whatever door. */
SEC("fentry/security_sock_graft")
int BPF_PROG(accept_graft, struct sock *sk, struct socket *parent)
{
	__u64 key;

	if (stopped)
		return 0;
	bpf_probe_read_kernel(&key, sizeof(key), ctx);
	cpu_hold();
	accepted_now(key);
	cpu_release();
	return 0;
}

static __always_inline struct sock *sock_of(struct file *file)
{
	struct socket *socket;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	if (BPF_CORE_READ(socket, file) != file)
		return NULL;
	return BPF_CORE_READ(socket, sk);
}

/* The socket of a descriptor of the current task. */
static __always_inline struct sock *sock_at(__u32 descriptor)
{
	return sock_of(file_at(descriptor));
}

static __always_inline int accept_returned(struct syscall_exit *ctx)
{
	struct sock *sk;

	if (stopped || ctx->result < 0)
		return 0;
	sk = sock_at(ctx->result);
	if (!sk)
		return 0; /* another thread was quicker to close it: told at the release */
	cpu_hold();
	accepted_now((__u64)sk);
	cpu_release();
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_accept")
int accept_exit(struct syscall_exit *ctx)
{
	return accept_returned(ctx);
}

SEC("tracepoint/syscalls/sys_exit_accept4")
int accept4_exit(struct syscall_exit *ctx)
{
	return accept_returned(ctx);
}

/*
 * The end of a connect: one that failed before a packet was sent, or one of a
 * socket without a handshake. r is the attempt, with its address; known says that
 * the map has it too.
 */
static __noinline int connected(__u64 key, struct record *r, int result)
{
	struct record *known = bpf_map_lookup_elem(&sockets, &key);
	struct sock *sk = (void *)key;

	local_fill(r, sk);
	r->flags &= ~(FLAG_EARLY | FLAG_FAILED);
	if (result) {
		if (known && known->header.kind == KIND_CONNECT && known->flags & FLAG_EARLY)
			forget(key);
		else if (known && r->flags & FLAG_STREAM)
			return 0; /* it will be told, or was */
		r->error = -result;
		r->flags |= FLAG_FAILED;
		send(r, KIND_CONNECT);
		return 0;
	}
	if (known && known->header.kind == KIND_CLOSE)
		end_unseen(key, known); /* connected again, to somebody else */
	remote_fill(r, sk);
	r->header.kind = KIND_CLOSE;
	remember(key, r);
	r->flags |= FLAG_SUCCEEDED;
	send(r, KIND_CONNECT);
	return 0;
}

/* The four functions that a connect ends in. The address is the kernel's copy. */
static __always_inline int connect_returned(void *ctx, const struct sockaddr *address, int result, bool stream)
{
	struct record *known, r;
	struct sock *sk;
	__u64 key;

	if (stopped || result == -EINVAL || result == -EAFNOSUPPORT)
		return 0;
	bpf_probe_read_kernel(&key, sizeof(key), ctx);
	sk = (void *)key;
	cpu_hold();
	known = bpf_map_lookup_elem(&sockets, &key);
	if (stream && is_subflow(sk)) {
		if (result)
			subflow_failed(key, -result);
	} else if (stream && !result) {
		if (known) /* the port is chosen by now */
			local_fill(known, sk);
	} else {
		begin_fill(&r, sk, KIND_CONNECT, FLAG_EGRESS | FLAG_OWNER);
		if (stream && known)
			r.since = known->since;
		if (address_fill(&r, address))
			connected(key, &r, result);
	}
	cpu_release();
	return 0;
}

/* IPv6's function calls IPv4's, which has told. */
static __always_inline bool is_mapped_address(const struct sockaddr *address)
{
	__u64 to[2]; /* aligned, for 32 bits at a time */

	bpf_core_read(to, sizeof(to), &((struct sockaddr_in6 *)address)->sin6_addr);
	return is_mapped((void *)to);
}

SEC("fexit/tcp_v4_connect")
int BPF_PROG(tcp_connect, struct sock *sk, struct sockaddr *address, int length, int result)
{
	return connect_returned(ctx, address, result, true);
}

SEC("fexit/tcp_v6_connect")
int BPF_PROG(tcp6_connect, struct sock *sk, struct sockaddr *address, int length, int result)
{
	return is_mapped_address(address) ? 0 : connect_returned(ctx, address, result, true);
}

SEC("fexit/__ip4_datagram_connect")
int BPF_PROG(datagram_connect, struct sock *sk, struct sockaddr *address, int length, int result)
{
	return connect_returned(ctx, address, result, false);
}

SEC("fexit/__ip6_datagram_connect")
int BPF_PROG(datagram6_connect, struct sock *sk, struct sockaddr *address, int length, int result)
{
	return is_mapped_address(address) ? 0 : connect_returned(ctx, address, result, false);
}

static __always_inline bool is_peer(struct sock *sk, const struct record *r)
{
	struct record other;

	if (BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_ESTABLISHED)
		return false;
	remote_fill(&other, sk);
	return same_peer(r, &other);
}

/*
 * A datagram to a peer that the socket is not connected to: the first is told,
 * if not too many were just before. IPv6's function names the peer also of a
 * connected socket, if its address is a mapped one.
 */
static __noinline int sent(__u64 key, struct record *r, __u16 outcome)
{
	struct sock *sk = (void *)key;
	struct flow flow = { .port = r->remote_port, .outcome = outcome };
	__u64 now = bpf_ktime_get_boot_ns();
	struct peers fresh = {}, *told;
	struct counters *c;
	__u32 error = r->error;
	__u8 one = 1;

	if (is_peer(sk, r))
		return 0;
	flow.socket = BPF_CORE_READ(sk, sk_socket, file, f_inode, i_ino);
	flow.tgid = bpf_get_current_pid_tgid() >> 32;
	flow.protocol = BPF_CORE_READ(sk, sk_protocol);
	__builtin_memcpy(flow.remote, r->remote, sizeof(flow.remote));
	if (bpf_map_lookup_elem(&flows, &flow))
		return 0;
	told = bpf_map_lookup_elem(&peers, &flow.socket);
	if (told && now - told->since < PEERS_WINDOW) {
		if (told->told >= PEERS_MAX) {
			c = counters_of(KIND_CONNECT);
			if (c && wanted & 1U << KIND_CONNECT) {
				count(c->generated);
				count(c->aggregated);
			}
			return 0;
		}
		__sync_fetch_and_add(&told->told, 1);
	} else {
		fresh.since = now;
		fresh.told = 1;
		bpf_map_update_elem(&peers, &flow.socket, &fresh, BPF_ANY);
	}
	bpf_map_update_elem(&flows, &flow, &one, BPF_ANY);
	begin_fill(r, sk, KIND_CONNECT, FLAG_EGRESS | FLAG_OWNER | outcome);
	__builtin_memcpy(r->remote, flow.remote, sizeof(r->remote));
	r->remote_port = flow.port;
	r->error = error;
	send(r, KIND_CONNECT);
	return 0;
}

static __always_inline int datagram_sent(void *ctx, struct msghdr *message, int result, __u16 family)
{
	struct sockaddr *address;
	struct record r;
	__u64 key;

	if (stopped)
		return 0;
	address = message->msg_name;
	/* IPv6's function leaves the address of its own stack behind when it has called IPv4's. */
	if (!address || BPF_CORE_READ(address, sa_family) != family || !address_fill(&r, address))
		return 0;
	if (family == AF_INET6 && is_mapped(r.remote))
		return 0;
	bpf_probe_read_kernel(&key, sizeof(key), ctx);
	cpu_hold();
	r.error = result < 0 ? -result : 0;
	sent(key, &r, result < 0 ? FLAG_FAILED : FLAG_SUCCEEDED);
	cpu_release();
	return 0;
}

SEC("fexit/udp_sendmsg")
int BPF_PROG(udp_send, struct sock *sk, struct msghdr *message, unsigned long length, int result)
{
	return datagram_sent(ctx, message, result, AF_INET);
}

SEC("fexit/udpv6_sendmsg")
int BPF_PROG(udp6_send, struct sock *sk, struct msghdr *message, unsigned long length, int result)
{
	return datagram_sent(ctx, message, result, AF_INET6);
}

SEC("fexit/raw_sendmsg")
int BPF_PROG(raw_send, struct sock *sk, struct msghdr *message, unsigned long length, int result)
{
	return datagram_sent(ctx, message, result, AF_INET);
}

SEC("fexit/rawv6_sendmsg")
int BPF_PROG(raw6_send, struct sock *sk, struct msghdr *message, unsigned long length, int result)
{
	return datagram_sent(ctx, message, result, AF_INET6);
}

SEC("fexit/ping_v4_sendmsg")
int BPF_PROG(ping_send, struct sock *sk, struct msghdr *message, unsigned long length, int result)
{
	return datagram_sent(ctx, message, result, AF_INET);
}

SEC("fexit/ping_v6_sendmsg")
int BPF_PROG(ping6_send, struct sock *sk, struct msghdr *message, unsigned long length, int result)
{
	return datagram_sent(ctx, message, result, AF_INET6);
}

/*
 * Without trampolines: programs at the root of the cgroups. They get a socket as
 * the verifier's own type; its address becomes a number by being read.
 */
static __always_inline __u64 number_of(void *sk)
{
	void *volatile pointer = sk;
	__u64 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), (void *)&pointer);
	return number;
}

/* An attempt that has sent nothing yet: the system call's end, or the first packet, goes on with it. */
static __noinline int connect_begins(struct connecting *c)
{
	__u64 thread = bpf_get_current_pid_tgid(), key = c->sk;
	struct record *known = bpf_map_lookup_elem(&sockets, &key);

	bpf_map_update_elem(&connecting, &thread, c, BPF_ANY);
	/* A datagram socket stays connected to whom it is, unless this one succeeds. */
	if (known && known->header.kind == KIND_CLOSE && !(known->flags & FLAG_STREAM))
		return 0;
	if (known)
		end_unseen(key, known); /* by io_uring or a 32-bit program, and it failed before the first packet */
	bpf_map_update_elem(&sockets, &key, &c->attempt, BPF_ANY);
	return 0;
}

/* The kernel's own sockets have no descriptor: nobody would see the end of the attempt. */
static __always_inline bool begins(struct connecting *c, __u64 key)
{
	struct sock *sk = (void *)key;

	if (stopped || !key || is_subflow(sk) || !BPF_CORE_READ(sk, sk_socket, file))
		return false;
	c->sk = key;
	begin_fill(&c->attempt, sk, KIND_CONNECT, FLAG_EGRESS | FLAG_OWNER | FLAG_EARLY);
	return true;
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx)
{
	struct connecting c;

	cpu_hold();
	if (begins(&c, number_of(ctx->sk))) {
		mapped(c.attempt.remote, ctx->user_ip4);
		c.attempt.remote_port = bpf_ntohs(ctx->user_port);
		connect_begins(&c);
	}
	cpu_release();
	return 1;
}

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *ctx)
{
	struct connecting c;
	__u32 *to = (void *)c.attempt.remote;

	cpu_hold();
	if (begins(&c, number_of(ctx->sk))) {
		to[0] = ctx->user_ip6[0];
		to[1] = ctx->user_ip6[1];
		to[2] = ctx->user_ip6[2];
		to[3] = ctx->user_ip6[3];
		c.attempt.remote_port = bpf_ntohs(ctx->user_port);
		connect_begins(&c);
	}
	cpu_release();
	return 1;
}

/* What a thread's connect by another door has left behind is not of this one. */
SEC("tracepoint/syscalls/sys_enter_connect")
int connect_enter(void *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&connecting, &thread);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_connect")
int connect_exit(struct syscall_exit *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid(), key;
	struct connecting *found;
	struct record *known, r;

	found = bpf_map_lookup_elem(&connecting, &thread);
	if (!found)
		return 0;
	key = found->sk;
	r = found->attempt;
	bpf_map_delete_elem(&connecting, &thread);
	if (stopped)
		return 0;
	cpu_hold();
	known = bpf_map_lookup_elem(&sockets, &key);
	if (!(r.flags & FLAG_STREAM))
		connected(key, &r, ctx->result);
	else if (known && known->header.kind == KIND_CONNECT && known->flags & FLAG_EARLY)
		connected(key, &r, ctx->result);
	else if (known && known->header.kind == KIND_CONNECT) /* still open; the port is chosen by now */
		local_fill(known, (void *)key);
	cpu_release();
	return 0;
}

SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr *ctx)
{
	__u64 key = number_of(ctx->sk);
	struct record r;

	if (stopped || !key)
		return 1;
	mapped(r.remote, ctx->user_ip4);
	r.remote_port = bpf_ntohs(ctx->user_port);
	cpu_hold();
	r.error = 0;
	sent(key, &r, 0); /* how it ends is not seen */
	cpu_release();
	return 1;
}

SEC("cgroup/sendmsg6")
int sendmsg6(struct bpf_sock_addr *ctx)
{
	__u64 key = number_of(ctx->sk);
	struct record r;
	__u32 *to = (void *)r.remote;

	if (stopped || !key)
		return 1;
	to[0] = ctx->user_ip6[0];
	to[1] = ctx->user_ip6[1];
	to[2] = ctx->user_ip6[2];
	to[3] = ctx->user_ip6[3];
	r.remote_port = bpf_ntohs(ctx->user_port);
	cpu_hold();
	r.error = 0;
	sent(key, &r, 0); /* how it ends is not seen */
	cpu_release();
	return 1;
}

/* How an attempt, or a connection without a handshake, ends with its socket. */
static __noinline int ended(__u64 key)
{
	struct record *known = bpf_map_lookup_elem(&sockets, &key);
	struct sock *sk = (void *)key;
	struct record r;

	if (!known)
		return 0;
	r = *known;
	if (r.flags & FLAG_STREAM && !(r.flags & FLAG_EARLY))
		return 0; /* its state says when it ends */
	if (!forget(key))
		return 0;
	if (r.header.kind == KIND_CONNECT) { /* nobody saw the system call end: io_uring's, or a 32-bit one */
		local_fill(&r, sk);
		r.flags &= ~FLAG_FAILED;
		if (r.flags & FLAG_STREAM || BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_ESTABLISHED) {
			r.flags |= FLAG_FAILED;
			send(&r, KIND_CONNECT);
			return 0;
		}
		remote_fill(&r, sk);
		r.flags |= FLAG_SUCCEEDED;
		send(&r, KIND_CONNECT);
		r.flags &= ~FLAG_SUCCEEDED;
	}
	send(&r, KIND_CLOSE);
	return 0;
}

/* The last descriptor of a socket is closed, by the current task. */
static __always_inline void released(__u64 key)
{
	struct record *known = bpf_map_lookup_elem(&sockets, &key);

	if (!known)
		return;
	if (known->header.kind == KIND_ACCEPT)
		accepted(key, true); /* a descriptor is closed, so somebody had accepted it */
	else
		ended(key);
}

SEC("cgroup/sock_release")
int sock_release(struct bpf_sock *ctx)
{
	__u64 key = number_of(ctx);

	if (stopped || !key)
		return 1;
	cpu_hold();
	released(key);
	cpu_release();
	return 1;
}

SEC("fentry/inet_release")
int BPF_PROG(inet_released, struct socket *socket)
{
	__u64 key;

	if (stopped || !socket->sk)
		return 0;
	key = (__u64)BPF_CORE_READ(socket, sk);
	cpu_hold();
	released(key);
	cpu_release();
	return 0;
}

/*
 * The sockets that were open before, by the descriptors of all tasks: in every
 * network namespace, with an owner. Runs in the reader.
 */
SEC("iter/task_file")
int sockets_snapshot(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct sock *sk;
	struct record r;
	__u16 family;
	__u8 state;
	__u64 key;
	int result; /* an int: see process_exit's map update */

	if (!task || !file)
		return 0;
	sk = sock_of(file);
	if (!sk)
		return 0;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if ((family != AF_INET && family != AF_INET6) || state == TCP_CLOSE || state == TCP_LISTEN)
		return 0;
	begin_fill(&r, sk, state == TCP_SYN_SENT ? KIND_CONNECT : KIND_CLOSE, FLAG_OLDER);
	if (state == TCP_SYN_SENT)
		r.flags |= FLAG_EGRESS;
	remote_fill(&r, sk);
	actor_fill(&r.header, task);
	r.flags |= FLAG_OWNER;
	r.since = 0;
	key = (__u64)sk;
	result = bpf_map_update_elem(&sockets, &key, &r, BPF_NOEXIST);
	if (result && result != -EEXIST)
		lost_for_want_of_room(KIND_CLOSE);
	if (!result && BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_CLOSE)
		forget(key); /* it ended meanwhile */
	return 0;
}

/* After a bind that succeeded; the kernel puts the port into inet_sport later. */
static __always_inline int bound(struct bpf_sock *ctx)
{
	__u64 key = number_of(ctx);
	struct sock *sk = (void *)key;
	struct record r;

	if (stopped || !key || is_kernel())
		return 1;
	cpu_hold();
	begin_fill(&r, sk, KIND_BIND, FLAG_OWNER | FLAG_SUCCEEDED);
	r.local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	send(&r, KIND_BIND);
	cpu_release();
	return 1;
}

SEC("cgroup/post_bind4")
int bound4(struct bpf_sock *ctx)
{
	return bound(ctx);
}

SEC("cgroup/post_bind6")
int bound6(struct bpf_sock *ctx)
{
	return bound(ctx);
}

SEC("tracepoint/syscalls/sys_enter_listen")
int listen_enter(struct syscall_enter *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid(), none = 0;

	if (!stopped)
		bpf_map_update_elem(&listening, &thread, &none, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_listen")
int listen_exit(struct syscall_exit *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid();
	__u64 *found, key;

	found = bpf_map_lookup_elem(&listening, &thread);
	if (!found)
		return 0;
	key = *found;
	bpf_map_delete_elem(&listening, &thread);
	if (stopped || !key)
		return 0;
	cpu_hold();
	listens(key, true, ctx->result);
	cpu_release();
	return 0;
}

/* The address is the kernel's copy, or NULL where only the system call's end is seen. */
static __noinline int local_connected(__u64 key, __u16 family, const void *address, int length, int result)
{
	struct sock *sk = (void *)key;
	struct local_record r = {};
	__u16 outcome = FLAG_SUCCEEDED;

	switch (-result) {
	case EFAULT:
	case EINVAL:
	case EAFNOSUPPORT:
	case EISCONN:
	case EALREADY:
	case ERESTARTSYS: /* a signal: it is made again */
		return 0;
	case EINPROGRESS:
		outcome = 0;
	}
	if (is_kernel())
		return 0;
	ends_fill(&r, sk);
	if (result && result != -EINPROGRESS)
		outcome = FLAG_FAILED;
	if (family == AF_UNIX && result) { /* what it was connected to before is still its peer */
		r.remote.length = 0;
		if (address)
			name_fill(&r.remote, address, length);
	} else if (family == AF_UNIX && !r.remote.length) {
		return 0; /* connected to AF_UNSPEC, so to none any more */
	}
	local_send(&r, sk, family == AF_UNIX ? KIND_UNIX_CONNECT : KIND_VSOCK_CONNECT, FLAG_EGRESS | outcome,
		   outcome == FLAG_FAILED ? -result : 0);
	return 0;
}

static __always_inline int unix_connected(struct socket *socket, const struct sockaddr *address, int length, int result)
{
	if (stopped || BPF_CORE_READ(address, sa_family) != AF_UNIX)
		return 0;
	cpu_hold();
	local_connected((__u64)BPF_CORE_READ(socket, sk), AF_UNIX, address, length, result);
	cpu_release();
	return 0;
}

SEC("fexit/unix_stream_connect")
int BPF_PROG(unix_stream, struct socket *socket, struct sockaddr *address, int length, int flags, int result)
{
	return unix_connected(socket, address, length, result);
}

SEC("fexit/unix_dgram_connect")
int BPF_PROG(unix_dgram, struct socket *socket, struct sockaddr *address, int length, int flags, int result)
{
	return unix_connected(socket, address, length, result);
}

SEC("tracepoint/syscalls/sys_enter_connect")
int local_connect_enter(struct syscall_enter *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct sock *sk;
	__u16 family = 0;
	__u64 key;

	if (stopped)
		return 0;
	sk = sock_at(ctx->args[0]);
	if (sk)
		family = BPF_CORE_READ(sk, __sk_common.skc_family);
	key = (__u64)sk;
	if (family == AF_UNIX || family == AF_VSOCK)
		bpf_map_update_elem(&local_connecting, &thread, &key, BPF_ANY);
	else
		bpf_map_delete_elem(&local_connecting, &thread); /* whose end was not seen */
	return 0;
}

/* Each kind has its own program for the end, and leaves the other's alone. */
static __always_inline int local_connect_returned(struct syscall_exit *ctx, __u16 family)
{
	__u64 thread = bpf_get_current_pid_tgid();
	__u64 *found, key;

	found = bpf_map_lookup_elem(&local_connecting, &thread);
	if (!found)
		return 0;
	key = *found;
	if (BPF_CORE_READ((struct sock *)key, __sk_common.skc_family) != family)
		return 0;
	bpf_map_delete_elem(&local_connecting, &thread);
	if (stopped)
		return 0;
	cpu_hold();
	local_connected(key, family, NULL, 0, ctx->result);
	cpu_release();
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_connect")
int unix_connect_exit(struct syscall_exit *ctx)
{
	return local_connect_returned(ctx, AF_UNIX);
}

SEC("tracepoint/syscalls/sys_exit_connect")
int vsock_connect_exit(struct syscall_exit *ctx)
{
	return local_connect_returned(ctx, AF_VSOCK);
}
