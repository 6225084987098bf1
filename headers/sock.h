/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The kernel's sockets: the structures, and of each only the fields that the programs read (see kernel.h). */
#ifndef SENSOR_SOCK_H
#define SENSOR_SOCK_H

#include "kernel.h"

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_VSOCK 40
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_MPTCP 262
#define SHUTDOWN_MASK 3
#define SOCK_DONE 1 /* bit of skc_flags, set when a FIN is received */

/* include/net/tcp_states.h, the same since Linux 2.6 */
enum tcp_state {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_LISTEN = 10,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};
struct in_addr {
	__be32 s_addr;
};
struct sockaddr {
	__u16 sa_family;
};
struct sockaddr_in {
	__u16 sin_family;
	__be16 sin_port;
	struct in_addr sin_addr;
};
struct sockaddr_in6 {
	__u16 sin6_family;
	__be16 sin6_port;
	struct in6_addr sin6_addr;
};

typedef struct {
	struct net *net;
} possible_net_t;
struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	__u16 skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	unsigned long skc_flags;
};
struct socket;
struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol; /* a number of its own since Linux 5.6 */
	__u16 sk_type;
	int sk_err;
	unsigned char sk_shutdown;
	struct socket *sk_socket;
};
struct inet_sock {
	struct sock sk;
	__be16 inet_sport;
};
struct tcp_ulp_ops {
	char name[16];
};
struct inet_connection_sock {
	const struct tcp_ulp_ops *icsk_ulp_ops;
	void *icsk_ulp_data;
};
struct mptcp_subflow_context {
	struct sock *conn; /* the socket above */
};
struct tcp_sock {
	__u64 bytes_sent, bytes_retrans, bytes_received;
};
/* Counts bytes since Linux 6.4 (38967f424b5b). */
struct mptcp_sock {
	__u64 bytes_sent, bytes_retrans, bytes_received;
};
struct sockaddr_un {
	__u16 sun_family;
};
struct unix_address {
	int len; /* of name, with the family before it */
	struct sockaddr_un name[0];
};
struct unix_sock {
	struct unix_address *addr; /* NULL if it has no name */
	struct sock *peer;
};
struct sockaddr_vm {
	__u16 svm_family;
};
/* Where vsock is a module, its types are that module's. */
struct vsock_sock {
	struct sockaddr_vm local_addr;
};
typedef enum {
	SS_UNCONNECTED = 1,
} socket_state;
struct socket {
	socket_state state;
	short type;
	struct file *file;
	struct sock *sk;
};
struct msghdr {
	void *msg_name;
	int msg_namelen;
};

#pragma clang attribute pop

/* What cgroup programs are given: part of the kernel's ABI, so nothing is relocated. */
struct bpf_sock;
struct bpf_sock_addr {
	__u32 user_family;
	__be32 user_ip4;
	__be32 user_ip6[4];
	__u32 user_port; /* network byte order */
	__u32 family;
	__u32 type;
	__u32 protocol;
	__be32 msg_src_ip4;
	__be32 msg_src_ip6[4];
	struct bpf_sock *sk __attribute__((aligned(8)));
};

#endif
