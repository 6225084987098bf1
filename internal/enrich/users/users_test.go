// SPDX-License-Identifier: Apache-2.0

package users

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sensor/internal/events"
)

// A host is a root directory with the two files, and a clock that stands still.
type host struct {
	t    testing.TB
	root string
	time time.Time
}

func newHost(t testing.TB, passwd, group string) *host {
	h := &host{t: t, root: t.TempDir(), time: time.Unix(1000, 0)}
	if err := os.Mkdir(filepath.Join(h.root, "etc"), 0o700); err != nil {
		t.Fatal(err)
	}
	h.write("passwd", passwd)
	h.write("group", group)
	return h
}

// write replaces a file as useradd does.
func (h *host) write(name, content string) {
	h.t.Helper()
	path := filepath.Join(h.root, "etc", name)
	if err := os.WriteFile(path+"+", []byte(content), 0o600); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Rename(path+"+", path); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) users() *Users {
	u := New(h.root)
	u.now = func() time.Time { return h.time }
	u.next = h.time.Add(interval)
	return u
}

func process() *events.Event {
	return &events.Event{Process: &events.Process{Credentials: events.Credentials{
		Known: true,
		Real:  events.User{ID: 1}, Effective: events.User{ID: 2}, Saved: events.User{ID: 3}, FS: events.User{ID: 4},
		RealGroup: events.Group{ID: 1}, EffectiveGroup: events.Group{ID: 2}, SavedGroup: events.Group{ID: 3}, FSGroup: events.Group{ID: 4},
		Groups: []events.Group{{ID: 2}, {ID: 9}, {ID: events.Unset}},
	}}}
}

// names lists what Enrich filled in, in the order of the fields.
func names(u *Users) string {
	e := process()
	u.Enrich(e)
	c := e.Process.Credentials
	all := []string{c.Real.Name, c.Effective.Name, c.Saved.Name, c.FS.Name, c.RealGroup.Name, c.EffectiveGroup.Name, c.SavedGroup.Name, c.FSGroup.Name}
	for _, g := range c.Groups {
		all = append(all, g.Name)
	}
	return strings.Join(all, ",")
}

const passwd = "a:x:1:1::/:/bin/sh\nb:x:2:2::/:/bin/sh\nc:x:3:3::/:/bin/sh\nd:x:4:4::/:/bin/sh\n"
const group = "ga:x:1:\ngb:x:2:a,b\ngc:x:3\ngd:x:4:\n"

func TestEnrich(t *testing.T) {
	u := newHost(t, passwd, group).users()
	if err := u.Err(); err != nil {
		t.Fatal(err)
	}
	if got, want := names(u), "a,b,c,d,ga,gb,gc,gd,gb,,"; got != want {
		t.Errorf("names %s, want %s", got, want)
	}
}

// A file's owner has a name whether or not somebody knows who did something to it.
func TestEnrichFile(t *testing.T) {
	u := newHost(t, passwd, group).users()
	shared := process().Process
	shared.SetFragment("encoded")
	for what, p := range map[string]*events.Process{"no process": nil, "process": process().Process, "process seen by an encoder": shared} {
		f := &events.File{Known: true, Owner: events.User{ID: 1}, Group: events.Group{ID: 2}}
		u.Enrich(&events.Event{Process: p, File: f})
		if f.Owner.Name != "a" || f.Group.Name != "gb" {
			t.Errorf("%s: owner %q, group %q", what, f.Owner.Name, f.Group.Name)
		}
	}
	f := &events.File{Owner: events.User{ID: 1}, Group: events.Group{ID: 2}}
	u.Enrich(&events.Event{File: f})
	if f.Owner.Name != "" || f.Group.Name != "" {
		t.Errorf("unknown: owner %q, group %q", f.Owner.Name, f.Group.Name)
	}
}

func TestEventsThatAreLeftAlone(t *testing.T) {
	u := newHost(t, passwd, group).users()
	u.Enrich(&events.Event{})
	unknown, shared := process(), process()
	unknown.Process.Credentials.Known = false
	shared.Process.SetFragment("encoded")
	for what, e := range map[string]*events.Event{"unknown credentials": unknown, "seen by an encoder": shared} {
		u.Enrich(e)
		if name := e.Process.Credentials.Real.Name; name != "" {
			t.Errorf("%s: named %s", what, name)
		}
	}
}

func TestReload(t *testing.T) {
	const before, after = "a,,,,,,,,,,", "e,,,,,,,,,,"
	h := newHost(t, "a:x:1:1\n", "")
	u := h.users()
	check := func(when, want string) {
		t.Helper()
		if got := names(u); got != want {
			t.Errorf("%s: names %s, want %s", when, got, want)
		}
	}
	check("at first", before)
	h.write("passwd", "e:x:1:1\n") // another inode of the same size
	check("changed, looked at less than a second ago", before)
	h.time = h.time.Add(interval)
	check("a second later", after)

	if err := os.Remove(filepath.Join(h.root, "etc", "passwd")); err != nil {
		t.Fatal(err)
	}
	h.time = h.time.Add(interval)
	check("without the file", after)
	if err := u.Err(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "etc/passwd") {
		t.Errorf("without the file: Err = %v", err)
	}
	h.write("passwd", "a:x:1:1\n")
	h.time = h.time.Add(interval)
	check("with the file again", before)
	if err := u.Err(); err != nil {
		t.Errorf("with the file again: Err = %v", err)
	}
	f, err := os.OpenFile(filepath.Join(h.root, "etc", "passwd"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("b:x:2:2\n"); err != nil {
		t.Fatal(err)
	}
	h.time = h.time.Add(interval)
	check("written in place", "a,b,,,,,,,,,")
}

// A file that did not change is not read again: the map stays the same one.
func TestNoReload(t *testing.T) {
	h := newHost(t, passwd, group)
	u := h.users()
	before := reflect.ValueOf(u.users.names).Pointer()
	h.time = h.time.Add(time.Hour)
	names(u)
	if reflect.ValueOf(u.users.names).Pointer() != before {
		t.Error("an unchanged file was read again")
	}
	if !u.next.Equal(h.time.Add(interval)) {
		t.Errorf("the next look is at %v; this one was at %v", u.next, h.time)
	}
}

func TestNoFiles(t *testing.T) {
	u := New(filepath.Join(t.TempDir(), "none"))
	if got := names(u); strings.Trim(got, ",") != "" {
		t.Errorf("names %s", got)
	}
	if err := u.Err(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Err = %v", err)
	}
}

func TestEnrichAllocatesNothing(t *testing.T) {
	u := newHost(t, passwd, group).users()
	e := process()
	e.File = &events.File{Known: true, Owner: events.User{ID: 1}}
	if n := testing.AllocsPerRun(100, func() { u.Enrich(e) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if e.Process.Credentials.Real.Name != "a" {
		t.Error("nothing was named")
	}
}

// This host's own files say of each of their users what they say line by line.
func TestThisHost(t *testing.T) {
	text, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Skip(err)
	}
	u := New("/")
	found := false
	for line := range strings.Lines(string(text)) {
		var id, gid uint32
		name, rest, _ := strings.Cut(line, ":")
		_, rest, _ = strings.Cut(rest, ":")
		if _, err := fmt.Sscanf(rest, "%d:%d:", &id, &gid); err == nil && id == 0 && !found {
			found = true
			e := process()
			e.Process.Credentials.Real.ID = 0
			u.Enrich(e)
			if got := e.Process.Credentials.Real.Name; got != name {
				t.Errorf("user 0 is named %q, want %q", got, name)
			}
		}
	}
}

func BenchmarkEnrich(b *testing.B) {
	u := New(newHost(b, passwd, group).root)
	e := process()
	b.ReportAllocs()
	for b.Loop() {
		u.Enrich(e)
	}
}

// Who is told by the id alone gets a name; a name that was told stays.
func TestEnrichAccount(t *testing.T) {
	u := newHost(t, "root:x:0:0::/:\nalice:x:1000:1000::/:\n", "wheel:x:10:\n").users()
	a := &events.Account{
		User: events.Principal{ID: 1000, HasID: true}, Target: events.Principal{ID: 1000, HasID: true, Name: "told"},
		Effective: events.Principal{ID: 7, HasID: true}, Group: events.Principal{ID: 10, HasID: true},
	}
	f := &events.File{HasMode: true, Owner: events.User{ID: 1000}, Group: events.Group{ID: 10}}
	u.Enrich(&events.Event{Account: a, File: f})
	got := []string{a.User.Name, a.Target.Name, a.Effective.Name, a.Login.Name, a.Group.Name, f.Owner.Name, f.Group.Name}
	if want := []string{"alice", "told", "", "", "wheel", "alice", "wheel"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
