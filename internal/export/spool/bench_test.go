// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

func benchOptions(b *testing.B, dir string) Options {
	return Options{
		Dir: dir, MaxBytes: 2 << 30, MaxAge: 24 * time.Hour, Sync: SyncNever, Full: FullOldest, Ledger: &events.Ledger{},
		Log:  slog.New(slog.NewTextHandler(io.Discard, nil)),
		Lost: func(l events.Loss) { b.Error("lost", l) },
	}
}

const (
	benchBatch = 256
	benchBody  = 2500
)

func benchList() []Entry {
	list := make([]Entry, benchBatch)
	for i := range list {
		list[i] = entry([]events.Kind{critical, bulk}[i%2], i, benchBody)
	}
	return list
}

// BenchmarkSpool appends, takes and settles, one after the other.
func BenchmarkSpool(b *testing.B) {
	for _, sync := range []Sync{SyncNever, SyncInterval, SyncBatch, "memory"} {
		b.Run(string(sync), func(b *testing.B) {
			o := benchOptions(b, filepath.Join(b.TempDir(), "spool"))
			if o.Sync = sync; sync == "memory" {
				o.Dir, o.Sync = "", SyncNever
			}
			s, err := Open(o)
			if err != nil {
				b.Fatal(err)
			}
			list := benchList()
			b.ReportAllocs()
			before := cpu(b)
			for b.Loop() {
				s.Append(list)
				batch, err := s.Next(context.Background(), benchBatch, 1<<20)
				if err != nil || len(batch.Entries) != benchBatch {
					b.Fatal(len(batch.Entries), err)
				}
				s.Settle(batch)
			}
			b.ReportMetric(float64(b.N)*benchBatch/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(b.N)*benchBatch/(cpu(b)-before).Seconds(), "records/CPU-s")
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkBacklog writes a backlog and then ships it, from the files.
func BenchmarkBacklog(b *testing.B) {
	s, err := Open(benchOptions(b, filepath.Join(b.TempDir(), "spool")))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	list := benchList()
	const batches = 400 // 256 MiB
	for b.Loop() {
		for range batches {
			s.Append(list)
		}
		for s.Stats().Entries > 0 {
			batch, err := s.Next(context.Background(), benchBatch, 1<<20)
			if err != nil {
				b.Fatal(err)
			}
			s.Settle(batch)
		}
	}
	b.ReportMetric(float64(b.N)*batches*benchBatch/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkRecover opens a spool of 1 GiB, and says how much memory that takes.
func BenchmarkRecover(b *testing.B) {
	o := benchOptions(b, filepath.Join(b.TempDir(), "spool"))
	s, err := Open(o)
	if err != nil {
		b.Fatal(err)
	}
	list := benchList()
	for s.Stats().Bytes < 1<<30 {
		s.Append(list)
	}
	st := s.Stats()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	var most uint64
	for b.Loop() {
		runtime.GC()
		s, err := Open(o)
		if err != nil {
			b.Fatal(err)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapSys-m.HeapReleased)
		if got := s.Stats(); got.Entries != st.Entries {
			b.Fatal(fmt.Sprint(got, st))
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(most)/(1<<20), "heap-MiB")
	b.ReportMetric(float64(st.Bytes)/float64(st.Entries)-benchBody, "overhead-B/record")
}

// cpu is the time that this process has taken of all CPUs: others may be busy meanwhile.
func cpu(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
