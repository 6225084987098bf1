// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"sensor/internal/events"
)

func TestBasic(t *testing.T) {
	var ledger events.Ledger
	o := Options{Dir: t.TempDir() + "/s", MaxBytes: 64 << 20, MaxAge: time.Hour, Sync: SyncBatch, Full: FullOldest, Log: slog.Default(), Ledger: &ledger, Lost: func(l events.Loss) { t.Log(l) }}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	body := make([]byte, 2500)
	for i := range 100 {
		var list []Entry
		for j := range 100 {
			k := events.KindExec
			if j%2 == 1 {
				k = events.KindConnect
			}
			ledger.Generated(k, 1)
			list = append(list, Entry{k, time.Unix(int64(i), int64(j)), append(body[:2000:2000], fmt.Sprint(i, j)...)})
		}
		s.Append(list)
	}
	t.Logf("%+v", s.Stats())
	for range 10 {
		b, err := s.Next(context.Background(), 256, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range b.Entries {
			ledger.Delivered(e.Kind, 1)
		}
		s.Settle(b)
	}
	t.Logf("%+v", s.Stats())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := ledger.Read().Check(); err != nil {
		t.Error(err)
	}
	t.Log(ledger.Read())
	var second events.Ledger
	o.Ledger = &second
	s, err = Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", s.Stats())
	for s.Stats().Entries > 0 {
		b, err := s.Next(context.Background(), 256, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range b.Entries {
			second.Delivered(e.Kind, 1)
		}
		s.Settle(b)
	}
	t.Logf("%+v", s.Stats())
	s.Close()
	if err := second.Read().Check(); err != nil {
		t.Error(err)
	}
	t.Log(second.Read())
}

func BenchmarkSpool(b *testing.B) {
	var ledger events.Ledger
	s, err := Open(Options{Dir: b.TempDir() + "/s", MaxBytes: 1 << 30, Sync: SyncNever, Full: FullOldest, Log: slog.Default(), Ledger: &ledger, Lost: func(l events.Loss) { b.Error(l) }})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	list := make([]Entry, 256)
	for i := range list {
		list[i] = Entry{events.KindExec, time.Now(), make([]byte, 2500)}
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Append(list)
		got, err := s.Next(context.Background(), 256, 1<<20)
		if err != nil || len(got.Entries) != 256 {
			b.Fatal(err, len(got.Entries))
		}
		s.Settle(got)
	}
	b.ReportMetric(float64(b.N)*256/b.Elapsed().Seconds(), "records/s")
}
