// SPDX-License-Identifier: Apache-2.0

package inotify

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"sensor/internal/events"
)

// BenchmarkStart is what a tree of 100,000 files in 1,000 directories costs: to look
// at, to read, to remember and to compare with what was remembered.
func BenchmarkStart(b *testing.B) {
	const directories, each = 1000, 100
	top := b.TempDir()
	for i := range directories {
		dir := filepath.Join(top, "watched", fmt.Sprintf("directory%d", i/32), fmt.Sprintf("directory%d", i%32))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		for j := range each {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("some-file-%d.txt", j)), make([]byte, 1000+j), 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	options := Options{
		Log: slog.New(slog.DiscardHandler), Ledger: &events.Ledger{}, Paths: []string{filepath.Join(top, "watched")}, Recursive: true,
		Hashes: []string{"sha256"}, MaxFileSize: 1 << 20, Rate: 1 << 40, Baseline: filepath.Join(top, "baseline"),
	}
	const files = directories * each
	for b.Loop() {
		_ = os.Remove(options.Baseline)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		begin := time.Now()
		s := New(options)
		s.timing.drain = time.Hour
		if _, err := s.Open(fileKinds()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(begin).Milliseconds()), "ms/scan")
		begin = time.Now()
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan error, 1)
		hashed := make(chan struct{})
		s.options.Log = slog.New(notify{slog.DiscardHandler, hashed})
		go func() { done <- s.Run(ctx, func(*events.Event) {}) }()
		<-hashed
		b.ReportMetric(float64(time.Since(begin).Milliseconds()), "ms/hash")
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/files, "heap-B/file")
		begin = time.Now()
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(begin).Milliseconds()), "ms/end")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		info, err := os.Stat(options.Baseline)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(info.Size())/files, "disk-B/file")
		begin = time.Now()
		s = New(options)
		if _, err := s.Open(fileKinds()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(begin).Milliseconds()), "ms/rescan")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// notify is a log that takes a message about hashing for its end.
type notify struct {
	slog.Handler
	hashed chan struct{}
}

func (notify) Enabled(context.Context, slog.Level) bool { return true }

func (n notify) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "files without hashes were read" {
		close(n.hashed)
	}
	return nil
}
