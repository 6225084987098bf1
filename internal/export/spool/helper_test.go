// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"sensor/internal/events"
	"sensor/internal/logtest"
)

// A rig is a spool under test, with a shipper that knows what was appended.
type rig struct {
	t *testing.T
	Options
	*Spool
	ledger *events.Ledger
	next   int         // number of the next event
	got    map[int]int // how often each was delivered
	log    logtest.Buffer

	mu   sync.Mutex
	told map[string]uint64 // losses, by reason and kind
}

const (
	critical = events.KindExec
	bulk     = events.KindConnect
)

// newRig opens a spool on disk in a directory of its own.
func newRig(t *testing.T, change func(o *Options)) *rig {
	t.Helper()
	r := &rig{t: t, got: map[int]int{}}
	r.Options = Options{
		Dir: filepath.Join(t.TempDir(), "spool"), MaxBytes: LeastBytes, Sync: SyncNever, Full: FullOldest,
		Log:  slog.New(slog.NewTextHandler(&r.log, nil)),
		Lost: r.lose,
	}
	if change != nil {
		change(&r.Options)
	}
	r.open()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(r.log.String())
		}
	})
	return r
}

// open opens the spool as another run of the sensor would.
func (r *rig) open() {
	r.t.Helper()
	r.ledger, r.told = &events.Ledger{}, map[string]uint64{}
	r.Options.Ledger = r.ledger
	s, err := Open(r.Options)
	if err != nil {
		r.t.Fatal(err)
	}
	r.Spool = s
}

func (r *rig) lose(l events.Loss) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told[fmt.Sprint(l.Stage, " ", l.Kind)] += l.Count
	if l.Last.Before(l.First) || l.Count == 0 {
		r.t.Errorf("a loss of %d from %v to %v", l.Count, l.First, l.Last)
	}
}

// close ends the run; what was told and what the ledger says must agree.
func (r *rig) close() {
	r.t.Helper()
	if err := r.Spool.Close(); err != nil {
		r.t.Error(err)
	}
	r.check()
}

// abandon ends the run as kill -9 would: nothing is written any more.
func (r *rig) abandon() {
	r.t.Helper()
	r.stop()
	<-r.stopped
	r.dir.close()
	r.check()
}

func (r *rig) check() {
	r.t.Helper()
	r.tell()
	b := r.ledger.Read()
	if err := b.Check(); err != nil {
		r.t.Error(err)
	}
	lost := map[string]uint64{}
	for reason, kinds := range b.Dropped {
		for kind, n := range kinds {
			lost[reason+" "+kind] = n
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !maps.Equal(lost, r.told) {
		r.t.Errorf("told of %v, lost are %v", r.told, lost)
	}
	var spooled uint64
	for _, n := range b.Spooled {
		spooled += n
	}
	if st := r.Stats(); st.Entries != spooled {
		r.t.Errorf("%d entries, the ledger has %d spooled", st.Entries, spooled)
	}
}

// want compares the losses with counts such as "spool connect: 3".
func (r *rig) want(lost map[string]uint64) {
	r.t.Helper()
	r.tell()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !maps.Equal(lost, r.told) {
		r.t.Errorf("lost %v, want %v", r.told, lost)
	}
}

// started is the time of event 0; each next one happens a second later.
var started = time.Unix(1_800_000_000, 123456789).UTC()

// entry makes the event with that number, whose body can be checked.
func entry(kind events.Kind, number, size int) Entry {
	body := binary.LittleEndian.AppendUint32(nil, uint32(number))
	body = append(body, byte(kind))
	for n := uint64(number); len(body) < size; n = n*6364136223846793005 + 1442695040888963407 {
		body = append(body, "0123456789abcdef"[n>>60])
	}
	return Entry{kind, started.Add(time.Duration(number) * time.Second), body}
}

// numberOf checks an entry and gives its number.
func numberOf(t testing.TB, e Entry) int {
	t.Helper()
	if len(e.Body) < 5 {
		t.Fatalf("a body of %d bytes", len(e.Body))
	}
	number := int(binary.LittleEndian.Uint32(e.Body))
	want := entry(events.Kind(e.Body[4]), number, len(e.Body))
	if e.Kind != want.Kind || !e.Time.Equal(want.Time) || !bytes.Equal(e.Body, want.Body) {
		t.Fatalf("event %d came as %v at %v: %.20q", number, e.Kind, e.Time, e.Body)
	}
	return number
}

// add appends count events of a kind with bodies of that size, in one call, and gives the first number.
func (r *rig) add(kind events.Kind, count, size int) int {
	r.t.Helper()
	list := make([]Entry, count)
	for i := range list {
		list[i] = entry(kind, r.next+i, size)
	}
	r.next += count
	r.ledger.Generated(kind, uint64(count))
	r.Append(list)
	for i := range list {
		clear(list[i].Body) // the spool has a copy
	}
	return r.next - count
}

// take takes a batch and gives the numbers in it.
func (r *rig) take(entries, bytes int) (*Batch, []int) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	b, err := r.Next(ctx, entries, bytes)
	if err != nil {
		r.t.Fatal(err)
	}
	var list []int
	for _, e := range b.Entries {
		list = append(list, numberOf(r.t, e))
	}
	return b, list
}

// settle delivers a batch.
func (r *rig) settle(b *Batch) {
	for _, e := range b.Entries {
		r.ledger.Delivered(e.Kind, 1)
		r.got[numberOf(r.t, e)]++
	}
	r.Settle(b)
}

// ship delivers all there is.
func (r *rig) ship() (list []int) {
	r.t.Helper()
	for r.waits() > 0 {
		b, numbers := r.take(100, 1<<20)
		list = append(list, numbers...)
		r.settle(b)
	}
	return list
}

// waits counts what could be taken.
func (r *rig) waits() int {
	r.Spool.mu.Lock()
	defer r.Spool.unlock()
	return r.critical.waiting + r.bulk.waiting
}

// once wants exactly these events to have been delivered, each once.
func (r *rig) once(numbers ...int) {
	r.t.Helper()
	for n, times := range r.got {
		if times != 1 || !slices.Contains(numbers, n) {
			r.t.Errorf("event %d came %d times", n, times)
		}
	}
	for _, n := range numbers {
		if r.got[n] == 0 {
			r.t.Errorf("event %d did not come", n)
		}
	}
}

func numbers(from, to int) []int {
	var list []int
	for ; from < to; from++ {
		list = append(list, from)
	}
	return list
}

// files lists the segments of a class.
func (r *rig) files(class events.Class) []string {
	r.t.Helper()
	list, err := filepath.Glob(filepath.Join(r.Dir, string(class)+"-*"))
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// disk is what du says of the directory.
func (r *rig) disk() (bytes int64) {
	r.t.Helper()
	err := filepath.Walk(r.Dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil {
			bytes += (info.Size() + blockBytes - 1) / blockBytes * blockBytes
		}
		return err
	})
	if err != nil {
		r.t.Error(err)
	}
	return bytes
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
