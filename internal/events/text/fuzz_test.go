// SPDX-License-Identifier: Apache-2.0

package text

import (
	"net/netip"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"sensor/internal/events"
)

// Whatever bytes a process gives itself for names and arguments, its event is
// one line of text that moves no cursor and turns no direction.
func FuzzAppend(f *testing.F) {
	f.Add(uint8(1), "ls\x00-l\x00", "ls", "/bin/ls", "root", "sh", uint32(0), true)
	f.Add(uint8(1), "a\nb\x00\x00\x1b[2J\x00\x9b1m\xff", "\r", "/\x7f", "\u202e", "\u2066\u2069\u200f", uint32(9), true)
	f.Add(uint8(2), "", "\u061c\ufeff", "\u2028", "\u0085", "\u00ad", uint32(0x8b), false)
	f.Add(uint8(3), "\x00", "", "", "", "", uint32(512), true)
	f.Add(uint8(events.KindConnect), "", "curl", "\x0a\x00\x00\x05", "", "ECONNREFUSED", uint32(443), false)
	f.Add(uint8(events.KindClose), "", "a\nb", "\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", "\x1b[2J\n", "E\n", uint32(1<<16), true)
	f.Add(uint8(events.KindFileRename), "", "mv", "/a\nb\xff", "...", "\x1b[2J", uint32(0o1777), true)
	f.Add(uint8(200), "\U000e0041\x00\ud7ff\ue000\x00", "a\tb", "\v\f", "\a\b", "\xc2\x9b", uint32(1), false)
	f.Fuzz(func(t *testing.T, kind uint8, args, name, executable, user, parent string, status uint32, cut bool) {
		e := &events.Event{
			Kind: events.Kind(kind),
			Process: &events.Process{
				PID: status, Name: name, Executable: events.Path{Name: executable}, Args: events.Args{Packed: args, Cut: cut},
				Credentials: events.Credentials{Known: true, Effective: events.User{ID: status, Name: user}},
			},
			Family: events.Family{Parent: &events.Process{PID: 1, Name: parent}},
		}
		check(t, e)
		e.End = &events.End{Status: status}
		check(t, e)
		e.Process.Args = events.Args{}
		check(t, e)
		e.Attempt = &events.Attempt{Filename: name, Code: parent, Args: events.Args{Packed: args}}
		check(t, e)
		e.Process.Args = events.Args{} // the line of a flow does not show them
		addr, _ := netip.AddrFromSlice([]byte(executable))
		e.Network = &events.Network{
			Source: events.Endpoint{Addr: addr.WithZone(user), Port: uint16(status)}, Destination: events.Endpoint{Bytes: uint64(status)},
			Direction: events.Direction(kind % 3), Protocol: kind, HasBytes: cut, Code: parent, Message: name,
		}
		check(t, e)
		e.Process = nil
		check(t, e)
		e.Network, e.Local = nil, &events.Local{
			Source: events.LocalEndpoint{Address: executable}, Destination: events.LocalEndpoint{Address: user, Port: status, HasPort: cut},
			Transport: events.Transport(kind % 3), Code: parent,
		}
		check(t, e)
		e.Local, e.File = nil, &events.File{
			Path: events.Path{Name: executable, Cut: cut, Detached: cut}, Original: events.Path{Name: user, Cut: cut}, Target: parent,
			Type: events.FileType(kind % 9), Known: cut, Mode: uint16(status), Summary: true,
			Writes: events.Writes{Bytes: uint64(status), Count: uint64(kind), HasBytes: cut, HasCount: true},
		}
		check(t, e)
		e.File, e.Words, e.Account = nil, &events.Words{Action: name}, &events.Account{
			User: events.Principal{Name: user}, Effective: events.Principal{ID: status, HasID: cut}, Target: events.Principal{Name: parent},
			Address: addr.WithZone(user), Domain: name,
		}
		check(t, e)
		e.Account.Address = netip.Addr{}
		check(t, e)
	})
}

func check(t *testing.T, e *events.Event) {
	t.Helper()
	line := string(Append(nil, e))
	if !utf8.ValidString(line) {
		t.Errorf("not UTF-8: %q", line)
	}
	for i, r := range line {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs) {
			t.Errorf("%U at %d: %q", r, i, line)
		}
	}
	// Nothing is left out for being strange: every argument has left its mark.
	if n := len(strings.Fields(line)); e.Process != nil && n < e.Process.Args.Len() {
		t.Errorf("%d words for %d arguments: %q", n, e.Process.Args.Len(), line)
	}
}
