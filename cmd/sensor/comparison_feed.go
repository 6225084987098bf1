// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/compare"
)

// lines gives what one side has told. The slice is good until the next call.
type lines interface {
	// next is the next line; io.EOF says that there is none, for now or for ever.
	next() ([]byte, error)
}

// A journal is a file that another process appends lines to. What was read
// gives its room back, so that the file takes no more than what was not read yet.
type journal struct {
	file    *os.File
	read    int64 // up to here it is in buffer, or was given
	freed   int64
	buffer  []byte
	given   int // of buffer
	keeping bool
}

const (
	journalChunk = 256 << 10
	journalFree  = 4 << 20
)

func newJournal(file *os.File) *journal { return &journal{file: file} }

func (j *journal) next() ([]byte, error) {
	for {
		if end := bytes.IndexByte(j.buffer[j.given:], '\n'); end >= 0 {
			line := j.buffer[j.given : j.given+end]
			j.given += end + 1
			return line, nil
		}
		if err := j.fill(); err != nil {
			return nil, err
		}
	}
}

// fill reads on. io.EOF says that there is nothing more.
func (j *journal) fill() error {
	j.buffer = append(j.buffer[:0], j.buffer[j.given:]...)
	j.given = 0
	at := len(j.buffer)
	j.buffer = append(j.buffer, make([]byte, journalChunk)...)
	n, err := j.file.ReadAt(j.buffer[at:], j.read)
	j.buffer = j.buffer[:at+n]
	j.read += int64(n)
	if n > 0 {
		j.free()
		return nil
	}
	return err
}

// free gives back the room of what was read, where the file system can.
func (j *journal) free() {
	if j.keeping || j.read-j.freed < journalFree {
		return
	}
	if err := unix.Fallocate(int(j.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, j.freed, j.read-j.freed); err != nil {
		j.keeping = true
		return
	}
	j.freed = j.read
}

// unread is how many bytes wait.
func (j *journal) unread() (int64, error) {
	info, err := j.file.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size() - j.read, nil
}

// A feed gives the comparison what both sides tell, first what is earlier, so
// that little has to wait for its partner. It is for one goroutine.
type feed struct {
	comparison *compare.Comparison
	sides      [2]lines
}

const (
	// feedBatch is how many lines of one side are read before the other is looked at.
	feedBatch = 64
	// feedPause is how long nothing is read when there is nothing.
	feedPause = 50 * time.Millisecond
	// quiet is how late a source may be: one that writes nothing has told all that is older.
	quiet = 3 * time.Second
	// crowded is how many may wait for their partners before a side that is ahead has to wait itself.
	crowded = 20_000
	// mostUnread bounds the files.
	mostUnread = 4 << 30
)

var errBehind = fmt.Errorf("compare: %d GiB of events wait to be compared; it ends here", mostUnread>>30)

// run reads while the sources write, until ctx ends. It ends early with an error if it cannot keep up.
func (f *feed) run(ctx context.Context) error {
	next := time.Now()
	for ctx.Err() == nil {
		now := time.Now()
		some, err := f.some(true)
		if err != nil {
			return err
		}
		if now.After(next) {
			next = now.Add(time.Second)
			if err := f.keepsUp(); err != nil {
				return err
			}
		}
		if some {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(feedPause):
		}
	}
	return nil
}

// hold reads nothing until ctx ends. It ends early with an error if the files grow too large.
func (f *feed) hold(ctx context.Context) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := f.keepsUp(); err != nil {
			return err
		}
	}
}

// rest reads what is left after both have ended.
func (f *feed) rest(ctx context.Context) error {
	for ctx.Err() == nil {
		if some, err := f.some(false); !some || err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (f *feed) keepsUp() error {
	for _, side := range f.sides {
		j, ok := side.(*journal)
		if !ok {
			continue
		}
		n, err := j.unread()
		if err != nil {
			return err
		}
		if n > mostUnread {
			return errBehind
		}
	}
	return nil
}

// some reads a few lines of the side that is behind, and of the other if there are none. live: more may come.
func (f *feed) some(live bool) (bool, error) {
	behind := compare.A
	if f.comparison.Position(compare.B).Before(f.comparison.Position(compare.A)) {
		behind = compare.B
	}
	now := time.Now()
	n, err := f.batch(behind)
	if n > 0 || err != nil {
		return n > 0, err
	}
	if live {
		f.comparison.Advance(behind, now.Add(-quiet))
		if f.comparison.Progress().Pending > crowded {
			return false, nil
		}
	}
	ahead := 1 - behind
	if !live {
		f.comparison.Advance(behind, f.comparison.Position(ahead)) // it has told everything
	}
	n, err = f.batch(ahead)
	if n == 0 && err == nil && live {
		f.comparison.Advance(ahead, now.Add(-quiet))
	}
	return n > 0, err
}

func (f *feed) batch(side compare.Side) (n int, err error) {
	for n < feedBatch {
		line, err := f.sides[side].next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return n, fmt.Errorf("read events: %w", err)
		}
		f.comparison.Add(side, line) // what is no event it counts
		n++
	}
	return n, nil
}
