// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"sensor/internal/events"
)

// fills runs a test with each setting of Full, on disk and in memory.
func fills(t *testing.T, test func(t *testing.T, r *rig)) {
	for _, full := range []Full{FullOldest, FullNewest} {
		for _, dir := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, disk %v", full, dir), func(t *testing.T) {
				r := newRig(t, func(o *Options) {
					o.Full = full
					if !dir {
						o.Dir = ""
					}
				})
				test(t, r)
				r.ship()
				r.close()
				for n, times := range r.got {
					if times != 1 {
						t.Errorf("event %d came %d times", n, times)
					}
				}
			})
		}
	}
}

// bounded wants the spool to be within its bounds, and the disk to agree.
func (r *rig) bounded() {
	r.t.Helper()
	st := r.Stats()
	if st.Bytes > r.MaxBytes {
		r.t.Fatalf("%d bytes, at most %d are allowed", st.Bytes, r.MaxBytes)
	}
	if r.Dir == "" {
		return
	}
	if disk := r.disk(); disk > r.MaxBytes || disk > st.Bytes+int64(r.segment) || disk < st.Bytes-int64(r.segment) {
		r.t.Fatalf("%d bytes on disk, %d are counted, at most %d are allowed", disk, st.Bytes, r.MaxBytes)
	}
}

// When bulk alone fills the spool, the oldest or the newest of it goes.
func TestFull(t *testing.T) {
	fills(t, func(t *testing.T, r *rig) {
		for range 3000 {
			r.add(bulk, 1, 1000)
		}
		r.bounded()
		lost := int(r.ledger.Read().Dropped["spool"]["connect"])
		if lost < 1950 || lost > 2150 {
			t.Errorf("%d of 3000 are lost", lost)
		}
		r.want(map[string]uint64{"spool connect": uint64(lost)})
		want := numbers(lost, 3000)
		if r.Full == FullNewest {
			want = numbers(0, 3000-lost)
		}
		if list := r.ship(); !slices.Equal(list, want) {
			t.Errorf("%d came from %d to %d, want %d from %d to %d", len(list), list[0], list[len(list)-1], len(want), want[0], want[len(want)-1])
		}
	})
}

// However much bulk comes, before or after, no critical event goes for it.
func TestFlood(t *testing.T) {
	fills(t, func(t *testing.T, r *rig) {
		var critical []int
		for i := range 3000 {
			if i%10 == 0 {
				critical = append(critical, r.add(events.KindExec, 1, 2000))
			}
			r.add(bulk, 1, 1000)
			if i%100 == 0 {
				r.bounded()
			}
		}
		lost := r.ledger.Read().Dropped["spool"]
		if lost["exec"] > 0 || lost["connect"] == 0 {
			t.Errorf("lost %v", lost)
		}
		r.ship()
		for _, n := range critical {
			if r.got[n] != 1 {
				t.Errorf("critical event %d came %d times", n, r.got[n])
			}
		}
	})
}

// Critical events alone: the oldest or the newest goes, once no bulk is left.
func TestCriticalFull(t *testing.T) {
	fills(t, func(t *testing.T, r *rig) {
		r.add(bulk, 500, 1000)
		first := r.next
		for range 2000 {
			r.add(critical, 1, 1000)
		}
		r.bounded()
		lost := r.ledger.Read().Dropped["spool"]
		if lost["connect"] != 500 || lost["exec"] < 950 || lost["exec"] > 1150 {
			t.Errorf("lost %v", lost)
		}
		n := int(lost["exec"])
		want := numbers(first+n, first+2000)
		if r.Full == FullNewest {
			want = numbers(first, first+2000-n)
		}
		if list := r.ship(); !slices.Equal(list, want) {
			t.Errorf("%d came from %d to %d, want %d from %d to %d", len(list), list[0], list[len(list)-1], len(want), want[0], want[len(want)-1])
		}
	})
}

// What is out is not dropped, wherever it is; each event is counted once.
func TestFullWhileOut(t *testing.T) {
	fills(t, func(t *testing.T, r *rig) {
		kinds := []events.Kind{critical, bulk}
		var out []*Batch
		for i := range 4000 {
			r.add(kinds[i/7%2], 1, 1000)
			switch {
			case i%500 == 499:
				b, _ := r.take(20, 1<<20)
				out = append(out, b)
			case i%800 == 799:
				r.Return(out[0])
				out = out[1:]
			}
		}
		r.bounded()
		for _, b := range out {
			r.settle(b)
		}
		r.ship()
		lost := r.ledger.Read().Lost()
		if lost == 0 || int(lost)+len(r.got) != 4000 {
			t.Errorf("%d are lost and %d came of 4000", lost, len(r.got))
		}
	})
}

// If all that could go is out, what is new goes.
func TestAllOut(t *testing.T) {
	fills(t, func(t *testing.T, r *rig) {
		r.add(bulk, 800, 1000)
		out, _ := r.take(1000, 1<<30)
		for range 10 {
			r.add(bulk, 100, 1000)
			r.add(critical, 100, 1000)
		}
		r.bounded()
		r.settle(out)
		for n := range 800 {
			if r.got[n] != 1 {
				t.Errorf("event %d, which was out, came %d times", n, r.got[n])
			}
		}
		r.add(bulk, 10, 1000) // and there is room again
		if n := len(r.ship()); n < 10 {
			t.Errorf("%d came", n)
		}
	})
}

// An Append larger than the spool leaves the spool full and in order.
func TestFullAtOnce(t *testing.T) {
	fills(t, func(t *testing.T, r *rig) {
		r.add(bulk, 10000, 1000)
		r.bounded()
		r.add(critical, 10000, 300)
		r.bounded()
		list := r.ship()
		if len(list) < 1000 || !slices.IsSorted(list) {
			t.Errorf("%d came, in order: %v", len(list), slices.IsSorted(list))
		}
	})
}

// A spool that an earlier run has filled, opened with less room.
func TestSmaller(t *testing.T) {
	r := newRig(t, func(o *Options) { o.MaxBytes = 8 << 20 })
	for range 30 {
		r.add(bulk, 100, 1000)
		r.add(critical, 100, 500)
	}
	r.abandon()
	r.MaxBytes = 1 << 20
	r.open()
	n := r.add(critical, 1, 100)
	r.bounded()
	lost := r.ledger.Read().Dropped["spool"]
	if lost["connect"] != 3000 || lost["exec"] < 1000 || lost["exec"] > 1500 {
		t.Errorf("lost %v", lost)
	}
	if list := r.ship(); list[len(list)-1] != n {
		t.Errorf("the last was %d, want %d", list[len(list)-1], n)
	}
	r.close()
}

// Losses are told in sums, not one by one.
func TestToldInSums(t *testing.T) {
	calls := 0
	r := newRig(t, func(o *Options) {
		o.Full, o.Dir = FullNewest, ""
		lose := o.Lost
		o.Lost = func(l events.Loss) { calls++; lose(l) }
	})
	r.add(bulk, 20000, 100)
	r.add(events.KindAccept, 20000, 100)
	lost := maps.Clone(r.told)
	if calls != 2 || lost["spool connect"] == 0 || lost["spool accept"] != 20000 {
		t.Errorf("told %d times of %v", calls, lost)
	}
	r.close()
}

// An event for which there can be no room takes nobody else's.
func TestNoRoomEver(t *testing.T) {
	fills(t, func(t *testing.T, r *rig) {
		r.add(bulk, 200, 1000)
		r.add(critical, 200, 1000)
		r.add(critical, 1, int(r.MaxBytes))
		r.add(bulk, 1, int(r.MaxBytes)-otherBytes)
		r.want(map[string]uint64{"spool exec": 1, "spool connect": 1})
	})
	// What is out gives no room either.
	fills(t, func(t *testing.T, r *rig) {
		r.add(critical, 100, 1000)
		r.add(bulk, 100, 1000)
		b, _ := r.take(50, 1<<20)
		r.add(critical, 1, int(r.MaxBytes)-otherBytes-2*blockBytes)
		r.want(map[string]uint64{"spool exec": 1})
		r.Return(b)
	})
}
