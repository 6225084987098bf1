// SPDX-License-Identifier: Apache-2.0

package ecs

import (
	"net/netip"
	"strings"
	"time"

	"sensor/internal/events"
)

// start is the second in which the processes of the tests begin.
var start = time.Date(2026, 11, 23, 17, 0, 5, 0, time.UTC)

func fullOptions() Options {
	return Options{
		AgentID:       "0f4f3c1e-0000-4d0b-9d5e-1d2f6c7a9b10",
		AgentVersion:  "0.1.0",
		Namespace:     "default",
		DatasetPrefix: "sensor",
		Host: Host{
			ID: "5b0f6f0f4c0e4c2b9d1e7a1f2b3c4d5e", Name: "web-1", Hostname: "web-1.example", Architecture: "x86_64",
			IP:  []string{"10.0.0.5", "2001:db8::5"},
			MAC: []string{"02-42-AC-12-00-02"},
			OS: OS{
				Type: "linux", Family: "debian", Name: "Debian GNU/Linux", Platform: "debian",
				Version: "13", Kernel: "6.12.48-amd64", Full: "Debian GNU/Linux 13 (trixie)",
			},
		},
	}
}

// fullProcess knows everything that a source can say of a process.
func fullProcess(pid uint32, name, args string, after time.Duration) *events.Process {
	base := pid * 10
	return &events.Process{
		PID: pid, TID: pid + 1, VPID: pid + 2,
		ExecID: 3, HasExecID: true,
		Start: start.Add(after), StartKey: uint64(after) + 1,
		EntityID: "entity-of-" + name,

		Name: name, ThreadName: name + "-thread",
		Executable: events.Path{Name: "/usr/bin/" + name, Cut: true, Detached: true, Deleted: true},
		Args:       events.Args{Packed: args, Count: 3, Cut: true},
		Filename:   events.Path{Name: "./" + name},
		Script:     true,
		Env:        events.Args{Packed: "LD_PRELOAD=/tmp/x.so\x00LD_LIBRARY_PATH=/tmp\x00", Cut: true},

		WorkingDirectory: events.Path{Name: "/home/" + name, Cut: true, Detached: true, Deleted: true},
		TTY:              events.TTY{Known: true, Major: 136, Minor: base},
		Credentials: events.Credentials{
			Known: true,
			Real:  events.User{ID: base + 1, Name: "real-of-" + name}, Effective: events.User{ID: base + 2, Name: "effective-of-" + name},
			Saved: events.User{ID: base + 3, Name: "saved-of-" + name}, FS: events.User{ID: base + 4, Name: "fs-of-" + name},
			RealGroup: events.Group{ID: base + 5, Name: "real-group-of-" + name}, EffectiveGroup: events.Group{ID: base + 6, Name: "effective-group-of-" + name},
			SavedGroup: events.Group{ID: base + 7, Name: "saved-group-of-" + name}, FSGroup: events.Group{ID: base + 8, Name: "fs-group-of-" + name},
			Groups:    []events.Group{{ID: 27, Name: "sudo"}, {ID: 999}},
			GroupsCut: true,
			LoginUID:  1000, SessionID: 7,
			CapPermitted: 1<<13 | 1<<21 | 1<<60, CapEffective: 1 << 13,
		},
		Namespaces: events.Namespaces{Mount: base + 1, PID: base + 2, Net: base + 3, User: base + 4, UTS: base + 5, IPC: base + 6, Cgroup: base + 7, Time: base + 8},
		Cgroup:     events.Cgroup{ID: uint64(base), Path: "/system.slice/" + name + ".service"},
		Redacted:   true,
	}
}

// flow is a flow over TCP from source to destination, each "address:port".
func flow(source, destination string, direction events.Direction) *events.Network {
	from, to := netip.MustParseAddrPort(source), netip.MustParseAddrPort(destination)
	return &events.Network{
		Source:      events.Endpoint{Addr: from.Addr(), Port: from.Port()},
		Destination: events.Endpoint{Addr: to.Addr(), Port: to.Port()},
		Direction:   direction, Protocol: events.ProtocolTCP, Namespace: 4026531840,
	}
}

// end is a socket of TCP at "address:port" that has no peer.
func end(at string) *events.Network {
	n := flow(at, "0.0.0.0:0", events.DirectionUnknown)
	n.Destination = events.Endpoint{}
	return n
}

// file knows everything that a source can say of any file.
func file(path string) *events.File {
	return &events.File{
		Path:   events.Path{Name: path, Cut: true, Detached: true, Deleted: true},
		Target: "../x.sh",
		Type:   events.FileTypeRegular,
		Inode:  256383, Major: 254, Minor: 1,
		Known: true, Mode: 0o4755, Links: 2,
		Owner: events.User{ID: 1000, Name: "alice"}, Group: events.Group{ID: 100, Name: "users"},
		Size:     42,
		Modified: start.Add(110 * time.Millisecond), Changed: start.Add(120 * time.Millisecond),
		Hashes:  []events.Hash{{Algorithm: "xxh64", Hex: "0123456789abcdef"}},
		Offline: true,
	}
}

// account knows everything that a program can tell of a login and an account.
func account() *events.Account {
	principal := func(id uint32, name string) events.Principal {
		return events.Principal{ID: id, HasID: true, Name: name}
	}
	return &events.Account{
		User: principal(1000, "alice"), Effective: principal(0, "root"), Target: principal(1001, "bob"), Group: principal(27, "sudo"),
		Login: principal(1000, "alice"), Session: 7,
		Address: netip.MustParseAddr("203.0.113.9"), Domain: "desk.example", Service: "sshd", Terminal: "/dev/pts/1",
	}
}

// records are audit records with a field of each sort.
func records() *events.Audit {
	return &events.Audit{
		Type: "syscall", Serial: 19469538, Session: "7", Result: "success", Keys: []string{"identity", "exec"},
		Data:   []events.AuditField{{Name: "a0", Value: "3"}, {Name: "old-auid", Value: "unset"}, {Name: "syscall", Value: "connect"}},
		Socket: []events.AuditField{{Name: "addr", Value: "198.51.100.7"}, {Name: "family", Value: "ipv4"}, {Name: "path", Value: "/run/x"}, {Name: "port", Value: "80"}},
		Paths: [][]events.AuditField{
			{{Name: "item", Value: "0"}, {Name: "name", Value: "/etc"}, {Name: "nametype", Value: "PARENT"}},
			{{Name: "item", Value: "1"}, {Name: "name", Value: "/etc/passwd"}, {Name: "nametype", Value: "NORMAL"}},
		},
	}
}

// ownWords are some that an event of the kind can have; nil where the kind fixes them.
func ownWords(kind events.Kind) *events.Words {
	switch kind {
	case events.KindAuthentication:
		return &events.Words{Category: []string{"authentication"}, Type: []string{"start"}, Action: "logged-in"}
	case events.KindSession:
		return &events.Words{Category: []string{"session"}, Type: []string{"start"}, Action: "started-session"}
	case events.KindIAM:
		return &events.Words{Category: []string{"iam"}, Type: []string{"user", "creation"}, Action: "added-user-account"}
	case events.KindConfiguration:
		return &events.Words{Category: []string{"process", "configuration"}, Type: []string{"change"}, Action: "changed-audit-configuration"}
	case events.KindAudit:
		return &events.Words{Category: []string{"process"}, Type: []string{"info"}, Action: "violated-seccomp-policy"}
	case events.KindFileIntegrity:
		return &events.Words{Category: []string{"file"}, Type: []string{"change"}, Action: "rename"}
	}
	return nil
}

// metrics are all numbers that a sensor can tell of itself.
func metrics(at time.Time) *events.Metrics {
	var l events.Ledger
	for i, kind := range []events.Kind{events.KindExec, events.KindClose, events.KindEventsLost} {
		n := uint64(i)
		l.Generated(kind, 100+n)
		l.Synthesized(kind, 200+n)
		l.Recovered(kind, 300+n)
		l.Delivered(kind, 400+n)
		l.Filtered(kind, 500+n)
		l.Aggregated(kind, 600+n)
	}
	l.Dropped(events.ReasonRingFull, events.KindExec, 7)
	l.Dropped(events.ReasonQueueFull, events.KindClose, 8)
	l.Dropped(events.ReasonQueueFull, events.KindExec, 9)
	l.Dropped(events.ReasonDecode, events.KindNone, 10)
	return &events.Metrics{
		Start:   start.Add(-time.Hour),
		Balance: l.Read(),
		Queue:   &events.QueueMetrics{Events: 1, Bytes: 2},
		Spool:   &events.SpoolMetrics{Events: 3, Bytes: 4, Oldest: at.Add(-1500 * time.Millisecond), OnDisk: true, Damaged: 5},
		Bulk: &events.BulkMetrics{
			Requests: []events.StatusCount{{Status: "200", Count: 6}, {Status: "429", Count: 7}, {Status: "503"}, {Status: "none", Count: 8}}, Bytes: 11, Retries: 12, Rejected: 13, Duplicates: 14,
			Latency:            events.Histogram{Bounds: []time.Duration{5 * time.Millisecond, time.Second}, Counts: []uint64{15, 16, 17}, Sum: 18 * time.Second},
			DeadLetterFailures: 29, LastSuccess: at.Add(-2500 * time.Millisecond),
		},
		Table: &events.TableMetrics{Processes: 19, Bytes: 20, Evicted: 21, Unknown: 22},
		Usage: &events.UsageMetrics{User: 23 * time.Second, System: 24 * time.Second, Resident: 25, Heap: 26, Threads: 27, Goroutines: 28},
	}
}

// full makes an event of the kind with everything in it that can ever be.
func full(kind events.Kind) *events.Event {
	ev := &events.Event{
		Kind:     kind,
		ID:       events.ID{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
		Sequence: 42,
		Provider: "ebpf",
		Time:     start.Add(120 * time.Millisecond),
		Created:  start.Add(200*time.Millisecond + 1),
	}
	if kind == events.KindEventsLost {
		ev.Loss = &events.Loss{
			Kind: events.KindExec, Stage: events.ReasonRingFull, CPU: 1, Count: 1874,
			First: start.Add(50 * time.Millisecond), Last: start.Add(-time.Nanosecond),
		}
		return ev
	}
	if kind == events.KindServing {
		ev.Serving = &events.Serving{
			By:    []events.Served{{Kind: events.KindExec, Source: "audit", Variant: "unicast"}, {Kind: events.KindFileIntegrity, Source: "inotify"}},
			Not:   []events.Kind{events.KindClose},
			Cause: "run source ebpf: read ring: no such device",
		}
		return ev
	}
	if kind == events.KindMetrics {
		ev.Metrics = metrics(ev.Time)
		ev.Serving = &events.Serving{
			By:  []events.Served{{Kind: events.KindExec, Source: "ebpf", Variant: "tracepoint"}},
			Not: []events.Kind{events.KindClose},
		}
		return ev
	}
	ev.Outcome = events.OutcomeSuccess
	ev.Words = ownWords(kind)
	if kind == events.KindFileIntegrity {
		ev.File = file("/etc/cron.d/x.sh")
		ev.File.Original = events.Path{Name: "/etc/cron.d/x.sh.new"}
		ev.File.Exchanged, ev.File.Replaced = true, true
		ev.File.Hashes = append(ev.File.Hashes, events.Hash{Algorithm: "sha256", Hex: strings.Repeat("0123456789abcdef", 4)})
		return ev
	}
	ev.Process = fullProcess(4242, "curl", "curl\x00-fsS\x00http://198.51.100.7/a", 120*time.Millisecond)
	ev.Family = events.Family{
		Parent:        fullProcess(4101, "bash", "-bash\x00", 0),
		GroupLeader:   ev.Process,
		SessionLeader: fullProcess(4100, "login", "login\x00-p\x00--\x00", -time.Second),
		EntryLeader:   fullProcess(4099, "sshd-session", "sshd-session: alice\x00", -2*time.Second),
		EntryParent:   fullProcess(900, "sshd", "sshd: [listener]\x00", -time.Hour),
	}
	ev.Family.EntryLeader.EntryMeta = events.EntryMeta{Type: "sshd", SourceIP: "203.0.113.9"}
	switch kind {
	case events.KindExec:
		ev.Family.Previous = fullProcess(4242, "bash", "-bash\x00", 120*time.Millisecond)
	case events.KindExit:
		ev.End = &events.End{Status: 0x80 | 11}
	case events.KindExecFailed:
		ev.Outcome = events.OutcomeFailure
		ev.Attempt = &events.Attempt{
			Filename: "/usr/local/bin/wget",
			Args:     events.Args{Packed: "wget\x00-q\x00", Count: 2, Cut: true},
			Code:     "ENOENT", Message: "no such file or directory",
		}
	case events.KindConnect:
		ev.Outcome = events.OutcomeFailure
		ev.Network = flow("10.0.0.5:41022", "198.51.100.7:80", events.DirectionEgress)
		ev.Network.Code, ev.Network.Message = "ECONNREFUSED", "connection refused"
	case events.KindAccept:
		ev.Network = flow("[2001:db8::9]:50111", "[2001:db8::5]:22", events.DirectionIngress)
	case events.KindClose:
		ev.Network = flow("10.0.0.5:41022", "198.51.100.7:80", events.DirectionEgress)
		ev.Network.HasBytes, ev.Network.Source.Bytes, ev.Network.Destination.Bytes = true, 498, 4923
		ev.Network.Started = ev.Time.Add(-600 * time.Millisecond)
	case events.KindBind:
		ev.Network = end("[2001:db8::5]:22")
	case events.KindListen:
		ev.Outcome = events.OutcomeFailure
		ev.Network = end("0.0.0.0:80")
		ev.Network.Code, ev.Network.Message = "EADDRINUSE", "address already in use"
	case events.KindUnixConnect, events.KindUnixAccept:
		ev.Local = &events.Local{
			Source: events.LocalEndpoint{Address: "@00123"}, Destination: events.LocalEndpoint{Address: "/run/docker.sock"},
			Transport: events.TransportUnix,
		}
	case events.KindVsockConnect, events.KindVsockAccept:
		ev.Local = &events.Local{
			Source:      events.LocalEndpoint{Address: "vsock:3", Port: 4294967294, HasPort: true},
			Destination: events.LocalEndpoint{Address: "vsock:2", Port: 0, HasPort: true},
			Transport:   events.TransportVsock,
		}
	case events.KindFileCreate, events.KindFileDelete, events.KindFileAttributes:
		ev.File = file("/etc/cron.d/x.sh")
	case events.KindFileWrite:
		ev.File = file("/etc/cron.d/x.sh")
		ev.File.Hashes = append(ev.File.Hashes, events.Hash{Algorithm: "sha256", Hex: strings.Repeat("0123456789abcdef", 4)})
		ev.File.Summary, ev.File.Writes = true, events.Writes{Bytes: 65536, Count: 1024, HasBytes: true, HasCount: true}
	case events.KindAuthentication, events.KindSession, events.KindIAM, events.KindConfiguration, events.KindAudit:
		ev.Account, ev.Audit = account(), records()
	case events.KindFileRename:
		ev.File = file("/etc/init.d/agent.sh")
		ev.File.Original = events.Path{Name: "/etc/init.d/agent.sh.dpkg-new", Cut: true, Detached: true, Deleted: true}
		ev.File.Exchanged, ev.File.Replaced = true, true
	}
	if l := ev.Local; l != nil {
		l.Direction, l.Namespace = events.DirectionIngress, 4026531840
		if kind == events.KindUnixConnect || kind == events.KindVsockConnect {
			ev.Outcome, l.Direction = events.OutcomeFailure, events.DirectionEgress
			l.Code, l.Message = "ECONNREFUSED", "connection refused"
		}
	}
	return ev
}
