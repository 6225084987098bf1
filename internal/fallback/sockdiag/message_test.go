// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// payload is a struct inet_diag_msg of 192.0.2.1:443 and 198.51.100.7:5000, with attributes.
func payload(attributes ...[]byte) []byte {
	order := binary.NativeEndian
	b := []byte{unix.AF_INET, netlink.TCP_CLOSE_WAIT, 0, 0}
	b = binary.BigEndian.AppendUint16(b, 443)
	b = binary.BigEndian.AppendUint16(b, 5000)
	b = append(append(b, 192, 0, 2, 1), make([]byte, 12)...)
	b = append(append(b, 198, 51, 100, 7), make([]byte, 12)...)
	for _, field := range []uint32{0, 7, 1, 0, 0, 0, 1000, 12345} {
		b = order.AppendUint32(b, field)
	}
	for _, attribute := range attributes {
		b = append(b, attribute...)
	}
	return b
}

func attribute(kind uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(unix.SizeofRtAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, -len(b)&3)...)
}

func info() []byte {
	b := make([]byte, 232)
	order := binary.NativeEndian
	order.PutUint64(b[acknowledgedOffset:], 101)
	order.PutUint64(b[receivedOffset:], 201)
	order.PutUint32(b[segmentsOffset:], 3)
	order.PutUint64(b[sentOffset:], 150)
	order.PutUint64(b[repeatedOffset:], 50)
	return b
}

func TestParse(t *testing.T) {
	want := socket{
		cookie: 1<<32 | 7, state: netlink.TCP_CLOSE_WAIT, protocol: unix.IPPROTO_UDP, inode: 12345,
		local: netip.MustParseAddrPort("192.0.2.1:443"), remote: netip.MustParseAddrPort("198.51.100.7:5000"),
		traffic: traffic{known: true, sent: 100, received: 201, segments: 3, acknowledged: 101},
	}
	got, err := parse(payload(attribute(netlink.INET_DIAG_PROTOCOL, []byte{unix.IPPROTO_UDP}), attribute(netlink.INET_DIAG_INFO, info())), unix.IPPROTO_TCP)
	if err != nil || got != want {
		t.Errorf("parse:\n got %+v, %v\nwant %+v", got, err, want)
	}
	old, err := parse(payload(attribute(netlink.INET_DIAG_INFO, info()[:192])), unix.IPPROTO_TCP)
	if err != nil || old.traffic != (traffic{}) || old.protocol != unix.IPPROTO_TCP {
		t.Errorf("of an old kernel: %+v, %v", old, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(payload())
	f.Add(payload(attribute(netlink.INET_DIAG_PROTOCOL, []byte{6}), attribute(netlink.INET_DIAG_INFO, info())))
	f.Add(payload([]byte{1, 0, 0, 0}))
	f.Add(payload()[:60])
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := parse(raw, unix.IPPROTO_TCP)
		if err != nil && s != (socket{}) {
			t.Errorf("parse(%x): both %+v and %v", raw, s, err)
		}
		if err == nil && len(raw) < diagSize {
			t.Errorf("parse(%x) = %+v of too little", raw, s)
		}
	})
}

func TestInodeOf(t *testing.T) {
	tests := map[string]uint32{
		"socket:[12345]": 12345, "socket:[4294967295]": 1<<32 - 1, "socket:[0]": 0, "socket:[4294967296]": 0, "socket:[]": 0,
		"socket:[12": 0, "pipe:[12]": 0, "/tmp/socket:[12]": 0,
	}
	for target, want := range tests {
		if got, ok := inodeOf(target); ok != (want != 0) || ok && got != want {
			t.Errorf("inodeOf(%q) = %d, %v; want %d", target, got, ok, want)
		}
	}
}

func TestBytes(t *testing.T) {
	now := traffic{known: true, sent: 10, received: 101, segments: 2}
	tests := map[string]struct {
		last     connection
		end      traffic
		received uint64
		exact    bool
	}{
		"never seen":                {end: now},
		"no payload, but a FIN":     {end: traffic{known: true, sent: 10, received: 1}, exact: true},
		"the FIN was seen":          {last: connection{socket: socket{state: netlink.TCP_CLOSE_WAIT}}, end: now, received: 100, exact: true},
		"nothing since":             {last: connection{socket: socket{state: netlink.TCP_ESTABLISHED, traffic: traffic{known: true, received: 100, segments: 2}}}, end: now, received: 100, exact: true},
		"something since":           {last: connection{socket: socket{state: netlink.TCP_ESTABLISHED, traffic: traffic{known: true, received: 100, segments: 1}}}, end: now},
		"the kernel does not count": {last: connection{socket: socket{state: netlink.TCP_CLOSE_WAIT}}},
	}
	for name, test := range tests {
		sent, received, exact := bytes(&test.last, test.end)
		if exact != test.exact || received != test.received || exact && sent != 10 {
			t.Errorf("%s: %d, %d, %v; want %d, %v", name, sent, received, exact, test.received, test.exact)
		}
	}
}
