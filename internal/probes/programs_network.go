// SPDX-License-Identifier: Apache-2.0

package probes

// networkTable are the programs of bpf/network.bpf.c.
func networkTable() []program {
	// Linux 7.0 gave the address a type without a length; its first fields are the same.
	connect := []string{"struct sock *", "struct sockaddr *|struct sockaddr_unsized *", "int"}
	sendmsg := []string{"struct sock *", "struct msghdr *", "size_t"}
	unixConnect := []string{"struct socket *", "struct sockaddr *|struct sockaddr_unsized *", "int", "int"}
	return []program{
		{
			name: "sock_state", typ: "tp_btf", hook: "inet_sock_set_state",
			args:  []string{"const struct sock *", "const int", "const int"},
			since: "5.8", why: "every TCP and MPTCP connection passes, by whatever door; the outcome and the end come in interrupts, so the owner is remembered",
			notes: true,
		},
		{
			name: "sock_state_again", typ: "tp_btf", hook: "inet_sock_set_state",
			args:  []string{"const struct sock *", "const int", "const int"},
			since: "5.8", why: "the kernel skips a program that it has interrupted; then the other one of the two runs", notes: true,
		},
		{
			name: "sock_destroyed", typ: "tp_btf", hook: "tcp_destroy_sock", args: []string{"struct sock *"},
			since: "5.8", why: "the last sight of a socket: nothing of it is remembered for the next one at its address", notes: true,
		},
		{
			name: "accept_graft", typ: "fentry", hook: "security_sock_graft",
			args:  []string{"struct sock *", "struct socket *"},
			since: "5.8", why: "every accept, also io_uring's and 32-bit ones, with the same prototype on every kernel (inet_csk_accept changed in 6.10)",
		},
		{
			name: "tcp_connect", typ: "fexit", hook: "tcp_v4_connect", args: connect,
			since: "5.8", why: "what fails before the first packet, with the reason",
		},
		{
			name: "tcp6_connect", typ: "fexit", hook: "tcp_v6_connect", args: connect,
			since: "5.8", why: "likewise",
		},
		{
			name: "datagram_connect", typ: "fexit", hook: "__ip4_datagram_connect", args: connect,
			since: "5.8", why: "connected UDP, raw and ping sockets; the address is the kernel's copy",
		},
		{
			name: "datagram6_connect", typ: "fexit", hook: "__ip6_datagram_connect", args: connect,
			since: "5.8", why: "likewise",
		},
		{
			name: "udp_send", typ: "fexit", hook: "udp_sendmsg", args: sendmsg,
			since: "5.8", why: "datagrams of unconnected sockets; the port is chosen by then",
		},
		{
			name: "udp6_send", typ: "fexit", hook: "udpv6_sendmsg", args: sendmsg,
			since: "5.8", why: "likewise",
		},
		{
			name: "raw_send", typ: "fexit", hook: "raw_sendmsg", args: sendmsg,
			since: "5.8", why: "raw sockets",
		},
		{
			name: "raw6_send", typ: "fexit", hook: "rawv6_sendmsg", args: sendmsg,
			since: "5.8", why: "likewise",
		},
		{
			name: "ping_send", typ: "fexit", hook: "ping_v4_sendmsg", args: sendmsg,
			since: "5.8", why: "ping sockets",
		},
		{
			name: "ping6_send", typ: "fexit", hook: "ping_v6_sendmsg", args: sendmsg,
			since: "5.8", why: "likewise",
		},
		{
			name: "inet_released", typ: "fentry", hook: "inet_release", args: []string{"struct socket *"},
			since: "5.8", why: "the end of a connected datagram socket",
		},
		{
			name: "connect4", typ: "cgroup", hook: "connect4",
			since: "5.8", why: "who connects where, before anything is sent; the address is the kernel's copy",
		},
		{
			name: "connect6", typ: "cgroup", hook: "connect6",
			since: "5.8", why: "likewise",
		},
		{
			name: "connect_exit", typ: "tracepoint", hook: "syscalls/sys_exit_connect",
			since: "5.8", why: "how it ended, if no packet was sent",
		},
		{
			name: "connect_enter", typ: "tracepoint", hook: "syscalls/sys_enter_connect",
			since: "5.8", why: "what an earlier connect of the thread by another door has left is not of this one", notes: true,
		},
		{
			name: "sendmsg4", typ: "cgroup", hook: "sendmsg4",
			since: "5.8", why: "datagrams of unconnected UDP sockets",
		},
		{
			name: "sendmsg6", typ: "cgroup", hook: "sendmsg6",
			since: "5.8", why: "likewise",
		},
		{
			name: "accept_exit", typ: "tracepoint", hook: "syscalls/sys_exit_accept",
			since: "5.8", why: "accept by its descriptor; io_uring's and 32-bit ones are told when they are closed",
		},
		{
			name: "accept4_exit", typ: "tracepoint", hook: "syscalls/sys_exit_accept4",
			since: "5.8", why: "likewise",
		},
		{
			name: "sock_release", typ: "cgroup", hook: "sock_release",
			since: "5.9", why: "the last descriptor is closed, in the context of who closes it",
		},
		{
			name: "sockets_snapshot", typ: "iter", hook: "task_file",
			since: "5.8", why: "the sockets that were open before the sensor, with an owner, in every network namespace",
		},
		{
			name: "bound4", typ: "cgroup", hook: "post_bind4",
			since: "5.8", why: "every bind that succeeded, in the context of who binds",
		},
		{
			name: "bound6", typ: "cgroup", hook: "post_bind6",
			since: "5.8", why: "likewise",
		},
		{
			name: "listen_enter", typ: "tracepoint", hook: "syscalls/sys_enter_listen",
			since: "5.8", why: "who waits for the end of the call: without it a listener is told at once", notes: true,
		},
		{
			name: "listen_exit", typ: "tracepoint", hook: "syscalls/sys_exit_listen",
			since: "5.8", why: "the port of a socket that was not bound, and how it ended",
		},
		{
			name: "unix_stream", typ: "fexit", hook: "unix_stream_connect", args: unixConnect,
			since: "5.8", why: "every connect of a stream or of packets, by whatever door; the address is the kernel's copy",
		},
		{
			name: "unix_dgram", typ: "fexit", hook: "unix_dgram_connect", args: unixConnect,
			since: "5.8", why: "likewise, of datagrams",
		},
		{
			name: "local_connect_enter", typ: "tracepoint", hook: "syscalls/sys_enter_connect",
			since: "5.8", why: "the socket, by its descriptor",
		},
		{
			name: "unix_connect_exit", typ: "tracepoint", hook: "syscalls/sys_exit_connect",
			since: "5.8", why: "how it ended, and the peer's name from the peer itself",
		},
		{
			name: "vsock_connect_exit", typ: "tracepoint", hook: "syscalls/sys_exit_connect",
			since: "5.8", why: "likewise; a system call, because vsock is a module in most kernels and may be loaded later",
		},
	}
}
