// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sensor/internal/events"
)

// each runs a test on disk and in memory, which behave alike while a run lasts.
func each(t *testing.T, test func(t *testing.T, r *rig)) {
	for _, sync := range []Sync{SyncNever, SyncInterval, SyncBatch} {
		t.Run("disk, sync "+string(sync), func(t *testing.T) { test(t, newRig(t, func(o *Options) { o.Sync = sync })) })
	}
	t.Run("memory", func(t *testing.T) { test(t, newRig(t, func(o *Options) { o.Dir = "" })) })
}

// Of a class the oldest comes first, in batches no larger than asked for.
func TestOrder(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		for range 30 {
			r.add(bulk, 10, 1000)
		}
		var all []int
		for len(all) < 300 {
			b, list := r.take(7, 5000)
			if want := min(5, 300-len(all)); len(list) != want {
				t.Fatalf("a batch of %d, want %d", len(list), want)
			}
			all = append(all, list...)
			r.settle(b)
		}
		if !slices.Equal(all, numbers(0, 300)) {
			t.Errorf("got %v", all)
		}
		if st := r.Stats(); st.Entries != 0 || !st.Oldest.IsZero() || st.OnDisk != (r.Dir != "") {
			t.Errorf("at the end %+v", st)
		}
		r.close()
		if r.Dir != "" && len(r.files("*")) > 0 {
			t.Errorf("files are left: %v", r.files("*"))
		}
	})
}

// What is settled takes no room, whether a segment was full by then or not.
func TestSettledGoes(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		for range 300 {
			r.add(bulk, 3, 5000)
			r.add(critical, 1, 1000)
			r.ship()
			if st := r.Stats(); st.Segments > 2 || st.Bytes > 3*int64(r.segment)+otherBytes {
				t.Fatalf("%+v", st)
			}
			if n := len(r.files("*")); r.Dir != "" && n > 2 {
				t.Fatalf("%d files", n)
			}
		}
		r.close()
	})
}

// One entry that is larger than asked for comes alone.
func TestOversize(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.add(bulk, 3, 1000)
		for want := range 3 {
			b, list := r.take(10, 10)
			if !slices.Equal(list, []int{want}) {
				t.Errorf("got %v", list)
			}
			r.settle(b)
		}
		r.add(bulk, 1, mostBody+1)
		r.want(map[string]uint64{"spool connect": 1})
		r.add(bulk, 1, int(r.MaxBytes)) // the spool is empty, and yet too small
		r.want(map[string]uint64{"spool connect": 2})
		r.close()
	})
}

// Critical entries come first, but bulk ones come too.
func TestClasses(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.add(bulk, 40, 10)
		r.add(critical, 40, 10)
		var order strings.Builder
		for r.Stats().Entries > 0 {
			b, _ := r.take(10, 1<<20)
			for _, e := range b.Entries {
				order.WriteByte("bc"[e.Body[4]%2]) // connect is 6, exec 1
			}
			r.settle(b)
		}
		c, b := strings.Repeat("c", 10), strings.Repeat("b", 10)
		if want := c + c + c + b + c + b + b + b; order.String() != want {
			t.Errorf("got  %s\nwant %s", order.String(), want)
		}
		r.once(numbers(0, 80)...)
		r.close()
	})
}

// What is returned comes again, in its place; what others have is not touched.
func TestReturn(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.add(bulk, 100, 5000) // several segments
		var out []*Batch
		for range 5 {
			b, _ := r.take(15, 1<<20)
			out = append(out, b)
		}
		for _, i := range []int{3, 1, 2} { // 15 to 59
			r.Return(out[i])
			r.Return(out[i])
			r.Settle(out[i]) // too late: does nothing
		}
		b, list := r.take(20, 1<<20)
		if !slices.Equal(list, numbers(15, 35)) {
			t.Errorf("got %v", list)
		}
		r.Return(b)
		r.settle(out[4])
		if list := r.ship(); !slices.Equal(list, append(numbers(15, 60), numbers(75, 100)...)) {
			t.Errorf("got %v", list)
		}
		r.settle(out[0])
		r.once(numbers(0, 100)...)
		r.close()
	})
}

// Another run goes on where the last has ended, however it did: only what was
// not settled comes again.
func TestReopen(t *testing.T) {
	for _, end := range []struct {
		name string
		run  func(r *rig)
	}{{"closed", (*rig).close}, {"killed", (*rig).abandon}} {
		t.Run(end.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			r := newRig(t, func(o *Options) { o.MaxBytes = 8 << 20 })
			unsettled := map[int]bool{}
			for range 30 {
				for range 10 {
					for _, k := range []events.Kind{critical, bulk} {
						n, count := r.next, 1+random.IntN(20)
						r.add(k, count, 5+random.IntN(2000))
						for i := range count {
							unsettled[n+i] = true
						}
					}
					var out []*Batch
					for range random.IntN(5) {
						if r.waits() > 0 {
							b, _ := r.take(1+random.IntN(20), 1+random.IntN(20000))
							out = append(out, b)
						}
					}
					random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
					for _, b := range out {
						switch random.IntN(10) {
						case 0:
							r.Return(b)
						case 1: // stays out
						default:
							for _, e := range b.Entries {
								delete(unsettled, numberOf(t, e))
							}
							r.settle(b)
						}
					}
				}
				end.run(r)
				r.open()
				if st := r.Stats(); st.Entries != uint64(len(unsettled)) || st.Damaged != 0 {
					t.Fatalf("%+v, want %d entries", st, len(unsettled))
				}
				if disk := r.disk(); disk > r.Stats().Bytes || disk < r.Stats().Bytes-2*blockBytes {
					t.Errorf("%d bytes on disk, %d are counted", disk, r.Stats().Bytes)
				}
			}
			r.ship()
			r.close()
			r.once(numbers(0, r.next)...)
		})
	}
}

// What an Append has begun and not finished when the process is killed is no loss.
func TestKilledInAppend(t *testing.T) {
	for _, stored := range []bool{false, true} {
		r := newRig(t, nil)
		n := r.add(bulk, 3, 1000)
		r.Spool.mu.Lock()
		for i := range 100 { // of which the last ones are in no file yet
			e := entry(bulk, 3+i, 1000)
			r.ledger.Generated(bulk, 1)
			r.Spool.add(&e, 0)
		}
		if stored {
			r.store(r.bulk.open())
		}
		r.drop(&r.bulk, r.bulk.segments[1], events.ReasonSpoolFull)
		r.checkpoint()
		r.Spool.unlock()
		r.abandon()
		r.open()
		r.want(map[string]uint64{})
		list := r.ship()
		if !slices.Equal(list[:3], numbers(n, 3)) || stored && list[len(list)-1] != 102 {
			t.Errorf("got %v", list)
		}
		r.add(bulk, 1, 100)
		r.abandon()
		r.open()
		r.want(map[string]uint64{})
		if list := r.ship(); len(list) != 1 {
			t.Errorf("got %v", list)
		}
		r.close()
	}
}

// In memory nothing outlives Close; what is out then is counted when it comes back.
func TestMemoryClose(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Dir = "" })
	r.add(bulk, 30, 100)
	r.add(critical, 5, 100)
	settled, _ := r.take(5, 1<<20)
	returned, _ := r.take(10, 1<<20)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r.settle(settled)
	r.Return(returned)
	r.add(bulk, 1, 100) // too late
	r.check()
	r.want(map[string]uint64{"shutdown connect": 31})
	if st := r.Stats(); st.Entries != 0 || st.OnDisk {
		t.Errorf("%+v", st)
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		var got []int
		var wait sync.WaitGroup
		wait.Go(func() {
			for range 2 {
				b, list := r.take(10, 1<<20)
				got = append(got, list...)
				r.settle(b)
			}
		})
		synctest.Wait()
		r.add(bulk, 1, 10)
		synctest.Wait()
		r.add(bulk, 1, 10)
		wait.Wait()
		if !slices.Equal(got, []int{0, 1}) {
			t.Errorf("got %v", got)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error)
		waiting := func() error { _, err := r.Next(ctx, 1, 1); return err }
		go func() { ended <- waiting() }()
		synctest.Wait()
		cancel(errTest)
		if err := <-ended; err != errTest {
			t.Errorf("got error %v, want the cause", err)
		}
		if err := waiting(); err != errTest { // also if there is something
			t.Errorf("got error %v, want the cause", err)
		}
		ctx = t.Context()
		go func() { ended <- waiting() }()
		synctest.Wait()
		r.close()
		if err := <-ended; err != ErrClosed {
			t.Errorf("got error %v, want %v", err, ErrClosed)
		}
	})
}

// Empty returns when the last batch is settled, not before.
func TestEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.add(bulk, 10, 10)
		b, _ := r.take(10, 1<<20)
		var empty bool
		var wait sync.WaitGroup
		wait.Go(func() {
			if err := r.Empty(t.Context()); err != nil {
				t.Error(err)
			}
			empty = true
		})
		synctest.Wait()
		r.Return(b)
		synctest.Wait()
		b, _ = r.take(10, 1<<20)
		synctest.Wait()
		if empty {
			t.Error("a batch is out")
		}
		r.settle(b)
		wait.Wait()
		ctx, cancel := context.WithCancelCause(t.Context())
		r.add(bulk, 1, 10)
		wait.Go(func() {
			if err := r.Empty(ctx); err != errTest {
				t.Errorf("got error %v, want the cause", err)
			}
		})
		synctest.Wait()
		cancel(errTest)
		wait.Wait()
		for range 20 { // so that the first ones are in a file alone
			r.add(bulk, 10, 1000)
		}
		last, _ := r.take(1000, 1<<20)
		r.Return(last)
		for _, seg := range r.bulk.segments {
			seg.data = nil
			writeFile(t, seg.path, nil)
		}
		wait.Go(func() {
			if err := r.Empty(t.Context()); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		ctx, cancel = context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errTest) })
		if b, err := r.Next(ctx, 1, 1); err != errTest {
			t.Errorf("got %v, error %v", b, err)
		}
		wait.Wait() // what was damaged is gone, too
		r.close()
	})
}

var errTest = errors.New("the test has seen enough")

// While the disk hangs, Stats does not.
func TestStatsWhileDiskHangs(t *testing.T) {
	r := newRig(t, nil)
	r.add(bulk, 10, 10)
	r.Spool.mu.Lock() // as who writes does
	shown := make(chan Stats)
	go func() { shown <- r.Stats() }()
	select {
	case st := <-shown:
		if st.Entries != 10 || !st.OnDisk || st.Oldest.IsZero() {
			t.Errorf("%+v", st)
		}
	case <-time.After(time.Minute):
		t.Error("it waits")
	}
	r.Spool.unlock()
	r.ship()
	r.close()
}
