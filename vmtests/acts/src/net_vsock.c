// SPDX-License-Identifier: Apache-2.0
/* Vsock, where this machine can connect to itself. */
#include "net.h"

#include <linux/vm_sockets.h>

#ifndef VMADDR_CID_LOCAL
#define VMADDR_CID_LOCAL 1
#endif

/* Bound to this machine's own CID: where that is none, a connect would go out to the host. */
static int bound(int type, struct sockaddr_vm *at)
{
	int fd = socket(AF_VSOCK, type | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*at);

	if (fd < 0)
		skip("no vsock: %s", strerror(errno));
	*at = (struct sockaddr_vm){ .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_LOCAL, .svm_port = VMADDR_PORT_ANY };
	if (bind(fd, (void *)at, sizeof(*at)))
		skip("vsock has no loopback: %s", strerror(errno));
	if (getsockname(fd, (void *)at, &len))
		die("get a socket's address");
	return fd;
}

static int connecting(int type, const struct sockaddr_vm *to, int error)
{
	int fd = socket(AF_VSOCK, type | SOCK_CLOEXEC, 0), result;

	if (fd < 0)
		die("make a socket");
	result = connect(fd, (void *)to, sizeof(*to));
	if (error ? result == 0 || errno != error : result)
		die("connect");
	return fd;
}

static void put(const char *direction, unsigned port)
{
	strs("event.category", (char *[]){ "network", NULL });
	strs("event.type", (char *[]){ "start", NULL });
	str("destination.address", "vsock:1");
	num("destination.port", port);
	no("destination.path");
	str("network.transport", "vsock");
	str("network.direction", direction);
}

static void both(int type)
{
	struct sockaddr_vm at, from;
	int listener = bound(type, &at), out, in;

	if (listen(listener, 4))
		die("listen");
	out = connecting(type, &at, 0);
	if (getsockname(out, (void *)&from, &(socklen_t){ sizeof(from) }))
		die("get a socket's address");
	expect(NET_LOCAL_CONNECT, getpid());
	put("egress", at.svm_port);
	if (from.svm_cid == VMADDR_CID_ANY)
		no("source.address");
	else
		str("source.address", format("vsock:%u", from.svm_cid));
	num("source.port", from.svm_port);
	str("event.outcome", "success");
	said();
	in = accept_from(listener);
	expect(NET_LOCAL_ACCEPT, getpid());
	put("ingress", at.svm_port);
	str("source.address", "vsock:1");
	num("source.port", from.svm_port);
	str("event.outcome", "success");
	said();
	close_fd(out);
	close_fd(in);
	close_fd(listener);
}

static void stream(void)
{
	both(SOCK_STREAM);
}

static void packets(void)
{
	both(SOCK_SEQPACKET);
}

static void refused(void)
{
	struct sockaddr_vm at;
	int holder = bound(SOCK_STREAM, &at), fd = connecting(SOCK_STREAM, &at, ECONNRESET);

	expect(NET_LOCAL_CONNECT, getpid());
	put("egress", at.svm_port);
	str("event.outcome", "failure");
	str("error.code", "ECONNRESET");
	said();
	close_fd(fd);
	close_fd(holder);
}

const struct act net_vsock_acts[] = {
	{ "net-local-vsock", stream, "connect and accept of a stream by vsock", "vsock_loopback" },
	{ "net-local-vsock-packets", packets, "the same of packets", "vsock_loopback" },
	{ "net-local-vsock-refused", refused, "nobody listens there", "vsock_loopback" },
	{ 0 },
};
