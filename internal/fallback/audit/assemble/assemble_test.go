// SPDX-License-Identifier: Apache-2.0

package assemble

import (
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-libaudit/v2/auparse"
)

var epoch = time.Unix(1_700_000_000, 0)

// record reads "SERIAL TYPE rest" or "NODE/SERIAL TYPE rest".
func record(t testing.TB, text string) *auparse.AuditMessage {
	t.Helper()
	id, rest, _ := strings.Cut(text, " ")
	name, rest, _ := strings.Cut(rest, " ")
	node, serial, ok := strings.Cut(id, "/")
	if !ok {
		node, serial = "", id
	}
	kind, err := auparse.GetAuditMessageType(name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := auparse.Parse(kind, fmt.Sprintf("audit(1700000000.000:%s): %s ", serial, rest))
	if err != nil {
		t.Fatal(err)
	}
	if node != "" {
		m.Payload = origin(node)
	}
	return m
}

type origin string

func (o origin) Node() string { return string(o) }

// tell writes events as "SERIAL TYPE+TYPE", with a ? if they are incomplete.
func tell(done []Event) []string {
	var list []string
	for _, e := range done {
		names := make([]string, len(e.Records))
		for i, m := range e.Records {
			names[i] = m.RecordType.String()
			if m.Sequence != e.Records[0].Sequence {
				names[i] += "of another event"
			}
		}
		text := fmt.Sprintf("%d %s", e.Records[0].Sequence, strings.Join(names, "+"))
		if o, ok := e.Records[0].Payload.(origin); ok {
			text = string(o) + "/" + text
		}
		if !e.Complete {
			text += "?"
		}
		list = append(list, text)
	}
	return list
}

func TestAssembler(t *testing.T) {
	for _, test := range []struct {
		name    string
		records []string
		want    []string // at once
		later   []string // after the wait
	}{
		{"live", []string{"1 SYSCALL items=1", "1 CWD", "1 PATH", "1 PROCTITLE", "1 EOE"}, []string{"1 SYSCALL+CWD+PATH+PROCTITLE"}, nil},
		{"title left out by a filter", []string{"1 SYSCALL items=1", "1 PATH", "1 EOE"}, []string{"1 SYSCALL+PATH"}, nil},
		{"log", []string{"1 SYSCALL items=0", "1 PROCTITLE", "2 SYSCALL items=0", "2 PROCTITLE"}, []string{"1 SYSCALL+PROCTITLE", "2 SYSCALL+PROCTITLE"}, nil},
		{"interleaved, in the order of their ends", []string{"1 SYSCALL", "2 SYSCALL", "2 EOE", "1 CWD", "1 EOE"}, []string{"2 SYSCALL", "1 SYSCALL+CWD"}, nil},
		{"log of an old kernel", []string{"1 SYSCALL items=2", "1 PATH", "1 PATH", "2 SYSCALL items=2", "2 PATH", "3 SYSCALL a0=0"}, nil, []string{"1 SYSCALL+PATH+PATH", "2 SYSCALL+PATH?", "3 SYSCALL"}},
		{"programs", []string{"1 USER_LOGIN", "2 ANOM_LOGIN_FAILURES", "3 SERVICE_START", "9 DAEMON_END", "4 KERNEL"}, []string{"1 USER_LOGIN", "2 ANOM_LOGIN_FAILURES", "3 SERVICE_START", "9 DAEMON_END", "4 KERNEL"}, nil},
		{"change of configuration alone and in a call", []string{"1 CONFIG_CHANGE", "2 CONFIG_CHANGE", "2 SYSCALL items=0", "2 PROCTITLE", "2 EOE"}, []string{"2 CONFIG_CHANGE+SYSCALL+PROCTITLE"}, []string{"1 CONFIG_CHANGE"}},
		{"alone by chance", []string{"1 AVC", "2 LOGIN", "3 SECCOMP", "4 ANOM_ABEND", "5 UNKNOWN[1999]"}, nil, []string{"1 AVC", "2 LOGIN", "3 SECCOMP", "4 ANOM_ABEND", "5 UNKNOWN[1999]"}},
		{"ring", []string{"1 URINGOP items=1", "1 PATH", "1 EOE"}, []string{"1 URINGOP+PATH"}, nil},
		{"beginning lost", []string{"1 PATH", "1 PROCTITLE", "1 EOE"}, []string{"1 PATH+PROCTITLE?"}, nil},
		{"all but the end lost", []string{"1 EOE"}, nil, nil},
		{"nodes", []string{"a/1 SYSCALL items=0", "b/1 SYSCALL items=0", "a/1 PROCTITLE", "b/1 CWD", "b/1 PROCTITLE"}, []string{"a/1 SYSCALL+PROCTITLE", "b/1 SYSCALL+CWD+PROCTITLE"}, nil},
		{"wrapped", []string{"4294967295 SYSCALL", "0 SYSCALL", "4294967295 EOE", "0 EOE"}, []string{"4294967295 SYSCALL", "0 SYSCALL"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := New(100, time.Second)
			var got []string
			for _, text := range test.records {
				got = append(got, tell(a.Add(record(t, text), epoch))...)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("at once got %q, want %q", got, test.want)
			}
			if early := tell(a.Expire(epoch.Add(time.Second))); len(early) > 0 {
				t.Errorf("within the wait came %q", early)
			}
			if later := tell(a.Expire(epoch.Add(time.Second + 1))); !slices.Equal(later, test.later) {
				t.Errorf("after the wait got %q, want %q", later, test.later)
			}
			if n := a.InFlight(); n != 0 || a.bytes != 0 || len(a.inFlight) != 0 {
				t.Errorf("%d events of %d bytes are left", n, a.bytes)
			}
			if n := a.Missing(); n != 0 {
				t.Errorf("%d serials are said to be missing", n)
			}
		})
	}
}

// Another boot, another minute: the same serial is another event.
func TestSameSerial(t *testing.T) {
	a := New(10, time.Second)
	first, second := record(t, "1 SYSCALL items=0"), record(t, "1 SYSCALL items=0")
	second.Timestamp = second.Timestamp.Add(time.Millisecond)
	a.Add(first, epoch)
	a.Add(second, epoch)
	if got := tell(a.Flush()); !slices.Equal(got, []string{"1 SYSCALL", "1 SYSCALL"}) {
		t.Errorf("got %q", got)
	}
}

// Whoever still gets records is waited for from then on.
func TestWaitFromLast(t *testing.T) {
	a := New(10, time.Second)
	a.Add(record(t, "1 SYSCALL items=1"), epoch)
	a.Add(record(t, "1 CWD"), epoch.Add(time.Second))
	got := tell(a.Add(record(t, "1 PATH"), epoch.Add(2*time.Second)))
	got = append(got, tell(a.Add(record(t, "2 USER_CMD"), epoch.Add(4*time.Second)))...) // no call of Expire is needed
	if want := []string{"1 SYSCALL+CWD+PATH", "2 USER_CMD"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBounds(t *testing.T) {
	a := New(3, time.Hour)
	var got []string
	for i := range 5 {
		got = append(got, tell(a.Add(record(t, fmt.Sprintf("%d SYSCALL items=1", i)), epoch))...)
	}
	if want := []string{"0 SYSCALL?", "1 SYSCALL?"}; !slices.Equal(got, want) || a.InFlight() != 3 {
		t.Errorf("got %q, want %q; %d in flight", got, want, a.InFlight())
	}
	a = New(math.MaxInt, time.Hour)
	big := strings.Repeat("x", 1<<20)
	for range 1000 { // of one event
		a.Add(record(t, "7 EXECVE a0="+big), epoch)
		if a.bytes > mostBytes {
			t.Fatalf("%d bytes in flight", a.bytes)
		}
	}
	for i := range 10 * mostNodes {
		a.Add(record(t, fmt.Sprintf("%d/1 USER_CMD", i)), epoch)
	}
	if len(a.serials) != mostNodes {
		t.Errorf("watching %d nodes", len(a.serials))
	}
}

func TestMissing(t *testing.T) {
	for _, test := range []struct {
		serials string
		want    uint64 // after the wait
	}{
		{"5 6 7", 0},
		{"1 3 2 4", 0},
		{"1 6 3 4 5 2", 0},
		{"1 6 4 2", 2}, // 3 and 5
		{"1 6 2", 3},
		{"1 6 5", 3},
		{"1 3 3 1 2 2", 0},
		{"1 5 9 13", 9},
		{"4294967294 1", 2},
		{"4294967294 1 0 4294967295", 0},
		{"900000 900001 1 2", 0}, // booted
		{"900000 900002 1 3", 2},
		{"1 a/1 3 a/2 a/5", 3},
		{"1 100001", 99999},
	} {
		t.Run(test.serials, func(t *testing.T) {
			a := New(10, time.Second)
			for _, serial := range strings.Fields(test.serials) {
				a.Add(record(t, serial+" USER_CMD"), epoch)
			}
			booted := strings.HasPrefix(test.serials, "900000")
			if n := a.Missing(); n > 0 && !booted {
				t.Errorf("%d are given up at once", n)
			}
			a.Flush()
			if n := a.Missing(); n != test.want {
				t.Errorf("missing %d, want %d", n, test.want)
			}
		})
	}
}

func TestMissingAfterWait(t *testing.T) {
	a := New(10, time.Second)
	for i, serial := range []string{"1", "3", "4", "5"} {
		a.Add(record(t, serial+" USER_CMD"), epoch.Add(time.Duration(i)*time.Second))
	}
	if n := a.Missing(); n != 1 {
		t.Errorf("missing %d, want 1", n)
	}
	a.Add(record(t, "2 USER_CMD"), epoch.Add(9*time.Second)) // too late
	if n := a.Missing(); n != 1 {
		t.Errorf("missing %d, want 1", n)
	}
}

// A daemon that starts has not been sent what came before, and numbers its own
// records as it likes.
func TestMissingDaemon(t *testing.T) {
	a := New(10, time.Second)
	for _, text := range []string{"1 USER_CMD", "5000 DAEMON_START", "300 USER_CMD", "301 USER_CMD", "4 DAEMON_END"} {
		a.Add(record(t, text), epoch)
	}
	a.Flush()
	if n := a.Missing(); n != 0 {
		t.Errorf("missing %d", n)
	}
}

func TestGapsBounded(t *testing.T) {
	var s serials
	for i := range uint32(10_000) {
		s.see(2*i, epoch)
	}
	if len(s.gaps) > mostGaps || s.missing+uint64(len(s.gaps)) != 9_999 {
		t.Errorf("%d open, %d missing", len(s.gaps), s.missing)
	}
}

// The logs that come with go-libaudit: each serial once, its records together.
func TestLibraryLogs(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/elastic/go-libaudit/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, missing := range map[string]uint64{"normal": 0, "out_of_order": 0, "rollover": 0, "lost_messages": 9} {
		path := filepath.Join(strings.TrimSpace(string(out)), "testdata", name+".log")
		a := New(100, 2*time.Second)
		seen := map[uint32]bool{}
		check := func(done []Event) {
			for _, e := range done {
				serial := e.Records[0].Sequence
				cut := name == "rollover" && !strings.Contains(e.Records[0].RawData, " items=0 ") // it has no PATH records
				if seen[serial] || e.Complete == cut {
					t.Errorf("%s: serial %d: seen before %v, complete %v", name, serial, seen[serial], e.Complete)
				}
				seen[serial] = true
			}
		}
		want := map[uint32]bool{}
		for _, line := range readLines(t, path) {
			m, err := auparse.ParseLogLine(line)
			if err != nil {
				t.Fatal(err)
			}
			want[m.Sequence] = true
			check(a.Add(m, epoch))
		}
		check(a.Flush())
		if len(seen) != len(want) {
			t.Errorf("%s: %d events, want %d", name, len(seen), len(want))
		}
		if n := a.Missing(); n != missing {
			t.Errorf("%s: missing %d, want %d", name, n, missing)
		}
	}
}
