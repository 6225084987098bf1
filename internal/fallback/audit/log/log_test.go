// SPDX-License-Identifier: Apache-2.0

package log

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/elastic/go-libaudit/v2/auparse"

	"sensor/internal/events"
)

// read gives the events of texts as "NODE/SERIAL TYPE+TYPE", with a ? if they are incomplete.
func read(t *testing.T, texts ...string) (got []string, stats Stats) {
	t.Helper()
	r := NewReader()
	take := func(e Event) error {
		names := make([]string, len(e.Records))
		for i, m := range e.Records {
			names[i] = m.RecordType.String()
		}
		text := fmt.Sprintf("%s/%d %s", e.Node, e.Records[0].Sequence, strings.Join(names, "+"))
		if !e.Complete {
			text += "?"
		}
		got = append(got, text)
		return nil
	}
	for i, text := range texts {
		if err := r.Read(fmt.Sprintf("log%d", i), strings.NewReader(text), take); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Flush(take); err != nil {
		t.Fatal(err)
	}
	return got, r.Stats()
}

func faults(s Stats) string {
	var list []string
	for _, g := range s.Garbage() {
		text := fmt.Sprintf("%d %s", g.Count, g.Reason)
		for _, p := range g.First {
			text += " " + p.String()
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

// line is a record of type and serial, at a second.
func line(kind string, serial, second int) string {
	return fmt.Sprintf("type=%s msg=audit(%d.000:%d): items=0\n", kind, 1_700_000_000+second, serial)
}

func TestRead(t *testing.T) {
	long := strings.Repeat("x", mostLine)
	for _, test := range []struct {
		name   string
		texts  []string
		want   string
		faults string
	}{
		{"nothing", []string{""}, "", ""},
		{"event", []string{line("SYSCALL", 1, 0) + line("CWD", 1, 0) + line("PROCTITLE", 1, 0)}, "/1 SYSCALL+CWD+PROCTITLE", ""},
		{"interleaved", []string{line("SYSCALL", 1, 0) + line("SYSCALL", 2, 0) + line("PROCTITLE", 1, 0) + line("PROCTITLE", 2, 0)}, "/1 SYSCALL+PROCTITLE /2 SYSCALL+PROCTITLE", ""},
		{"two nodes", []string{"node=a " + line("SYSCALL", 1, 0) + "node=b " + line("SYSCALL", 1, 0) + "node=a " + line("PROCTITLE", 1, 0)}, "a/1 SYSCALL+PROCTITLE b/1 SYSCALL", ""},
		{"over two files", []string{line("SYSCALL", 1, 0), line("PROCTITLE", 1, 0)}, "/1 SYSCALL+PROCTITLE", ""},
		{"newer file first", []string{line("SYSCALL", 9, 100), line("SYSCALL", 1, 0) + line("SYSCALL", 2, 3)}, "/9 SYSCALL /1 SYSCALL /2 SYSCALL", ""},
		{"given out after the wait", []string{line("AVC", 1, 0) + line("AVC", 2, 2) + line("AVC", 3, 3) + line("AVC", 1, 0)}, "/1 AVC /2 AVC /3 AVC /1 AVC", ""},
		{"a call that took long", []string{line("SYSCALL", 5, 60) + line("SYSCALL", 1, 0) + line("PROCTITLE", 5, 60) + line("PROCTITLE", 1, 0)}, "/5 SYSCALL+PROCTITLE /1 SYSCALL+PROCTITLE", ""},
		{"other line ends", []string{strings.ReplaceAll(line("SYSCALL", 1, 0)+line("PROCTITLE", 1, 0), "\n", "\r\n")}, "/1 SYSCALL+PROCTITLE", ""},
		{"ausearch", []string{"----\ntime->Thu Nov 29 10:00:00 2026\n" + line("PROCTITLE", 1, 0) + "\n"}, "/1 PROCTITLE?", ""},
		{"cut", []string{line("SYSCALL", 1, 0) + "type=PROCTITLE msg=audit(1700000000.000:1): proctitle=61"}, "/1 SYSCALL+PROCTITLE", "1 last line has no end log0:2"},
		{"cut in the header", []string{line("AVC", 1, 0) + "type=PATH msg=audit(17000"}, "/1 AVC", "1 no time and serial log0:2, 1 last line has no end log0:2"},
		{"a hole", []string{line("AVC", 1, 0) + strings.Repeat("\x00", 3*mostLine+7) + line("AVC", 2, 0)}, "/1 AVC /2 AVC", "1 zero bytes log0:2"},
		{"a hole at the end", []string{line("AVC", 1, 0) + strings.Repeat("\x00", 3*mostLine+7)}, "/1 AVC", "1 zero bytes log0:2"},
		{"a hole in a line", []string{"type=SYSC\x00\x00" + line("AVC", 2, 0)}, "/2 AVC", "1 zero bytes log0:1"},
		{"long", []string{long + line("AVC", 1, 0) + line("AVC", 2, 0)}, "/2 AVC", "1 line too long log0:1"},
		{"long and cut", []string{line("AVC", 2, 0) + long + long + long}, "/2 AVC", "1 line too long log0:2"},
		{"garbage", []string{"a\nb\n" + line("AVC", 2, 0) + "c\nd\ntype=NOVEL msg=audit(1.0:2): \n"}, "/2 AVC", "4 not an audit record log0:1 log0:2 log0:4, 1 unknown type of record log0:6"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, stats := read(t, test.texts...)
			if got := strings.Join(got, " "); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if got := faults(stats); got != test.faults {
				t.Errorf("faults %q, want %q", got, test.faults)
			}
			again, _ := read(t, squeeze(t, test.texts)...)
			if !slices.Equal(got, again) {
				t.Errorf("compressed it has %q", again)
			}
		})
	}
}

func squeeze(t *testing.T, texts []string) []string {
	t.Helper()
	var list []string
	for _, text := range texts {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		list = append(list, b.String())
	}
	return list
}

func TestReadFails(t *testing.T) {
	var got int
	take := func(Event) error { got++; return nil }
	broken := errors.New("broken")
	cut := squeeze(t, []string{line("USER_CMD", 1, 0)})[0]
	cut = cut[:len(cut)-4]
	for name, in := range map[string]io.Reader{
		"broken": io.MultiReader(strings.NewReader(line("USER_CMD", 1, 0)), iotest.ErrReader(broken)),
		"gzip":   strings.NewReader(cut),
	} {
		got = 0
		err := NewReader().Read("name", in, take)
		if err == nil || got != 1 || !strings.Contains(err.Error(), "read name: ") {
			t.Errorf("%s: %d events, error %v", name, got, err)
		}
	}
	err := NewReader().Read("name", strings.NewReader(line("USER_CMD", 1, 0)+line("USER_CMD", 2, 0)), func(Event) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

func TestMissing(t *testing.T) {
	if _, stats := read(t, line("AVC", 1, 0)+line("AVC", 4, 0)); stats.Missing != 2 || stats.Lines != 2 || stats.Records != 2 {
		t.Errorf("got %+v", stats)
	}
}

func TestNames(t *testing.T) {
	var records []*auparse.AuditMessage
	for _, text := range []string{
		"type=SYSCALL msg=audit(1.0:1): pid=7 auid=4294967295 uid=7 euid=0 gid=8 tty=(none)\x1dARCH=x86_64 SYSCALL=connect AUID=\"unset\" UID=\"lp\" EUID=\"root\" GID=\"mail\"",
		"type=SOCKADDR msg=audit(1.0:1): saddr=00\x1dSADDR={ saddr_fam=inet laddr=127.0.0.1 lport=0 } OUID=\"ghost\"",
		"type=ADD_USER msg=audit(1.0:1): auid=1500 msg='op=x id=9 res=success'\x1dAUID=\"alice\" ID=\"bob\"",
		"type=ADD_GROUP msg=audit(1.0:1): msg='id=10 res=success'\x1dID=\"bobs\"",
		"type=PATH msg=audit(1.0:1): ouid=11 ogid=12\x1dOUID=\"unknown(11)\" OGID=\"games\"",
		"type=LOGIN msg=audit(1.0:1): old-auid=13 auid=14\x1dOLD-AUID=\"old\" AUID=\"new",
	} {
		m, fault := parse([]byte(text))
		if fault != 0 {
			t.Fatal(fault)
		}
		records = append(records, m)
	}
	n := NamesOf(records)
	if got, want := fmt.Sprint(n.users, n.groups), "map[0:root 7:lp 9:bob 13:old 1500:alice] map[8:mail 10:bobs 12:games]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	e := &events.Event{
		Process: &events.Process{},
		File:    &events.File{Known: true, Owner: events.User{ID: 7}, Group: events.Group{ID: 99}},
		Account: &events.Account{Target: events.Principal{ID: 9, HasID: true, Name: "robert"}, Login: events.Principal{ID: 1500, HasID: true}},
	}
	c := &e.Process.Credentials
	c.Known, c.Real.ID, c.RealGroup.ID = true, 7, 8
	n.Enrich(e)
	got := []string{c.Real.Name, c.Effective.Name, c.RealGroup.Name, e.File.Owner.Name, e.File.Group.Name, e.Account.Target.Name, e.Account.Login.Name, e.Account.User.Name}
	if want := []string{"lp", "root", "mail", "lp", "", "robert", "alice", ""}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if none := NamesOf(records[:0]); none != nil {
		t.Errorf("names without records: %v", none)
	}
	NamesOf(nil).Enrich(e)
}

// The logs that come with go-libaudit, of kernels since RHEL 6: each line is a
// record, and each record is in an event.
func TestLibraryLogs(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/elastic/go-libaudit/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "auparse", "testdata", "*.log"))
	if err != nil || len(paths) == 0 {
		t.Fatal("no logs", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := 0
		for line := range strings.Lines(string(text)) {
			if strings.TrimSpace(line) != "" {
				lines++
			}
		}
		got, stats := read(t, string(text))
		given := strings.Count(strings.Join(got, ""), "+") + len(got)
		if strings.Contains(string(text), "msg=?\n") { // one is none
			lines--
		}
		if int(stats.Records) != lines || given != lines-strings.Count(string(text), "type=EOE") {
			t.Errorf("%s: %d lines, %d records, %d in events; %s", filepath.Base(path), lines, stats.Records, given, faults(stats))
		}
	}
}
