// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// Many append, take, settle and return at once, with and without room: each
// event is delivered once or counted as lost.
func TestConcurrent(t *testing.T) {
	for _, test := range []struct {
		dir  bool
		sync Sync
		full Full
	}{{true, SyncNever, FullOldest}, {true, SyncBatch, FullNewest}, {true, SyncInterval, FullOldest}, {false, SyncNever, FullNewest}, {false, SyncNever, FullOldest}} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			r := newRig(t, func(o *Options) {
				o.Sync, o.Full, o.MaxAge = test.sync, test.full, time.Hour
				if !test.dir {
					o.Dir = ""
				}
			})
			const (
				appenders = 3
				workers   = 4
				calls     = 60
			)
			ctx, cancel := context.WithCancel(t.Context())
			var work, append sync.WaitGroup
			var mu sync.Mutex // of r.got and r.next
			for range workers {
				work.Go(func() {
					for {
						b, err := r.Next(ctx, 1+rand.IntN(100), 1+rand.IntN(100000))
						if err != nil {
							return
						}
						if rand.IntN(4) == 0 {
							r.Return(b)
							continue
						}
						mu.Lock()
						for _, e := range b.Entries {
							r.got[numberOf(t, e)]++
							r.ledger.Delivered(e.Kind, 1)
						}
						mu.Unlock()
						r.Settle(b)
						r.Stats()
					}
				})
			}
			for range appenders {
				append.Go(func() {
					for range calls {
						kind := []Entry{entry(critical, 0, 5), entry(bulk, 0, 5)}[rand.IntN(2)].Kind
						mu.Lock()
						first, count := r.next, 1+rand.IntN(60)
						r.next += count
						mu.Unlock()
						list := make([]Entry, count)
						for i := range list {
							list[i] = entry(kind, first+i, 5+rand.IntN(8000))
						}
						r.ledger.Generated(kind, uint64(count))
						r.Append(list)
					}
				})
			}
			append.Wait()
			if err := r.Empty(ctx); err != nil {
				t.Fatal(err)
			}
			cancel()
			work.Wait()
			r.close()
			for n, times := range r.got {
				if times != 1 {
					t.Errorf("event %d came %d times", n, times)
				}
			}
			if lost := r.ledger.Read().Lost(); len(r.got)+int(lost) != r.next {
				t.Errorf("%d came, %d are lost of %d", len(r.got), lost, r.next)
			}
		})
	}
}
