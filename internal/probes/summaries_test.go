// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"

	"sensor/internal/events"
)

// fakeWrites stands for the kernel's map.
type fakeWrites struct {
	files     map[fileWriteKey]fileWritten
	lookupErr error
	deleteErr error
	keysErr   error
}

func (f *fakeWrites) lookup(key fileWriteKey) (fileWritten, error) {
	w, ok := f.files[key]
	if !ok {
		return w, errors.Join(f.lookupErr, ebpf.ErrKeyNotExist)
	}
	return w, f.lookupErr
}

func (f *fakeWrites) take(key fileWriteKey) (fileWritten, error) {
	w, err := f.lookup(key)
	if err = errors.Join(err, f.deleteErr); err == nil {
		delete(f.files, key)
	}
	return w, err
}

func (f *fakeWrites) keys() ([]fileWriteKey, error) {
	return slices.Collect(maps.Keys(f.files)), f.keysErr
}

const testInterval = 10 * time.Second

// A summing is summaries and the kernel that it sums up for.
type summing struct {
	*summaries
	t      *testing.T
	kernel *fakeWrites
	key    fileWriteKey // of the one file that is written to
	first  uint64
}

func newSumming(t *testing.T) *summing {
	kernel := &fakeWrites{files: map[fileWriteKey]fileWritten{}}
	s := &summing{summaries: newSummaries(kernel, testInterval), t: t, kernel: kernel}
	r := fullFile(events.KindFileWrite)
	s.key = fileWriteKey{Inode: r.Stat.Inode, Device: r.Stat.Device, Generation: r.Stat.Generation, Tgid: r.Header.Tgid}
	s.first = r.Header.Time
	return s
}

// hear notes the event of a record, as the source does.
func (s *summing) hear(in fileInput) (e *events.Event, nothing bool) {
	s.t.Helper()
	raw := in.encode()
	e, _, err := decodeFile(raw, testClock, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return e, s.note(raw, e)
}

// writesFirst is a first write: the kernel remembers it, and tells it.
func (s *summing) writesFirst(at, bytes, count uint64) {
	s.t.Helper()
	in := fullFile(events.KindFileWrite)
	in.Header.Time = at
	w := fileWritten{Bytes: bytes, Count: count, Since: at - 1}
	w.Header = in.Header
	s.kernel.files[s.key] = w
	if _, nothing := s.hear(in); nothing {
		s.t.Error("a first write is held back")
	}
}

// writes adds to what the kernel remembers.
func (s *summing) writes(bytes, count uint64) {
	w := s.kernel.files[s.key]
	w.Bytes, w.Count = w.Bytes+bytes, w.Count+count
	s.kernel.files[s.key] = w
}

func (s *summing) mark(flag fileWritesFlag) {
	w := s.kernel.files[s.key]
	w.Flags |= uint32(flag)
	s.kernel.files[s.key] = w
}

// released is the end of a file that the kernel forgets; its record may be heard later.
func (s *summing) released() fileInput {
	w := s.kernel.files[s.key]
	delete(s.kernel.files, s.key)
	in := fullFile(events.KindFileWrite)
	in.summary(w.Bytes, w.Count)
	in.Since = w.Since
	if w.Flags&uint32(fileWritesFlagWRITES_UNSEEN) != 0 {
		in.Flags &^= uint16(fileFlagFLAG_BYTES)
	}
	return in
}

// exits is the end of the process.
func (s *summing) exits(at uint64) {
	s.t.Helper()
	in := fullRecord(events.KindExit)
	in.Header.Time = at
	raw := in.encode()
	e, _, err := decodeProcess(raw, testClock, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if s.note(raw, e) {
		s.t.Error("an exit is held back")
	}
}

// tells wants the summaries of those writes, and no other.
func (s *summing) tells(list []*events.Event, err error) func(want ...events.Writes) *events.Event {
	s.t.Helper()
	return func(want ...events.Writes) *events.Event {
		s.t.Helper()
		if err != nil {
			s.t.Error(err)
		}
		var got []events.Writes
		for _, e := range list {
			got = append(got, e.File.Writes)
			if e.Kind != events.KindFileWrite || e.Outcome != events.OutcomeSuccess || !e.File.Summary || e.File.Known || e.Time.IsZero() {
				s.t.Errorf("summary %+v of %+v", e, e.File)
			}
			if e.Process == nil || e.Process.PID != s.key.Tgid || e.Process.Name != "curl-thread" {
				s.t.Errorf("by process %+v", e.Process)
			}
		}
		if !slices.Equal(got, want) {
			s.t.Fatalf("told %+v, want %+v", got, want)
		}
		if len(list) == 0 {
			return nil
		}
		return list[0]
	}
}

func (s *summing) isForgotten() {
	s.t.Helper()
	if len(s.files) > 0 {
		s.t.Errorf("%d files are remembered", len(s.files))
	}
}

// wrote are writes of which everything is known.
func wrote(bytes, count uint64) events.Writes {
	return events.Writes{Bytes: bytes, Count: count, HasBytes: true, HasCount: true}
}

const interval = uint64(testInterval)

func TestSummaryOfTheKernel(t *testing.T) {
	s := newSumming(t)
	s.writesFirst(s.first, 10, 1)
	if len(s.files) != 1 {
		t.Fatalf("%d files are remembered", len(s.files))
	}
	s.writes(20, 2)
	e, nothing := s.hear(s.released())
	if nothing || e.File.Writes != wrote(30, 3) {
		t.Errorf("held back: %v, writes %+v", nothing, e.File.Writes)
	}
	s.isForgotten()
	s.tells(s.due(s.first+interval, testClock))()
	s.tells(s.rest(testClock))()
}

// A summary whose first write was lost is the kernel's, as it is.
func TestSummaryWithoutFirstWrite(t *testing.T) {
	s := newSumming(t)
	in := fullFile(events.KindFileWrite)
	in.summary(5, 6)
	if e, nothing := s.hear(in); nothing || e.File.Writes != wrote(5, 6) {
		t.Errorf("held back: %v, writes %+v", nothing, e.File.Writes)
	}
	s.isForgotten()
}

func TestSummaryOfAnInterval(t *testing.T) {
	s := newSumming(t)
	s.writesFirst(s.first, 10, 1)
	s.tells(s.due(s.first+interval-1, testClock))()
	e := s.tells(s.due(s.first+interval, testClock))(wrote(10, 1))
	if file := e.File; file.Path.Name != "/home/dir/new" || file.Inode != s.key.Inode || file.Type != events.FileTypeRegular {
		t.Errorf("of %+v", file)
	}
	s.writes(20, 2)
	s.tells(s.due(s.first+2*interval-1, testClock))() // the next interval begins with what was told
	s.tells(s.due(s.first+2*interval, testClock))(wrote(20, 2))
	s.tells(s.due(s.first+3*interval, testClock))() // nothing new
	s.writes(5, 1)
	if e, nothing := s.hear(s.released()); nothing || e.File.Writes != wrote(5, 1) {
		t.Errorf("held back: %v, writes %+v", nothing, e.File.Writes)
	}
	s.isForgotten()
}

// When an interval has told everything, the kernel's summary is no event of its own.
func TestSummaryWithNothingLeft(t *testing.T) {
	s := newSumming(t)
	s.writesFirst(s.first, 10, 1)
	s.tells(s.due(s.first+interval, testClock))(wrote(10, 1))
	if _, nothing := s.hear(s.released()); !nothing {
		t.Error("it is told")
	}
	s.isForgotten()
}

// What was not told before is, even if no byte was written: by a truncation, say.
func TestSummaryOfNoBytes(t *testing.T) {
	s := newSumming(t)
	s.writesFirst(s.first, 0, 0)
	if e, nothing := s.hear(s.released()); nothing || e.File.Writes != wrote(0, 0) {
		t.Errorf("held back: %v, writes %+v", nothing, e.File.Writes)
	}
	s.writesFirst(s.first, 0, 0)
	s.tells(s.due(s.first+interval, testClock))(wrote(0, 0)) // and idle: it is remembered no more
	s.isForgotten()
	s.writesFirst(s.first+interval, 0, 0)
	s.exits(s.first + 2*interval)
	s.tells(s.due(s.first+2*interval, testClock))(wrote(0, 0))
	s.isForgotten()
}

// A file that is open and idle is remembered no more: its next write is a first one.
func TestSummaryOfIdleFile(t *testing.T) {
	s := newSumming(t)
	s.writesFirst(s.first, 10, 1)
	s.tells(s.due(s.first+interval, testClock))(wrote(10, 1))
	s.tells(s.due(s.first+2*interval, testClock))()
	s.isForgotten()
}

// Where neither bytes nor writes are counted, a summary says that the writing has ended.
func TestSummaryWithoutCounts(t *testing.T) {
	s := newSumming(t)
	s.writesFirst(s.first, 0, 0)
	s.mark(fileWritesFlagWRITES_UNSEEN | fileWritesFlagWRITES_UNCOUNTED)
	s.tells(s.due(s.first+interval, testClock))()
	in := s.released()
	in.Flags &^= uint16(fileFlagFLAG_BYTES | fileFlagFLAG_COUNT)
	if e, nothing := s.hear(in); nothing || e.File.Writes != (events.Writes{}) {
		t.Errorf("held back: %v, writes %+v", nothing, e.File.Writes)
	}
	s.isForgotten()

	s.writesFirst(s.first+interval, 0, 0)
	s.mark(fileWritesFlagWRITES_UNSEEN | fileWritesFlagWRITES_UNCOUNTED)
	s.tells(s.due(s.first+2*interval, testClock))()
	s.exits(s.first + 2*interval)
	s.tells(s.due(s.first+2*interval, testClock))(events.Writes{})
	s.isForgotten()
}

func TestSummaryOfMapping(t *testing.T) {
	const count = 1
	unknown := events.Writes{Count: count, HasCount: true, Bytes: 10}
	s := newSumming(t)
	s.writesFirst(s.first, 10, count)
	s.mark(fileWritesFlagWRITES_UNSEEN)
	s.tells(s.due(s.first+interval, testClock))(unknown)
	s.tells(s.due(s.first+2*interval, testClock))()
	s.isTold(true)

	s.writesFirst(s.first+3*interval, 10, count)
	s.tells(s.due(s.first+4*interval, testClock))(wrote(10, count))
	s.mark(fileWritesFlagWRITES_UNSEEN) // what was stored since is not told
	s.isTold(false)
}

// isTold wants the kernel's summary to be held back, or to leave bytes unknown.
func (s *summing) isTold(want bool) {
	s.t.Helper()
	e, nothing := s.hear(s.released())
	if nothing != want || e.File.Writes.HasBytes || !e.File.Writes.HasCount {
		s.t.Errorf("held back: %v, writes %+v", nothing, e.File.Writes)
	}
}

func TestSummaryOfEndedProcess(t *testing.T) {
	s := newSumming(t)
	s.writesFirst(s.first, 10, 1)
	s.exits(s.first + 5)
	s.tells(s.due(s.first+6, testClock))(wrote(10, 1))
	s.isForgotten()
	if len(s.kernel.files) != 0 {
		t.Error("the kernel still remembers it")
	}
	s.tells(s.due(s.first+interval, testClock))()
	s.tells(s.rest(testClock))()
}

// The end of a process is in another ring, which is read first.
func TestSummaryOfProcessThatEndedBefore(t *testing.T) {
	s := newSumming(t)
	s.exits(s.first + 5)
	s.tells(s.due(s.first+6, testClock))()
	s.writesFirst(s.first, 10, 1)
	s.tells(s.due(s.first+7, testClock))(wrote(10, 1))
	s.isForgotten()
	for range 2 {
		s.tells(s.due(s.first+8, testClock))()
	}
	if n := len(s.ended) + len(s.endedBefore); n > 0 {
		t.Errorf("%d ends are remembered", n)
	}
}

// Another process has the number of one that has ended.
func TestSummaryOfNumberUsedAgain(t *testing.T) {
	s := newSumming(t)
	s.exits(s.first - 5)
	s.writesFirst(s.first, 10, 1)
	s.tells(s.due(s.first+6, testClock))()
	s.tells(s.due(s.first+interval, testClock))(wrote(10, 1))
	if len(s.files) != 1 || len(s.kernel.files) != 1 {
		t.Error("it is forgotten")
	}
}

// What the kernel has told already is on its way, and told once.
func TestSummaryOnItsWay(t *testing.T) {
	s := newSumming(t)
	s.writesFirst(s.first, 10, 1)
	record := s.released()
	s.exits(s.first + 5)
	s.tells(s.due(s.first+6, testClock))()
	if e, nothing := s.hear(record); nothing || e.File.Writes != wrote(10, 1) {
		t.Errorf("held back: %v, writes %+v", nothing, e.File.Writes)
	}
	s.isForgotten()
}

// A summary that was lost leaves nothing behind.
func TestSummaryLost(t *testing.T) {
	s := newSumming(t)
	s.writesFirst(s.first, 10, 1)
	s.released()
	s.tells(s.due(s.first+interval, testClock))()
	s.tells(s.due(s.first+2*interval-1, testClock))()
	if len(s.files) != 1 {
		t.Error("it is not waited for")
	}
	s.tells(s.due(s.first+2*interval, testClock))()
	s.isForgotten()
}

// The kernel's summary and the first write after it are in the ring when the
// file is due: what the kernel remembers is of another time than what was told.
func TestSummaryOfFileWrittenAnew(t *testing.T) {
	s := newSumming(t)
	s.writesFirst(s.first, 10, 2)
	s.tells(s.due(s.first+interval, testClock))(wrote(10, 2))
	s.writes(5, 1)
	record := s.released()
	anew := s.first + interval + 1
	s.kernel.files[s.key] = fileWritten{Header: record.Header, Bytes: 3, Count: 1, Since: anew - 1}
	s.tells(s.due(s.first+2*interval, testClock))()
	if e, nothing := s.hear(record); nothing || e.File.Writes != wrote(5, 1) {
		t.Errorf("held back: %v, writes %+v", nothing, e.File.Writes)
	}
	s.writesFirst(anew, 3, 1)
	s.tells(s.due(s.first+3*interval, testClock))(wrote(3, 1))
	if _, nothing := s.hear(s.released()); !nothing {
		t.Error("it is told again")
	}
}

// Likewise, but both records in between were lost.
func TestSummaryOfFileWrittenAnewUnseen(t *testing.T) {
	for name, end := range map[string]func(s *summing) *events.Event{
		"released": func(s *summing) *events.Event {
			e, nothing := s.hear(s.released())
			if nothing {
				s.t.Error("it is held back")
			}
			return e
		},
		"the process ends": func(s *summing) *events.Event {
			s.exits(s.first + 3*interval)
			return s.tells(s.due(s.first+3*interval, testClock))(wrote(3, 1))
		},
		"the sensor ends": func(s *summing) *events.Event { return s.tells(s.rest(testClock))(wrote(3, 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSumming(t)
			s.writesFirst(s.first, 10, 2)
			s.tells(s.due(s.first+interval, testClock))(wrote(10, 2))
			lost := s.released()
			s.kernel.files[s.key] = fileWritten{Header: lost.Header, Bytes: 3, Count: 1, Since: s.first + interval}
			if e := end(s); e.File.Writes != wrote(3, 1) {
				t.Errorf("writes %+v", e.File.Writes)
			}
			s.isForgotten()
		})
	}
}

func TestSummariesAtTheEnd(t *testing.T) {
	s := newSumming(t)
	s.writesFirst(s.first, 10, 1)
	s.tells(s.due(s.first+interval, testClock))(wrote(10, 1))
	s.tells(s.rest(testClock))() // all was told
	s.isForgotten()

	s.writesFirst(s.first+interval, 10, 1)
	s.writes(2, 1)
	s.tells(s.rest(testClock))(wrote(12, 2))
	s.isForgotten()
	if len(s.kernel.files) != 0 {
		t.Error("the kernel still remembers it")
	}
}

// Of a file whose first write was lost nothing is known but what the key says.
func TestSummaryAtTheEndOfUnknownFile(t *testing.T) {
	s := newSumming(t)
	w := fileWritten{Header: fullFile(events.KindFileWrite).Header, Bytes: 10, Count: 1, Since: s.first}
	s.kernel.files[s.key] = w
	s.tells(s.due(s.first+interval, testClock))()
	e := s.tells(s.rest(testClock))(wrote(10, 1))
	want := events.File{Inode: s.key.Inode, Major: 8, Minor: 3, Summary: true, Writes: wrote(10, 1)}
	if !reflect.DeepEqual(*e.File, want) {
		t.Errorf("file %+v, want %+v", *e.File, want)
	}
}

// A file whose mounts are gone when it is released is where it was.
func TestSummaryOfDetachedPath(t *testing.T) {
	known := events.Path{Name: "/home/dir/new"}
	last := events.Path{Name: "/new"}
	detached := events.Path{Name: "/new", Detached: true}
	const mark = uint8(processPathMarkPATH_DETACHED)
	for name, test := range map[string]struct {
		first, summary uint8 // marks
		want           events.Path
	}{
		"at the end":      {uint8(processPathMarkPATH_KNOWN), uint8(processPathMarkPATH_KNOWN) | mark, known},
		"always":          {uint8(processPathMarkPATH_KNOWN) | mark, uint8(processPathMarkPATH_KNOWN) | mark, detached},
		"at the first":    {uint8(processPathMarkPATH_KNOWN) | mark, uint8(processPathMarkPATH_KNOWN), last},
		"unknown at last": {uint8(processPathMarkPATH_KNOWN), 0, events.Path{}},
		"unknown before":  {0, uint8(processPathMarkPATH_KNOWN) | mark, detached},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSumming(t)
			in := fullFile(events.KindFileWrite)
			in.PathMarks = test.first
			s.hear(in)
			in.summary(1, 1)
			in.PathMarks = test.summary
			in.tails[fileTailTAIL_PATH] = []byte("new\x00")
			if e, _ := s.hear(in); e.File.Path != test.want {
				t.Errorf("path %+v, want %+v", e.File.Path, test.want)
			}
		})
	}
}

// What fails is said, loses nothing, and is tried again.
func TestSummariesFail(t *testing.T) {
	broken := errors.New("broken")
	s := newSumming(t)
	s.writesFirst(s.first, 10, 1)
	s.kernel.lookupErr = broken
	if list, err := s.due(s.first+interval, testClock); !errors.Is(err, broken) || len(list) > 0 {
		t.Errorf("due: %v, %v", list, err)
	}
	s.kernel.lookupErr, s.kernel.deleteErr = nil, broken
	if list, err := s.rest(testClock); !errors.Is(err, broken) || len(list) > 0 {
		t.Errorf("rest: %v, %v", list, err)
	}
	s.kernel.deleteErr, s.kernel.keysErr = nil, broken
	list, err := s.rest(testClock)
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	s.tells(list, nil)(wrote(10, 1)) // those that could be read

	s.writesFirst(s.first, 10, 1)
	s.kernel.deleteErr, s.kernel.keysErr = ebpf.ErrKeyNotExist, nil // the kernel was quicker
	s.tells(s.rest(testClock))()
}

// Events of other kinds pass.
func TestSummariesIgnoreOtherKinds(t *testing.T) {
	s := newSumming(t)
	for _, kind := range kindsOf("file") {
		if kind == events.KindFileWrite {
			continue
		}
		if _, nothing := s.hear(fullFile(kind)); nothing {
			t.Errorf("%s is held back", kind)
		}
	}
	s.isForgotten()
}

// TestWritesMap holds the kernel's map to what the fake one does.
func TestWritesMap(t *testing.T) {
	if err := rlimit.RemoveMemlock(); err != nil {
		t.Fatal(err)
	}
	spec, err := loadFile()
	if err != nil {
		t.Fatal(err)
	}
	const files = 3
	spec.Maps[fileMapWrites].MaxEntries = files
	m, err := ebpf.NewMap(spec.Maps[fileMapWrites])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	w := writesMap{m}
	for tgid := range uint32(files) {
		if err := m.Put(&fileWriteKey{Inode: 1, Tgid: tgid}, &fileWritten{Bytes: 10 + uint64(tgid)}); err != nil {
			t.Fatal(err)
		}
	}
	keys, err := w.keys()
	if err != nil || len(keys) != files {
		t.Errorf("keys %v, %v", keys, err)
	}
	for _, key := range keys {
		if got, err := w.lookup(key); err != nil || got.Bytes != 10+uint64(key.Tgid) {
			t.Errorf("%+v: %+v, %v", key, got, err)
		}
		if _, err := w.take(key); err != nil {
			t.Error(err)
		}
		if _, err := w.take(key); !errors.Is(err, ebpf.ErrKeyNotExist) {
			t.Errorf("deleted twice: %v", err)
		}
		if _, err := w.lookup(key); !errors.Is(err, ebpf.ErrKeyNotExist) {
			t.Errorf("looked up after its end: %v", err)
		}
	}
}
