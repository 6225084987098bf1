// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sensor/internal/events"
)

// The test binary is its own helper.
const roleVariable = "SPOOL_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "victim":
		victim()
	default:
		os.Exit(m.Run())
	}
}

// A message is one line that a victim writes, in one piece, about numbers of events.
type message struct {
	Recovered uint64 `json:",omitempty"` // at the start
	Damaged   uint64 `json:",omitempty"`
	Open      bool   `json:",omitempty"`
	Append    []int  `json:",omitempty"` // is about to
	Appended  []int  `json:",omitempty"` // Append has returned
	Took      []int  `json:",omitempty"`
	Settle    []int  `json:",omitempty"` // is about to
	Settled   []int  `json:",omitempty"` // Settle has returned
}

const (
	victimWorkers = 3
	victimAhead   = 300 // events in the spool, about: it is never full
)

// victim appends events and settles them until it is killed, or its input ends:
// then it settles what is left. It says what it does.
func victim() {
	say := func(m message) {
		line, err := json.Marshal(m)
		if err == nil {
			_, err = os.Stdout.Write(append(line, '\n'))
		}
		if err != nil {
			panic(err)
		}
	}
	var o Options
	var first int
	if _, err := fmt.Sscan(os.Args[1], &first, &o.Sync, &o.Dir); err != nil {
		panic(err)
	}
	var ledger events.Ledger
	o.MaxBytes, o.Full, o.Ledger = LeastBytes, FullNewest, &ledger
	o.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	o.Lost = func(l events.Loss) { fmt.Fprintln(os.Stderr, "lost", l) }
	s, err := Open(o)
	if err != nil {
		panic(err)
	}
	var recovered uint64
	for _, n := range ledger.Read().Recovered {
		recovered += n
	}
	say(message{Open: true, Recovered: recovered, Damaged: s.Stats().Damaged})

	var ended atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		ended.Store(true)
	}()
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	for range victimWorkers {
		wait.Go(func() {
			for {
				b, err := s.Next(ctx, 1+rand.IntN(40), 1+rand.IntN(50000))
				if err != nil {
					return
				}
				list := make([]int, len(b.Entries))
				for i, e := range b.Entries {
					list[i] = victimNumber(e)
				}
				say(message{Took: list})
				if rand.IntN(5) == 0 {
					s.Return(b)
					continue
				}
				if rand.IntN(2) == 0 {
					time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond) // so that they end in another order
				}
				say(message{Settle: list})
				s.Settle(b)
				say(message{Settled: list})
			}
		})
	}
	for !ended.Load() {
		if s.Stats().Entries > victimAhead {
			time.Sleep(100 * time.Microsecond)
			continue
		}
		var list []Entry
		var numbers []int
		for range 1 + rand.IntN(30) {
			kind := []events.Kind{critical, bulk}[rand.IntN(2)]
			list = append(list, entry(kind, first, 5+rand.IntN(3000)))
			numbers = append(numbers, first)
			first++
		}
		say(message{Append: numbers})
		s.Append(list)
		say(message{Appended: numbers})
	}
	if err := s.Empty(ctx); err != nil {
		panic(err)
	}
	cancel()
	wait.Wait()
	if err := s.Close(); err != nil {
		panic(err)
	}
}

func victimNumber(e Entry) int {
	var t panicT
	return numberOf(&t, e)
}

// panicT is a testing.TB for a process that is no test.
type panicT struct{ testing.TB }

func (*panicT) Helper()                      {}
func (*panicT) Fatalf(text string, a ...any) { panic(fmt.Sprintf(text, a...)) }

// kills is how often the victim is killed.
const kills = 60

// Whatever Append has returned for is there after a kill at any moment, and
// whatever Settle has returned for never comes again.
func TestKill(t *testing.T) {
	for _, sync := range []Sync{SyncNever, SyncBatch} {
		t.Run(string(sync), func(t *testing.T) {
			t.Parallel()
			testKill(t, sync)
		})
	}
}

func testKill(t *testing.T, sync Sync) {
	dir := filepath.Join(t.TempDir(), "spool")
	appending, appended := map[int]bool{}, map[int]bool{} // Append was called, and has returned
	took := map[int]bool{}
	settling, settled := map[int]bool{}, map[int]bool{}
	next := 0
	for run := range kills + 1 {
		cmd := exec.Command("/proc/self/exe", fmt.Sprint(next, " ", sync, " ", dir))
		cmd.Env = append(os.Environ(), roleVariable+"=victim", "GORACE=atexit_sleep_ms=0")
		cmd.Stderr = os.Stderr
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		least, most := 0, 0 // events that the spool must and may have
		for n := range appending {
			if !settled[n] {
				most++
			}
			if appended[n] && !settling[n] {
				least++
			}
		}
		messages := 1 + rand.IntN(150) // after which the kill comes
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			var m message
			if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
				t.Fatalf("run %d said %q: %v", run, lines.Bytes(), err)
			}
			if m.Open && (m.Recovered < uint64(least) || m.Recovered > uint64(most) || m.Damaged > 0) {
				t.Errorf("run %d has recovered %d and found %d damaged, want %d to %d", run, m.Recovered, m.Damaged, least, most)
			}
			for _, n := range m.Append {
				appending[n] = true
				next = max(next, n+1)
			}
			for _, n := range m.Appended {
				appended[n] = true
			}
			for _, n := range m.Took {
				if settled[n] || !appending[n] {
					t.Errorf("run %d took %d, settled before: %v", run, n, settled[n])
				}
				took[n] = true
			}
			for _, n := range m.Settle {
				settling[n] = true
			}
			for _, n := range m.Settled {
				settled[n] = true
			}
			if messages--; messages != 0 {
				continue
			}
			if run == kills {
				stdin.Close() // the last one may end
				continue
			}
			go func() {
				time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond) // anywhere in what it does next
				cmd.Process.Kill()
			}()
		}
		if err := cmd.Wait(); (err == nil) != (run == kills) {
			t.Fatalf("run %d: %v", run, err)
		}
	}
	for n := range appended {
		if !took[n] {
			t.Errorf("event %d was appended and never came", n)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("left are %v, error %v", left, err)
	}
	t.Logf("%d events, %d were acknowledged, %d settled", len(appending), len(appended), len(settled))
}
