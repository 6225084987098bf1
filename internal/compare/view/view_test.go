// SPDX-License-Identifier: Apache-2.0

package view

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"sensor/internal/compare"
	"sensor/internal/events"
)

var update = flag.Bool("update", false, "write the golden files")

func repeat(h map[time.Duration]uint64) *compare.Delay {
	d := &compare.Delay{P50: 3 * time.Millisecond, P99: 240 * time.Millisecond, Max: 260 * time.Millisecond}
	for _, at := range []time.Duration{20 * time.Microsecond, 300 * time.Microsecond, 3 * time.Millisecond, 40 * time.Millisecond, 240 * time.Millisecond} {
		if n := h[at]; n > 0 {
			d.Buckets = append(d.Buckets, compare.Bucket{UpTo: at, Count: n})
			d.Count += n
		}
	}
	return d
}

// full is a report in which everything occurs.
func full() *compare.Report {
	begin := time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC)
	slow := repeat(map[time.Duration]uint64{300 * time.Microsecond: 40, 3 * time.Millisecond: 700, 40 * time.Millisecond: 900, 240 * time.Millisecond: 120})
	fast := repeat(map[time.Duration]uint64{20 * time.Microsecond: 100, 300 * time.Microsecond: 1400, 3 * time.Millisecond: 300})
	example := func(summary string) []compare.Example {
		return []compare.Example{{Time: begin.Add(7 * time.Second), PID: 4242, Summary: summary, Document: json.RawMessage(`{"process.executable":"/usr/bin/curl","process.pid":4242}`)}}
	}
	r := &compare.Report{
		Format: compare.Format, Begin: begin, End: begin.Add(90 * time.Second),
		A:         compare.SideReport{Name: "ebpf", Source: "ebpf", Seen: 15250, Ignored: 12},
		B:         compare.SideReport{Name: "audit", Source: "audit", Seen: 14210, Faulty: 1},
		Agreement: compare.Agreement{Events: compare.Ratio{Agree: 13190, Of: 13219, Ratio: 13190.0 / 13219}, Fields: compare.Ratio{Agree: 512044, Of: 512047, Ratio: 512044.0 / 512047}},
		Kinds: []compare.KindReport{
			{Kind: "exec", Both: 5000, A: compare.KindSide{Seen: 5012, Only: 12, ToldLost: 10, Delay: slow, Examples: example(`/usr/bin/curl ["curl","-fsS"]`)}, B: compare.KindSide{Seen: 5000, Delay: fast}},
			{Kind: "fork", A: compare.KindSide{Seen: 900, Rules: map[string]uint64{"not_told": 900}, Delay: slow}},
			{Kind: "exit", Both: 4970, A: compare.KindSide{Seen: 5012, Only: 2, Rules: map[string]uint64{"killed": 40}, Delay: slow}, B: compare.KindSide{Seen: 4971, Only: 1, Delay: fast, Examples: example("/bin/true")}},
			{Kind: "connect", Both: 3200, A: compare.KindSide{Seen: 3300, Only: 14, Rules: map[string]uint64{"datagram": 6}, Undecided: compare.Undecided{Edge: 1, Full: 79}, Delay: slow}, B: compare.KindSide{Seen: 3219, Undecided: compare.Undecided{Full: 19}, Delay: fast}},
			{Kind: "file_write", Both: 20, A: compare.KindSide{Seen: 40, Rules: map[string]uint64{"write_summary": 20}, Delay: slow}, B: compare.KindSide{Seen: 1020, Rules: map[string]uint64{"opened_only": 1000}, Delay: fast}},
		},
		Fields: []compare.FieldReport{
			{Field: "@timestamp", Agree: 12, Rules: map[string]uint64{"call_time": 13178}},
			{Field: "event.action", Agree: 13190},
			{Field: "process.args", Agree: 13187, Differ: 3, Examples: []compare.Difference{{Kind: "exec", Time: begin, PID: 77, Executable: "/usr/bin/env", A: json.RawMessage(`["env","A=1"]`), B: json.RawMessage(`["env"]`)}}},
			{Field: "process.entity_id", Agree: 9000, Rules: map[string]uint64{"start_unknown": 4190}},
			{Field: "process.pid", Agree: 13190},
			{Field: "process.thread.capabilities.effective", LackedB: 13000},
			{Field: "source.port", LackedB: 3200},
		},
		Rules: []compare.RuleReport{
			{Name: "killed", Of: "events", Count: 40, Reason: "a process that a signal ends makes no system call that could be audited"},
			{Name: "call_time", Of: "fields", Count: 13178, Reason: "audit's time is that at which the system call began, by the clock of the timer tick (1 to 10 ms) and cut to 1 ms; a call may wait"},
		},
	}
	a := &events.Ledger{}
	a.Generated(events.KindExec, 15262)
	a.Delivered(events.KindExec, 15262)
	b := &events.Ledger{}
	b.Generated(events.KindExec, 14221)
	b.Delivered(events.KindExec, 14211)
	b.Dropped(events.ReasonBacklog, events.KindExec, 10)
	balanceA, balanceB := a.Read(), b.Read()
	r.Measure(
		compare.Measured{Balance: &balanceA, CPU: 480 * time.Millisecond, Memory: 61 << 20, Kernel: []compare.KernelTime{{Name: "bpf", Time: 53 * time.Millisecond, Runs: 61000, Note: "run_time_ns of all programs"}}},
		compare.Measured{Balance: &balanceB, CPU: 910 * time.Millisecond, Memory: 48 << 20, Kernel: []compare.KernelTime{{Name: "audit", Time: 310 * time.Millisecond, Note: "at least: the kernel threads"}}},
		[]compare.Tax{{Call: "getppid", None: 198, A: 204, B: 412, Both: 420}},
	)
	return r
}

// hostile has everything that could do harm wherever a name can be.
func hostile(s string) *compare.Report {
	r := full()
	r.A.Name, r.B.Name = s, s+s
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	for i := range r.Kinds {
		for _, examples := range [][]compare.Example{r.Kinds[i].A.Examples, r.Kinds[i].B.Examples} {
			for j := range examples {
				examples[j].Summary, examples[j].Document = s, quoted
			}
		}
	}
	for i := range r.Fields {
		r.Fields[i].Field += s
		for j := range r.Fields[i].Examples {
			e := &r.Fields[i].Examples[j]
			e.Executable, e.A, e.B = s, quoted, quoted
		}
	}
	r.Faults = []string{s}
	r.Tax[0].Call = s
	r.A.Kernel[0].Name, r.A.Kernel[0].Note = s, s
	return r
}

func empty() *compare.Report {
	c := compare.New(compare.Options{Sides: [2]compare.SideOptions{{Name: "ebpf"}, {Name: "audit"}}})
	c.End(time.Unix(1_800_000_000, 0))
	return c.Report()
}

const attack = "</title></text><script>alert(1)</script>\"'><img src=x onerror=alert(1)>\x1b[2J\r\n\u202e{{.}}"

func TestGolden(t *testing.T) {
	for name, report := range map[string]*compare.Report{"full": full(), "empty": empty(), "hostile": hostile(attack)} {
		for kind, write := range map[string]func(io.Writer, *compare.Report) error{"txt": Text, "json": JSON, "html": HTML} {
			var b bytes.Buffer
			if err := write(&b, report); err != nil {
				t.Fatalf("%s.%s: %v", name, kind, err)
			}
			file := filepath.Join("testdata", name+"."+kind)
			if *update {
				if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b.Bytes(), want) {
				t.Errorf("%s is not what is written now; see the difference with -update and git diff", file)
			}
		}
	}
}

// The JSON is the report: reading it back gives the same.
func TestJSONBack(t *testing.T) {
	var first, second bytes.Buffer
	if err := JSON(&first, full()); err != nil {
		t.Fatal(err)
	}
	var r compare.Report
	if err := json.Unmarshal(first.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if err := JSON(&second, &r); err != nil {
		t.Fatal(err)
	}
	if first.String() != second.String() {
		t.Error("reading it back and writing it again gives something else")
	}
}

// Whatever a name is, the terminal gets printable text of at most 100 columns.
func checkText(t *testing.T, r *compare.Report) {
	t.Helper()
	var b bytes.Buffer
	if err := Text(&b, r); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		line = strings.TrimSuffix(line, "\n")
		if width(line) > columns {
			t.Errorf("%d columns: %q", width(line), line)
		}
		if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("what does not print at %d: %q", i, line)
		}
	}
	if p := Progress(compare.Progress{Pending: 1e9}, r.A.Name, r.B.Name); width(p) > 80 || strings.ContainsFunc(p, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("progress is %q", p)
	}
}

// Whatever a name is, it makes no element and no attribute, and the page refers to nothing outside.
func checkPage(t *testing.T, r *compare.Report) {
	t.Helper()
	tags := func(r *compare.Report) string {
		var b bytes.Buffer
		if err := HTML(&b, r); err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(&b)
		d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
		var list strings.Builder
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				return list.String()
			} else if err != nil {
				t.Fatal(err)
			}
			if e, ok := token.(xml.StartElement); ok {
				fmt.Fprint(&list, "\n", e.Name.Local)
				for _, attribute := range e.Attr {
					fmt.Fprint(&list, " ", attribute.Name.Local)
					if name := attribute.Name.Local; name == "src" || name == "href" || strings.HasPrefix(name, "on") {
						t.Errorf("<%s> has %s", e.Name.Local, name)
					}
				}
			}
		}
	}
	if got, want := tags(r), tags(hostile("name")); got != want {
		t.Error("a name has changed the elements of the page")
	}
}

func TestHostile(t *testing.T) {
	r := hostile(attack)
	checkText(t, r)
	checkPage(t, r)
	checkText(t, full())
	checkText(t, empty())
}

func TestPageIsAlone(t *testing.T) {
	var b bytes.Buffer
	if err := HTML(&b, full()); err != nil {
		t.Fatal(err)
	}
	if m := regexp.MustCompile(`https?:|url\(|@import|<script|<link|<img`).FindString(b.String()); m != "" {
		t.Errorf("the page has %s", m)
	}
}

func FuzzNames(f *testing.F) {
	f.Add(attack)
	f.Add("")
	f.Add("\xff\x00\u0085\u2028界e\u0301\U0001f600")
	f.Add(strings.Repeat("界", 300))
	f.Add("<!--")
	f.Fuzz(func(t *testing.T, s string) {
		r := hostile(s)
		checkText(t, r)
		checkPage(t, r)
	})
}

func TestNumbers(t *testing.T) {
	for got, want := range map[string]string{
		count(0): "0", count(999): "999", count(1000): "1,000", count(1234567): "1,234,567",
		duration(0): "0 ns", duration(999): "999 ns", duration(1500): "1.50 µs", duration(240 * time.Millisecond): "240 ms", duration(90 * time.Second): "90.0 s",
		percent(compare.Ratio{}):                                            "-",
		percent(compare.Ratio{Agree: 7, Of: 7, Ratio: 1}):                   "100 %",
		percent(compare.Ratio{Agree: 999999, Of: 1000000, Ratio: 0.999999}): "99.99 %",
		clip("abc", 3): "abc", clip("abcd", 3): "ab…", clip("a\x1bb", 9): `a\x1bb`, clip("界界", 3): "界…",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
