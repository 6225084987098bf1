// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sensor/internal/events"
)

// A blow damages the file of a segment; it never puts records in another order.
type blow struct {
	name   string
	strike func(random *rand.Rand, file []byte) []byte
}

var blows = []blow{
	{"a byte is wrong", func(random *rand.Rand, b []byte) []byte {
		b[random.IntN(len(b))] ^= 1 << random.IntN(8)
		return b
	}},
	{"a header is wrong", func(random *rand.Rand, b []byte) []byte {
		b[16] ^= 1 << random.IntN(8)
		return b
	}},
	{"a length is absurd", func(random *rand.Rand, b []byte) []byte {
		copy(b[12:], "\xff\xff\xff\xff")
		return b
	}},
	{"a block is zero", func(random *rand.Rand, b []byte) []byte {
		from := random.IntN(len(b))
		clear(b[from:min(len(b), from+blockBytes)])
		return b
	}},
	{"random bytes", func(random *rand.Rand, b []byte) []byte {
		from := random.IntN(len(b))
		for i := range b[from:min(len(b), from+random.IntN(10000))] {
			b[from+i] = byte(random.Uint32())
		}
		return b
	}},
	{"the end is cut off", func(random *rand.Rand, b []byte) []byte { return b[:random.IntN(len(b))] }},
	{"the beginning is cut off", func(random *rand.Rand, b []byte) []byte { return b[random.IntN(len(b)):] }},
	{"a piece is cut out", func(random *rand.Rand, b []byte) []byte {
		from := random.IntN(len(b))
		return slices.Delete(b, from, from+random.IntN(len(b)-from))
	}},
	{"a piece is put in", func(random *rand.Rand, b []byte) []byte {
		return slices.Insert(b, random.IntN(len(b)), bytes.Repeat([]byte(magic), random.IntN(1000))...)
	}},
	{"a piece comes twice", func(random *rand.Rand, b []byte) []byte {
		from := random.IntN(len(b))
		return append(b, b[from:]...)
	}},
	{"nothing is left", func(*rand.Rand, []byte) []byte { return nil }},
	{"another file", func(_ *rand.Rand, b []byte) []byte { return bytes.Repeat([]byte("{}\n"), len(b)) }},
}

// Damage costs the events it hits, which are counted, and no other.
func TestDamage(t *testing.T) {
	for i, blow := range blows {
		for _, when := range []string{"when closed", "when killed", "while open"} {
			t.Run(blow.name+" "+when, func(t *testing.T) {
				for seed := range uint64(5) {
					testDamage(t, rand.New(rand.NewPCG(seed, uint64(i))), blow, when)
				}
			})
		}
	}
}

func testDamage(t *testing.T, random *rand.Rand, blow blow, when string) {
	r := newRig(t, nil)
	kinds := []events.Kind{events.KindExec, events.KindFork, events.KindConnect, events.KindAccept}
	kind := map[int]events.Kind{}
	for range 300 {
		n, k := r.next, kinds[random.IntN(len(kinds))]
		r.add(k, 1, 5+random.IntN(1500))
		kind[n] = k
	}
	settled := map[int]bool{}
	b, list := r.take(1+random.IntN(30), 1<<20)
	r.settle(b)
	for _, n := range list {
		settled[n] = true
	}
	var waiting []*Batch // makes holes in what is settled
	for range random.IntN(3) {
		b, _ := r.take(10, 1<<20)
		waiting = append(waiting, b)
		b, list := r.take(10, 1<<20)
		r.settle(b)
		for _, n := range list {
			settled[n] = true
		}
	}
	for _, b := range waiting {
		r.Return(b)
	}
	switch when {
	case "when closed":
		r.close()
	case "when killed":
		r.abandon()
	}

	files := append(r.files("critical"), r.files("bulk")...)
	if when == "while open" { // those that are not in memory
		files = slices.DeleteFunc(files, func(path string) bool {
			for _, l := range r.logs() {
				for _, seg := range l.segments {
					if seg.path == path {
						return seg.data != nil
					}
				}
			}
			return false
		})
	}
	path := files[random.IntN(len(files))]
	before := readFile(t, path)
	after := blow.strike(random, bytes.Clone(before))
	writeFile(t, path, after)
	if len(after) == 0 && random.IntN(2) == 0 {
		os.Remove(path)
	}

	// What is lost are the records that are no longer in the file as they were.
	want := map[int]bool{}
	for n := range kind {
		want[n] = true
	}
	var lost uint64
	lostKinds := map[string]uint64{}
	survey(before, 0, mostSequence, func(rec record, offset int, _ bool) {
		whole := before[offset : offset+rec.header+rec.body]
		n := numberOf(t, Entry{kindNamed(rec.kind), timeOf(rec.time), whole[rec.header:]})
		if settled[n] || bytes.Contains(after, whole) {
			return
		}
		lost++
		lostKinds["spool_damaged "+kind[n].String()]++
		delete(want, n)
	})

	if when != "while open" {
		r.open()
	}
	r.ship()
	for n := range want {
		if r.got[n] != 1 {
			t.Errorf("event %d came %d times", n, r.got[n])
		}
	}
	if len(r.got) != len(want) {
		t.Errorf("%d events came, want %d", len(r.got), len(want))
	}
	if st := r.Stats(); st.Damaged != lost || st.Segments > 2 {
		t.Errorf("%+v, want %d damaged", st, lost)
	}
	if when == "while open" { // then it is known what it was
		r.want(lostKinds)
	}
	if (lost > 0) != strings.Contains(r.log.String(), "is damaged") {
		t.Errorf("%d are lost, said was %s", lost, r.log.String())
	}
	r.close()
	r.open() // and is not told of again
	if st := r.Stats(); st.Damaged != 0 || st.Entries != 0 {
		t.Errorf("the next run has %+v", st)
	}
	r.close()
	if t.Failed() {
		t.Fatal(path)
	}
}

func kindNamed(name []byte) events.Kind {
	k, _ := events.KindByName(string(name))
	return k
}

// Of a record whose body alone is damaged it is still known what it was.
func TestDamagedBody(t *testing.T) {
	r := newRig(t, nil)
	r.add(events.KindFork, 3, 1000)
	r.abandon()
	path := r.files("critical")[0]
	b := readFile(t, path)
	b[100]++
	b[2*len(b)/3+20]++ // a header
	writeFile(t, path, b)
	r.open()
	r.want(map[string]uint64{"spool_damaged fork": 1, "spool_damaged unknown": 1})
	if list := r.ship(); !slices.Equal(list, []int{1}) {
		t.Errorf("got %v", list)
	}
	r.close()
}

// Without its state the spool gives again what was settled, and loses nothing.
func TestStateDamaged(t *testing.T) {
	for name, strike := range map[string]func(path string) error{
		"gone":      os.Remove,
		"empty":     func(path string) error { return os.Truncate(path, 0) },
		"cut":       func(path string) error { return os.Truncate(path, 100) },
		"zero":      func(path string) error { return os.WriteFile(path, make([]byte, 2*slotBytes), 0o600) },
		"larger":    func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte(stateMagic), 1<<20), 0o600) },
		"directory": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			for range 10 {
				r.add(bulk, 10, 1000)
				r.add(critical, 10, 1000)
			}
			for range 5 {
				b, _ := r.take(20, 1<<20)
				r.settle(b)
			}
			r.abandon()
			if err := strike(filepath.Join(r.Dir, stateName)); err != nil {
				t.Fatal(err)
			}
			r.open()
			r.ship()
			for n := range 200 {
				if r.got[n] == 0 {
					t.Errorf("event %d did not come", n)
				}
			}
			r.want(map[string]uint64{})
			r.add(bulk, 1, 10)
			r.ship()
			if name == "directory" { // nothing can be written there
				r.abandon()
				return
			}
			r.close()
			r.open()
			if st := r.Stats(); st.Entries != 0 {
				t.Errorf("%+v", st)
			}
			r.close()
		})
	}
}

// A state that was torn leaves the one before.
func TestStateTorn(t *testing.T) {
	r := newRig(t, nil)
	r.add(bulk, 10, 100)
	for range 2 {
		b, _ := r.take(1, 1<<20)
		r.settle(b)
	}
	last := r.last.generation
	r.abandon()
	path := filepath.Join(r.Dir, stateName)
	b := readFile(t, path)
	b[last%2*slotBytes+30]++
	writeFile(t, path, b)
	r.open()
	if list := r.ship(); !slices.Equal(list, numbers(1, 10)) { // the second again
		t.Errorf("got %v", list)
	}
	r.close()
}

// What is in a directory that somebody has been at is read without harm.
func TestStrangeFiles(t *testing.T) {
	r := newRig(t, nil)
	r.add(bulk, 30, 10000)
	r.abandon()
	files := r.files("bulk")
	for i, name := range []string{"bulk-", "bulk-00000000000000000001.bak", "bulk-99999999999999999999", "bulk-x0000000000000000001", "notes"} {
		b := readFile(t, files[i%len(files)])
		writeFile(t, filepath.Join(r.Dir, name), b)
	}
	// A copy of a segment, and a segment's file that is a directory.
	b := readFile(t, files[0])
	copied := filepath.Join(r.Dir, fmt.Sprintf("bulk-%020d", 2))
	writeFile(t, copied, b)
	if err := os.Mkdir(filepath.Join(r.Dir, fmt.Sprintf("critical-%020d", 1)), 0o700); err != nil {
		t.Fatal(err)
	}
	absurd := filepath.Join(r.Dir, fmt.Sprintf("critical-%020d", 2))
	writeFile(t, absurd, nil)
	if err := os.Truncate(absurd, 1<<40); err != nil { // a hole
		t.Fatal(err)
	}
	r.open()
	r.ship()
	r.once(numbers(0, 30)...)
	r.close()
	r.want(map[string]uint64{}) // nobody was ever told of events with such numbers
}
