// SPDX-License-Identifier: Apache-2.0

package text

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"sensor/internal/events"
)

func packed(args ...string) events.Args {
	return events.Args{Packed: strings.Join(args, "\x00") + "\x00", Count: len(args)}
}

func path(name string) events.Path { return events.Path{Name: name} }

func end(addr string, port uint16) events.Endpoint {
	if addr == "" {
		return events.Endpoint{Port: port}
	}
	return events.Endpoint{Addr: netip.MustParseAddr(addr), Port: port}
}

func TestAppend(t *testing.T) {
	root := events.Credentials{Known: true}
	alice := events.Credentials{Known: true, Effective: events.User{ID: 1000, Name: "alice"}}
	curl := events.Process{PID: 4242, Name: "curl", Args: packed("curl", "-u", "x"), Credentials: alice}
	bytes := func(e events.Endpoint, n uint64) events.Endpoint { e.Bytes = n; return e }
	for _, test := range []struct {
		name  string
		event events.Event
		want  string // after the time
	}{
		{"exec", events.Event{Kind: events.KindExec, Process: &events.Process{
			PID: 7, Name: "ls", Executable: events.Path{Name: "/bin/ls"}, Args: packed("/bin/ls", "-l"), Credentials: alice,
		}}, `exec 7 alice /bin/ls -l`},
		{"another name than the executable", events.Event{Kind: events.KindExec, Process: &events.Process{
			PID: 7, Executable: events.Path{Name: "/usr/bin/busybox"}, Args: packed("ls"), Credentials: root,
		}, Family: events.Family{Parent: &events.Process{PID: 3, Name: "sh"}}}, `exec 7 0 ls (/usr/bin/busybox, by sh 3)`},
		{"the executable's name only begins alike", events.Event{Kind: events.KindExec, Process: &events.Process{
			PID: 7, Executable: events.Path{Name: "/bin/l"}, Args: packed("/bin/ls"),
		}}, `exec 7 - /bin/ls (/bin/l)`},
		{"no arguments", events.Event{Kind: events.KindFork, Process: &events.Process{PID: 7, Name: "kworker/0:1"}}, `fork 7 - kworker/0:1`},
		{"nothing known", events.Event{Kind: events.KindFork, Process: &events.Process{PID: 7}}, `fork 7 - ""`},
		{"cut", events.Event{Kind: events.KindExec, Process: &events.Process{
			PID: 7, Args: events.Args{Packed: "a\x00b", Cut: true},
		}}, `exec 7 - a b ...`},
		{"what looks like a cut", events.Event{Kind: events.KindExec, Process: &events.Process{PID: 7, Args: packed("a", "...")}}, `exec 7 - a "..."`},
		{"hostile", events.Event{Kind: events.KindExec, Process: &events.Process{
			PID: 7, Args: packed("a b", "", "c\nd", "\x1b[2J", "\xff", "x\u202ey", `"`, `\`, "\u2028", "\u0085", "\u00a0", "é"),
			Credentials: events.Credentials{Known: true, Effective: events.User{Name: "a\rb"}},
		}, Family: events.Family{Parent: &events.Process{PID: 3, Name: "a)\n("}}},
			`exec 7 "a\rb" "a b" "" "c\nd" "\x1b[2J" "\xff" "x\u202ey" "\"" "\\" "\u2028" "\u0085" "\u00a0" é (by "a)\n(" 3)`},
		{"exit", events.Event{Kind: events.KindExit, Process: &events.Process{PID: 7, Name: "ls"}, End: &events.End{Status: 2 << 8},
			Family: events.Family{Parent: &events.Process{PID: 3, Name: "sh"}}}, `exit 7 - ls (exit code 2)`},
		{"killed", events.Event{Kind: events.KindExit, Process: &events.Process{PID: 7, Name: "ls"}, End: &events.End{Status: 9}}, `exit 7 - ls (killed by signal 9)`},
		{"attempt", events.Event{Kind: events.KindExecFailed, Process: &events.Process{PID: 7, Name: "sh"},
			Attempt: &events.Attempt{Filename: "./a\nb", Code: "EACCES", Args: packed("x")}}, `exec_failed 7 - sh (no exec of "./a\nb": EACCES)`},
		{"lost", events.Event{Kind: events.KindEventsLost, Loss: &events.Loss{Kind: events.KindExec, Stage: events.ReasonRingFull, Count: 12}}, `events_lost 12 exec events lost at ring`},
		{"connect", events.Event{Kind: events.KindConnect, Outcome: events.OutcomeSuccess, Process: &curl, Network: &events.Network{
			Source: end("10.0.0.5", 41022), Destination: end("198.51.100.7", 80), Direction: events.DirectionEgress, Protocol: 6,
		}}, `connect 4242 alice curl 10.0.0.5:41022 -> 198.51.100.7:80 tcp ok`},
		{"refused", events.Event{Kind: events.KindConnect, Outcome: events.OutcomeFailure, Process: &curl, Network: &events.Network{
			Source: end("2001:db8::5", 41022), Destination: end("2001:db8::7", 80), Direction: events.DirectionEgress, Protocol: 6, Code: "ECONNREFUSED", Message: "connection refused",
		}}, `connect 4242 alice curl [2001:db8::5]:41022 -> [2001:db8::7]:80 tcp ECONNREFUSED`},
		{"failed without a code", events.Event{Kind: events.KindConnect, Outcome: events.OutcomeFailure, Process: &curl, Network: &events.Network{
			Destination: end("198.51.100.7", 80), Direction: events.DirectionEgress, Protocol: 17,
		}}, `connect 4242 alice curl - -> 198.51.100.7:80 udp failed`},
		{"outcome unknown", events.Event{Kind: events.KindConnect, Process: &curl, Network: &events.Network{
			Source: end("10.0.0.5", 0), Destination: end("198.51.100.7", 0), Direction: events.DirectionEgress, Protocol: 46,
		}}, `connect 4242 alice curl 10.0.0.5 -> 198.51.100.7 protocol 46`},
		{"accept", events.Event{Kind: events.KindAccept, Outcome: events.OutcomeSuccess, Process: &events.Process{PID: 7, Name: "a\nb"}, Network: &events.Network{
			Source: end("203.0.113.9", 50111), Destination: end("10.0.0.5", 22), Direction: events.DirectionIngress, Protocol: 132,
		}}, `accept 7 - "a\nb" 203.0.113.9:50111 -> 10.0.0.5:22 sctp ok`},
		{"close", events.Event{Kind: events.KindClose, Outcome: events.OutcomeSuccess, Process: &curl, Network: &events.Network{
			Source: bytes(end("10.0.0.5", 41022), 498), Destination: bytes(end("198.51.100.7", 80), 0), Direction: events.DirectionEgress, Protocol: 6,
			HasBytes: true, Started: time.Unix(1, 0).Add(-600 * time.Millisecond),
		}}, `close 4242 alice curl 10.0.0.5:41022 -> 198.51.100.7:80 tcp ok (-> 498 bytes, <- 0 bytes, 600ms)`},
		{"close, only its start known", events.Event{Kind: events.KindClose, Network: &events.Network{
			Source: end("10.0.0.5", 41022), Destination: end("198.51.100.7", 80), Protocol: 6, Started: time.Unix(0, 0),
		}}, `close - - - 10.0.0.5:41022 <-> 198.51.100.7:80 tcp (1s)`},
		{"close, nothing known", events.Event{Kind: events.KindClose, Network: &events.Network{Source: end("", 1), Started: time.Unix(2, 0)}}, `close - - - -:1 <-> -`},
		{"hostile flow", events.Event{Kind: events.KindConnect, Network: &events.Network{
			Source: end("fe80::1%a\nb", 1), Destination: end("fe80::2%\x1b[2J", 0), Direction: events.DirectionEgress, Code: "E\n",
		}}, `connect - - - [fe80::1]:1 -> fe80::2 "E\n"`},
		{"bind", events.Event{Kind: events.KindBind, Outcome: events.OutcomeSuccess, Process: &curl, Network: &events.Network{Source: end("::", 22), Protocol: 6}},
			`bind 4242 alice curl [::]:22 tcp ok`},
		{"listen", events.Event{Kind: events.KindListen, Outcome: events.OutcomeFailure, Process: &curl, Network: &events.Network{
			Source: end("0.0.0.0", 22), Protocol: 6, Code: "EADDRINUSE",
		}}, `listen 4242 alice curl 0.0.0.0:22 tcp EADDRINUSE`},
		{"unix_connect", events.Event{Kind: events.KindUnixConnect, Outcome: events.OutcomeSuccess, Process: &curl, Local: &events.Local{
			Destination: events.LocalEndpoint{Address: "/run/a b\n"}, Direction: events.DirectionEgress, Transport: events.TransportUnix,
		}}, `unix_connect 4242 alice curl - -> "/run/a b\n" unix ok`},
		{"vsock_accept", events.Event{Kind: events.KindVsockAccept, Process: &curl, Local: &events.Local{
			Source: events.LocalEndpoint{Address: "vsock:2", Port: 0, HasPort: true}, Destination: events.LocalEndpoint{Port: 22, HasPort: true},
			Direction: events.DirectionIngress, Transport: events.TransportVsock,
		}}, `vsock_accept 4242 alice curl vsock:2:0 -> -:22 vsock`},
		{"file_create", events.Event{Kind: events.KindFileCreate, Outcome: events.OutcomeSuccess, Process: &curl, File: &events.File{
			Path: path("/etc/cron.d/x.sh"), Type: events.FileTypeRegular, Known: true, Mode: 0o644, Writes: events.Writes{Bytes: 1, HasBytes: true},
		}}, `file_create 4242 alice curl /etc/cron.d/x.sh`},
		{"symbolic link", events.Event{Kind: events.KindFileCreate, Process: &curl, File: &events.File{
			Path: path("/tmp/a b"), Type: events.FileTypeSymlink, Target: "../x\n",
		}}, `file_create 4242 alice curl "/tmp/a b" (symlink, to "../x\n")`},
		{"first write", events.Event{Kind: events.KindFileWrite, Process: &curl, File: &events.File{
			Path: path("/a"), Writes: events.Writes{Bytes: 1, Count: 1, HasBytes: true, HasCount: true},
		}}, `file_write 4242 alice curl /a`},
		{"summary", events.Event{Kind: events.KindFileWrite, Process: &curl, File: &events.File{
			Path: path("/a"), Summary: true, Writes: events.Writes{Bytes: 65536, Count: 1024, HasBytes: true, HasCount: true},
		}}, `file_write 4242 alice curl /a (1024 writes, 65536 bytes)`},
		{"summary of bytes", events.Event{Kind: events.KindFileWrite, Process: &curl, File: &events.File{
			Path: path("/a"), Summary: true, Writes: events.Writes{HasBytes: true},
		}}, `file_write 4242 alice curl /a (0 bytes)`},
		{"summary without counts", events.Event{Kind: events.KindFileWrite, Process: &curl, File: &events.File{
			Path: path("/a"), Summary: true,
		}}, `file_write 4242 alice curl /a`},
		{"file_rename", events.Event{Kind: events.KindFileRename, Process: &curl, File: &events.File{
			Original: path("/a\x1b[2J"), Path: path("/b\xff"), Type: events.FileTypeDirectory, Replaced: true,
		}}, `file_rename 4242 alice curl "/a\x1b[2J" -> "/b\xff" (dir, replaced another)`},
		{"exchange", events.Event{Kind: events.KindFileRename, Process: &curl, File: &events.File{Path: path("/b"), Exchanged: true}},
			`file_rename 4242 alice curl - <-> /b`},
		{"marks of a path", events.Event{Kind: events.KindFileDelete, Process: &curl, File: &events.File{
			Path: events.Path{Name: "/b c", Cut: true, Detached: true, Deleted: true},
		}}, `file_delete 4242 alice curl ..."/b c" (deleted, detached)`},
		{"attributes", events.Event{Kind: events.KindFileAttributes, File: &events.File{
			Path: path("/b"), Known: true, Mode: 0o4755, Owner: events.User{ID: 7}, Group: events.Group{ID: 8},
		}}, `file_attributes - - - /b (mode 04755, owner 7, group 8)`},
		{"attributes, only the mode known", events.Event{Kind: events.KindFileAttributes, File: &events.File{Path: path("/b"), HasMode: true, Mode: 0o600}},
			`file_attributes - - - /b (mode 0600, owner 0, group 0)`},
		{"file of which nothing is known", events.Event{Kind: events.KindFileDelete, File: &events.File{}}, `file_delete - - - -`},
		{"file_integrity", events.Event{Kind: events.KindFileIntegrity, Words: &events.Words{Action: "attributes_modified"}, File: &events.File{Path: path("/b"), Offline: true}},
			`file_integrity - - - attributes_modified /b (unseen)`},
		{"moved", events.Event{Kind: events.KindFileIntegrity, Words: &events.Words{Action: "moved"}, File: &events.File{Original: path("/a"), Path: path("/b")}},
			`file_integrity - - - moved /a -> /b`},
		{"login", events.Event{Kind: events.KindAuthentication, Outcome: events.OutcomeFailure, Process: &events.Process{PID: 900, Name: "sshd"},
			Words: &events.Words{Action: "logged-in"}, Account: &events.Account{Effective: events.Principal{Name: "ro\not"}, Address: netip.MustParseAddr("203.0.113.9"), Domain: "x"},
		}, `authentication 900 - sshd logged-in "ro\not" from 203.0.113.9 failed`},
		{"account", events.Event{Kind: events.KindIAM, Outcome: events.OutcomeSuccess, Words: &events.Words{Action: "added-user-account"}, Account: &events.Account{
			User: events.Principal{Name: "alice"}, Effective: events.Principal{HasID: true}, Target: events.Principal{ID: 1001, HasID: true}, Domain: "a b",
		}}, `iam - alice - added-user-account 0 1001 from "a b" ok`},
		{"audit", events.Event{Kind: events.KindAudit, Words: &events.Words{Action: "opened-file"}, Process: &curl}, `audit 4242 alice curl opened-file`},
		{"serving", events.Event{Kind: events.KindServing, Serving: &events.Serving{
			By:  []events.Served{{Kind: events.KindExec, Source: "ebpf"}, {Kind: events.KindIAM, Source: "audit"}, {Kind: events.KindExit, Source: "ebpf"}},
			Not: []events.Kind{events.KindClose}, Cause: "it\nended",
		}}, `serving ebpf: exec exit; audit: iam; nobody: close ("it\nended")`},
		{"metrics", events.Event{Kind: events.KindMetrics, Metrics: &events.Metrics{
			Balance: events.Balance{
				Generated: map[string]uint64{"exec": 10, "exit": 5}, Synthesized: map[string]uint64{"serving": 1}, Delivered: map[string]uint64{"exec": 9},
				Dropped: map[string]map[string]uint64{"queue": {"exec": 1}, "ring": {"exit": 2}},
			},
			Queue: &events.QueueMetrics{Events: 3}, Spool: &events.SpoolMetrics{Events: 4, Bytes: 3 << 19},
			Usage: &events.UsageMetrics{User: time.Second, System: 234567 * time.Microsecond, Resident: 45 << 20},
		}, Serving: &events.Serving{}}, `metrics 16 seen, 9 delivered, 3 lost; queue: 3; spool: 4, 1.5 MiB; CPU: 1.23s; memory: 45.0 MiB`},
		{"few metrics", events.Event{Kind: events.KindMetrics, Metrics: &events.Metrics{}}, `metrics 0 seen, 0 delivered, 0 lost`},
		{"unknown loss", events.Event{Kind: events.KindEventsLost, Loss: &events.Loss{Stage: events.ReasonBacklog, Count: 3}}, `events_lost 3 unknown events lost at backlog`},
		{"no process", events.Event{Kind: events.KindExec}, `exec`},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.event.Time = time.Unix(1, 0)
			line := string(Append([]byte("before"), &test.event))
			line, ok := strings.CutPrefix(line, "before")
			if !ok {
				t.Fatalf("what was there before is gone: %q", line)
			}
			_, line, _ = strings.Cut(line, " ")
			if got := strings.Join(strings.Fields(line), " "); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// Columns stand below each other.
func TestAppendColumns(t *testing.T) {
	at := func(kind events.Kind, pid uint32, user string) int {
		e := events.Event{Kind: kind, Process: &events.Process{PID: pid, Name: "NAME", Credentials: events.Credentials{
			Known: true, Effective: events.User{Name: user},
		}}}
		if kind.Traits().Category == "network" {
			e.Network = &events.Network{}
		} else if kind.Traits().Category == "file" {
			e.File = &events.File{}
		} else if kind.Traits().Action == "" {
			e.Words, e.Account = &events.Words{}, &events.Account{User: events.Principal{Name: user}}
		}
		return strings.Index(string(Append(nil, &e)), "NAME")
	}
	want := at(events.KindExec, 1, "root")
	for _, k := range events.Kinds() {
		if got := at(k, 4194304, "www-data"); got != want {
			t.Errorf("%s: the name begins in column %d, not in %d", k, got, want)
		}
	}
}
