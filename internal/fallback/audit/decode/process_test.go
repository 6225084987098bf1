// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"strings"
	"testing"

	"sensor/internal/events"
)

const executed1 = "arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=4"

func TestArguments(t *testing.T) {
	for _, test := range []struct {
		name    string
		records []string
		want    events.Args
	}{
		{"plain", []string{`argc=2 a0="ls" a1="-l"`}, events.Args{Packed: "ls\x00-l\x00", Count: 2}},
		{"encoded", []string{`argc=3 a0="ls" a1=6120 a2="61"`}, events.Args{Packed: "ls\x00a \x0061\x00", Count: 3}},
		{"empty ones", []string{`argc=3 a0="" a1="" a2=""`}, events.Args{Packed: "\x00\x00\x00", Count: 3}},
		{"none", []string{`argc=0`}, events.Args{}},
		{"over two records", []string{`argc=3 a0="a" a1="b"`, `a2="c"`}, events.Args{Packed: "a\x00b\x00c\x00", Count: 3}},
		{"in pieces", []string{`argc=3 a0="a" a1_len=6 a1[0]="bcd"`, `a1[1]="efg"`, `a2="h"`}, events.Args{Packed: "a\x00bcdefg\x00h\x00", Count: 3}},
		{"in encoded pieces", []string{`argc=1 a0_len=8 a0[0]=6162`, `a0[1]=6364`}, events.Args{Packed: "abcd\x00", Count: 1}},
		{"a piece is lost", []string{`argc=2 a0_len=9 a0[0]="abc"`, `a0[2]="ghi"`, `a1="j"`}, events.Args{Packed: "abc\x00j\x00", Count: 2, Cut: true}},
		{"the last piece is lost", []string{`argc=1 a0_len=9 a0[0]="abc" a0[1]="def"`}, events.Args{Packed: "abcdef\x00", Count: 1, Cut: true}},
		{"the first piece is lost", []string{`argc=2 a0="x"`, `a1[1]="def"`}, events.Args{Packed: "x\x00", Count: 2, Cut: true}},
		{"a record is lost", []string{`argc=3 a0="a"`, `a2="c"`}, events.Args{Packed: "a\x00c\x00", Count: 3, Cut: true}},
		{"the last record is lost", []string{`argc=3 a0="a"`}, events.Args{Packed: "a\x00", Count: 3, Cut: true}},
		{"the first record is lost", []string{`a2="c"`}, events.Args{Packed: "c\x00", Cut: true}},
	} {
		lines := []string{record(executed1, "(null)")}
		for _, r := range test.records {
			lines = append(lines, line("EXECVE", r))
		}
		if got := one(t, Options{}, lines...).Process.Args; got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestGarbledArguments(t *testing.T) {
	for _, bad := range []string{`argc=x a0="a"`, `argc=2 a0="a" a1=61G2`, `argc=2 a0="a" a1_len=x a1[0]="b"`, `argc=2 a0="a" a1[x]="b"`, `argc=2 a0="a" a0="b"`} {
		all, err := New(Options{}).Decode(parse(t, record(executed1, "(null)")+"\n"+line("EXECVE", bad))[0])
		if err == nil || !strings.Contains(err.Error(), "EXECVE record: field a") {
			t.Errorf("%s: got error %v", bad, err)
		}
		if len(all) != 1 || !all[0].Process.Args.Cut || !strings.HasPrefix(all[0].Process.Args.Packed, "a\x00") {
			t.Errorf("%s: got %+v", bad, all)
		}
	}
}

// A program may give megabytes, which would stand in each event of its children, too.
func TestLongArguments(t *testing.T) {
	half := strings.Repeat("x", maxArgs/2)
	for name, test := range map[string]struct {
		records []string
		want    events.Args
	}{
		"as long as can be": {[]string{`argc=2 a0="` + half[1:] + `"`, `a1="` + half[1:] + `"`}, events.Args{Packed: half[1:] + "\x00" + half[1:] + "\x00", Count: 2}},
		"one more":          {[]string{`argc=2 a0="` + half + `"`, `a1="` + half[1:] + `"`}, events.Args{Packed: half + "\x00" + half[1:], Count: 2, Cut: true}},
		"in pieces": {[]string{`argc=2 a0_len=98304 a0[0]="` + half + `"`, `a0[1]="` + half + `"`, `a0[2]="` + half + `" a1="y"`},
			events.Args{Packed: half + half, Count: 2, Cut: true}},
		"cut between two": {[]string{`argc=4 a0="` + half + `" a1="` + half[2:] + `" a2="" a3="z"`}, events.Args{Packed: half + "\x00" + half[2:], Count: 4, Cut: true}},
	} {
		lines := []string{record(executed1, "(null)")}
		for _, r := range test.records {
			lines = append(lines, line("EXECVE", r))
		}
		if got := one(t, Options{}, lines...).Process.Args; got != test.want {
			t.Errorf("%s: got %d bytes, %d, %v", name, len(got.Packed), got.Count, got.Cut)
		}
	}
}

// Without EXECVE records the title is what is known.
func TestTitle(t *testing.T) {
	exec := record(executed1, "(null)")
	if got := one(t, Options{}, exec, line("PROCTITLE", "proctitle=6C73002D6C00")).Process.Args; got != (events.Args{Packed: "ls\x00-l\x00", Cut: true}) {
		t.Errorf("got %+v", got)
	}
	exit := record("arch=c000003e syscall=231 a0=107 a1=0 a2=0 a3=0", "(null)")
	e := one(t, Options{}, exit, line("PROCTITLE", `proctitle="sshd"`))
	if e.Process.Args != (events.Args{Packed: "sshd\x00"}) || e.Kind != events.KindExit || e.End.ExitCode() != 7 || e.Outcome != events.OutcomeSuccess {
		t.Errorf("got %+v, %+v", e, e.Process.Args)
	}
	long := strings.Repeat("61", 127)
	if got := one(t, Options{}, exit, line("PROCTITLE", "proctitle="+long)).Process.Args; !got.Cut || len(got.Packed) != 127 {
		t.Errorf("got %+v", got)
	}
}

func TestScript(t *testing.T) {
	path := func(number, name string) string {
		return line("PATH", "item="+number+` name="`+name+`" inode=1 dev=fd:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL`)
	}
	const loader = "/lib64/ld-linux-x86-64.so.2"
	for _, test := range []struct {
		name, execve string
		items        []string
		filename     string
		script       bool
	}{
		{"program", `argc=1 a0="a"`, []string{"/bin/a", loader}, "", false},
		{"link to it", `argc=1 a0="a"`, []string{"/usr/bin/a", loader}, "/usr/bin/a", false},
		{"relative", `argc=1 a0="./a"`, []string{"./a", loader}, "./a", false},
		{"script", `argc=2 a0="/bin/a" a1="./s"`, []string{"./s", "/bin/a", loader}, "./s", true},
		{"script with argument", `argc=3 a0="/bin/a" a1="-e" a2="/s"`, []string{"/s", "/bin/a", loader}, "/s", true},
		{"script for a static interpreter", `argc=2 a0="/bin/a" a1="/s"`, []string{"/s", "/bin/a"}, "/s", true},
		{"script for a script", `argc=3 a0="/bin/a" a1="/t" a2="/s"`, []string{"/s", "/t", "/bin/a", loader}, "/s", true},
		{"script by descriptor", `argc=2 a0="/bin/a" a1="/dev/fd/3"`, []string{"", "/bin/a", loader}, "", true},
		{"items are lost", `argc=1 a0="a"`, nil, "", false},
	} {
		lines := []string{record(executed1, "(null)"), line("EXECVE", test.execve), line("CWD", cwd)}
		for i, name := range test.items {
			lines = append(lines, path(string(rune('0'+i)), name))
		}
		p := one(t, Options{}, lines...).Process
		if p.Filename.Name != test.filename || p.Script != test.script || p.Executable.Name != "/bin/a" {
			t.Errorf("%s: got %q, %v", test.name, p.Filename.Name, p.Script)
		}
	}
	// The first item is lost: the interpreter is not what was asked for.
	p := one(t, Options{}, record(executed1, "(null)"), line("EXECVE", `argc=2 a0="/bin/sh" a1="/s"`), path("1", "/bin/sh")).Process
	if p.Filename.Name != "" {
		t.Errorf("got %q", p.Filename.Name)
	}
}

func TestCapabilities(t *testing.T) {
	for _, names := range []string{
		"fver=0 fp=0 fi=0 fe=0 old_pp=0 old_pi=0 old_pe=0 old_pa=0 pp=0000000000000400 pi=1 pe=0000000000000402 pa=2 frootid=0",
		"fver=0 fp=0 fi=0 fe=0 old_pp=0 old_pi=0 old_pe=0 new_pp=0000000000000400 new_pi=1 new_pe=0000000000000402 new_pa=2",
	} {
		c := one(t, Options{}, record(executed1, "(null)"), line("BPRM_FCAPS", names), line("EXECVE", `argc=1 a0="a"`)).Process.Credentials
		if c.CapPermitted != 0x400 || c.CapInheritable != 1 || c.CapEffective != 0x402 || c.CapAmbient != 2 {
			t.Errorf("%s: got %+v", names, c)
		}
	}
}
