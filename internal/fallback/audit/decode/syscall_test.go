// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/elastic/go-libaudit/v2/auparse"

	"sensor/internal/events"
)

// record is a SYSCALL record of serial 7 with the given beginning and key.
func record(call, key string) string {
	return "type=SYSCALL msg=audit(1795946719.403:7): " + call +
		" items=1 ppid=10 pid=11 auid=4294967295 uid=1 gid=2 euid=3 suid=4 fsuid=5 egid=6 sgid=7 fsgid=8 tty=pts3 ses=4294967295" +
		` comm="a" exe="/bin/a" key=` + key
}

func line(kind, text string) string { return "type=" + kind + " msg=audit(1795946719.403:7): " + text }

const (
	cwd     = `cwd="/home/u"`
	opened6 = "arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c a1=7f a2=0 a3=0" // openat to read
)

func TestProcess(t *testing.T) {
	var asked int64
	start := func(pid uint32, at int64) (uint64, bool) {
		asked = at
		return 5_000_000_000, pid == 11
	}
	e := one(t, Options{Start: start}, record("arch=c000003e syscall=105 success=yes exit=0 a0=1 a1=0 a2=0 a3=0", "(null)"))
	p := e.Process
	c := events.Credentials{
		Known: true, LoginUID: events.Unset, SessionID: events.Unset,
		Real: events.User{ID: 1}, Effective: events.User{ID: 3}, Saved: events.User{ID: 4}, FS: events.User{ID: 5},
		RealGroup: events.Group{ID: 2}, EffectiveGroup: events.Group{ID: 6}, SavedGroup: events.Group{ID: 7}, FSGroup: events.Group{ID: 8},
	}
	if p.Credentials.Groups != nil || p.Credentials.Real != c.Real || p.Credentials.Effective != c.Effective ||
		p.Credentials.Saved != c.Saved || p.Credentials.FS != c.FS || p.Credentials.RealGroup != c.RealGroup ||
		p.Credentials.EffectiveGroup != c.EffectiveGroup || p.Credentials.SavedGroup != c.SavedGroup ||
		p.Credentials.FSGroup != c.FSGroup || !p.Credentials.Known || p.Credentials.LoginUID != c.LoginUID {
		t.Errorf("got credentials %+v", p.Credentials)
	}
	if p.PID != 11 || p.ParentPID != 10 || p.Name != "a" || p.TTY != (events.TTY{Known: true, Major: 136, Minor: 3}) {
		t.Errorf("got process %+v", p)
	}
	if p.StartKey != 5_000_000_000 || asked != 1795946719403*1e6 {
		t.Errorf("got start %d, asked for %d", p.StartKey, asked)
	}
	if e.Time.UnixMilli() != 1795946719403 || e.Audit != nil {
		t.Errorf("got time %v, audit %v", e.Time, e.Audit)
	}
}

func TestTTY(t *testing.T) {
	for name, want := range map[string]events.TTY{
		"(none)": {}, "": {}, "pts0": {Known: true, Major: 136}, "pts1234": {Known: true, Major: 136, Minor: 1234},
		"tty1": {Known: true, Major: 4, Minor: 1}, "ttyS0": {Known: true, Major: 4, Minor: 64}, "ttyS1": {Known: true, Major: 4, Minor: 65},
		"ttyAMA0": {Known: true, Major: 204, Minor: 64}, "hvc0": {Known: true, Major: 229}, "ttyp0": {}, "pts": {}, "pts99999999999": {},
	} {
		if got := ttyOf(name); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

func TestCallName(t *testing.T) {
	for _, test := range []struct {
		arch   auparse.AuditArch
		number int
		want   string
	}{
		{auparse.AUDIT_ARCH_X86_64, 59, "execve"},
		{auparse.AUDIT_ARCH_X86_64, 437, "openat2"},
		{auparse.AUDIT_ARCH_X86_64, 463, "setxattrat"},
		{auparse.AUDIT_ARCH_X86_64, x32 | 257, "openat"},
		{auparse.AUDIT_ARCH_X86_64, x32 | 520, "execve"},
		{auparse.AUDIT_ARCH_X86_64, x32 | 545, "execveat"},
		{auparse.AUDIT_ARCH_X86_64, 520, "520"},
		{auparse.AUDIT_ARCH_I386, 11, "execve"},
		{auparse.AUDIT_ARCH_I386, 102, "socketcall"},
		{auparse.AUDIT_ARCH_AARCH64, 221, "execve"},
		{auparse.AUDIT_ARCH_AARCH64, 469, "file_setattr"},
		{auparse.AUDIT_ARCH_ARM, 11, "execve"},
		{auparse.AUDIT_ARCH_ARM, 283, "connect"},
		{0, 59, "59"},
	} {
		if got := callName(test.arch, test.number); got != test.want {
			t.Errorf("%v %d: got %s, want %s", test.arch, test.number, got, test.want)
		}
	}
}

// Every call that is told has a name that some architecture knows, but for what auparse leaves out.
func TestWaysAreCalls(t *testing.T) {
	known := map[string]bool{}
	for _, table := range []string{"x86_64", "i386", "aarch64", "arm"} {
		for _, name := range auparse.AuditSyscalls[table] {
			known[name] = true
		}
	}
	for _, name := range newCalls {
		known[name] = true
	}
	for name := range ways {
		if !known[name] {
			t.Errorf("no architecture has %s", name)
		}
	}
	for name := range actions {
		if !known[name] {
			t.Errorf("no architecture has %s", name)
		}
	}
}

func TestAudit(t *testing.T) {
	path := line("PATH", `item=0 name="f" inode=5 dev=fd:01 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL`)
	cwd := line("CWD", cwd)
	e := one(t, Options{Key: "ours"}, record(opened6, `"theirs"`), cwd, path)
	if e.Kind != events.KindAudit || e.Words == nil || e.Words.Action != "opened-file" || e.Words.Category[0] != "file" || e.Outcome != events.OutcomeSuccess {
		t.Errorf("got %+v, words %+v", e, e.Words)
	}
	a := e.Audit
	if a == nil || a.Type != "syscall" || a.Serial != 7 || a.Session != "" || a.Result != "success" || len(a.Paths) != 1 || !slices.Equal(a.Keys, []string{"theirs"}) {
		t.Fatalf("got %+v", a)
	}
	for name, want := range map[string]string{"syscall": "openat", "arch": "x86_64", "a0": "ffffff9c", "exit": "3", "tty": "pts3", "comm": "a", "cwd": "/home/u"} {
		i := slices.IndexFunc(a.Data, func(f events.AuditField) bool { return f.Name == name })
		if i < 0 || a.Data[i].Value != want {
			t.Errorf("%s: got %v, want %s", name, a.Data, want)
		}
	}
	for _, test := range []struct {
		name, key string
		want      int
	}{
		{"our rule", `"ours"`, 0},
		{"another sensor's rule", `"sensor-17-4711"`, 0},
		{"a rule without key", "(null)", 1},
		{"a rule with both keys", "6F757273017468656972", 1},
		{"a key with a space", "61206B6579", 1},
	} {
		if got := decodeAll(t, Options{Key: "ours"}, record(opened6, test.key), cwd, path); len(got) != test.want {
			t.Errorf("%s: got %d events, want %d", test.name, len(got), test.want)
		}
	}
	denied := "arch=c000003e syscall=257 success=no exit=-13 a0=ffffff9c a1=7f a2=1 a3=0"
	e = one(t, Options{}, record(denied, `"denied"`), cwd, path)
	if e.Kind != events.KindAudit || e.Outcome != events.OutcomeFailure || e.Audit.Result != "fail" {
		t.Errorf("got %+v", e)
	}
	unknown := "arch=c000003e syscall=9999 success=yes exit=0 a0=0 a1=0 a2=0 a3=0"
	if e = one(t, Options{}, record(unknown, `"k"`)); e.Words.Action != "9999" || e.Words.Category[0] != "process" {
		t.Errorf("got %+v", e.Words)
	}
}

// A kind that nobody wants is told as kind audit if a rule asked for it, and else not at all.
func TestWants(t *testing.T) {
	change := record("arch=c000003e syscall=105 success=yes exit=0 a0=1 a1=0 a2=0 a3=0", `"k"`)
	unwanted := func(k events.Kind) bool { return k != events.KindUIDChange }
	if e := one(t, Options{Wants: unwanted}, change); e.Kind != events.KindAudit || e.Words.Action != "changed-identity-of" {
		t.Errorf("got %v, %+v", e.Kind, e.Words)
	}
	if all := decodeAll(t, Options{Wants: unwanted, Key: "k"}, change); len(all) != 0 {
		t.Errorf("got %v", all[0].Kind)
	}
	if all := decodeAll(t, Options{Wants: func(events.Kind) bool { return false }}, change); len(all) != 0 {
		t.Errorf("got %v", all[0].Kind)
	}
}

// io_uring tells neither arguments nor the program.
func TestRing(t *testing.T) {
	ring := line("URINGOP", "uring_op=18 success=yes exit=5 items=2 ppid=10 pid=11 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 subj=unconfined key=(null)")
	parent := line("PATH", `item=0 name="/tmp/" inode=4 dev=fd:01 mode=041777 ouid=0 ogid=0 rdev=00:00 nametype=PARENT`)
	e := one(t, Options{Raw: true}, ring, line("CWD", cwd), parent,
		line("PATH", `item=1 name="/tmp/f" inode=5 dev=fd:01 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=CREATE`))
	if e.Kind != events.KindFileCreate || e.File.Path.Name != "/tmp/f" || e.Process.PID != 11 || e.Audit.Type != "uringop" {
		t.Errorf("got %v %+v %+v", e.Kind, e.File, e.Audit)
	}
	e = one(t, Options{}, ring, line("CWD", cwd), parent,
		line("PATH", `item=1 name="f" inode=5 dev=fd:01 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=CREATE`))
	if e.File.Path != (events.Path{Name: "/f", Cut: true}) {
		t.Errorf("got %+v", e.File.Path) // relative to nobody knows what
	}
	connect := strings.Replace(ring, "uring_op=18 success=yes exit=5", "uring_op=16 success=yes exit=0", 1)
	e = one(t, Options{}, connect, line("SOCKADDR", "saddr=020001BBC00002010000000000000000"))
	if e.Kind != events.KindConnect || e.Network.Destination.Addr.String() != "192.0.2.1" || e.Network.Destination.Port != 443 {
		t.Errorf("got %v %+v", e.Kind, e.Network)
	}
}

// What io_uring does at once belongs to the call that asked for it, if it is one thing.
func TestRingAtOnce(t *testing.T) {
	enter := record("arch=c000003e syscall=426 success=yes exit=1 a0=ffffff9c a1=1 a2=0 a3=0", `"ours"`)
	operation := line("URINGOP", "uring_op=18 success=yes exit=5 items=2 ppid=10 pid=11 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 subj=unconfined key=(null)")
	path := line("PATH", `item=1 name="f" inode=5 dev=fd:01 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=CREATE`)
	e := one(t, Options{Key: "ours"}, operation, enter, line("CWD", cwd), path)
	if e.Kind != events.KindFileCreate || !e.File.Path.Cut || e.Process.Executable.Name != "/bin/a" {
		t.Errorf("got %v, %+v, %+v", e.Kind, e.File, e.Process)
	}
	if all := decodeAll(t, Options{Key: "ours"}, operation, operation, enter, line("CWD", cwd), path); len(all) != 0 {
		t.Errorf("got %v", all[0].Kind)
	}
}

// What is told during a call was done by the process that called.
func TestToldDuringCall(t *testing.T) {
	write := record("arch=c000003e syscall=1 success=yes exit=5 a0=1 a1=1 a2=0 a3=0", "(null)")
	e := one(t, Options{}, line("LOGIN", "pid=11 uid=0 old-auid=4294967295 auid=4242 tty=(none) old-ses=4294967295 ses=1 res=1"), write)
	if e.Kind == events.KindAudit && e.Audit.Type == "syscall" || e.Process == nil || e.Process.Executable.Name != "/bin/a" || !e.Process.Credentials.Known {
		t.Errorf("got %v, %+v", e.Kind, e.Process)
	}
	// The rule that asked for the call is told, too.
	keyed := record("arch=c000003e syscall=1 success=yes exit=5 a0=1 a1=1 a2=0 a3=0", `"theirs"`)
	all := decodeAll(t, Options{}, line("CONFIG_CHANGE", "op=add_rule list=4 res=1"), keyed)
	if len(all) != 2 || all[0].Kind != events.KindAudit || all[1].Process.PID != 11 {
		t.Errorf("got %d events", len(all))
	}
	if all[0].Process == all[1].Process {
		t.Error("both events share a process, which is completed for each")
	}
}

func TestOldKernels(t *testing.T) {
	unlink := strings.Replace(record("arch=c000003e syscall=87 success=yes exit=0 a0=1 a1=0 a2=0 a3=0", "(null)"), "auid=4294967295", "auid=-1", 1)
	for name, lines := range map[string][]string{
		"2.6.32": {unlink, line("CWD", ` cwd="/home/u"`),
			line("PATH", `item=0 name="/home/u" inode=4 dev=fd:01 mode=040755 ouid=0 ogid=0 rdev=00:00`),
			line("PATH", `item=1 name="f" inode=5 dev=fd:01 mode=0100644 ouid=9 ogid=0 rdev=00:00`)},
		"3.10": {unlink, line("CWD", ` cwd="/home/u"`),
			line("PATH", `item=0 name="/home/u" inode=4 dev=fd:01 mode=040755 ouid=0 ogid=0 rdev=00:00 objtype=PARENT`),
			line("PATH", `item=1 name="f" inode=5 dev=fd:01 mode=0100644 ouid=9 ogid=0 rdev=00:00 objtype=DELETE`)},
		"out of order": {unlink, line("CWD", ` cwd="/home/u"`),
			line("PATH", `item=1 name="f" inode=5 dev=fd:01 mode=0100644 ouid=9 ogid=0 rdev=00:00 nametype=DELETE`),
			line("PATH", `item=0 name="/home/u" inode=4 dev=fd:01 mode=040755 ouid=0 ogid=0 rdev=00:00 nametype=PARENT`)},
	} {
		e := one(t, Options{}, lines...)
		f := e.File
		if e.Kind != events.KindFileDelete || f.Path.Name != "/home/u/f" || f.Inode != 5 || f.Owner.ID != 9 || !f.HasMode || f.Mode != 0o644 ||
			f.Major != 0xfd || f.Minor != 1 || e.Process.Credentials.LoginUID != events.Unset {
			t.Errorf("%s: got %v, %+v", name, e.Kind, f)
		}
	}
	rename := record("arch=c000003e syscall=82 success=yes exit=0 a0=1 a1=0 a2=0 a3=0", "(null)")
	e := one(t, Options{}, rename, line("CWD", cwd), line("PATH", `item=0 name="/home/u" inode=4`), line("PATH", `item=1 name="/tmp/" inode=3`),
		line("PATH", `item=2 name="a" inode=5`), line("PATH", `item=3 name="/tmp/b" inode=5`))
	if e.File.Original.Name != "/home/u/a" || e.File.Path.Name != "/tmp/b" || e.File.HasMode || e.File.Type != events.FileTypeUnknown {
		t.Errorf("got %+v", e.File)
	}
}

// What cannot be understood is named, and the rest is told all the same.
func TestGarbled(t *testing.T) {
	for _, test := range []struct {
		name, old, bad, want string
	}{
		{"pid", "pid=11", "pid=1x", `SYSCALL record: field pid: "1x"`},
		{"user", "euid=3", "euid=", `SYSCALL record: field euid: ""`},
		{"user too large", "euid=3", "euid=4294967296", `field euid`},
		{"inode", "inode=5", "inode=-5", `PATH record: field inode`},
		{"mode", "mode=0100644", "mode=0100648", `PATH record: field mode`},
		{"device", "dev=fd:01", "dev=fd", `PATH record: field dev`},
		{"role", "nametype=CREATE", "nametype=MAKE", `PATH record: field nametype: "MAKE"`},
		{"item", "item=0", "item=zero", `PATH record: field item`},
	} {
		lines := strings.Replace(record("arch=c000003e syscall=83 success=yes exit=0 a0=1 a1=1ff a2=0 a3=0", "(null)")+"\n"+line("CWD", cwd)+"\n"+
			line("PATH", `item=0 name="d" inode=5 dev=fd:01 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=CREATE`), " "+test.old, " "+test.bad, 1)
		all, err := New(Options{}).Decode(parse(t, lines)[0])
		if !errors.Is(err, errGarbled) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got error %v, want %s", test.name, err, test.want)
		}
		if len(all) != 1 {
			t.Errorf("%s: got %d events", test.name, len(all))
			continue
		}
		if test.name == "user" && all[0].Process.Credentials.Known {
			t.Errorf("credentials are known")
		}
		if test.name == "mode" && all[0].File.HasMode {
			t.Errorf("the mode is known")
		}
	}
}
