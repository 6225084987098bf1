// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"context"
	"errors"
	"log/slog"
	"os/exec"
	"testing"
	"time"

	"sensor/internal/events"
)

// needsPrograms skips a test on the rows whose kernels load none, and nowhere
// else. That these do not is what the plans in cmd/sensor/testdata are tested for.
func needsPrograms(t *testing.T) {
	t.Helper()
	if r := row(); r == "6.1-lockdown" || r == "6.12-nobtf" {
		t.Skip("no program loads on row", r)
	}
}

// live opens a source on this kernel.
func live(t *testing.T, ledger *events.Ledger) *Source {
	t.Helper()
	needsPrograms(t)
	s := New(Options{
		Log: slog.New(slog.DiscardHandler), Ledger: ledger, IDs: events.NewIDs("boot", Name), CriticalRing: 1 << 20,
		Proc: func(uint32, func(uint64) time.Time) (Proc, error) { return nil, errors.New("not used") },
	})
	got, err := s.Open([]events.Kind{events.KindFork, events.KindExec, events.KindExit})
	if err != nil || len(got) != 3 {
		t.Fatalf("served %v: %v", got, err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := exec.Command("/proc/self/exe", "-test.run=^$").Run(); err != nil { // the first events
		t.Fatal(err)
	}
	return s
}

// TestStopUnderFlood ends a source whose ring never runs dry: each event that is
// taken makes three new ones.
func TestStopUnderFlood(t *testing.T) {
	ledger := &events.Ledger{}
	s := live(t, ledger)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	taken := 0
	err := s.Run(ctx, func(e *events.Event) {
		ledger.Delivered(e.Kind, 1)
		if taken++; taken == 20 {
			cancel()
		}
		if taken > 100_000 {
			panic("the source does not end")
		}
		if ctx.Err() == nil {
			exec.Command("/proc/self/exe", "-test.run=^$").Run()
		}
	})
	if err != nil {
		t.Error(err)
	}
	if err := ledger.Read().Check(); err != nil {
		t.Error(err)
	}
}

// TestReaderFails closes the ring under a running source: what was in it is
// accounted for all the same.
func TestReaderFails(t *testing.T) {
	ledger := &events.Ledger{}
	s := live(t, ledger)
	err := s.Run(t.Context(), func(e *events.Event) {
		ledger.Delivered(e.Kind, 1)
		exec.Command("/proc/self/exe", "-test.run=^$").Run()
		s.reader.Close()
	})
	if err == nil {
		t.Error("no error")
	}
	if err := ledger.Read().Check(); err != nil {
		t.Error(err)
	}
}
