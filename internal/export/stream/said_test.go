// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// said is what a log said.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) logger() *slog.Logger { return slog.New(slog.NewTextHandler(s, nil)) }

// check wants one record for each part, in order, and forgets them.
func (s *said) check(t *testing.T, parts ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	records := strings.Split(strings.TrimSuffix(s.text.String(), "\n"), "\n")
	if s.text.Len() == 0 {
		records = nil
	}
	ok := len(records) == len(parts)
	for i := range min(len(records), len(parts)) {
		ok = ok && strings.Contains(records[i], parts[i])
	}
	if !ok {
		t.Errorf("it said %q, want %q", records, parts)
	}
	s.text.Reset()
}
