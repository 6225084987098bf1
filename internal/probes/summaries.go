// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"

	"sensor/internal/events"
)

// summaries tells what was written to files whose end the kernel's programs do
// not tell: of processes that have ended, and of files that stay open for longer
// than the interval. What it has told of a file is taken off the next summary.
type summaries struct {
	written  *ebpf.Map // fileWriteKey to fileWritten; what it holds is not told yet, but for told
	interval uint64    // ns
	files    map[fileWriteKey]*openFile
	ended    map[uint32]ended // processes, by tgid
	n        uint64           // events made here
}

// ended says when a process ended. Its exit is read before what it wrote: the
// rings are read apart. So it is remembered for a while.
type ended struct {
	at     time.Time
	rounds int
}

// endedRounds is how often due looks for files of a process that has ended.
const endedRounds = 3

// An openFile is one that a process has written to, since its first write was told.
type openFile struct {
	file  events.File
	since time.Time // its first write
	due   uint64    // boot time in ns
	told  events.Writes
}

func newSummaries(written *ebpf.Map, interval time.Duration) *summaries {
	return &summaries{
		written:  written,
		interval: uint64(interval),
		files:    map[fileWriteKey]*openFile{},
		ended:    map[uint32]ended{},
	}
}

// note looks at an event of a file_write or an exit before it is emitted. It
// reports whether nothing is left to be said, because all was told before.
func (s *summaries) note(raw []byte, e *events.Event) (nothing bool) {
	switch {
	case e.Kind == events.KindExit && e.Process != nil:
		s.ended[e.Process.PID] = ended{at: e.Time}
		return false
	case e.Kind != events.KindFileWrite:
		return false
	}
	r, _, err := record[fileRecord](raw)
	if err != nil {
		return false
	}
	key := fileWriteKey{Inode: r.Stat.Inode, Device: r.Stat.Device, Generation: r.Stat.Generation, Tgid: r.Header.Tgid}
	known := s.files[key]
	if !e.File.Summary {
		s.files[key] = &openFile{file: *e.File, since: e.Time, due: r.Header.Time + s.interval}
		return false
	}
	if known == nil {
		return false
	}
	delete(s.files, key)
	if e.File.Path.Detached && !known.file.Path.Detached { // its mount namespace went before it
		e.File.Path = known.file.Path
	}
	e.File.Writes.Bytes -= known.told.Bytes
	e.File.Writes.Count -= known.told.Count
	return known.told != events.Writes{} && e.File.Writes.Bytes == 0 && e.File.Writes.Count == 0
}

// due gives the summaries that are to be told now.
func (s *summaries) due(now uint64, clock *Clock) ([]*events.Event, error) {
	var errs []error
	var list []*events.Event
	for key, f := range s.files {
		end, gone := s.ended[key.Tgid]
		gone = gone && f.since.Before(end.at)
		if !gone && f.due > now {
			continue
		}
		e, err := s.tell(key, f, gone, clock)
		if e != nil && gone {
			e.Time = end.at
		}
		if err != nil {
			errs = append(errs, err)
		} else if e != nil {
			list = append(list, e)
		}
		f.due = now + s.interval
	}
	for tgid, end := range s.ended {
		if end.rounds++; end.rounds < endedRounds {
			s.ended[tgid] = end
		} else {
			delete(s.ended, tgid)
		}
	}
	return list, errors.Join(errs...)
}

// rest gives the summaries of all files that are left, at the end of the sensor.
func (s *summaries) rest(clock *Clock) ([]*events.Event, error) {
	var errs []error
	var list []*events.Event
	var keys []fileWriteKey
	var key fileWriteKey
	var w fileWritten
	for it := s.written.Iterate(); ; {
		if !it.Next(&key, &w) {
			if err := it.Err(); err != nil {
				errs = append(errs, fmt.Errorf("read written files: %w", err))
			}
			break
		}
		keys = append(keys, key)
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
func (s *summaries) tell(key fileWriteKey, f *openFile, last bool, clock *Clock) (*events.Event, error) {
	var w fileWritten
	if err := s.written.Lookup(&key, &w); errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil, nil // the kernel tells it
	} else if err != nil {
		return nil, fmt.Errorf("read written file: %w", err)
	}
	if last {
		if err := s.written.Delete(&key); errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil, nil
		} else if err != nil {
			return nil, fmt.Errorf("forget written file: %w", err)
		}
		delete(s.files, key)
	}
	if w.Flags&uint32(fileWritesFlagWRITES_IGNORED) != 0 {
		return nil, nil
	}
	unseen := w.Flags&uint32(fileWritesFlagWRITES_UNSEEN) != 0
	fresh := events.Writes{Bytes: w.Bytes - f.told.Bytes, Count: w.Count - f.told.Count, HasBytes: !unseen, HasCount: true}
	if fresh.Bytes == 0 && fresh.Count == 0 && (!last || f.told != events.Writes{}) {
		return nil, nil
	}
	f.told.Bytes, f.told.Count = w.Bytes, w.Count
	file := f.file
	file.Summary, file.Writes = true, fresh
	file.Known = false // what was so at the first write need not be so now
	return &events.Event{
		Kind:    events.KindFileWrite,
		Time:    time.Now(),
		Outcome: events.OutcomeSuccess,
		Process: actorOf((*networkHeader)(unsafe.Pointer(&w.Header)), clock),
		File:    &file,
	}, nil
}
