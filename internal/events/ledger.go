// SPDX-License-Identifier: Apache-2.0

package events

import (
	"encoding/json"
	"fmt"
	"sync/atomic"
)

// Reason says at which stage, and so why, an event was not delivered.
type Reason uint8

// The stages, in the order in which an event meets them.
const (
	ReasonRecursion    Reason = iota // the kernel skipped the program: it ran already on this CPU
	ReasonScratchBusy                // the program found its slot taken
	ReasonMapFull                    // the program could remember nothing more
	ReasonRingFull                   // user space read too slowly
	ReasonBacklog                    // the kernel's audit queue was full
	ReasonSocket                     // a netlink socket's buffer was full
	ReasonOverflow                   // inotify's queue was full
	ReasonIncomplete                 // records of an audit event are missing
	ReasonReader                     // the ring could not be read any more
	ReasonDecode                     // the record could not be decoded
	ReasonQueueFull                  // the sink took events too slowly
	ReasonWrite                      // the sink failed
	ReasonSpoolFull                  // the spool had no room
	ReasonSpoolAge                   // it lay in the spool for too long
	ReasonSpoolDamaged               // the spool's file was damaged
	ReasonRejected                   // the search engine refuses it for good
	ReasonClosed                     // the sink's other end is gone (EPIPE)
	ReasonShutdown                   // the sink did not take it within the grace period
	reasonCount
)

var reasonNames = [reasonCount]string{
	"recursion", "scratch_busy", "map", "ring", "backlog", "socket", "overflow", "incomplete", "reader", "decode", "queue", "write",
	"spool", "spool_age", "spool_damaged", "rejected", "closed", "shutdown",
}

func (r Reason) String() string { return reasonNames[r] }

// Reasons lists every stage at which events are dropped, in order.
func Reasons() []Reason {
	reasons := make([]Reason, 0, reasonCount)
	for r := range reasonCount {
		reasons = append(reasons, r)
	}
	return reasons
}

// Ledger accounts for every event of a run. For each kind
//
//	generated + synthesized + recovered = delivered + dropped + filtered + aggregated + spooled
//
// holds exactly once the run has ended. It is safe for concurrent use.
type Ledger struct {
	generated   [KindCount]atomic.Uint64
	synthesized [KindCount]atomic.Uint64
	recovered   [KindCount]atomic.Uint64
	spooled     [KindCount]atomic.Uint64 // a level, not a sum
	delivered   [KindCount]atomic.Uint64
	filtered    [KindCount]atomic.Uint64
	aggregated  [KindCount]atomic.Uint64
	dropped     [reasonCount][KindCount]atomic.Uint64
}

// Generated counts events that the kernel saw.
func (l *Ledger) Generated(k Kind, n uint64) { l.generated[k].Add(n) }

// Synthesized counts events that were made in user space.
func (l *Ledger) Synthesized(k Kind, n uint64) { l.synthesized[k].Add(n) }

// Recovered counts events of an earlier run that the spool has kept, and that are spooled now.
func (l *Ledger) Recovered(k Kind, n uint64) {
	l.recovered[k].Add(n)
	l.Spooled(k, n)
}

// Spooled counts events that wait in the spool from now on.
func (l *Ledger) Spooled(k Kind, n uint64) { l.spooled[k].Add(n) }

// Unspooled counts events that have left the spool: they are delivered or dropped, which is counted beside.
func (l *Ledger) Unspooled(k Kind, n uint64) { l.spooled[k].Add(-n) }

// Delivered counts events that are where they were to go.
func (l *Ledger) Delivered(k Kind, n uint64) { l.delivered[k].Add(n) }

// Filtered counts events that are not wanted.
func (l *Ledger) Filtered(k Kind, n uint64) { l.filtered[k].Add(n) }

// Aggregated counts events that went into another one.
func (l *Ledger) Aggregated(k Kind, n uint64) { l.aggregated[k].Add(n) }

// Dropped counts events that are lost.
func (l *Ledger) Dropped(r Reason, k Kind, n uint64) { l.dropped[r][k].Add(n) }

// Balance is a ledger read at one moment: counts by kind; zeros are left out.
// It is what --stats writes.
type Balance struct {
	Generated   map[string]uint64            `json:"generated"`
	Synthesized map[string]uint64            `json:"synthesized"`
	Recovered   map[string]uint64            `json:"recovered"` // from the spool, at the start
	Delivered   map[string]uint64            `json:"delivered"`
	Filtered    map[string]uint64            `json:"filtered"`
	Aggregated  map[string]uint64            `json:"aggregated"`
	Dropped     map[string]map[string]uint64 `json:"dropped"` // by reason, then kind
	Spooled     map[string]uint64            `json:"spooled"` // wait in the spool
}

// Read reads the ledger.
func (l *Ledger) Read() Balance {
	b := Balance{
		Generated:   read(&l.generated),
		Synthesized: read(&l.synthesized),
		Recovered:   read(&l.recovered),
		Delivered:   read(&l.delivered),
		Filtered:    read(&l.filtered),
		Aggregated:  read(&l.aggregated),
		Dropped:     map[string]map[string]uint64{},
		Spooled:     read(&l.spooled),
	}
	for r := range l.dropped {
		if counts := read(&l.dropped[r]); len(counts) > 0 {
			b.Dropped[Reason(r).String()] = counts
		}
	}
	return b
}

func read(counts *[KindCount]atomic.Uint64) map[string]uint64 {
	m := map[string]uint64{}
	for k := range KindCount { // KindNone too: a record too damaged to tell
		if n := counts[k].Load(); n > 0 {
			m[k.String()] = n
		}
	}
	return m
}

// Check names the first kind that does not add up. It means something only
// after the run has ended.
func (b Balance) Check() error {
	for k := range KindCount {
		name := k.String()
		in := b.Generated[name] + b.Synthesized[name] + b.Recovered[name]
		out := b.Delivered[name] + b.Filtered[name] + b.Aggregated[name] + b.LostOf(name) + b.Spooled[name]
		if in != out {
			return fmt.Errorf("account for %s: generated %d + synthesized %d + recovered %d != delivered %d + dropped %d + filtered %d + aggregated %d + spooled %d",
				name, b.Generated[name], b.Synthesized[name], b.Recovered[name], b.Delivered[name], b.LostOf(name), b.Filtered[name], b.Aggregated[name], b.Spooled[name])
		}
	}
	return nil
}

// LostOf sums what was dropped of a kind for whatever reason.
func (b Balance) LostOf(kind string) uint64 {
	var n uint64
	for _, counts := range b.Dropped {
		n += counts[kind]
	}
	return n
}

// Lost sums what was dropped of all kinds.
func (b Balance) Lost() uint64 {
	var n uint64
	for k := range KindCount {
		n += b.LostOf(k.String())
	}
	return n
}

func (b Balance) String() string {
	text, err := json.Marshal(b)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
