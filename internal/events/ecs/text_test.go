// SPDX-License-Identifier: Apache-2.0

package ecs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"sensor/internal/events"
)

// texts are the strings of an event that come from outside.
type texts struct {
	name, thread, executable, args, filename, env, directory, cgroup, user, group, host string
}

// sameText puts one text everywhere.
func sameText(s string) texts { return texts{s, s, s, s, s, s, s, s, s, s, s} }

func (x texts) process() *events.Process {
	user := func(id uint32) events.User { return events.User{ID: id, Name: x.user} }
	group := func(id uint32) events.Group { return events.Group{ID: id, Name: x.group} }
	return &events.Process{
		PID: 7, TID: 7, Start: start, StartKey: 1,
		Name: x.name, ThreadName: x.thread,
		Executable: events.Path{Name: x.executable}, WorkingDirectory: events.Path{Name: x.directory},
		Args: events.Args{Packed: x.args}, Env: events.Args{Packed: x.env}, Filename: events.Path{Name: x.filename},
		Cgroup: events.Cgroup{Path: x.cgroup},
		Credentials: events.Credentials{
			Known: true, LoginUID: events.Unset, SessionID: events.Unset,
			Real: user(1), Effective: user(2), Saved: user(3),
			RealGroup: group(4), EffectiveGroup: group(5), SavedGroup: group(6),
			Groups: []events.Group{group(7), {ID: 8, Name: "plain"}},
		},
	}
}

func (x texts) event(kind events.Kind) *events.Event {
	ev := &events.Event{Kind: kind, Time: start, Created: start, Provider: "ebpf"}
	if kind == events.KindEventsLost {
		ev.Loss = &events.Loss{Kind: events.KindExec, CPU: -1, Count: 1}
		return ev
	}
	if kind == events.KindMetrics {
		ev.Metrics = metrics(start)
		return ev
	}
	if kind == events.KindServing {
		ev.Serving = &events.Serving{By: []events.Served{{Kind: events.KindExec, Source: "ebpf"}}}
		return ev
	}
	ev.Words = ownWords(kind)
	if kind == events.KindFileIntegrity {
		ev.File = &events.File{
			Path: events.Path{Name: x.filename}, Original: events.Path{Name: x.executable}, Target: x.directory, Type: events.FileTypeSymlink,
			Known: true, Owner: events.User{Name: x.user}, Group: events.Group{Name: x.group},
		}
		return ev
	}
	ev.Process = x.process()
	ev.Family = events.Family{
		Parent: x.process(), EntryLeader: x.process(), SessionLeader: x.process(), GroupLeader: x.process(),
		EntryParent: x.process(),
	}
	switch kind {
	case events.KindExec:
		ev.Family.Previous = x.process()
	case events.KindExecFailed:
		ev.Attempt = &events.Attempt{Filename: x.filename, Args: events.Args{Packed: x.args}}
	case events.KindConnect, events.KindAccept, events.KindClose:
		ev.Network = flow("10.0.0.5:41022", "198.51.100.7:80", events.DirectionEgress)
	case events.KindAuthentication, events.KindSession, events.KindIAM, events.KindConfiguration, events.KindAudit:
		ev.Account = &events.Account{
			User: events.Principal{Name: x.user}, Effective: events.Principal{Name: x.name}, Target: events.Principal{Name: x.thread},
			Group: events.Principal{Name: x.group}, Domain: x.host, Service: x.filename, Terminal: x.directory,
		}
		ev.Audit = &events.Audit{
			Session: x.cgroup, Keys: []string{x.name, "plain"},
			Data: events.AuditFields(map[string]string{"a0": x.executable, "old-auid": "unset"}), Socket: events.AuditFields(map[string]string{"path": x.filename}),
			Paths: [][]events.AuditField{events.AuditFields(map[string]string{"name": x.filename, "item": "0"}), events.AuditFields(map[string]string{"name": x.directory, "item": "1"})},
		}
	case events.KindUnixConnect, events.KindUnixAccept:
		ev.Local = &events.Local{
			Source: events.LocalEndpoint{Address: x.filename}, Destination: events.LocalEndpoint{Address: x.executable},
			Transport: events.TransportUnix,
		}
	case events.KindFileCreate, events.KindFileWrite, events.KindFileRename, events.KindFileDelete, events.KindFileAttributes:
		ev.File = &events.File{
			Path: events.Path{Name: x.filename}, Target: x.directory, Type: events.FileTypeSymlink,
			Known: true, Owner: events.User{Name: x.user}, Group: events.Group{Name: x.group},
		}
		if kind == events.KindFileRename {
			ev.File.Original.Name = x.executable
		}
	}
	return ev
}

func (x texts) options() Options {
	o := fullOptions()
	o.Host.Name, o.Host.Hostname = x.host, x.host
	o.Host.OS = OS{Type: "linux", Family: x.host, Name: x.host, Platform: x.host, Version: x.host, Kernel: x.host, Full: x.host}
	return o
}

// A content is what has to stand at a path: each string with U+FFFD for each
// byte that is not UTF-8, and if there is one, raw in hex beside it.
type content struct {
	strings []string
	raw     string // "" where the path is a copy of another one
}

// contents says what has to stand in the document of x.event(kind).
func (x texts) contents(kind events.Kind) map[string]content {
	m := map[string]content{}
	one := func(path, s string) {
		if s != "" {
			m[path] = content{[]string{s}, s}
		}
	}
	list := func(path, packed string) {
		if packed != "" {
			m[path] = content{strings.Split(strings.TrimSuffix(packed, "\x00"), "\x00"), packed}
		}
	}
	line := func(path string) {
		if x.args != "" {
			m[path] = content{[]string{strings.ReplaceAll(strings.TrimSuffix(x.args, "\x00"), "\x00", " ")}, ""}
		}
	}
	for _, field := range []string{"name", "hostname", "os.family", "os.name", "os.platform", "os.version", "os.kernel", "os.full"} {
		one("host."+field, x.host)
	}
	if kind == events.KindEventsLost || kind == events.KindServing || kind == events.KindMetrics {
		return m
	}
	file := func() {
		part := func(path, s string) {
			if s != "" {
				m[path] = content{[]string{s}, ""}
			}
		}
		directory, name := split(events.Path{Name: x.filename})
		one("file.path", x.filename)
		part("file.directory", directory)
		part("file.name", name)
		part("file.extension", extension(name))
		one("file.target_path", x.directory)
		one("file.owner", x.user)
		one("file.group", x.group)
		if kind == events.KindFileRename || kind == events.KindFileIntegrity {
			_, name = split(events.Path{Name: x.executable})
			one("file.Ext.original.path", x.executable)
			part("file.Ext.original.name", name)
			part("file.Ext.original.extension", extension(name))
		}
	}
	if kind == events.KindFileIntegrity {
		file()
		return m
	}
	for _, at := range []string{"", "parent.", "entry_leader.", "session_leader.", "group_leader."} {
		at = "process." + at
		one(at+"name", x.name)
		one(at+"executable", x.executable)
		list(at+"args", x.args)
		one(at+"working_directory", x.directory)
		for _, field := range []string{"user", "real_user"} {
			one(at+field+".name", x.user)
		}
		for _, field := range []string{"group", "real_group"} {
			one(at+field+".name", x.group)
		}
	}
	one("process.saved_user.name", x.user)
	one("process.saved_group.name", x.group)
	one("user.name", x.user)
	one("group.name", x.group)
	if x.event(kind).Account == nil {
		one("user.effective.name", x.user)
		one("user.Ext.real.name", x.user)
		one("group.Ext.real.name", x.group)
	}
	groups := content{[]string{x.group, "plain"}, x.group + "\x00plain\x00"}
	if x.group == "" {
		groups.strings = groups.strings[1:]
	}
	m["process.supplemental_groups.name"] = groups
	one("process.thread.name", x.thread)
	one("sensor.cgroup.path", x.cgroup)
	line("process.command_line")
	line("process.parent.command_line")
	switch kind {
	case events.KindExec:
		line("process.title")
		list("process.env_vars", x.env)
		if x.filename != x.executable {
			one("sensor.exec.filename", x.filename)
		}
		if x.executable != "" {
			one("process.previous.executable", x.executable)
			list("process.previous.args", x.args)
		}
	case events.KindExecFailed:
		one("sensor.exec.filename", x.filename)
		list("sensor.exec.args", x.args)
	case events.KindAuthentication, events.KindSession, events.KindIAM, events.KindConfiguration, events.KindAudit:
		one("user.effective.name", x.name)
		one("user.target.name", x.thread)
		one("source.domain", x.host)
		if x.host != "" {
			m["source.address"] = content{[]string{x.host}, ""}
		}
		one("service.name", x.filename)
		one("sensor.login.terminal", x.directory)
		one("auditd.session", x.cgroup)
		one("auditd.data.a0", x.executable)
		one("auditd.data.socket.path", x.filename)
		m["tags"] = content{[]string{x.name, "plain"}, x.name + "\x00plain\x00"}
		var names content
		for _, name := range []string{x.filename, x.directory} {
			if name != "" {
				names = content{append(names.strings, name), names.raw + name + "\x00"}
			}
		}
		if len(names.strings) > 0 {
			m["auditd.paths.name"] = names
		}
	case events.KindUnixConnect, events.KindUnixAccept:
		for end, name := range map[string]string{"source": x.filename, "destination": x.executable} {
			one(end+".path", name)
			if name != "" {
				m[end+".address"] = content{[]string{name}, ""}
			}
		}
	case events.KindFileCreate, events.KindFileWrite, events.KindFileRename, events.KindFileDelete, events.KindFileAttributes:
		file()
	}
	return m
}

// check encodes the event with these texts and compares the document with what was put in.
func (x texts) check(t *testing.T, kind events.Kind) {
	t.Helper()
	e := NewEncoder(x.options())
	ev := x.event(kind)
	line := e.Append(nil, ev)
	d, err := parse(line)
	if err != nil {
		t.Fatalf("%v in %q", err, line)
	}
	if again := e.Append([]byte("before\n"), ev); string(again) != "before\n"+string(line) {
		t.Errorf("again, with cached fragments:\n%s\nwant\n%s", again, line)
	}
	raws := d.raws(t)
	for path, want := range x.contents(kind) {
		var got, shown []string
		exact := true
		for _, v := range d[path] {
			got = append(got, fmt.Sprint(v))
		}
		for _, s := range want.strings {
			shown = append(shown, string([]rune(s)))
			exact = exact && utf8.ValidString(s)
		}
		if !slices.Equal(got, shown) {
			t.Errorf("%s = %q, want %q", path, got, shown)
		}
		field := strings.TrimPrefix(path, "sensor.")
		raw, ok := raws[field]
		if want := !exact && want.raw != ""; ok != want {
			t.Errorf("sensor.raw.%s stands there: %v, want %v", field, ok, want)
		}
		if ok && raw != want.raw {
			t.Errorf("sensor.raw.%s = %q, want %q", field, raw, want.raw)
		}
		delete(raws, field)
	}
	for field, raw := range raws {
		t.Errorf("sensor.raw.%s = %q, but nothing needs it", field, raw)
	}
}

// hostile are texts that a document or its line could break on.
var hostile = map[string]string{
	"empty":                "",
	"plain":                "curl",
	"newlines":             "a\nb\r\nc\u2028d\u0085",
	"quotes":               `"a" \b\ "`,
	"JSON":                 `","event":{"action":"fork"},"x":["`,
	"escape codes":         "\x1b[31mred\x1b[0m\x07\x08\x7f\u009b2J",
	"control characters":   "\x01\x02\x1f\t",
	"replacement":          "valid: \ufffd",
	"astral":               "\U0001f980 \U0010ffff",
	"NUL":                  "\x00",
	"NULs":                 "a\x00\x00b\x00",
	"last NUL cut":         "a\x00b",
	"cut inside a rune":    "caf\xc3",
	"rune across NUL":      "\xc3\x00\xa9",
	"not UTF-8":            "\xff\xfe",
	"not UTF-8 in one":     "a\x00\xffb\x00c\x00",
	"surrogate":            "\xed\xa0\x80",
	"overlong":             "\xc0\xaf\xe0\x80\xaf",
	"beyond the last rune": "\xf4\x90\x80\x80",
	"Latin-1":              "caf\xe9",
	"braces":               "{[",
	"long":                 strings.Repeat("\x01\xff\"", 300),
}

func TestHostileText(t *testing.T) {
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			for _, kind := range events.Kinds() {
				sameText(text).check(t, kind)
			}
		})
	}
}

func FuzzAppend(f *testing.F) {
	for _, text := range hostile {
		for _, kind := range events.Kinds() {
			f.Add(byte(kind), "sh", "sh", "/bin/"+text, "sh\x00"+text+"\x00", "./sh", "LD_PRELOAD="+text, "/", "/", "root", "root", "web-1")
			f.Add(byte(kind), text, text, text, text, text, text, text, text, text, text, text)
		}
	}
	kinds := events.Kinds()
	f.Fuzz(func(t *testing.T, kind byte, name, thread, executable, args, filename, env, directory, cgroup, user, group, host string) {
		x := texts{name, thread, executable, args, filename, env, directory, cgroup, user, group, host}
		x.check(t, kinds[int(kind)%len(kinds)])
	})
}
