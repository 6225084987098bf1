// SPDX-License-Identifier: Apache-2.0

package ecs

import (
	"net/netip"
	"testing"

	"sensor/internal/events"
)

// The ids are those that the specification and its reference implementation
// publish: corelight/community-id-spec, baseline/baseline_deflt.json, and
// corelight/pycommunityid, README.md and tests/communityid_test.py. The last
// two are of the vocabulary's documents.
func TestCommunityID(t *testing.T) {
	for _, test := range []struct {
		protocol     uint8
		a, b         string
		want         string
		aPort, bPort uint16
	}{
		{6, "128.232.110.120", "66.35.250.204", "1:LQU9qZlK+B5F3KDmev6m5PMibrg=", 34855, 80},
		{6, "2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=", 63943, 25},
		{6, "10.0.0.1", "10.0.0.2", "1:9j2Dzwrw7T9E+IZi4b4IVT66HBI=", 10, 20},
		{6, "10.0.0.1", "10.0.0.2", "1:SXBGMX1lBOwhhoDrZynfROxnhnM=", 10, 11569},
		{6, "127.0.0.1", "10.0.0.1", "1:mgRgpIZSu0KHDp/QrtcWZpkJpMU=", 1234, 80},
		{17, "192.168.1.52", "8.8.8.8", "1:d/FP5EW3wiY1vCndhwleRRKHowQ=", 54585, 53},
		{132, "192.168.170.8", "192.168.170.56", "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=", 7, 7},
		{132, "192.168.170.8", "192.168.170.56", "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ=", 7, 80},
		{6, "10.0.0.5", "198.51.100.7", "1:ELs/RzmWXutCTY2gJDKx2yq36vE=", 41022, 80},
		{6, "203.0.113.9", "10.0.0.5", "1:66MFn+ElR2u+JC1xLuXpavkSlpw=", 50111, 22},
	} {
		a := events.Endpoint{Addr: netip.MustParseAddr(test.a), Port: test.aPort}
		b := events.Endpoint{Addr: netip.MustParseAddr(test.b), Port: test.bPort}
		for _, n := range []*events.Network{
			{Protocol: test.protocol, Source: a, Destination: b},
			{Protocol: test.protocol, Source: b, Destination: a, Direction: events.DirectionIngress},
		} {
			if !hasCommunityID(n) {
				t.Errorf("%v has none", n)
			}
			if got := string(appendCommunityID([]byte("before"), n)); got != "before"+test.want {
				t.Errorf("%v: %s, want %s", n, got, test.want)
			}
		}
	}
}

// Where the addresses are the same, the ports decide; a zone decides nothing.
func TestCommunityIDOfOneAddress(t *testing.T) {
	ids := map[string]bool{}
	for _, zone := range []string{"", "%eth0", "%wlan0"} {
		for _, ports := range [][2]uint16{{22, 50111}, {50111, 22}} {
			from := netip.MustParseAddr("fe80::1" + zone)
			ids[string(appendCommunityID(nil, &events.Network{
				Protocol:    events.ProtocolTCP,
				Source:      events.Endpoint{Addr: from, Port: ports[0]},
				Destination: events.Endpoint{Addr: netip.MustParseAddr("fe80::1"), Port: ports[1]},
			}))] = true
		}
	}
	if len(ids) != 1 {
		t.Errorf("one flow has %d ids", len(ids))
	}
}

func BenchmarkCommunityID(b *testing.B) {
	for name, n := range map[string]*events.Network{
		"ipv4": flow("10.0.0.5:41022", "198.51.100.7:80", events.DirectionEgress),
		"ipv6": flow("[2001:db8::9]:50111", "[2001:db8::5]:22", events.DirectionEgress),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var id []byte
			for b.Loop() {
				id = appendCommunityID(id[:0], n)
			}
		})
	}
}
