// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// A state is the checkpoint: what is settled. It stands in one of the two slots
// of its file, and the next one goes into the other. So one that was torn leaves
// the one before, and a full disk has room for it.
type state struct {
	generation uint64
	clean      bool // the run has ended by itself
	age        agePoint
	logs       [2]logState // critical, bulk
}

type logState struct {
	end     uint64 // of the numbers whose events were taken
	settled settled
}

const (
	stateName  = "state"
	stateMagic = "\xff\xfest"
	slotBytes  = 16 << 10
	stateHead  = 4 + 4 + 4 + 8 + 1 + 8 + 16 + 8 + 8
	// mostRuns of each log are written: far more than there are batches at one
	// time. Of more, the highest would come again after a kill.
	mostRuns = (slotBytes - stateHead - 2*12) / 16 / 2
)

// append encodes the state: magic, length and CRC32C of what follows, then the
// fields in their order, integers little endian.
func (s *state) append(b []byte) []byte {
	begin := len(b)
	b = append(b, stateMagic+"        "...)
	b = binary.LittleEndian.AppendUint64(b, s.generation)
	var clean byte
	if s.clean {
		clean = 1
	}
	b = append(b, clean)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.age.age))
	b = append(b, s.age.boot[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.age.uptime))
	b = binary.LittleEndian.AppendUint64(b, uint64(s.age.wall.UnixNano()))
	for _, l := range s.logs {
		runs := l.settled[:min(mostRuns, len(l.settled))]
		b = binary.LittleEndian.AppendUint64(b, l.end)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(runs)))
		for _, r := range runs {
			b = binary.LittleEndian.AppendUint64(b, r.first)
			b = binary.LittleEndian.AppendUint64(b, r.end)
		}
	}
	fields := b[begin+12:]
	binary.LittleEndian.PutUint32(b[begin+4:], uint32(len(fields)))
	binary.LittleEndian.PutUint32(b[begin+8:], crc32.Checksum(fields, castagnoli))
	return b
}

// decodeState decodes a slot; ok is false if it is not sound.
func decodeState(b []byte) (s state, ok bool) {
	if len(b) < stateHead || string(b[:4]) != stateMagic {
		return s, false
	}
	length, sum := binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:])
	if b = b[12:]; uint64(length) > uint64(len(b)) {
		return s, false
	}
	if b = b[:length]; len(b) < stateHead-12 || crc32.Checksum(b, castagnoli) != sum {
		return s, false
	}
	number := func() uint64 {
		n := binary.LittleEndian.Uint64(b)
		b = b[8:]
		return n
	}
	s.generation = number()
	s.clean = b[0] == 1
	b = b[1:]
	s.age.age = time.Duration(number())
	copy(s.age.boot[:], b)
	b = b[16:]
	s.age.uptime = time.Duration(number())
	s.age.wall = time.Unix(0, int64(number()))
	for i := range s.logs {
		if len(b) < 12 {
			return s, false
		}
		if s.logs[i].end = number(); s.logs[i].end > mostSequence {
			return s, false
		}
		runs := binary.LittleEndian.Uint32(b)
		if b = b[4:]; uint64(len(b)) < uint64(runs)*16 {
			return s, false
		}
		for range runs {
			first, end := number(), number()
			if end > mostSequence {
				return s, false
			}
			s.logs[i].settled.add(first, end)
		}
	}
	return s, true
}

// A stateFile is where the state is written to.
type stateFile struct {
	path   string
	file   *os.File // nil until the disk has room for it
	buffer []byte
}

// read gives the newest sound state, if there is one.
func (f *stateFile) read() (newest state, ok bool, err error) {
	file, err := os.OpenFile(f.path, open, 0)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ELOOP) {
		return newest, false, nil
	} else if err != nil {
		return newest, false, fmt.Errorf("open spool state: %w", err)
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, 2*slotBytes))
	if err != nil && !errors.Is(err, unix.EISDIR) {
		return newest, false, fmt.Errorf("read spool state: %w", err)
	}
	for slot := 0; slot+slotBytes <= len(b); slot += slotBytes {
		if s, sound := decodeState(b[slot : slot+slotBytes]); sound && (!ok || s.generation > newest.generation) {
			newest, ok = s, true
		}
	}
	return newest, ok, nil
}

// write writes the state where it does not overwrite the one before.
func (f *stateFile) write(s *state) error {
	if f.file == nil {
		if err := f.create(); err != nil {
			return fmt.Errorf("create spool state: %w", err)
		}
	}
	f.buffer = s.append(f.buffer[:0])
	if _, err := f.file.WriteAt(f.buffer, int64(s.generation%2)*slotBytes); err != nil {
		_ = f.file.Close() // the next attempt opens it anew
		f.file = nil
		return fmt.Errorf("write spool state: %w", err)
	}
	return nil
}

// close writes the last state of a run.
func (f *stateFile) close(s *state, sync bool) error {
	if err := f.write(s); err != nil {
		return err
	}
	if sync {
		if err := f.file.Sync(); err != nil {
			return fmt.Errorf("sync spool state: %w", err)
		}
	}
	return f.file.Close()
}

// create opens the file and makes it as long as it will ever be.
func (f *stateFile) create() error {
	file, err := os.OpenFile(f.path, create, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && info.Size() < 2*slotBytes {
		_, err = file.WriteAt(make([]byte, 2*slotBytes-info.Size()), info.Size())
	}
	if err != nil {
		file.Close()
		return err
	}
	f.file = file
	return nil
}

func newStateFile(dir string) *stateFile { return &stateFile{path: filepath.Join(dir, stateName)} }
