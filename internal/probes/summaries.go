// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"

	"sensor/internal/clock"
	"sensor/internal/events"
)

// summaries tells what was written to files whose end the kernel's programs do
// not tell: of processes that have ended, and of files that stay open for longer
// than the interval. What it has told of a file is taken off the next summary.
type summaries struct {
	written  writtenFiles
	interval uint64 // ns
	files    map[fileWriteKey]*openFile
	// When processes ended, by tgid, since files were last due and in the time
	// before: the ring of their ends is read ahead of that of what they wrote.
	ended, endedBefore map[uint32]uint64
	n                  uint64 // events made here
}

// writtenFiles is the map of what was written since the first write was told.
type writtenFiles interface {
	lookup(fileWriteKey) (fileWritten, error) // ebpf.ErrKeyNotExist when the kernel has told it
	take(fileWriteKey) (fileWritten, error)   // likewise; deletes it
	keys() ([]fileWriteKey, error)
}

// An openFile is one that a process has written to, since its first write was told.
type openFile struct {
	file  events.File
	first uint64 // boot time in ns of the record of its first write
	due   uint64 // likewise
	told  events.Writes
	said  bool // a summary was told, which can say as little as none
	idle  bool // nothing was written for an interval
	gone  bool // the kernel has told its end
}

func newSummaries(written writtenFiles, interval time.Duration) *summaries {
	return &summaries{
		written:     written,
		interval:    uint64(interval),
		files:       map[fileWriteKey]*openFile{},
		ended:       map[uint32]uint64{},
		endedBefore: map[uint32]uint64{},
	}
}

// note looks at an event of a file_write or an exit before it is emitted. It
// reports whether nothing is left to be said, because all was told before.
func (s *summaries) note(raw []byte, e *events.Event) (nothing bool) {
	switch {
	case e.Kind == events.KindExit && e.Process != nil:
		s.ended[e.Process.PID] = timeOf(raw)
		return false
	case e.Kind != events.KindFileWrite:
		return false
	}
	r, _, err := record[fileRecord](raw)
	if err != nil {
		return false
	}
	key := fileWriteKey{Inode: r.Stat.Inode, Device: r.Stat.Device, Generation: r.Stat.Generation, Tgid: r.Header.Tgid}
	if !e.File.Summary {
		s.files[key] = &openFile{file: *e.File, first: r.Header.Time, due: r.Header.Time + s.interval}
		return false
	}
	known := s.files[key]
	if known == nil {
		return false
	}
	delete(s.files, key)
	if e.File.Path.Detached && known.file.Path.Name != "" && !known.file.Path.Detached { // its mount namespace went before it
		e.File.Path = known.file.Path
	}
	if r.Since > known.first { // written anew, and that first write was lost: what was told was of the time before
		return false
	}
	nothing = known.said && known.told == e.File.Writes
	e.File.Writes.Bytes -= min(known.told.Bytes, e.File.Writes.Bytes)
	e.File.Writes.Count -= min(known.told.Count, e.File.Writes.Count)
	return nothing
}

// endOf is when the process that wrote then has ended, in ns since boot.
func (s *summaries) endOf(tgid uint32, wrote uint64) (at uint64, over bool) {
	for _, ended := range []map[uint32]uint64{s.ended, s.endedBefore} {
		if at, ok := ended[tgid]; ok && wrote <= at { // else the number has a new owner
			return at, true
		}
	}
	return 0, false
}

// due gives the summaries that are to be told now.
func (s *summaries) due(now uint64, clock *clock.Clock) ([]*events.Event, error) {
	var errs []error
	var list []*events.Event
	for key, f := range s.files {
		if f.gone {
			if f.due <= now { // what the kernel has told of it was lost on the way
				delete(s.files, key)
			}
			continue
		}
		end, over := s.endOf(key.Tgid, f.first)
		if !over && f.due > now {
			continue
		}
		e, err := s.tell(key, f, over, clock)
		if e == nil && err == nil && f.idle { // idle for as long as that: the next write is a first one again
			e, err = s.tell(key, f, true, clock)
		}
		if err != nil {
			errs = append(errs, err)
		} else if e != nil {
			if over {
				e.Time = clock.Wall(end)
			}
			list = append(list, e)
		}
		f.due = now + s.interval
	}
	clear(s.endedBefore)
	s.ended, s.endedBefore = s.endedBefore, s.ended
	return list, errors.Join(errs...)
}

// rest gives the summaries of all files that are left, at the end of the sensor.
func (s *summaries) rest(clock *clock.Clock) ([]*events.Event, error) {
	var errs []error
	var list []*events.Event
	keys, err := s.written.keys()
	if err != nil {
		errs = append(errs, fmt.Errorf("read written files: %w", err))
	}
	for _, key := range keys {
		f := s.files[key]
		if f == nil { // its first write was lost on the way
			f = &openFile{file: events.File{Inode: key.Inode, Major: key.Device >> 20, Minor: key.Device & (1<<20 - 1)}}
		}
		e, err := s.tell(key, f, true, clock)
		if err != nil {
			errs = append(errs, err)
		} else if e != nil {
			list = append(list, e)
		}
	}
	return list, errors.Join(errs...)
}

// tell makes the summary of one file; nil if there is nothing to say.
func (s *summaries) tell(key fileWriteKey, f *openFile, last bool, clock *clock.Clock) (*events.Event, error) {
	look := s.written.lookup
	if last {
		look = s.written.take
	}
	w, err := look(key)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		f.gone = true // the kernel tells it
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("read written file: %w", err)
	}
	if w.Since > f.first { // the kernel tells the end of that, and it was written anew
		if !last {
			f.gone = true // and its first write is on the way
			return nil, nil
		}
		f.told, f.said = events.Writes{}, false
	}
	if last {
		delete(s.files, key)
	}
	if w.Flags&uint32(fileWritesFlagWRITES_FILTERED) != 0 {
		return nil, nil
	}
	unseen := w.Flags&uint32(fileWritesFlagWRITES_UNSEEN) != 0
	until := events.Writes{Bytes: w.Bytes, Count: w.Count, HasBytes: !unseen, HasCount: w.Flags&uint32(fileWritesFlagWRITES_UNCOUNTED) == 0}
	if f.said && f.told == until || !f.said && !last && w.Bytes == 0 && w.Count == 0 {
		f.idle = !last && !unseen // what is stored into a mapping is never seen
		return nil, nil
	}
	file := f.file
	file.Summary, file.Writes = true, until
	file.Writes.Bytes -= f.told.Bytes
	file.Writes.Count -= f.told.Count
	file.Known = false // what was so at the first write need not be so now
	f.told, f.said = until, true
	return &events.Event{
		Kind:    events.KindFileWrite,
		Time:    time.Now(),
		Outcome: events.OutcomeSuccess,
		Process: actorOf((*networkHeader)(unsafe.Pointer(&w.Header)), clock),
		File:    &file,
	}, nil
}

// writesMap is the kernel's map as writtenFiles.
type writesMap struct{ *ebpf.Map }

func (m writesMap) lookup(key fileWriteKey) (w fileWritten, err error) {
	err = m.Lookup(&key, &w)
	return w, err
}

// take looks up and deletes, from Linux 5.14 on in one step.
func (m writesMap) take(key fileWriteKey) (w fileWritten, err error) {
	err = m.LookupAndDelete(&key, &w)
	if errors.Is(err, ebpf.ErrNotSupported) {
		if err = m.Lookup(&key, &w); err == nil {
			err = m.Delete(&key)
		}
	}
	return w, err
}

func (m writesMap) keys() ([]fileWriteKey, error) {
	var keys []fileWriteKey
	var key fileWriteKey
	var w fileWritten
	it := m.Iterate()
	for it.Next(&key, &w) {
		keys = append(keys, key)
	}
	return keys, it.Err()
}
