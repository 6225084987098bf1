// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"

	"sensor/internal/clock"
)

// rings reads the ring of the critical kinds and that of the bulk kinds as one,
// in an order in which no record comes before what caused it: of the bulk ring
// only what was written before the critical one was last seen empty.
//
// It waits for the critical ring alone. The programs of bulk kinds wake it by a
// few empty bytes there.
type rings struct {
	critical, bulk *ringbuf.Reader // bulk is nil without bulk kinds

	deadline time.Time
	woken    bool   // the bulk ring asks to be read: do not wait
	horizon  uint64 // boot time in ns up to which bulk records are due; 0: it is the critical ring's turn
	why      error  // what the turn of the bulk ring ends with
	held     ringbuf.Record
	holding  bool // held is a bulk record beyond the horizon
}

func openRings(critical, bulk *ebpf.Map) (*rings, error) {
	r := &rings{}
	var err error
	if r.critical, err = ringbuf.NewReader(critical); err != nil {
		return nil, fmt.Errorf("open ring: %w", err)
	}
	if bulk == nil {
		return r, nil
	}
	if r.bulk, err = ringbuf.NewReader(bulk); err != nil {
		return nil, errors.Join(fmt.Errorf("open bulk ring: %w", err), r.critical.Close())
	}
	r.bulk.SetDeadline(longAgo()) // it is never waited for
	return r, nil
}

func longAgo() time.Time { return time.Unix(1, 0) }

// SetDeadline bounds the wait of ReadInto.
func (r *rings) SetDeadline(t time.Time) {
	r.deadline = t
	if !r.woken {
		r.critical.SetDeadline(t)
	}
}

// Flush ends ReadInto with [ringbuf.ErrFlushed] once both rings are empty.
func (r *rings) Flush() error { return r.critical.Flush() }

// ReadInto reads the next record, as [ringbuf.Reader.ReadInto] does.
func (r *rings) ReadInto(record *ringbuf.Record) error {
	empty := false // the critical ring was, in this call
	for {
		if r.horizon != 0 {
			if ok, err := r.readBulk(record); ok || err != nil {
				return err
			}
			// A flush ends when both rings are empty, one right after the other.
			done := !errors.Is(r.why, ringbuf.ErrFlushed) || empty && !r.holding
			r.horizon, r.woken = 0, r.holding || !done
			r.wait()
			if err := r.why; err != nil && done {
				r.why = nil
				return err
			}
			continue
		}
		now := uint64(0)
		if r.woken {
			var err error
			if now, err = clock.BootTime(); err != nil {
				return err
			}
		}
		err := r.critical.ReadInto(record)
		switch {
		case err == nil && r.bulk != nil && len(record.RawSample) < kindOffset:
			r.woken = true
			r.wait()
		case err == nil:
			return nil
		case r.bulk == nil:
			return err
		case errors.Is(err, ringbuf.ErrFlushed) || !r.woken && errors.Is(err, os.ErrDeadlineExceeded):
			// What is in the bulk ring comes before it.
			r.woken, r.why = true, err
			r.wait()
		case errors.Is(err, os.ErrDeadlineExceeded):
			r.horizon, empty = now, true
		default:
			return err
		}
	}
}

// wait sets how long the critical ring is waited for.
func (r *rings) wait() {
	if r.woken {
		r.critical.SetDeadline(longAgo())
	} else {
		r.critical.SetDeadline(r.deadline)
	}
}

// readBulk reads the next bulk record, if one is due.
func (r *rings) readBulk(record *ringbuf.Record) (bool, error) {
	if !r.holding {
		switch err := r.bulk.ReadInto(&r.held); {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return false, nil
		case err != nil:
			return false, err
		}
	}
	r.holding = timeOf(r.held.RawSample) > r.horizon
	if r.holding {
		return false, nil
	}
	*record, r.held = r.held, *record
	return true, nil
}

// timeOf is the time in ns since boot at which a record was written; struct header begins with it.
func timeOf(raw []byte) uint64 {
	if len(raw) < 8 {
		return 0
	}
	return binary.NativeEndian.Uint64(raw)
}

// Close ends all reading. The rings cannot be used afterwards.
func (r *rings) Close() error {
	err := r.critical.Close()
	if r.bulk != nil {
		err = errors.Join(err, r.bulk.Close())
	}
	return err
}
