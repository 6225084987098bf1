// SPDX-License-Identifier: Apache-2.0

package ecs

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"sensor/internal/events"
)

func TestTransport(t *testing.T) {
	for _, test := range []struct {
		protocol    uint8
		name        string
		communityID bool
	}{
		{1, "icmp", false}, {6, "tcp", true}, {17, "udp", true}, {33, "dccp", false}, {58, "ipv6-icmp", false}, {132, "sctp", true},
		{2, "", false}, {46, "", false}, {136, "", false}, {255, "", false}, {0, "", false},
	} {
		ev := full(events.KindConnect)
		ev.Network.Protocol = test.protocol
		d := mustParse(t, NewEncoder(fullOptions()).Append(nil, ev))
		number := strconv.Itoa(int(test.protocol))
		if test.protocol == 0 {
			number = ""
		}
		for path, want := range map[string]string{"network.transport": test.name, "network.iana_number": number} {
			if want == "" && d[path] == nil {
				continue
			}
			if got := d.one(t, path); got != want {
				t.Errorf("%d: %s = %s, want %s", test.protocol, path, got, want)
			}
		}
		if got := d["network.community_id"] != nil; got != test.communityID {
			t.Errorf("%d: has a community id: %v, want %v", test.protocol, got, test.communityID)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, test := range []struct {
		source, destination string // "" if unknown
		typ                 string // "" if absent
		related             []any
	}{
		{"10.0.0.5", "198.51.100.7", "ipv4", []any{"10.0.0.5", "198.51.100.7"}},
		{"127.0.0.1", "127.0.0.1", "ipv4", []any{"127.0.0.1"}},
		{"2001:db8::1", "::1", "ipv6", []any{"2001:db8::1", "::1"}},
		{"", "::1", "ipv6", []any{"::1"}},
		{"::1", "", "ipv6", []any{"::1"}},
		{"10.0.0.5", "::1", "", []any{"10.0.0.5", "::1"}},
		{"", "", "", nil},
		{"fe80::1%eth0", "fe80::2%\"\n", "ipv6", []any{"fe80::1", "fe80::2"}},
		{"fe80::1%eth0", "fe80::1", "ipv6", []any{"fe80::1"}},
	} {
		parse := func(s string) (a netip.Addr) {
			if s != "" {
				a = netip.MustParseAddr(s)
			}
			return a
		}
		ev := full(events.KindConnect)
		ev.Network.Source.Addr, ev.Network.Destination.Addr = parse(test.source), parse(test.destination)
		d := mustParse(t, NewEncoder(fullOptions()).Append(nil, ev))
		if got := d["related.ip"]; !slices.Equal(got, test.related) {
			t.Errorf("%q and %q: related.ip = %v, want %v", test.source, test.destination, got, test.related)
		}
		if got := d["network.type"]; test.typ == "" && got != nil || test.typ != "" && d.one(t, "network.type") != test.typ {
			t.Errorf("%q and %q: network.type = %v, want %q", test.source, test.destination, got, test.typ)
		}
	}
}

// Zero bytes are an answer, as is a flow that was there for no time at all.
func TestNothingSent(t *testing.T) {
	ev := full(events.KindClose)
	ev.Network.Source.Bytes, ev.Network.Destination.Bytes, ev.Network.Started = 0, 0, ev.Time
	d := mustParse(t, NewEncoder(fullOptions()).Append(nil, ev))
	for _, path := range []string{"network.bytes", "source.bytes", "destination.bytes", "event.duration"} {
		if got := d.one(t, path); got != "0" {
			t.Errorf("%s = %s, want 0", path, got)
		}
	}
}

// Whatever ends a flow has, its document says them, and nothing that is unknown.
func FuzzNetwork(f *testing.F) {
	f.Add(byte(0), "\x0a\x00\x00\x05", uint16(41022), "\xc6\x33\x64\x07", uint16(80), byte(6), byte(1), uint64(0), int64(0), "")
	f.Add(byte(1), "\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", uint16(1), "\x7f\x00\x00\x01", uint16(0), byte(58), byte(2), uint64(9), int64(5), "eth0")
	f.Add(byte(2), "", uint16(0), "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x7f\x00\x00\x01", uint16(53), byte(17), byte(0), uint64(1<<63), int64(-5), "\"\n\xff")
	f.Add(byte(2), "", uint16(0), "", uint16(0), byte(0), byte(9), uint64(1<<64-1), int64(1<<62), "")
	kinds := []events.Kind{events.KindConnect, events.KindAccept, events.KindClose}
	e := NewEncoder(fullOptions())
	f.Fuzz(func(t *testing.T, kind byte, from string, fromPort uint16, to string, toPort uint16, protocol, direction byte, bytes uint64, ago int64, zone string) {
		source, _ := netip.AddrFromSlice([]byte(from))
		destination, _ := netip.AddrFromSlice([]byte(to))
		n := &events.Network{
			Source:      events.Endpoint{Addr: source.WithZone(zone), Port: fromPort, Bytes: bytes},
			Destination: events.Endpoint{Addr: destination, Port: toPort, Bytes: bytes / 2},
			Direction:   events.Direction(direction), Protocol: protocol, HasBytes: bytes%2 == 0,
			Started: start.Add(-time.Duration(ago)),
		}
		ev := &events.Event{Kind: kinds[int(kind)%len(kinds)], Time: start, Network: n}
		d := mustParse(t, e.Append(nil, ev))
		for path, want := range map[string]string{
			"source.ip": ipText(source), "source.address": ipText(source), "source.port": decimal(uint64(fromPort)),
			"destination.ip": ipText(destination), "destination.port": decimal(uint64(toPort)), "network.iana_number": decimal(uint64(protocol)),
		} {
			if want == "" && d[path] == nil {
				continue
			}
			if got := d.one(t, path); got != want {
				t.Errorf("%s = %s, want %s", path, got, want)
			}
		}
		if n.HasBytes != (d["network.bytes"] != nil) {
			t.Errorf("network.bytes = %v, want them: %v", d["network.bytes"], n.HasBytes)
		}
		if span := d["event.duration"]; span != nil {
			if v, err := span[0].(json.Number).Int64(); err != nil || v < 0 || v != start.Sub(n.Started).Nanoseconds() {
				t.Errorf("event.duration = %v for %d ns", span, ago)
			}
		}
		n.Source, n.Destination = n.Destination, n.Source
		back := mustParse(t, e.Append(nil, ev))
		if !slices.Equal(d["network.community_id"], back["network.community_id"]) {
			t.Errorf("community ids %v and %v of one flow", d["network.community_id"], back["network.community_id"])
		}
	})
}

// ipText is the address without a zone, "" for none.
func ipText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.WithZone("").String()
}

// decimal is n in digits, "" for zero.
func decimal(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}
