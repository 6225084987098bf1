// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"sensor/internal/events"
	"sensor/internal/fallback/audit/audittest"
	"sensor/internal/process/snapshot"
)

// patience is for what takes milliseconds, or a few seconds where the sensor looks only now and then.
const patience = 20 * time.Second

// live is a source that runs, and what it has told.
type live struct {
	*Source
	t      testing.TB
	ledger *events.Ledger
	got    []events.Kind
	stop   context.CancelFunc
	ended  chan error

	mu     sync.Mutex
	told   []*events.Event
	log    lines
	change *sync.Cond
}

func options(t testing.TB, ledger *events.Ledger, log *lines) Options {
	return Options{
		Log:      slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Ledger:   ledger,
		IDs:      events.NewIDs("boot", Name),
		StateDir: filepath.Join(t.TempDir(), "run"),
		Proc:     proc,
	}
}

func proc(self uint32, wall func(uint64) time.Time) (Proc, error) {
	return snapshot.New(snapshot.Options{Self: self, Wall: wall})
}

// open opens a source that does not run yet.
func open(t testing.TB, kinds []events.Kind, change func(*Options)) *live {
	t.Helper()
	l := &live{t: t, ledger: &events.Ledger{}, ended: make(chan error, 1)}
	l.change = sync.NewCond(&l.mu)
	o := options(t, l.ledger, &l.log)
	if change != nil {
		change(&o)
	}
	l.Source = New(o)
	got, err := l.Open(kinds)
	if err != nil {
		t.Fatal(err)
	}
	l.got = got
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(l.log.String())
		}
	})
	return l
}

func (l *live) run() {
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	go func() {
		defer close(l.ended)
		l.ended <- l.Run(ctx, func(e *events.Event) {
			l.ledger.Delivered(e.Kind, 1)
			l.mu.Lock()
			defer l.mu.Unlock()
			l.told = append(l.told, e)
			l.change.Broadcast()
		})
	}()
	l.t.Cleanup(func() {
		l.stop()
		<-l.ended
	})
}

// end stops the source; the books must balance.
func (l *live) end() {
	l.t.Helper()
	l.stop()
	select {
	case err := <-l.ended:
		if err != nil {
			l.t.Error(err)
		}
	case <-time.After(patience):
		l.t.Fatal("the source does not end")
	}
	if err := l.ledger.Read().Check(); err != nil {
		l.t.Error(err)
	}
}

// wait waits for an event.
func (l *live) wait(what string, is func(*events.Event) bool) *events.Event {
	l.t.Helper()
	timer := time.AfterFunc(patience, l.change.Broadcast)
	defer timer.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for begin := time.Now(); time.Since(begin) < patience; l.change.Wait() {
		if i := slices.IndexFunc(l.told, is); i >= 0 {
			return l.told[i]
		}
	}
	l.t.Fatalf("not told: %s", what)
	return nil
}

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text []byte
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
	return len(b), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// execOf is an exec with this last argument.
func execOf(argument string) func(*events.Event) bool {
	return func(e *events.Event) bool {
		if e.Kind != events.KindExec || e.Process == nil {
			return false
		}
		args := slices.Collect(e.Process.Args.All())
		return len(args) > 0 && args[len(args)-1] == argument
	}
}

func act(t testing.TB, argument string) {
	t.Helper()
	if err := actor(0, "", argument).Run(); err != nil {
		t.Fatal(err)
	}
}

func TestExec(t *testing.T) {
	control := audittest.Lock(t)
	before, err := control.Status()
	if err != nil {
		t.Fatal(err)
	}
	l := open(t, []events.Kind{events.KindExec, events.KindAlreadyRunning}, nil)
	if want := []events.Kind{events.KindExec, events.KindAlreadyRunning}; !slices.Equal(l.got, want) {
		t.Fatalf("serves %v, want %v", l.got, want)
	}
	if plan := l.Plan(); plan[0].Variant != unicast || plan[0].Hooks[0] != "audit/execve" {
		t.Errorf("plan: %v", plan)
	}
	l.run()
	act(t, "one argument")
	e := l.wait("the exec", execOf("one argument"))
	if e.Provider != Name || e.ID == (events.ID{}) {
		t.Errorf("provider %q, id %s", e.Provider, e.ID)
	}
	l.wait("the test itself, which runs already", func(e *events.Event) bool {
		return e.Kind == events.KindAlreadyRunning && e.Process.PID == uint32(os.Getpid())
	})
	during, err := control.Status()
	if err != nil {
		t.Fatal(err)
	}
	if int(during.PID) != os.Getpid() || during.Enabled != 1 || during.BacklogWaitTime != 0 || during.Failure != 0 {
		t.Errorf("while it runs: %+v", during)
	}
	l.end()
	after, err := control.Status()
	if err != nil {
		t.Fatal(err)
	}
	if valuesOf(after) != valuesOf(before) || after.PID != 0 {
		t.Errorf("afterwards %+v, before %+v", after, before)
	}
	if list, err := control.Rules(); err != nil || len(list) != 0 {
		t.Errorf("%d rules left, %v", len(list), err)
	}
	if files, _ := os.ReadDir(l.options.StateDir); len(files) != 0 {
		t.Errorf("left in the state directory: %v", files)
	}
}
