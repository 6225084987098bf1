// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"

	"sensor/internal/clock"
)

// A ringWriter is a program that writes what a map holds into a ring.
type ringWriter struct {
	t       testing.TB
	value   *ebpf.Map
	program *ebpf.Program
}

func newRingWriter(t testing.TB, ring *ebpf.Map, size int32, flags int32) ringWriter {
	t.Helper()
	value, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: uint32(size), MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { value.Close() })
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type:    ebpf.SocketFilter,
		License: "Dual BSD/GPL",
		Instructions: asm.Instructions{
			asm.StoreImm(asm.RFP, -4, 0, asm.Word),
			asm.LoadMapPtr(asm.R1, value.FD()),
			asm.Mov.Reg(asm.R2, asm.RFP),
			asm.Add.Imm(asm.R2, -4),
			asm.FnMapLookupElem.Call(),
			asm.JEq.Imm(asm.R0, 0, "out"),
			asm.LoadMapPtr(asm.R1, ring.FD()),
			asm.Mov.Reg(asm.R2, asm.R0),
			asm.Mov.Imm(asm.R3, size),
			asm.Mov.Imm(asm.R4, flags),
			asm.FnRingbufOutput.Call(),
			asm.Return().WithSymbol("out"),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return ringWriter{t, value, program}
}

func (w ringWriter) write(value []byte) {
	w.t.Helper()
	if err := w.value.Put(uint32(0), value); err != nil {
		w.t.Error(err)
	}
	const ethernetHeader = 14 // test_run takes no less
	written, err := w.program.Run(&ebpf.RunOptions{Data: make([]byte, ethernetHeader)})
	if err != nil || written != 0 {
		w.t.Errorf("writing into the ring: %d, %v", int32(written), err)
	}
}

// testRings are two real rings, and what the programs do to them.
type testRings struct {
	*rings
	t                        testing.TB
	criticalOut, bulkOut, up ringWriter
}

const (
	ringNoWakeup    = 1 // BPF_RB_NO_WAKEUP
	ringForceWakeup = 2
	ringRecord      = kindOffset + 4
)

func newTestRings(t testing.TB, withBulk bool) *testRings {
	t.Helper()
	if err := rlimit.RemoveMemlock(); err != nil {
		t.Fatal(err)
	}
	ring := func() *ebpf.Map {
		m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		return m
	}
	critical := ring()
	w := &testRings{
		t:           t,
		criticalOut: newRingWriter(t, critical, ringRecord, ringNoWakeup),
		up:          newRingWriter(t, critical, 8, ringForceWakeup),
	}
	var bulk *ebpf.Map
	if withBulk {
		bulk = ring()
		w.bulkOut = newRingWriter(t, bulk, ringRecord, ringNoWakeup)
	}
	var err error
	if w.rings, err = openRings(critical, bulk); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	w.SetDeadline(time.Now().Add(ringPatience))
	return w
}

// ringPatience is longer than any test waits for a record that somebody was woken for.
const ringPatience = 5 * time.Second

// A ringTag is what tests write into records: a critical one is 'c', a bulk one 'b'.
type ringTag struct {
	kind   byte
	number uint32
}

// record gives the tag as a record of the time.
func (tag ringTag) record(boot uint64) []byte {
	raw := make([]byte, ringRecord)
	binary.NativeEndian.PutUint64(raw, boot)
	raw[8] = tag.kind
	binary.NativeEndian.PutUint32(raw[12:], tag.number)
	return raw
}

func (w *testRings) now() uint64 {
	w.t.Helper()
	now, err := clock.BootTime()
	if err != nil {
		w.t.Error(err)
	}
	return now
}

func (w *testRings) critical(number uint32) {
	w.t.Helper()
	w.criticalOut.write(ringTag{'c', number}.record(w.now()))
}

func (w *testRings) bulk(number uint32) {
	w.t.Helper()
	w.bulkOut.write(ringTag{'b', number}.record(w.now()))
}

func (w *testRings) wake() {
	w.t.Helper()
	w.up.write(make([]byte, 8))
}

// read gives the tag of the next record.
func (w *testRings) read() (ringTag, error) {
	var r ringbuf.Record
	began := time.Now()
	if err := w.ReadInto(&r); err != nil {
		return ringTag{}, err
	}
	if time.Since(began) >= ringPatience {
		w.t.Errorf("only the deadline brought %c%d", r.RawSample[8], r.RawSample[12])
	}
	if len(r.RawSample) != ringRecord {
		w.t.Errorf("a record of %d bytes, want %d", len(r.RawSample), ringRecord)
		return ringTag{}, nil
	}
	return ringTag{r.RawSample[8], binary.NativeEndian.Uint32(r.RawSample[12:])}, nil
}

// want reads: a [ringTag] for each record, an error where there is none.
func (w *testRings) want(want ...any) {
	w.t.Helper()
	for i, next := range want {
		got, err := w.read()
		switch want := next.(type) {
		case ringTag:
			if err != nil || got != want {
				w.t.Fatalf("reading %d: %c%d, %v, want %c%d", i, got.kind, got.number, err, want.kind, want.number)
			}
		case error:
			if !errors.Is(err, want) {
				w.t.Fatalf("reading %d: %c%d, %v, want %v", i, got.kind, got.number, err, want)
			}
		}
	}
}

func c(number uint32) ringTag { return ringTag{'c', number} }
func b(number uint32) ringTag { return ringTag{'b', number} }

var (
	errDeadline = os.ErrDeadlineExceeded
	errFlushed  = ringbuf.ErrFlushed
)

func (w *testRings) flush() {
	w.t.Helper()
	if err := w.Flush(); err != nil {
		w.t.Error(err)
	}
}
