// SPDX-License-Identifier: Apache-2.0

// Package assemble puts the records of the audit system together to the events
// that they are parts of. It reads no clock: live records and those of a log
// that is years old are treated alike.
//
// Reassembler of go-libaudit is not used: it waits on the wall clock, holds
// every event back until all with a lower serial are complete, knows no nodes
// and mixes the serials of two boots.
package assemble

import (
	"container/list"
	"time"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// Event is what belongs together: the records of one serial, in the order of
// their arrival, without EOE.
type Event struct {
	Records []*auparse.AuditMessage
	// Complete is false if records are known to be missing, or may well be
	// because the end of the event was not seen.
	Complete bool
}

// Origin is what the payload of a record may implement that does not come from
// this host's kernel: serials are counted per node.
type Origin interface{ Node() string }

// Assembler collects records. It is for one goroutine.
type Assembler struct {
	most     int
	wait     time.Duration
	inFlight map[key]*list.Element
	order    list.List // of *flight; the one with the oldest last record is in front
	bytes    int
	serials  map[string]*serials // by node
	done     []Event
}

// key is what all records of an event have in common. Two boots of a host use
// the same serials, and so does auditd for records of its own.
type key struct {
	node   string
	time   int64
	serial uint32
}

type flight struct {
	key     key
	records []*auparse.AuditMessage
	bytes   int
	touched time.Time // when its last record came
}

const (
	// mostBytes bounds the records in flight. The arguments of one exec are at
	// most 6 MB, twice that in hexadecimal digits.
	mostBytes = 64 << 20
	// recordBytes is what a record takes beside its text.
	recordBytes = 200
	// mostNodes bounds for how many hosts of a common log serials are watched.
	mostNodes = 1024
)

// New makes an assembler that keeps at most so many events in flight. Those
// whose end is not seen are waited for, from their last record on.
func New(most int, wait time.Duration) *Assembler {
	return &Assembler{most: most, wait: wait, inFlight: map[key]*list.Element{}, serials: map[string]*serials{}}
}

// Add takes a record that came now; now must not go back. It gives the events
// that are done with it: in the order of their last records, which is the order
// in which the system calls ended. No event waits for another. What it gives
// is good until the next call of the assembler, the records for ever.
func (a *Assembler) Add(m *auparse.AuditMessage, now time.Time) []Event {
	a.done = a.done[:0]
	a.expire(now)
	k := key{time: m.Timestamp.UnixNano(), serial: m.Sequence}
	if origin, ok := m.Payload.(Origin); ok {
		k.node = origin.Node()
	}
	a.count(k, m.RecordType, now)

	element := a.inFlight[k]
	if m.RecordType == auparse.AUDIT_EOE {
		if element != nil { // else it had ended with its title
			a.give(element, true)
		}
		return a.done
	}
	if element == nil {
		if alone(m.RecordType) {
			a.done = append(a.done, Event{[]*auparse.AuditMessage{m}, true})
			return a.done
		}
		element = a.order.PushBack(&flight{key: k, records: make([]*auparse.AuditMessage, 0, 6)})
		a.inFlight[k] = element
	} else {
		a.order.MoveToBack(element)
	}
	f := element.Value.(*flight)
	f.records = append(f.records, m)
	f.touched = now
	size := len(m.RawData) + recordBytes
	f.bytes += size
	a.bytes += size
	if m.RecordType == auparse.AUDIT_PROCTITLE { // nothing but EOE comes after it
		a.give(element, true)
	}
	for a.order.Len() > a.most || a.bytes > mostBytes {
		a.give(a.order.Front(), false)
	}
	return a.done
}

// Expire gives the events that were waited for long enough. What it gives is
// good until the next call of the assembler.
func (a *Assembler) Expire(now time.Time) []Event {
	a.done = a.done[:0]
	a.expire(now)
	return a.done
}

// Flush gives all events that are in flight: nothing that belongs to them comes
// any more. What it gives is good until the next call of the assembler.
func (a *Assembler) Flush() []Event {
	a.done = a.done[:0]
	for a.order.Len() > 0 {
		a.give(a.order.Front(), false)
	}
	for _, s := range a.serials {
		s.settleAll()
	}
	return a.done
}

// InFlight is how many events wait for their end.
func (a *Assembler) InFlight() int { return a.order.Len() }

// Missing is how many serials have been left out and did not come within the
// wait. The kernel leaves out none by itself, whatever its filters exclude:
// these were lost after they had been made, by a rate limit, a full buffer or
// whoever cut the log. What the kernel could not even make leaves no hole.
func (a *Assembler) Missing() uint64 {
	var n uint64
	for _, s := range a.serials {
		n += s.missing
	}
	return n
}

func (a *Assembler) expire(now time.Time) {
	for front := a.order.Front(); front != nil; front = a.order.Front() {
		if now.Sub(front.Value.(*flight).touched) <= a.wait {
			break
		}
		a.give(front, false)
	}
}

// give hands an event out. ended says whether its end was seen.
func (a *Assembler) give(element *list.Element, ended bool) {
	f := a.order.Remove(element).(*flight)
	delete(a.inFlight, f.key)
	a.bytes -= f.bytes
	a.done = append(a.done, Event{f.records, complete(f.records, ended)})
}

func (a *Assembler) count(k key, t auparse.AuditMessageType, now time.Time) {
	s := a.serials[k.node]
	if ofDaemon(t) {
		if s != nil && t == auparse.AUDIT_DAEMON_START { // it is not sent what came before
			s.settleAll()
			s.begun = false
		}
		return
	}
	if s == nil {
		if len(a.serials) == mostNodes {
			return
		}
		s = &serials{}
		a.serials[k.node] = s
	}
	s.settle(now.Add(-a.wait))
	s.see(k.serial, now)
}
