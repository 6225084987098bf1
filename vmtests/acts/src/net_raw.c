// SPDX-License-Identifier: Apache-2.0
/* Raw and ping sockets. */
#include "net.h"

#include <netinet/ip.h>

/* Only what has ports is told with ports. */
static void said_portless(const char *transport, bool six)
{
	expect(NET_CONNECT, getpid());
	str("destination.ip", six ? "::1" : "127.0.0.1");
	no("destination.port");
	str("network.type", six ? "ipv6" : "ipv4");
	str("network.direction", "egress");
	str("event.outcome", "success");
	if (transport)
		str("network.transport", transport);
	said();
	may(NET_CLOSE, getpid());
	no("destination.port");
	said();
	never_unspecified(getpid());
}

static uint16_t sum(const void *bytes, size_t n)
{
	const unsigned char *b = bytes;
	uint32_t s = 0;

	for (size_t i = 0; i < n; i += 2)
		s += b[i] << 8 | b[i + 1];
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return htons(~s);
}

struct echo {
	uint8_t type, code;
	uint16_t sum, id, sequence;
};

static void echo_twice(int fd, const char *ip, int type)
{
	struct end to = end_of(ip, 0);
	struct echo e = { .type = type, .id = htons(getpid()) };

	e.sum = sum(&e, sizeof(e));
	for (int i = 0; i < 2; i++)
		if (sendto(fd, &e, sizeof(e), 0, &to.addr, to.len) != sizeof(e))
			die("send an echo");
	close_fd(fd);
}

static void raw_icmp(void)
{
	echo_twice(socket_of(AF_INET, SOCK_RAW, IPPROTO_ICMP), "127.0.0.1", 8);
	said_portless("icmp", false);
}

static void raw_icmp6(void)
{
	echo_twice(socket_of(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6), "::1", 128);
	said_portless("ipv6-icmp", true);
}

/* Ping sockets need no privilege but a range of groups that may have them: here in an own network. */
static void ping_range(void)
{
	own_network();
	if (!write_setting("/proc/sys/net/ipv4/ping_group_range", "0 2147483647"))
		skip("no ping sockets: %s", strerror(errno));
}

static void ping(void)
{
	ping_range();
	echo_twice(socket_of(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), "127.0.0.1", 8);
	said_portless("icmp", false);
}

static void ping6(void)
{
	ping_range();
	echo_twice(socket_of(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6), "::1", 128);
	said_portless("ipv6-icmp", true);
}

/* With its own IP header. */
static void raw_ip(void)
{
	struct {
		struct iphdr ip;
		struct echo echo;
	} packet = {
		.ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_ICMP, .tot_len = htons(sizeof(packet)) },
		.echo = { .type = 8 },
	};
	struct end to = end_of("127.0.0.1", 0);
	int fd = socket_of(AF_INET, SOCK_RAW, IPPROTO_RAW);

	packet.ip.saddr = packet.ip.daddr = htonl(INADDR_LOOPBACK);
	packet.echo.sum = sum(&packet.echo, sizeof(packet.echo));
	for (int i = 0; i < 2; i++)
		if (sendto(fd, &packet, sizeof(packet), 0, &to.addr, to.len) != sizeof(packet))
			die("send a packet");
	said_portless(NULL, false);
	close_fd(fd);
}

const struct act net_raw_acts[] = {
	{ "net-udp-raw", raw_icmp, "a raw socket sends ICMP: no ports", "trampolines" },
	{ "net-udp-raw-v6", raw_icmp6, "a raw socket sends ICMPv6", "trampolines" },
	{ "net-udp-raw-header", raw_ip, "a raw socket sends packets with their header", "trampolines" },
	{ "net-udp-ping", ping, "a ping socket", "trampolines" },
	{ "net-udp-ping-v6", ping6, "a ping socket for ICMPv6", "trampolines" },
	{ 0 },
};
