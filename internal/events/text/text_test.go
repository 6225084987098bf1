// SPDX-License-Identifier: Apache-2.0

package text

import (
	"strings"
	"testing"
	"time"

	"sensor/internal/events"
)

func packed(args ...string) events.Args {
	return events.Args{Packed: strings.Join(args, "\x00") + "\x00", Count: len(args)}
}

func TestAppend(t *testing.T) {
	root := events.Credentials{Known: true}
	alice := events.Credentials{Known: true, Effective: events.User{ID: 1000, Name: "alice"}}
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
		return strings.Index(string(Append(nil, &e)), "NAME")
	}
	want := at(events.KindExec, 1, "root")
	for _, k := range events.Kinds() {
		if got := at(k, 4194304, "www-data"); got != want {
			t.Errorf("%s: the name begins in column %d, not in %d", k, got, want)
		}
	}
}
