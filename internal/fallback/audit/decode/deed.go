// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"errors"
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"
	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// deed is what one audit event says of a system call: its records, parsed.
type deed struct {
	decoder *Decoder
	records []*auparse.AuditMessage // all of them
	call    call
	cwd     events.Path
	items   []item // of PATH records, in the order of their numbers
	address string // of SOCKADDR, hexadecimal digits
	flags   uint64 // of openat2
	how     bool   // flags are known
	inRoot  bool   // openat2: names with a slash in front begin at the open directory, too

	told []*events.Event
	errs []error
}

// read parses the records of a system call, the first of which is that of the call itself.
func (d *deed) read(main *auparse.AuditMessage) {
	d.call = parseCall(main, d.fault(main.RecordType))
	operations := 0
	for _, r := range d.records {
		switch r.RecordType {
		case auparse.AUDIT_CWD:
			d.each(r, func(name, value string) bool {
				if name == "cwd" {
					d.cwd = kernelPath(value)
				}
				return true
			})
		case auparse.AUDIT_PATH:
			d.items = append(d.items, parseItem(r, d.fault(r.RecordType)))
		case auparse.AUDIT_SOCKADDR:
			d.each(r, func(name, value string) bool {
				if name == "saddr" {
					d.address = value
				}
				return true
			})
		case auparse.AUDIT_URINGOP:
			if r != main {
				operations++
				d.operation(r, operations)
			}
		case auparse.AUDIT_SOCKETCALL:
			d.multiplexed(r)
		case auparse.AUDIT_OPENAT2:
			d.each(r, d.openHow)
		}
	}
	d.sortItems()
}

// openHow takes a field of what openat2(2) was given.
func (d *deed) openHow(name, value string) (ok bool) {
	switch name {
	case "oflag":
		d.flags, ok = number(value, 8, 64)
		d.how = ok
		return ok
	case "resolve":
		n, ok := number(strings.TrimPrefix(value, "0x"), 16, 64)
		d.inRoot = n&unix.RESOLVE_IN_ROOT != 0
		return ok
	}
	return true
}

// operation makes io_uring_enter(2) the operation that it has done at once. If it
// has done several, nobody can say which of the files belongs to which.
func (d *deed) operation(r *auparse.AuditMessage, nth int) {
	if nth > 1 {
		d.call.name = "io_uring_enter"
		return
	}
	o := parseCall(r, d.fault(r.RecordType))
	d.call.name, d.call.hasArgs = o.name, false
	d.call.answered, d.call.failed, d.call.exit = o.answered, o.failed, o.exit
}

// multiplexed makes a socketcall(2) the call that it stands for.
func (d *deed) multiplexed(r *auparse.AuditMessage) {
	name, ok := socketCalls[d.call.args[0]]
	if d.call.name != "socketcall" || !ok {
		return
	}
	d.call.name = name
	d.each(r, func(name, value string) bool {
		if len(name) != 2 || name[0] != 'a' || name[1] < '0' || name[1] > '3' {
			return true
		}
		n, ok := number(value, 16, 64)
		d.call.args[name[1]-'0'] = n
		return ok
	})
}

// each gives the fields of a record one by one. Where what is done with one is false, the field is garbled.
func (d *deed) each(r *auparse.AuditMessage, do func(name, value string) bool) {
	text, _ := body(r)
	for name, value, rest, ok := cutField(text); ok; name, value, rest, ok = cutField(rest) {
		if !do(name, value) {
			d.fault(r.RecordType)(name, value)
		}
	}
}

// fault takes note of a garbled field of a record.
func (d *deed) fault(record auparse.AuditMessageType) func(field, value string) {
	return func(field, value string) { d.errs = append(d.errs, garbled(record, field, value)) }
}

// err joins what was garbled.
func (d *deed) err() error { return errors.Join(d.errs...) }

// wants says whether events of that kind are wanted.
func (d *deed) wants(kind events.Kind) bool {
	return d.decoder.options.Wants == nil || d.decoder.options.Wants(kind)
}

// tell makes an event of that kind, by the process that called.
func (d *deed) tell(kind events.Kind) *events.Event {
	e := &events.Event{Kind: kind, Time: d.records[0].Timestamp, Outcome: d.outcome(), Process: d.process()}
	if kind != events.KindExec {
		e.Process.Args = d.title()
	}
	d.told = append(d.told, e)
	return e
}

// outcome of the call. A call during which the process was ended has none. Of an
// operation of io_uring the record says success also where it has failed with an
// answer in the ring (io_audit_issue, up to Linux 7.2).
func (d *deed) outcome() events.Outcome {
	switch {
	case !d.call.answered, !d.call.hasArgs && !d.call.failed:
		return events.OutcomeUnknown
	case d.call.failed:
		return events.OutcomeFailure
	}
	return events.OutcomeSuccess
}

// succeeded reports whether the call is known to have done what it was to do.
func (d *deed) succeeded() bool { return d.call.answered && !d.call.failed }
