// SPDX-License-Identifier: Apache-2.0

package log

import (
	"fmt"
	"testing"
)

func TestParse(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"type=SYSCALL msg=audit(1700000000.123:45): arch=c000003e", "SYSCALL 1700000000.123 45 :: | arch=c000003e | "},
		{"node=web1 type=CWD msg=audit(1700000000.123:45): cwd=\"/\"", "CWD 1700000000.123 45 web1 | cwd=\"/\" | "},
		{"type=UNKNOWN[1334] msg=audit(1700000000.123:45): prog-id=0", "BPF 1700000000.123 45 :: | prog-id=0 | "},
		{"type=UNKNOWN[1999] msg=audit(1700000000.123:45): a=b", "UNKNOWN[1999] 1700000000.123 45 :: | a=b | "},
		{"type=1327 audit(1700000000.123:45): proctitle=61", "PROCTITLE 1700000000.123 45 :: | proctitle=61 | "},
		{"audit: type=1300 audit(1700000000.123:45): items=0", "SYSCALL 1700000000.123 45 :: | items=0 | "},
		{"Nov 29 10:00:00 web1 kernel: [   12.345678] audit: type=1300 audit(1700000000.123:45): items=0", "SYSCALL 1700000000.123 45 :: | items=0 | "},
		{"2026-11-29T10:00:00Z web1 kernel: type=1305 audit(1700000000.123:45): op=set", "CONFIG_CHANGE 1700000000.123 45 :: | op=set | "},
		{"Nov 29 10:00:00 web1 audispd: node=web2 type=EOE msg=audit(1700000000.123:45): ", "EOE 1700000000.123 45 web2 |  | "},
		{"Nov 29 10:00:00 web1 audisp-syslog[12]: type=LOGIN msg=audit(1700000000.123:45): pid=1 uid=0#035UID=\"root\"", "LOGIN 1700000000.123 45 :: | pid=1 uid=0 | UID=\"root\""},
		{"type=LOGIN msg=audit(1700000000.123:45): pid=1 uid=0\x1dUID=\"root\" AUID=\"unset\"", "LOGIN 1700000000.123 45 :: | pid=1 uid=0 | UID=\"root\" AUID=\"unset\""},
		{"type=PATH msg=audit(1700000000.123:45): name=\"#035A=b\"", "PATH 1700000000.123 45 :: | name=\"#035A=b\" | "},
		{"type=USER_CMD msg=audit(1700000000.123:45): msg='cmd=\"x type=EOE msg=audit(1.2:3): \"'", "USER_CMD 1700000000.123 45 :: | msg='cmd=\"x type=EOE msg=audit(1.2:3): \"' | "},
		{"type=USER_AUTH msg=audit(1700000000.123:45): msg='a'\x1dUID=\"x\"'", "USER_AUTH 1700000000.123 45 :: | msg='a'\x1dUID=\"x\"' | "},
		{"web1 audisp: type=USER_AUTH msg=audit(1700000000.123:45): msg='a#035UID=\"x\"'", "USER_AUTH 1700000000.123 45 :: | msg='a#035UID=\"x\"' | "},
		{"prototype=x type=EOE msg=audit(1700000000.123:4294967295): ", "EOE 1700000000.123 4294967295 :: |  | "},

		{"", "not an audit record"},
		{"Nov 29 10:00:00 web1 sshd[1]: Accepted publickey for root", "not an audit record"},
		{"web1 audit[1]: SERVICE_START pid=1 uid=0", "not an audit record"},
		{"type=", "not an audit record"},
		{"type=SYSCALL", "not an audit record"},
		{"type=SYSCALL msg=other(1.2:3)", "not an audit record"},
		{"type=PATH msg=audit(29.11.2026 10:00:00.123:45) : item=0", "no time and serial"}, // ausearch -i
		{"type=NONSENSE msg=audit(1700000000.123:45): ", "unknown type of record"},
		{"type=UNKNOWN[70000] msg=audit(1700000000.123:45): ", "unknown type of record"},
		{"type=70000 audit(1700000000.123:45): ", "unknown type of record"},
		{"type=SYSCALL msg=audit(", "no time and serial"},
		{"type=SYSCALL msg=audit(1700000000.123:", "no time and serial"},
		{"type=SYSCALL msg=audit(1700000000.123:4294967296): ", "no time and serial"},
		{"type=SYSCALL msg=audit(-1700000000.123:1): ", "no time and serial"},
		{"type=SYSCALL msg=audit(1700000000.-99:1): ", "no time and serial"},
		{"type=SYSCALL msg=audit(9223372036854775807.123:1): ", "no time and serial"},
	} {
		m, fault := parse([]byte(test.line))
		got := fault.String()
		if fault == 0 {
			o, ok := m.Payload.(*origin)
			if !ok {
				o = &origin{node: "::"}
			} else if o.node == "" {
				o.node = "::"
			}
			text := m.RawData[len("audit(1700000000.123:45):"):]
			if m.Sequence == 1<<32-1 {
				text = ""
			}
			for text != "" && text[0] == ' ' {
				text = text[1:]
			}
			got = fmt.Sprintf("%s %d.%03d %d %s | %s | %s", m.RecordType, m.Timestamp.Unix(), m.Timestamp.Nanosecond()/1e6, m.Sequence, o.node, text, o.names)
		}
		if got != test.want {
			t.Errorf("%q:\n got %q\nwant %q", test.line, got, test.want)
		}
	}
}
