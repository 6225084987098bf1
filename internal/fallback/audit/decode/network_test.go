// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"strings"
	"testing"

	"sensor/internal/events"
)

const ipv4 = "saddr=020001BBC00002010000000000000000"

func TestConnect(t *testing.T) {
	for _, test := range []struct {
		name, exit string
		want       events.Outcome
		code       string
	}{
		{"success", "success=yes exit=0", events.OutcomeSuccess, ""},
		{"goes on", "success=no exit=-115", events.OutcomeUnknown, ""},
		{"interrupted", "success=no exit=-4", events.OutcomeUnknown, ""},
		{"killed", "", events.OutcomeUnknown, ""},
		{"refused", "success=no exit=-111", events.OutcomeFailure, "ECONNREFUSED"},
		{"forbidden", "success=no exit=-1", events.OutcomeFailure, "EPERM"},
	} {
		e := one(t, Options{}, record("arch=c000003e syscall=42 "+test.exit+" a0=3 a1=7f a2=10 a3=0", "(null)"), line("SOCKADDR", ipv4))
		if e.Kind != events.KindConnect || e.Outcome != test.want || e.Network.Code != test.code || (e.Network.Message == "") != (test.code == "") {
			t.Errorf("%s: got %v, %v, %+v", test.name, e.Kind, e.Outcome, e.Network)
		}
	}
	for name, errno := range map[string]string{"connected": "-106", "already": "-114", "no socket": "-88", "another family": "-97"} {
		if all := decodeAll(t, Options{Key: "k"}, record("arch=c000003e syscall=42 success=no exit="+errno+" a0=3 a1=7f a2=10 a3=0", `"k"`), line("SOCKADDR", ipv4)); len(all) != 0 {
			t.Errorf("%s: got %v", name, all[0].Kind)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, test := range []struct {
		name, saddr string
		kind        events.Kind
		address     string
		port        uint32
	}{
		{"IPv4", "020001BBC00002010000000000000000", events.KindConnect, "192.0.2.1", 443},
		{"IPv6", "0A0001BB0000000020010DB800000000000000000000000100000000", events.KindConnect, "2001:db8::1", 443},
		{"IPv4 as IPv6", "0A0001BB0000000000000000000000000000FFFFC000020100000000", events.KindConnect, "192.0.2.1", 443},
		{"the unspecified one", "020001BB000000000000000000000000", events.KindConnect, "invalid IP", 443},
		{"path", "01002F72756E2F61", events.KindUnixConnect, "/run/a", 0},
		{"path with NUL", "01002F72756E2F6100FFFF", events.KindUnixConnect, "/run/a", 0},
		{"abstract", "010000616200", events.KindUnixConnect, "@ab\x00", 0},
		{"without a name", "0100", events.KindUnixConnect, "", 0},
		{"vsock", "28000000D20400000300000000000000", events.KindVsockConnect, "vsock:3", 1234},
	} {
		e := one(t, Options{}, record("arch=c000003e syscall=42 success=yes exit=0 a0=3 a1=7f a2=10 a3=0", "(null)"), line("SOCKADDR", "saddr="+test.saddr))
		if e.Kind != test.kind {
			t.Errorf("%s: got %v, want %v", test.name, e.Kind, test.kind)
			continue
		}
		if n := e.Network; n != nil && (n.Destination.Addr.String() != test.address || uint32(n.Destination.Port) != test.port || n.Direction != events.DirectionEgress || n.Source.Addr.IsValid()) {
			t.Errorf("%s: got %+v", test.name, n)
		}
		if l := e.Local; l != nil && (l.Destination.Address != test.address || l.Destination.Port != test.port || l.Direction != events.DirectionEgress) {
			t.Errorf("%s: got %+v", test.name, l)
		}
	}
	for _, bad := range []string{"02", "zz00", "0200", "0A0001BB00000000", "020", strings.Repeat("02", 300)} {
		all, err := New(Options{Key: "k"}).Decode(parse(t, record("arch=c000003e syscall=42 success=yes exit=0 a0=3 a1=7f a2=10 a3=0", `"k"`)+"\n"+line("SOCKADDR", "saddr="+bad))[0])
		if err == nil || !strings.Contains(err.Error(), "SOCKADDR record: field saddr") || len(all) != 0 {
			t.Errorf("%s: got %v, %d events", bad, err, len(all))
		}
	}
}

func TestAccept(t *testing.T) {
	accept := record("arch=c000003e syscall=288 success=yes exit=4 a0=3 a1=7f a2=10 a3=0", `"k"`)
	e := one(t, Options{Key: "k"}, accept, line("SOCKADDR", ipv4))
	if e.Kind != events.KindAccept || e.Network.Source.Addr.String() != "192.0.2.1" || e.Network.Destination.Addr.IsValid() || e.Network.Direction != events.DirectionIngress {
		t.Errorf("got %v, %+v", e.Kind, e.Network)
	}
	if all := decodeAll(t, Options{Key: "k"}, accept); len(all) != 0 {
		t.Errorf("got %v from a peer that nobody has told", all[0].Kind)
	}
	if e = one(t, Options{Key: "k"}, accept, line("SOCKADDR", "saddr=0100")); e.Kind != events.KindUnixAccept || e.Local.Direction != events.DirectionIngress {
		t.Errorf("got %v, %+v", e.Kind, e.Local)
	}
}

func TestBind(t *testing.T) {
	bind := record("arch=c000003e syscall=49 success=yes exit=0 a0=3 a1=7f a2=10 a3=0", `"k"`)
	e := one(t, Options{Key: "k"}, bind, line("SOCKADDR", "saddr=02000050000000000000000000000000"))
	if e.Kind != events.KindBind || e.Network.Source.Addr.String() != "0.0.0.0" || e.Network.Source.Port != 80 || e.Network.Direction != events.DirectionUnknown {
		t.Errorf("got %v, %+v", e.Kind, e.Network)
	}
	for _, other := range []string{"saddr=100000000000000000000000", "saddr=01002F72756E2F61"} {
		if all := decodeAll(t, Options{Key: "k"}, bind, line("SOCKADDR", other)); len(all) != 0 {
			t.Errorf("%s: got %v", other, all[0].Kind)
		}
	}
}
