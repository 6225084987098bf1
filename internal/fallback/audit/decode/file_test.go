// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"testing"

	"sensor/internal/events"
)

func TestResolve(t *testing.T) {
	const fd = 5
	for _, test := range []struct {
		name, cwd string
		at        argument
		directory uint64
		want      events.Path
	}{
		{"/a/b", "/c", none, 0, events.Path{Name: "/a/b"}},
		{"/a/b", "", 0, fd, events.Path{Name: "/a/b"}},
		{"//a/./b/", "/c", none, 0, events.Path{Name: "/a/b"}},
		{"/", "/c", none, 0, events.Path{Name: "/"}},
		{"/..", "/c", none, 0, events.Path{Name: "/"}},
		{"/a/../b", "/c", none, 0, events.Path{Name: "/a/../b"}}, // a may be a link
		{"a", "/c/d", none, 0, events.Path{Name: "/c/d/a"}},
		{"a", "/", none, 0, events.Path{Name: "/a"}},
		{".", "/c/d", none, 0, events.Path{Name: "/c/d"}},
		{"..", "/c/d", none, 0, events.Path{Name: "/c"}},
		{"../..", "/c/d", none, 0, events.Path{Name: "/"}},
		{"../../../a", "/c/d", none, 0, events.Path{Name: "/a"}},
		{"../a/../b", "/c/d", none, 0, events.Path{Name: "/c/a/../b"}},
		{"a/..", "/c/d", none, 0, events.Path{Name: "/c/d/a/.."}},
		{"...", "/c", none, 0, events.Path{Name: "/c/..."}},
		{"a.", "/c", none, 0, events.Path{Name: "/c/a."}},
		{"a", "/c", 0, 0xffffff9c, events.Path{Name: "/c/a"}},
		{"a", "/c", 0, 0xffffffffffffff9c, events.Path{Name: "/c/a"}},
		{"a", "/c", 0, fd, events.Path{Name: "/a", Cut: true}},
		{"../a", "/c", 0, fd, events.Path{Name: "/a", Cut: true}},
		{"a", "", none, 0, events.Path{Name: "/a", Cut: true}},
		{"", "/c", none, 0, events.Path{}},
		{"", "/c", 0, fd, events.Path{}},
	} {
		d := &deed{cwd: events.Path{Name: test.cwd}, call: call{hasArgs: true, args: [4]uint64{test.directory}}}
		if got := d.resolve(test.name, test.at); got != test.want {
			t.Errorf("%q in %q, argument %d = %x: got %+v, want %+v", test.name, test.cwd, test.at, test.directory, got, test.want)
		}
	}
}

func TestKernelPath(t *testing.T) {
	for value, want := range map[string]events.Path{
		`"/a"`:                                 {Name: "/a"},
		`(null)`:                               {},
		`"<no_memory>"`:                        {},
		`2F612062`:                             {Name: "/a b"},
		`2F61202864656C6574656429`:             {Name: "/a", Deleted: true},
		`2F6D656D66643A78202864656C6574656429`: {Name: "/memfd:x", Deleted: true, Detached: true},
		`28756E726561636861626C65292F612062`:   {Name: "/a b", Detached: true},
	} {
		if got := kernelPath(value); got != want {
			t.Errorf("%s: got %+v, want %+v", value, got, want)
		}
	}
}

// item0 is a PATH record of a file with the given mode, name and role.
func item0(mode, name, role string) string {
	return line("PATH", `item=0 name=`+name+` inode=5 dev=fd:01 mode=`+mode+` ouid=10 ogid=20 rdev=00:00 nametype=`+role)
}

func TestOpen(t *testing.T) {
	for _, test := range []struct {
		name, call, item string
		want             events.Kind // KindAudit: none of ours
	}{
		{"to read", "syscall=257 success=yes exit=3 a0=ffffff9c a1=7f a2=80000 a3=0", item0("0100644", `"f"`, "NORMAL"), events.KindAudit},
		{"to write", "syscall=257 success=yes exit=3 a0=ffffff9c a1=7f a2=80001 a3=0", item0("0100644", `"f"`, "NORMAL"), events.KindFileWrite},
		{"to read and write", "syscall=2 success=yes exit=3 a0=7f a1=2 a2=0 a3=0", item0("0100644", `"f"`, "NORMAL"), events.KindFileWrite},
		{"truncated", "syscall=2 success=yes exit=3 a0=7f a1=200 a2=0 a3=0", item0("0100644", `"f"`, "NORMAL"), events.KindFileWrite},
		{"creat", "syscall=85 success=yes exit=3 a0=7f a1=1a4 a2=0 a3=0", item0("0100644", `"f"`, "NORMAL"), events.KindFileWrite},
		{"creat, new", "syscall=85 success=yes exit=3 a0=7f a1=1a4 a2=0 a3=0", item0("0100644", `"f"`, "CREATE"), events.KindFileCreate},
		{"new, to read", "syscall=2 success=yes exit=3 a0=7f a1=40 a2=0 a3=0", item0("0100644", `"f"`, "CREATE"), events.KindFileCreate},
		{"nameless", "syscall=257 success=yes exit=3 a0=ffffff9c a1=7f a2=490002 a3=0", item0("0100644", `"f"`, "NORMAL"), events.KindAudit},
		{"path only", "syscall=257 success=yes exit=3 a0=ffffff9c a1=7f a2=200001 a3=0", item0("0100644", `"f"`, "NORMAL"), events.KindAudit},
		{"failed", "syscall=257 success=no exit=-13 a0=ffffff9c a1=7f a2=1 a3=0", item0("0100644", `"f"`, "NORMAL"), events.KindAudit},
		{"not finished", "syscall=257 a0=ffffff9c a1=7f a2=1 a3=0", item0("0100644", `"f"`, "NORMAL"), events.KindAudit},
		{"device", "syscall=257 success=yes exit=3 a0=ffffff9c a1=7f a2=1 a3=0", item0("020666", `"f"`, "NORMAL"), events.KindAudit},
		{"openat2 without its flags", "syscall=437 success=yes exit=3 a0=ffffff9c a1=7f a2=1 a3=0", item0("0100644", `"f"`, "NORMAL"), events.KindAudit},
		{"proc", "syscall=257 success=yes exit=3 a0=ffffff9c a1=7f a2=1 a3=0",
			line("PATH", `item=0 name="/proc/1/x" inode=5 dev=00:15 mode=0100644 ouid=10 ogid=20 rdev=00:00 nametype=NORMAL`), events.KindAudit},
	} {
		if e := one(t, Options{}, record("arch=c000003e "+test.call, "(null)"), line("CWD", cwd), test.item); e.Kind != test.want {
			t.Errorf("%s: got %v, want %v", test.name, e.Kind, test.want)
		}
	}
}

// With RESOLVE_IN_ROOT a name that seems absolute is not.
func TestOpenInRoot(t *testing.T) {
	for name, want := range map[string]string{"/": "/", "//": "/", "/..": "/", "a": "/a"} {
		if got := (&deed{inRoot: true}).resolve(name, 0); got != (events.Path{Name: want, Cut: true}) {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	call := record("arch=c000003e syscall=437 success=yes exit=3 a0=ffffff9c a1=7f a2=7f a3=18", "(null)")
	for how, want := range map[string]events.Path{
		"oflag=01 mode=00 resolve=0x0":  {Name: "/etc/f"},
		"oflag=01 mode=00 resolve=0x10": {Name: "/etc/f", Cut: true},
	} {
		e := one(t, Options{}, call, line("CWD", cwd), line("OPENAT2", how), item0("0100644", `"/etc/f"`, "NORMAL"))
		if e.Kind != events.KindFileWrite || e.File.Path != want {
			t.Errorf("%s: got %v, %+v", how, e.Kind, e.File)
		}
	}
}

// The record shows the attributes before the call; the event those after it, as far as they can be known.
func TestAttributes(t *testing.T) {
	for _, test := range []struct {
		name, call, mode string
		known            bool
		after            uint16
		owner, group     uint32
	}{
		{"chmod", "arch=c000003e syscall=90 success=yes exit=0 a0=7f a1=81ed a2=0 a3=0", "0100644", true, 0o755, 10, 20},
		{"chmod, setgid by a user", "arch=c000003e syscall=90 success=yes exit=0 a0=7f a1=5ed a2=0 a3=0", "0100644", false, 0, 0, 0},
		{"fchmodat", "arch=c000003e syscall=268 success=yes exit=0 a0=ffffff9c a1=7f a2=1a4 a3=0", "0100600", true, 0o644, 10, 20},
		{"chown", "arch=c000003e syscall=92 success=yes exit=0 a0=7f a1=1 a2=2 a3=0", "0100644", true, 0o644, 1, 2},
		{"chown, group alone", "arch=c000003e syscall=92 success=yes exit=0 a0=7f a1=ffffffff a2=2 a3=0", "0100644", true, 0o644, 10, 2},
		{"chown of setuid", "arch=c000003e syscall=92 success=yes exit=0 a0=7f a1=1 a2=2 a3=0", "0104755", false, 0, 0, 0},
		{"chown of 16 bits", "arch=40000003 syscall=182 success=yes exit=0 a0=7f a1=ffff a2=2 a3=0", "0100644", true, 0o644, 10, 2},
		{"chown of 32 bits", "arch=40000003 syscall=212 success=yes exit=0 a0=7f a1=ffff a2=2 a3=0", "0100644", true, 0o644, 0xffff, 2},
		{"utimensat", "arch=c000003e syscall=280 success=yes exit=0 a0=ffffff9c a1=7f a2=0 a3=0", "0100644", true, 0o644, 10, 20},
		{"setxattr", "arch=c000003e syscall=188 success=yes exit=0 a0=7f a1=7f a2=0 a3=0", "0100644", false, 0, 0, 0},
	} {
		e := one(t, Options{}, record(test.call, "(null)"), line("CWD", cwd), item0(test.mode, `"f"`, "NORMAL"))
		f := e.File
		if e.Kind != events.KindFileAttributes || f == nil || f.HasMode != test.known || f.Known || f.Path.Name != "/home/u/f" {
			t.Errorf("%s: got %v, %+v", test.name, e.Kind, f)
			continue
		}
		if f.HasMode && (f.Mode != test.after || f.Owner.ID != test.owner || f.Group.ID != test.group) {
			t.Errorf("%s: got %o, %d, %d; want %o, %d, %d", test.name, f.Mode, f.Owner.ID, f.Group.ID, test.after, test.owner, test.group)
		}
	}
	e := one(t, Options{}, record("arch=c000003e syscall=91 success=yes exit=0 a0=4 a1=1a4 a2=0 a3=0", "(null)"), line("CWD", cwd), item0("0100600", "(null)", "NORMAL"))
	if e.File.Path != (events.Path{}) || e.File.Inode != 5 || e.File.Mode != 0o644 {
		t.Errorf("fchmod: got %+v", e.File)
	}
}
