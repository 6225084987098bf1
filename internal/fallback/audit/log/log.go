// SPDX-License-Identifier: Apache-2.0

// Package log reads the records of the audit system from what audit daemons and
// syslog have written down: audit.log, raw or enriched, of one host or many,
// compressed or not, and the kernel's own lines. Nothing in a log is an error:
// what is no record is counted, and the reading goes on.
package log

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"time"

	"sensor/internal/fallback/audit/assemble"
)

const (
	// wait is for how long of the log's own time records of an event are waited
	// for whose end is not seen: as ausearch does.
	wait = 2 * time.Second
	// mostInFlight bounds the events whose records are interleaved.
	mostInFlight = 1000
	// mostLine bounds a line, in bytes. Records have at most 8970, and twice that
	// with names beside the numbers.
	mostLine = 64 << 10
)

// Event is an event of the log, and the host that it happened on.
type Event struct {
	assemble.Event
	Node string // as the log has it, after node=; "" if it does not tell
}

// Reader reads logs, one after the other, as if they were one: an event may begin
// in one and end in the next. It is for one goroutine.
type Reader struct {
	assembler *assemble.Assembler
	now       time.Time // the log's own, which does not go back within a file
	stats     Stats
}

// NewReader makes a reader.
func NewReader() *Reader {
	return &Reader{assembler: assemble.New(mostInFlight, wait)}
}

// Read reads to the end of in, which name stands for in reports, and hands each
// event to take. The error is the one of in or of take.
func (r *Reader) Read(name string, in io.Reader, take func(Event) error) error {
	lines, err := newLines(in)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	place := Place{File: name}
	first := true
	for {
		line, fault, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		place.Line++
		r.stats.Lines++
		if fault != 0 {
			r.stats.add(fault, place)
		}
		if decoration(line) {
			continue
		}
		m, fault := parse(line)
		if fault != 0 {
			r.stats.add(fault, place)
			continue
		}
		r.stats.Records++
		if first && m.Timestamp.Before(r.now.Add(-wait)) { // an older file: nothing before it belongs to it
			if err := hand(r.assembler.Flush(), take); err != nil {
				return err
			}
			r.now = m.Timestamp
		}
		first = false
		if m.Timestamp.After(r.now) { // that of a call that took long is the time when it began
			r.now = m.Timestamp
		}
		if err := hand(r.assembler.Add(m, r.now), take); err != nil {
			return err
		}
	}
}

// Flush hands over what waits for records that do not come any more.
func (r *Reader) Flush(take func(Event) error) error {
	return hand(r.assembler.Flush(), take)
}

// Stats counts what was read until now.
func (r *Reader) Stats() Stats {
	s := r.stats
	s.Missing = r.assembler.Missing()
	return s
}

func hand(done []assemble.Event, take func(Event) error) error {
	for _, e := range done {
		event := Event{Event: e}
		if o, ok := e.Records[0].Payload.(*origin); ok {
			event.Node = o.node
		}
		if err := take(event); err != nil {
			return err
		}
	}
	return nil
}

// lines splits into lines of bounded length.
type lines struct{ in *bufio.Reader }

func newLines(in io.Reader) (lines, error) {
	buffered := bufio.NewReaderSize(in, mostLine)
	if magic, err := buffered.Peek(2); err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		if errors.Is(err, io.EOF) {
			err = nil // shorter than that: text all the same
		}
		return lines{buffered}, err
	}
	plain, err := gzip.NewReader(buffered)
	if err != nil {
		return lines{}, err
	}
	return lines{bufio.NewReaderSize(plain, mostLine)}, nil
}

// next gives the next line without its end, good until the next call, and what
// is wrong with it, if it is a line at all. The error is io.EOF if there is none.
func (l lines) next() (line []byte, fault Reason, err error) {
	var zeros bool
	for {
		line, err = l.in.ReadSlice('\n')
		text := bytes.TrimLeft(line, "\x00")
		zeros = zeros || len(text) < len(line)
		if errors.Is(err, bufio.ErrBufferFull) && len(text) == 0 {
			continue // a hole that a crash has left in the file, of any length
		}
		line = text
		break
	}
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = l.in.ReadSlice('\n')
		}
		if errors.Is(err, io.EOF) {
			err = nil // and then again
		}
		return nil, ReasonTooLong, err
	case errors.Is(err, io.EOF):
		if len(line) == 0 && !zeros {
			return nil, 0, io.EOF
		}
		err = nil
		fault = ReasonCut
	case err != nil:
		return nil, 0, err
	}
	if i := bytes.LastIndexByte(line, 0); i >= 0 {
		line, zeros = line[i+1:], true
	}
	if zeros {
		fault = ReasonZeros
	}
	return bytes.TrimRight(line, "\r\n"), fault, err
}

// decoration reports whether a line is one that ausearch puts between events, or empty.
func decoration(line []byte) bool {
	return len(line) == 0 || string(line) == "----" || bytes.HasPrefix(line, []byte("time->"))
}
