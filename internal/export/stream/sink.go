// SPDX-License-Identifier: Apache-2.0

// Package stream writes events as lines to standard output or to a file.
package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// Encode appends an event to b as one line without the newline.
type Encode func(b []byte, e *events.Event) []byte

// Sink writes lines. It is for one goroutine.
type Sink struct {
	name   string
	file   *os.File
	write  func(ctx context.Context, b []byte) (int, error)
	encode Encode
	buffer []byte
	ends   []int // where each event of the buffer ends
	torn   bool  // the last write stopped in the middle of a line
	gaveUp error // a write that blocks was given up on, and may go on yet
}

// Stdout opens standard output.
//
// A pipe or terminal is opened anew: a description of our own can be written to
// without blocking, so that a reader that has stopped reading cannot keep the
// sensor from ending, and nobody who shares the old one notices. Where that is
// refused (a socket, say) the write blocks, and Write gives up on it when its
// context ends.
func Stdout(encode Encode) *Sink { return inherited("stdout", os.Stdout, encode) }

// inherited makes a sink of a file that others may share.
func inherited(name string, shared *os.File, encode Encode) *Sink {
	var mode fs.FileMode
	if info, err := shared.Stat(); err == nil {
		mode = info.Mode()
	}
	s := &Sink{name: name, encode: encode}
	var opened bool
	s.file, opened = anew(shared, mode)
	switch {
	case s.file.SetWriteDeadline(time.Time{}) == nil:
		s.write = s.writeDeadline
	case mode.IsRegular() || opened: // such as /dev/null
		s.write = s.writePlain
	default:
		s.write = s.writeAbandon
	}
	return s
}

// anew opens the file anew if it may block, so that it does not, else gives a
// duplicate: EPIPE on descriptor 1 itself would end the program before it has
// accounted for what it could not write.
func anew(shared *os.File, mode fs.FileMode) (f *os.File, opened bool) {
	f = shared // if all else fails; the write will say what is wrong with it
	conn, err := shared.SyscallConn()
	if err != nil {
		return f, false
	}
	_ = conn.Control(func(fd uintptr) { // fails only on a closed file
		if mode&(fs.ModeNamedPipe|fs.ModeCharDevice) != 0 {
			if own, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", fd), os.O_WRONLY|nonblock, 0); err == nil {
				f, opened = own, true
				return
			}
		}
		if copied, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3); err == nil {
			f = os.NewFile(uintptr(copied), shared.Name())
		}
	})
	return f, opened
}

// nonblock opens what may block, such as a FIFO, so that it does not, and
// leaves a terminal to whose it is.
const nonblock = unix.O_NONBLOCK | unix.O_NOCTTY

// File opens path to append to, and makes it if need be, for its owner alone.
func File(path string, encode Encode) (*Sink, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|nonblock, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open output: %w", err)
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		if err := f.Chmod(0o600); err != nil { // it may have been there, for all to read
			f.Close()
			return nil, fmt.Errorf("open output: %w", err)
		}
	}
	s := &Sink{name: "file", file: f, encode: encode}
	s.write = s.writePlain
	if f.SetWriteDeadline(time.Time{}) == nil { // a FIFO or terminal
		s.write = s.writeDeadline
	}
	if s.torn, err = endsInLine(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("open output: %w", err)
	}
	return s, nil
}

// endsInLine reports whether the file ends in the middle of a line, as one
// whose writer was killed may.
func endsInLine(written *os.File) (bool, error) {
	info, err := written.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false, err
	}
	f, err := os.Open(written.Name())
	if err != nil {
		return false, err
	}
	defer f.Close()
	var last [1]byte
	if _, err := f.ReadAt(last[:], info.Size()-1); err != nil {
		return false, err
	}
	return last[0] != '\n', nil
}

// Name implements [events.Sink].
func (s *Sink) Name() string { return s.name }

// Write implements [events.Sink]. It blocks until all is written, the other end
// is gone (EPIPE) or ctx ends.
func (s *Sink) Write(ctx context.Context, batch []*events.Event) (n int, err error) {
	for n < len(batch) {
		if n > 0 && ctx.Err() != nil {
			return n, fmt.Errorf("write to %s: %w", s.name, context.Cause(ctx))
		}
		delivered, err := s.writeSome(ctx, batch[n:])
		if n += delivered; err != nil {
			return n, err
		}
	}
	return n, nil
}

// mostBuffered is from how many bytes on what is encoded is written: a document
// can be far larger than what the event takes in memory.
const mostBuffered = 1 << 20

// writeSome writes the first events of the batch, as many as fill the buffer.
func (s *Sink) writeSome(ctx context.Context, batch []*events.Event) (int, error) {
	if cap(s.buffer) > 4*mostBuffered {
		s.buffer = nil
	}
	s.buffer, s.ends = s.buffer[:0], s.ends[:0]
	if s.torn {
		s.buffer = append(s.buffer, '\n') // what was begun stays a line of its own
	}
	for _, e := range batch {
		s.buffer = append(s.encode(s.buffer, e), '\n')
		s.ends = append(s.ends, len(s.buffer))
		if len(s.buffer) >= mostBuffered {
			break
		}
	}
	n, err := s.write(ctx, s.buffer)
	written := 0
	for written < len(s.ends) && s.ends[written]-1 <= n { // the newline may follow later
		written++
	}
	s.torn = n > 0 && s.buffer[n-1] != '\n' || n == 0 && s.torn
	if err != nil {
		return written, fmt.Errorf("write to %s: %w", s.name, err)
	}
	return written, nil
}

// writePlain is for files, which do not block for long.
func (s *Sink) writePlain(_ context.Context, b []byte) (int, error) { return s.file.Write(b) }

// writeDeadline is for what the runtime can wait on.
func (s *Sink) writeDeadline(ctx context.Context, b []byte) (int, error) {
	if err := s.file.SetWriteDeadline(time.Time{}); err != nil {
		return 0, err
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		s.file.SetWriteDeadline(time.Unix(1, 0))
		close(ended)
	})
	n, err := s.file.Write(b)
	if !stop() {
		<-ended // or it would cut the next write short
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = context.Cause(ctx)
	}
	return n, err
}

// writeAbandon is for the rest. What was given up on counts as not written, and
// nothing is written behind it: nobody knows where it will stop.
func (s *Sink) writeAbandon(ctx context.Context, b []byte) (int, error) {
	if s.gaveUp != nil {
		return 0, s.gaveUp
	}
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	b = bytes.Clone(b) // a write that was given up on still reads it
	go func() {
		n, err := s.file.Write(b)
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		return r.n, r.err
	case <-ctx.Done():
		s.gaveUp = context.Cause(ctx)
		return 0, s.gaveUp
	}
}

// Close implements [events.Sink].
func (s *Sink) Close(context.Context) error {
	if err := s.file.Close(); err != nil {
		return fmt.Errorf("close %s: %w", s.name, err)
	}
	return nil
}
