// SPDX-License-Identifier: Apache-2.0

// Package inotify watches configured files and directories. It tells what happens
// to them but never who did it: inotify does not know. What it learns it keeps, so
// that it also finds what has changed while it could not see: while the sensor was
// off, after an overflow of the kernel's queue, or where no watch was to be had.
//
// A change is told once the file has been left alone for a moment, so that its hashes
// mean something. A name that leaves for where nothing is watched is a deletion, and
// one that comes from there a creation, unless the kernel tells both names. Writes
// through a memory mapping, and those of other hosts to a network file system, are
// not notified: the next comparison finds them.
package inotify

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"sensor/internal/events"
	"sensor/internal/fallback/inotify/baseline"
	"sensor/internal/fallback/inotify/hashes"
	"sensor/internal/fallback/inotify/tree"
)

// Options of the source.
type Options struct {
	Log    *slog.Logger
	Ledger *events.Ledger
	IDs    events.IDs
	// Paths are files and directories, absolute. They need not exist.
	Paths []string
	// Recursive is whether all below the directories is watched, or only what they hold.
	Recursive bool
	// Ignored are files that are never told of, and directories with all below: those that the sensor itself writes.
	// The baseline is one of them anyway.
	Ignored []string
	// Hashes of the content to tell, of those that Hashes lists.
	Hashes []string
	// MaxFileSize is the size in bytes up to which files have hashes.
	MaxFileSize int64
	// Rate is how many bytes/s are read for them at most.
	Rate int64
	// Baseline is the file where the state is kept over restarts; "" if it is not.
	Baseline string
	// Diagnosis is whether Open only tries, and looks at no file; Run is not called then.
	Diagnosis bool
}

// Name is event.provider.
const Name = "inotify"

// Hashes lists the names for Options.Hashes.
func Hashes() []string { return hashes.Names() }

// Source tells what happens to the watched files. Its methods are for one
// goroutine.
type Source struct {
	options Options
	timing  timing
	wrap    func(adder) adder // for tests: stands between the source and the kernel

	plan  []events.Service
	kinds [events.KindCount]bool // that are told
	scope scope
	set   *hashes.Set
	queue *queue
	watch watches

	root     *tree.Node // what is known
	tasks    []task     // directories to be looked at
	rescan   bool       // all of them, once the tasks are done
	scanning scanning
	changes  changes
	names    names
	hashing  hashing
	saving   saving
	mounts   []string

	emit  func(*events.Event)
	early []*events.Event // told before there was somebody to hear it
	told  uint64
}

// timing is what passes between things.
type timing struct {
	quiet    time.Duration // for how long nothing happens to a file before a change of it is over
	patience time.Duration // for how long a change may go on before it is told
	heal     time.Duration // between looks at what is not watched, and at the mounts
	save     time.Duration // between savings of the baseline
	progress time.Duration // between lines in the log about hashing
	drain    time.Duration // at the end, for what is in the queue, and again for hashing
}

// New makes a source that has touched nothing yet.
func New(options Options) *Source {
	return &Source{options: options, timing: timing{
		quiet:    500 * time.Millisecond,
		patience: 10 * time.Second,
		heal:     30 * time.Second,
		save:     5 * time.Minute,
		progress: 10 * time.Second,
		drain:    2 * time.Second,
	}}
}

// Name implements [events.Source].
func (s *Source) Name() string { return Name }

// errNoPaths is why nothing is served by default.
var errNoPaths = errors.New("no files or directories are configured to be watched (inotify.paths)")

// served lists the kinds, and what of fsnotify's they hang on.
func served() map[events.Kind][]string {
	all := []string{"inotify/create", "inotify/write", "inotify/rename", "inotify/remove", "inotify/chmod"}
	return map[events.Kind][]string{
		events.KindFileCreate:     {"inotify/create"},
		events.KindFileWrite:      {"inotify/write"},
		events.KindFileRename:     {"inotify/rename", "inotify/create"},
		events.KindFileDelete:     {"inotify/remove", "inotify/rename"},
		events.KindFileAttributes: {"inotify/chmod"},
		events.KindFileIntegrity:  all,
	}
}

// Open watches all there is, and compares it with the baseline. When it returns,
// nothing escapes any more; contents are read later.
func (s *Source) Open(want []events.Kind) (got []events.Kind, err error) {
	*s = Source{options: s.options, timing: s.timing, wrap: s.wrap}
	hooks := served()
	for _, kind := range want {
		if hooks[kind] != nil && !slices.Contains(got, kind) {
			got = append(got, kind)
		}
	}
	if len(got) == 0 {
		return nil, nil
	}
	err = s.start()
	var errs []error
	for _, kind := range got {
		s.plan = append(s.plan, events.Service{Kind: kind, Variant: "watches", Hooks: hooks[kind], Err: err})
		s.kinds[kind] = true
		if err != nil {
			errs = append(errs, fmt.Errorf("serve %s: %w", kind, err))
		}
	}
	if err != nil {
		return nil, errors.Join(append(errs, s.Close())...)
	}
	if !s.options.Diagnosis {
		s.scanAll()
	}
	return got, nil
}

// Plan implements [events.Planner].
func (s *Source) Plan() []events.Service { return s.plan }

func (s *Source) start() error {
	if len(s.options.Paths) == 0 {
		return errNoPaths
	}
	var err error
	if s.set, err = hashes.New(s.options.Hashes); err != nil {
		return err
	}
	watcher, err := fsnotify.NewWatcher()
	if errors.Is(err, unix.EMFILE) {
		return fmt.Errorf("%w: raise fs.inotify.max_user_instances", err)
	}
	if err != nil {
		return err
	}
	s.queue = newQueue(watcher)
	s.watch = newWatches(watcher)
	if s.wrap != nil {
		s.watch.adder = s.wrap(watcher)
	}
	ignored := s.options.Ignored
	if file := s.options.Baseline; file != "" {
		ignored = slices.Concat(ignored, []string{file, baseline.Temporary(file)})
	}
	s.scope = newScope(s.options.Paths, s.options.Recursive, ignored)
	s.changes = newChanges()
	s.names = newNames()
	s.scanning = newScanning()
	s.root = tree.NewRoot()
	s.root.Status, err = tree.Stat("/")
	return err
}

// scanAll brings the tree from what the baseline knows to what there is.
func (s *Source) scanAll() {
	begin := time.Now()
	first := s.load()
	s.mounts = s.readMounts()
	s.push(s.root, manner{deep: true, offline: true})
	shown := begin
	for len(s.tasks) > 0 {
		s.step()
		if now := time.Now(); now.Sub(shown) >= s.timing.progress {
			shown = now
			s.options.Log.Info("looking at the files to watch", "directories", s.scanning.directories, "files", s.scanning.files)
		}
	}
	s.options.Log.Info("watching files", "directories", s.watch.count(), "files", s.scanning.files, "took", time.Since(begin).Round(time.Millisecond),
		"without_baseline", first, "not_hashed", len(s.hashing.unhashed))
	s.watch.report(s.options.Log)
}

// load reads the baseline, if one is kept. first is whether there was none to compare with.
func (s *Source) load() (first bool) {
	if s.options.Baseline == "" {
		return true
	}
	known, err := loadBaseline(s.options.Baseline, s.set)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return true
	case err != nil:
		s.options.Log.Warn("what changed while the sensor was off cannot be found: the baseline is begun anew", "path", s.options.Baseline, "error", err)
		return true
	}
	if known.Rehash {
		s.options.Log.Info("the baseline has other hashes: all files are read again; what changed while the sensor was off is told by size and times")
	}
	known.Root.Status = s.root.Status
	s.root = known.Root
	if words := s.scope.words(); !slices.Equal(words, known.Covers) {
		s.forgetBlanks(scopeOf(known.Covers))
	}
	return false
}

func loadBaseline(path string, set *hashes.Set) (baseline.Known, error) {
	content, err := baseline.Load(path)
	if err != nil {
		return baseline.Known{}, err
	}
	return baseline.Decode(content, set)
}

// forgetBlanks makes that a name is not taken for new in a directory that was not
// wholly known under the scope of before.
func (s *Source) forgetBlanks(before scope) {
	for n := range s.root.All() {
		if n.Directory != nil && !before.whole(n.Path()) {
			n.Directory.Listed = false
		}
	}
}

// Close ends the watching. The baseline is written by Run alone.
func (s *Source) Close() error {
	if s.queue == nil {
		return nil
	}
	err := s.queue.close()
	s.queue = nil
	return err
}
