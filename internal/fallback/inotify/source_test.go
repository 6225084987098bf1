// SPDX-License-Identifier: Apache-2.0

package inotify

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sensor/internal/events"
)

func sha(s *Source) { s.options.Hashes = []string{"sha256"} }

// What another source serves is told as a finding about integrity.
func TestKindNames(t *testing.T) {
	dir := resolve(t.TempDir())
	r := beginKinds(t, []events.Kind{events.KindFileDelete, events.KindFileIntegrity}, []string{dir})
	write(t, filepath.Join(dir, "file"), "")
	remove(t, filepath.Join(dir, "file"))
	all := r.await("the end", func(all []*events.Event) bool { return len(all) >= 2 })
	if got := lines(all); len(got) != 2 || got[0] != "~creation file" || got[1] != "deletion file" {
		t.Errorf("%q", got)
	}
	if e := all[0]; e.Kind != events.KindFileIntegrity || e.Words.Category[0] != "file" || e.Words.Type[0] != "creation" {
		t.Errorf("%+v", e)
	}
	// A kind that nobody wants of it is not told at all.
	dir2 := resolve(t.TempDir())
	r = beginKinds(t, []events.Kind{events.KindFileDelete}, []string{dir2})
	write(t, filepath.Join(dir2, "file"), "x")
	remove(t, filepath.Join(dir2, "file"))
	all = r.await("the end", func(all []*events.Event) bool { return len(all) >= 1 })
	if got := lines(all); len(got) != 1 || got[0] != "deletion file" {
		t.Errorf("%q", got)
	}
}

func TestFlat(t *testing.T) {
	dir := resolve(t.TempDir())
	must(t, os.MkdirAll(filepath.Join(dir, "sub", "deep"), 0o755))
	r := begin(t, []string{dir, filepath.Join(dir, "sub", "deep")}, func(s *Source) { s.options.Recursive = false })
	write(t, filepath.Join(dir, "sub", "unseen"), "")
	write(t, filepath.Join(dir, "sub", "deep", "seen"), "")
	must(t, os.Chmod(filepath.Join(dir, "sub"), 0o700))
	r.expect(dir, "creation seen", "attributes_modified sub")
}

// Links on the way are followed once, at the start; those that are found are not.
func TestLinks(t *testing.T) {
	top := resolve(t.TempDir())
	real := filepath.Join(top, "real")
	must(t, os.MkdirAll(filepath.Join(real, "dir"), 0o755), os.Symlink("real", filepath.Join(top, "way")), os.Symlink("real/dir", filepath.Join(top, "link")),
		os.Mkdir(filepath.Join(top, "outside"), 0o755), os.Symlink(filepath.Join(top, "outside"), filepath.Join(real, "dir", "escape")))
	// The same directory three times is one.
	r := begin(t, []string{filepath.Join(top, "link"), filepath.Join(top, "way", "dir"), filepath.Join(real, "dir")})
	write(t, filepath.Join(top, "outside", "unseen"), "")
	write(t, filepath.Join(real, "dir", "file"), "")
	all := r.expect(filepath.Join(real, "dir"), "creation file")
	if p := find(t, all, "creation file").File.Path.Name; p != filepath.Join(real, "dir", "file") {
		t.Error(p)
	}
	remove(t, filepath.Join(top, "link"))
	r.expect(filepath.Join(real, "dir"), "deletion link")
}

// Writing on and on is told from time to time.
func TestWriting(t *testing.T) {
	dir := resolve(t.TempDir())
	path := filepath.Join(dir, "log")
	write(t, path, "")
	r := begin(t, []string{dir}, sha, func(s *Source) { s.timing.quiet, s.timing.patience = 400*time.Millisecond, 800*time.Millisecond })
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	defer f.Close()
	n := 0
	r.await("three writes", func(all []*events.Event) bool {
		_, err := io.WriteString(f, "line\n")
		must(t, err)
		n++
		return len(all) >= 3
	})
	all := r.await("the last write, with its hash", func(all []*events.Event) bool {
		return len(all[len(all)-1].File.Hashes) == 1
	})
	if len(all) > 5 || n < 20 {
		t.Errorf("%d events of %d writes", len(all), n)
	}
	if all[0].File.Hashes != nil {
		t.Error("hashes of a file that is being written")
	}
}

func TestIgnored(t *testing.T) {
	dir := resolve(t.TempDir())
	r := begin(t, []string{dir}, func(s *Source) {
		s.options.Ignored = []string{filepath.Join(dir, "out"), filepath.Join(dir, "spool")}
		s.options.Baseline = filepath.Join(dir, "baseline")
		s.timing.save = 10 * time.Millisecond
	})
	write(t, filepath.Join(dir, "out"), "")
	must(t, os.Mkdir(filepath.Join(dir, "spool"), 0o700))
	write(t, filepath.Join(dir, "spool", "segment"), "")
	write(t, filepath.Join(dir, "seen"), "")
	r.await("the baseline", func([]*events.Event) bool {
		_, err := os.Stat(filepath.Join(dir, "baseline"))
		return err == nil
	})
	r.expect(dir, "creation seen")
}

func TestNothingToWatch(t *testing.T) {
	s := New(Options{Log: slog.New(slog.DiscardHandler), Ledger: &events.Ledger{}})
	got, err := s.Open([]events.Kind{events.KindExec, events.KindFileIntegrity})
	if len(got) != 0 || !errors.Is(err, errNoPaths) || !strings.Contains(err.Error(), "file_integrity") || strings.Contains(err.Error(), "exec") {
		t.Errorf("%v %v", got, err)
	}
	if plan := s.Plan(); len(plan) != 1 || plan[0].Err == nil {
		t.Errorf("%+v", plan)
	}
	if got, err := s.Open([]events.Kind{events.KindExec}); got != nil || err != nil {
		t.Errorf("%v %v", got, err)
	}
	must(t, s.Close(), s.Close())
}

func TestDiagnosis(t *testing.T) {
	dir := resolve(t.TempDir())
	s := New(Options{Log: slog.New(slog.DiscardHandler), Ledger: &events.Ledger{}, Paths: []string{dir}, Diagnosis: true, Baseline: filepath.Join(dir, "x", "baseline")})
	got, err := s.Open(fileKinds())
	if len(got) != len(fileKinds()) || err != nil || len(s.Plan()) != len(got) {
		t.Errorf("%v %v", got, err)
	}
	must(t, s.Close())
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%v %v", entries, err)
	}
}
