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
}

// Stdout opens standard output.
//
// A pipe or terminal is opened anew: a description of our own can be written to
// without blocking, so that a reader that has stopped reading cannot keep the
// sensor from ending, and nobody who shares the old one notices. Where that is
// refused (a socket, say) the write blocks, and Write gives up on it when its
// context ends.
func Stdout(encode Encode) *Sink {
	s := &Sink{name: "stdout", file: os.Stdout, encode: encode}
	s.write = s.writeAbandon
	info, err := os.Stdout.Stat()
	switch {
	case err != nil:
	case info.Mode().IsRegular():
		s.write = s.writePlain
	case info.Mode()&(fs.ModeNamedPipe|fs.ModeCharDevice) != 0:
		f, err := os.OpenFile("/proc/self/fd/1", os.O_WRONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
		if err != nil {
			break
		}
		s.file = f
		s.write = s.writeDeadline
		if f.SetWriteDeadline(time.Time{}) != nil { // /dev/null
			s.write = s.writePlain
		}
	}
	return s
}

// File opens path to append to, and makes it if need be, for its owner alone.
func File(path string, encode Encode) (*Sink, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open output: %w", err)
	}
	s := &Sink{name: "file", file: f, encode: encode}
	s.write = s.writePlain
	if s.torn, err = endsInLine(path); err != nil {
		f.Close()
		return nil, fmt.Errorf("open output: %w", err)
	}
	return s, nil
}

// endsInLine reports whether the file ends in the middle of a line, as one
// whose writer was killed may.
func endsInLine(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false, err
	}
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
func (s *Sink) Write(ctx context.Context, batch []*events.Event) (int, error) {
	s.buffer, s.ends = s.buffer[:0], s.ends[:0]
	if s.torn {
		s.buffer = append(s.buffer, '\n') // what was begun stays a line of its own
	}
	for _, e := range batch {
		s.buffer = append(s.encode(s.buffer, e), '\n')
		s.ends = append(s.ends, len(s.buffer))
	}
	n, err := s.write(ctx, s.buffer)
	written := 0
	for written < len(s.ends) && s.ends[written] <= n {
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
	stop := context.AfterFunc(ctx, func() { s.file.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	n, err := s.file.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = context.Cause(ctx)
	}
	return n, err
}

// writeAbandon is for the rest. What was given up on counts as not written.
func (s *Sink) writeAbandon(ctx context.Context, b []byte) (int, error) {
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
		return 0, context.Cause(ctx)
	}
}

// Close implements [events.Sink].
func (s *Sink) Close(context.Context) error {
	if s.file == os.Stdout {
		return nil
	}
	if err := s.file.Close(); err != nil {
		return fmt.Errorf("close %s: %w", s.name, err)
	}
	return nil
}
