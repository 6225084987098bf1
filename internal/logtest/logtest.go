// SPDX-License-Identifier: Apache-2.0

// Package logtest keeps what is logged, for tests to look into. Only tests may import it.
package logtest

import (
	"bytes"
	"strings"
	"sync"
)

// Buffer is a log's writer. It is safe for concurrent use.
type Buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// Count is how often the text was logged.
func (b *Buffer) Count(text string) int { return strings.Count(b.String(), text) }
