// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/cilium/ebpf/ringbuf"
)

// The programs' writes, and in which order they are read.
func TestRings(t *testing.T) {
	tests := map[string]func(w *testRings){
		"critical alone": func(w *testRings) {
			w.critical(1)
			w.critical(2)
			w.SetDeadline(time.Now())
			w.want(c(1), c(2), errDeadline)
		},
		"bulk alone, woken": func(w *testRings) {
			w.bulk(1)
			w.bulk(2)
			w.wake()
			w.want(b(1), b(2))
		},
		"bulk alone, at the deadline": func(w *testRings) {
			w.bulk(1)
			w.SetDeadline(time.Now())
			w.want(b(1), errDeadline)
		},
		"bulk alone, at the end": func(w *testRings) {
			w.bulk(1)
			w.flush()
			w.want(b(1), errFlushed)
		},
		"what caused it comes first": func(w *testRings) {
			w.critical(1)
			w.bulk(1)
			w.critical(2)
			w.bulk(2)
			w.wake()
			w.want(c(1), c(2), b(1), b(2))
		},
		"many wakes": func(w *testRings) {
			w.wake()
			w.critical(1)
			w.wake()
			w.wake()
			w.bulk(1)
			w.wake()
			w.SetDeadline(time.Now())
			w.want(c(1), b(1), errDeadline)
		},
		"written during the bulk ring's turn": func(w *testRings) {
			w.bulk(1)
			w.bulk(2)
			w.wake()
			w.want(b(1))
			w.critical(1)
			w.bulk(3)
			w.want(b(2), c(1), b(3))
		},
		"written during the turn, twice": func(w *testRings) {
			w.bulk(1)
			w.wake()
			w.want(b(1))
			w.critical(1)
			w.bulk(2)
			w.want(c(1))
			w.critical(2)
			w.bulk(3)
			w.want(c(2), b(2), b(3))
		},
		"a bulk record that another overtook": func(w *testRings) {
			early := w.now()
			w.bulk(1)
			w.bulkOut.write(ringTag{'b', 2}.record(early))
			w.wake()
			w.want(b(1), b(2))
		},
		"an error is told once": func(w *testRings) {
			w.bulk(1)
			w.SetDeadline(time.Now())
			w.want(b(1), errDeadline)
			w.SetDeadline(time.Now().Add(ringPatience))
			w.critical(1)
			w.bulk(2)
			w.wake()
			w.want(c(1), b(2))
			w.flush()
			w.want(errFlushed)
			w.SetDeadline(time.Now())
			w.want(errDeadline)
		},
		"woken when time is up": func(w *testRings) {
			w.SetDeadline(time.Now())
			w.critical(1)
			w.want(c(1))
			w.bulk(1)
			w.wake()
			w.want(b(1), errDeadline)
		},
		"flushed when time is up": func(w *testRings) {
			w.SetDeadline(time.Now())
			w.bulk(1)
			w.want(b(1))
			w.flush()
			w.bulk(2)
			w.want(errDeadline, b(2), errFlushed)
		},
		"flushed with a record held": func(w *testRings) {
			w.bulk(1)
			w.wake()
			w.want(b(1))
			w.critical(1)
			w.bulk(2) // not due before the critical ring was read again
			w.want(c(1))
			w.flush()
			w.want(b(2), errFlushed)
		},
		"nothing": func(w *testRings) {
			w.SetDeadline(time.Now())
			w.want(errDeadline, errDeadline)
			w.flush()
			w.want(errFlushed, errDeadline)
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(newTestRings(t, true)) })
	}
}

// The programs are stopped when a flush is on its way already: what they wrote
// until then is read, in order.
func TestRingsFlushedTwice(t *testing.T) {
	w := newTestRings(t, true)
	w.bulk(1)
	w.flush()
	w.want(b(1))
	w.critical(1)
	w.bulk(2)
	w.flush() // the programs are stopped now
	w.want(c(1), b(2), errFlushed)
}

func TestRingsWithoutBulk(t *testing.T) {
	w := newTestRings(t, false)
	w.critical(1)
	w.SetDeadline(time.Now())
	w.want(c(1), errDeadline)
	w.SetDeadline(time.Now().Add(ringPatience))
	w.critical(2)
	w.flush()
	w.want(c(2), errFlushed)
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// A record stays what it is until the next is read, and its memory is used again.
func TestRingsMemory(t *testing.T) {
	w := newTestRings(t, true)
	var record ringbuf.Record
	for n := range uint32(10) {
		w.bulk(n)
		w.critical(n)
		w.wake()
		for _, kind := range []byte{'c', 'b'} {
			if err := w.ReadInto(&record); err != nil {
				t.Fatal(err)
			}
			want := ringTag{kind, n}.record(timeOf(record.RawSample))
			if string(record.RawSample) != string(want) {
				t.Fatalf("got %x, want %x", record.RawSample, want)
			}
		}
	}
}

// One after the other the programs write into either ring, while it is read.
// Every bulk record wakes the reader, which has no other reason to look.
func TestRingsOrder(t *testing.T) {
	const n = 5000
	w := newTestRings(t, true)
	var before, criticalsBefore [n]uint32 // of each bulk record: critical ones that were written, and read, before it
	criticals, bulks := uint32(0), uint32(0)
	random := rand.New(rand.NewPCG(1, 2))
	written := make(chan struct{})
	go func() {
		defer close(written)
		for range n {
			if random.IntN(3) == 0 {
				criticals++
				w.critical(criticals)
				if random.IntN(2) == 0 {
					continue // and nobody says so
				}
			} else {
				before[bulks] = criticals
				bulks++
				w.bulk(bulks)
			}
			w.wake()
		}
		w.wake()
	}()
	last := map[byte]uint32{}
	for i := range n {
		tag, err := w.read()
		if err != nil {
			t.Fatalf("nobody woke the reader after %d records: %v", i, err)
		}
		if tag.number != last[tag.kind]+1 {
			t.Fatalf("%c%d comes after %c%d", tag.kind, tag.number, tag.kind, last[tag.kind])
		}
		last[tag.kind] = tag.number
		if tag.kind == 'b' {
			criticalsBefore[tag.number-1] = last['c']
		}
	}
	<-written
	w.flush()
	w.want(errFlushed)
	if last['c'] != criticals || last['b'] != bulks {
		t.Errorf("%d critical and %d bulk records, want %d and %d", last['c'], last['b'], criticals, bulks)
	}
	for i := range bulks {
		if got, want := criticalsBefore[i], before[i]; got < want {
			t.Errorf("bulk record %d came after %d critical ones, was written after %d", i+1, got, want)
		}
	}
}

func TestRingsClose(t *testing.T) {
	for name, before := range map[string]func(w *testRings){
		"at once":                 func(*testRings) {},
		"with records":            func(w *testRings) { w.critical(1); w.bulk(1) },
		"in the bulk ring's turn": func(w *testRings) { w.bulk(1); w.bulk(2); w.wake(); w.want(b(1)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newTestRings(t, true)
			before(w)
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			w.want(os.ErrClosed, os.ErrClosed)
			if err := w.Flush(); !errors.Is(err, os.ErrClosed) {
				t.Errorf("flush: %v", err)
			}
		})
	}
	t.Run("while it is read", func(t *testing.T) {
		w := newTestRings(t, true)
		w.bulk(1)
		w.wake()
		failed := make(chan error)
		read := make(chan struct{})
		go func() {
			_, err := w.read()
			close(read)
			if err == nil {
				_, err = w.read()
			}
			failed <- err
		}()
		<-read
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if err := <-failed; !errors.Is(err, os.ErrClosed) {
			t.Errorf("reading: %v", err)
		}
	})
}
