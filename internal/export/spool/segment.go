// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// A segment is records one after the other, with rising sequence numbers, in
// memory, in a file, or in both: the file follows the memory.
type segment struct {
	run        // the numbers of its records, of which some may be missing
	size   int // bytes of the records
	stored int // how many of them the file has
	synced int // how many of those are durable
	data   []byte
	path   string   // of its file
	named  bool     // the file exists
	file   *os.File // while it is written to
	closed bool     // takes no more records
	begun  bool     // somebody reads it, or has
	unread backoff  // of reading it, if that has failed

	waits            []span                // what is not given out yet, in order
	waiting          int                   // how many records that are
	kinds            [events.KindCount]int // likewise, by kind
	out              int                   // how many records are in batches that are out
	earlier          bool                  // an earlier run has spooled it
	began, newest    time.Duration         // when the first and the last record were spooled
	earliest, latest int64                 // times of the events
}

// A span is sound records one after the other in a segment's data.
type span struct {
	run
	from, to int           // offsets
	since    time.Duration // when the first was spooled
}

func newSegment(first uint64, path string) *segment {
	return &segment{run: run{first, first}, path: path, earliest: noTime, latest: noTime}
}

const blockBytes = 4096 // in which disks are given away

// cost is what the segment takes of a disk.
func (s *segment) cost() int64 { return int64(s.size+blockBytes-1) / blockBytes * blockBytes }

// add appends a record.
func (s *segment) add(sequence uint64, spooled time.Duration, e *Entry) {
	begin := s.size
	s.data = appendRecord(s.data, sequence, spooled, e)
	s.size = len(s.data)
	s.end = sequence + 1
	s.expect(header(s.data[begin:]), begin, e.Kind)
}

// expect counts a record as one that waits.
func (s *segment) expect(r record, offset int, kind events.Kind) {
	one := span{run{r.sequence, r.sequence + 1}, offset, offset + r.header + r.body, r.spooled}
	s.waits = extend(s.waits, one)
	s.waiting++
	s.kinds[kind]++
	s.newest = max(s.newest, r.spooled)
	if r.time == noTime {
		return
	}
	if s.earliest == noTime || r.time < s.earliest {
		s.earliest = r.time
	}
	s.latest = max(s.latest, r.time)
}

// extend appends a span, or makes the last one longer if this one goes on where it ends.
func extend(list []span, s span) []span {
	if n := len(list); n > 0 && list[n-1].end == s.first && list[n-1].to == s.from {
		list[n-1].end, list[n-1].to = s.end, s.to
		return list
	}
	return append(list, s)
}

// restore puts a span back among what waits.
func (s *segment) restore(back span) {
	i, _ := slices.BinarySearchFunc(s.waits, back.from, func(w span, from int) int { return w.from - from })
	rest := slices.Clone(s.waits[i:])
	s.waits = extend(s.waits[:i], back)
	for _, w := range rest {
		s.waits = extend(s.waits, w)
	}
}

// inMemory reports whether some of it is in memory alone.
func (s *segment) inMemory() bool { return s.stored < s.size }

// store writes to the file what it lacks.
func (s *segment) store() error {
	if !s.inMemory() {
		return nil
	}
	if s.file == nil {
		mode := create
		if s.stored == 0 {
			mode |= os.O_TRUNC // it may have the name of one that could not be removed
		}
		f, err := os.OpenFile(s.path, mode, 0o600)
		if err != nil {
			return fmt.Errorf("open spool segment: %w", err)
		}
		s.file, s.named = f, true
	}
	if _, err := s.file.WriteAt(s.data[s.stored:], int64(s.stored)); err != nil {
		s.release() // the next attempt opens it anew
		return fmt.Errorf("write spool segment: %w", err)
	}
	s.stored = s.size
	return nil
}

// release closes the file.
func (s *segment) release() {
	if s.file != nil {
		_ = s.file.Close() // what was to be synced has been
		s.file = nil
	}
}

// mostFile is how much of a file can be a segment.
const mostFile = mostSegment + mostBody + headerBytes + 255

// read reads the file. What is not there or is no file has nothing in it: that is damage,
// as are the blocks that a disk has lost, if salvage is set. An error is for what may be
// read another time; then nothing is changed.
func (s *segment) read(buffer []byte, salvage bool) error {
	f, err := os.OpenFile(s.path, open, 0)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ELOOP) {
		s.data = buffer[:0]
		return nil
	} else if err != nil {
		return fmt.Errorf("open spool segment: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open spool segment: %w", err)
	}
	size := 0
	if info.Mode().IsRegular() {
		size = int(min(info.Size(), mostFile))
	}
	b := slices.Grow(buffer[:0], size)[:size]
	if err := readAll(f, b, salvage); err != nil {
		return fmt.Errorf("read spool segment: %w", err)
	}
	s.data = b
	return nil
}

// readAll reads a file. If it has become shorter the rest is zeros; so are, with salvage, the
// blocks that the disk has lost, unless those are all.
func readAll(f io.ReaderAt, b []byte, salvage bool) error {
	n, failed := f.ReadAt(b, 0)
	if failed == nil {
		return nil
	}
	if failed == io.EOF {
		clear(b[n:])
		return nil
	}
	some := n > 0
	for n < len(b) {
		block := b[n:min(n+blockBytes-n%blockBytes, len(b))]
		read, err := f.ReadAt(block, int64(n))
		if err != nil && err != io.EOF && !(salvage && errors.Is(err, unix.EIO)) {
			return err
		}
		some = some || read > 0
		clear(block[read:])
		n += len(block)
	}
	if !some {
		return failed
	}
	return nil
}
