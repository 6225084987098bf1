// SPDX-License-Identifier: Apache-2.0

package inotify

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sensor/internal/events"
)

// limit is how long tests wait for what takes a fraction of it.
const limit = 30 * time.Second

func fileKinds() []events.Kind {
	return []events.Kind{
		events.KindFileCreate, events.KindFileWrite, events.KindFileRename, events.KindFileDelete, events.KindFileAttributes, events.KindFileIntegrity,
	}
}

// run is a source that runs, and what it has told so far.
type run struct {
	t      *testing.T
	source *Source
	ledger *events.Ledger
	log    *strings.Builder
	end    func() // and wait

	mu    sync.Mutex
	told  []*events.Event
	freed sync.Cond
	stall bool // emit does not return
}

type setting func(*Source)

// begin opens and runs a source with the paths.
func begin(t *testing.T, paths []string, settings ...setting) *run {
	t.Helper()
	return beginKinds(t, fileKinds(), paths, settings...)
}

func beginKinds(t *testing.T, want []events.Kind, paths []string, settings ...setting) *run {
	t.Helper()
	r := &run{t: t, ledger: &events.Ledger{}, log: &strings.Builder{}}
	r.freed.L = &r.mu
	r.source = New(Options{
		Log: slog.New(slog.NewTextHandler(locked{&r.mu, r.log}, &slog.HandlerOptions{Level: slog.LevelDebug})), Ledger: r.ledger, IDs: events.NewIDs("test", Name),
		Paths: paths, Recursive: true, MaxFileSize: 1 << 20, Rate: 1 << 30,
	})
	r.source.timing.quiet = 30 * time.Millisecond
	for _, set := range settings {
		set(r.source)
	}
	got, err := r.source.Open(want)
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("open: %v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.source.Run(ctx, r.take) }()
	r.end = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("run: %v", err)
			}
		case <-time.After(limit):
			t.Error("run does not end")
		}
		if err := r.source.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		r.account()
	})
	t.Cleanup(r.end)
	return r
}

type locked struct {
	mu *sync.Mutex
	w  *strings.Builder
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func (r *run) take(e *events.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.stall {
		r.freed.Wait()
	}
	r.told = append(r.told, e)
	r.ledger.Delivered(e.Kind, 1)
}

// account checks what holds for every run.
func (r *run) account() {
	if err := r.ledger.Read().Check(); err != nil {
		r.t.Error(err)
	}
	ids := map[events.ID]bool{}
	for _, e := range r.told {
		if e.Kind != events.KindEventsLost && ids[e.ID] {
			r.t.Errorf("id twice: %s", line(e))
		}
		ids[e.ID] = true
		if e.Provider != Name || e.Process != nil || e.Time.IsZero() {
			r.t.Errorf("%+v", e)
		}
	}
}

func (r *run) logged() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

func (r *run) all() []*events.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.told)
}

// line is the gist of an event: its action, its base names and its marks.
func line(e *events.Event) string {
	if e.File == nil {
		return e.Kind.String()
	}
	action := e.Kind.Traits().Action
	if e.Words != nil {
		action = "~" + e.Words.Action
	}
	s := action + " " + e.File.Path.Base()
	if e.File.Original.Name != "" {
		s += " from " + e.File.Original.Base()
	}
	if e.File.Replaced {
		s += " replaced"
	}
	if e.File.Exchanged {
		s += " exchanged"
	}
	if e.File.Offline {
		s += " offline"
	}
	return s
}

func lines(list []*events.Event) []string {
	var all []string
	for _, e := range list {
		all = append(all, line(e))
	}
	return all
}

// await waits until ok is true of what was told.
func (r *run) await(what string, ok func([]*events.Event) bool) []*events.Event {
	r.t.Helper()
	for deadline := time.Now().Add(limit); ; {
		all := r.all()
		if ok(all) {
			return all
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%s was not told; but:\n%s\nlog:\n%s", what, strings.Join(lines(all), "\n"), r.logged())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// expect waits for exactly these lines, in any order, since from. A marker file that
// is made last and awaited shows that no more comes.
func (r *run) expect(dir string, want ...string) []*events.Event {
	r.t.Helper()
	marker := fmt.Sprintf("marker%d", time.Now().UnixNano())
	r.await(strings.Join(want, ", "), func(all []*events.Event) bool {
		have := lines(all)
		for _, w := range want {
			if !slices.Contains(have, w) {
				return false
			}
		}
		return true
	})
	write(r.t, filepath.Join(dir, marker), "")
	remove(r.t, filepath.Join(dir, marker))
	all := r.await(marker, func(all []*events.Event) bool {
		return slices.ContainsFunc(all, func(e *events.Event) bool { return strings.Contains(line(e), "deletion "+marker) })
	})
	all = slices.DeleteFunc(all, func(e *events.Event) bool { return strings.Contains(line(e), "marker") })
	have := lines(all)
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		r.t.Errorf("told:\n%s\nwant:\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
	r.mu.Lock()
	r.told = nil
	r.mu.Unlock()
	return all
}

func find(t *testing.T, all []*events.Event, want string) *events.Event {
	t.Helper()
	i := slices.IndexFunc(all, func(e *events.Event) bool { return line(e) == want })
	if i < 0 {
		t.Fatalf("no %s in %v", want, lines(all))
	}
	return all[i]
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(content), 0o644))
}

func remove(t *testing.T, path string) {
	t.Helper()
	must(t, os.Remove(path))
}

// places are directories on the file systems that there are.
func places(t *testing.T) map[string]func(*testing.T) string {
	t.Helper()
	list := map[string]func(*testing.T) string{"temporary": func(t *testing.T) string { return resolve(t.TempDir()) }}
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		list["shm"] = func(t *testing.T) string {
			dir, err := os.MkdirTemp("/dev/shm", "inotify-test-")
			must(t, err)
			t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
			return dir
		}
	}
	return list
}
