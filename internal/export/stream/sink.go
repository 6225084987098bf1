// SPDX-License-Identifier: Apache-2.0

// Package stream writes events as lines to standard output or to a file.
package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

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
	ends   []int  // where each event of the buffer ends
	torn   bool   // the file ends in the middle of a line
	gaveUp error  // a write that blocks was given up on, and may go on yet
	place  *place // of a regular file that was opened by its name
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

// writeSome writes the first events of the batch, as many as fill the buffer or the file.
func (s *Sink) writeSome(ctx context.Context, batch []*events.Event) (int, error) {
	if cap(s.buffer) > 4*mostBuffered {
		s.buffer = nil
	}
	s.buffer, s.ends = append(s.buffer[:0], '\n'), s.ends[:0] // the newline ends a line that was torn, if there is one
	for _, e := range batch {
		s.buffer = append(s.encode(s.buffer, e), '\n')
		s.ends = append(s.ends, len(s.buffer))
		if len(s.buffer) >= s.place.mostBuffered() {
			break
		}
	}
	room, err := s.prepare(int64(s.ends[0]))
	if err != nil {
		return 0, fmt.Errorf("write to %s: %w", s.name, err)
	}
	count := len(s.ends)
	for count > 1 && int64(s.ends[count-1]) > room {
		count--
	}
	begin := 1
	if s.torn {
		begin = 0
	}
	n, err := s.write(ctx, s.buffer[begin:s.ends[count-1]])
	if n > 0 {
		s.torn = s.buffer[begin+n-1] != '\n'
	}
	written := 0
	for written < count && s.ends[written]-1 <= begin+n { // the newline may follow later
		written++
	}
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
