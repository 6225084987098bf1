// SPDX-License-Identifier: Apache-2.0

// Package decode turns audit records, live or from a log, into events. It does
// no I/O but through its options, so the same records give the same events.
package decode

import (
	"github.com/elastic/go-libaudit/v2/auparse"

	"sensor/internal/events"
)

// Options of a decoder.
type Options struct {
	// Wants says which kinds are told; nil for all.
	Wants func(events.Kind) bool
	// Raw adds the records' own fields (Event.Audit) to every event.
	Raw bool
	// Key marks the rules that the sensor itself has loaded. What such a rule
	// alone has asked for is told as one of our kinds or not at all; what another
	// has asked for and is none of them is told as kind audit.
	Key string
	// Start gives when the process with this tgid has started, in ns since boot
	// as precisely as /proc has it, if it still lives and is the one that acted
	// at that time (Unix time in ns); ok is false if that cannot be known. nil: it never is.
	Start func(pid uint32, at int64) (ns uint64, ok bool)
}

// A Decoder turns records into events. It is for one goroutine.
type Decoder struct {
	options Options
	items   []item // kept from one event to the next to be filled again
}

// New makes a decoder.
func New(options Options) *Decoder { return &Decoder{options: options} }

// Decode gives the events that the records of one audit event (one serial, in
// the order of their arrival, without EOE) tell, none if they are not about a
// wanted kind. An error says which record could not be understood; what could
// is in the events all the same.
func (d *Decoder) Decode(records []*auparse.AuditMessage) ([]*events.Event, error) {
	var main *auparse.AuditMessage
	for _, r := range records {
		if r.RecordType == auparse.AUDIT_SYSCALL || r.RecordType == auparse.AUDIT_URINGOP && main == nil {
			main = r
		}
	}
	if main != nil {
		return d.syscall(main, records)
	}
	return d.told(records)
}
