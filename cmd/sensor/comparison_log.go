// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"sensor/internal/config"
)

// recorded reads back what the audit daemon has written in the meantime.
func (s *session) recorded(ctx context.Context) (lines, error) {
	logs, err := s.written(ctx)
	if err != nil {
		return nil, err
	}
	read, write := io.Pipe()
	command := parseCommand{Logs: logs, Config: s.Config, Kinds: names(s.kinds), Format: config.FormatJSON, Local: true}
	go func() {
		err := command.Run(ctx, streams{out: write, log: &observerLog{source: "log", to: s.std.log}})
		write.CloseWithError(err) // nil is io.EOF
	}()
	return &recording{reader: bufio.NewReaderSize(read, 1<<20), from: s.begin.Add(-tick), to: s.end.Add(tick)}, nil
}

const (
	// settled is for how long a log does not grow that is complete.
	settled = time.Second
	// mostSettling bounds how long that is waited for, on a host where it never is.
	mostSettling = 10 * time.Second
)

// written waits until the log is complete, and names its files of the time of the session, oldest first.
func (s *session) written(ctx context.Context) ([]string, error) {
	var size int64
	for now := s.end; ; now = time.Now() {
		info, err := os.Stat(s.AuditLog)
		if err != nil {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
		if info.Size() == size || now.Sub(s.end) > mostSettling {
			break
		}
		size = info.Size()
		select {
		case <-time.After(settled):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	logs := []string{s.AuditLog}
	for n := 1; ; n++ { // the daemon has turned the page meanwhile
		older := fmt.Sprintf("%s.%d", s.AuditLog, n)
		info, err := os.Stat(older)
		if err != nil || info.ModTime().Before(s.begin) {
			return logs, nil
		}
		logs = append([]string{older}, logs...)
	}
}

// A recording gives the documents of a time. The slice is good until the next call.
type recording struct {
	reader   *bufio.Reader
	from, to time.Time
}

func (r *recording) next() ([]byte, error) {
	for {
		line, err := r.reader.ReadBytes('\n')
		if err != nil { // what has no end is no line
			return nil, err
		}
		at, err := timeOf(line)
		if err != nil {
			return nil, err
		}
		if !at.Before(r.from) && !at.After(r.to) {
			return line[:len(line)-1], nil
		}
	}
}

// timeOf reads a document's @timestamp, which comes first.
func timeOf(line []byte) (time.Time, error) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"@timestamp":"`))
	stamp, _, end := bytes.Cut(rest, []byte(`"`))
	if !ok || !end {
		return time.Time{}, errors.New("an event has no @timestamp")
	}
	return time.Parse(time.RFC3339Nano, string(stamp))
}
