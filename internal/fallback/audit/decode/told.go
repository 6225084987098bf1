// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"errors"
	"fmt"
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"

	"sensor/internal/events"
)

// ErrIncomplete is why the records of a system call tell nothing: that of the
// call itself is missing.
var ErrIncomplete = errors.New("its SYSCALL record is missing")

// told decodes what a program or the kernel itself has told: any records without
// a SYSCALL record. Each is an event of its own.
func (d *Decoder) told(records []*auparse.AuditMessage) ([]*events.Event, error) {
	var (
		list []*events.Event
		errs []error
	)
	told := false
	for _, r := range records {
		if _, own := tellers[r.RecordType]; !own && ofCall(r.RecordType) {
			continue
		}
		told = true
		e, err := d.tell(r)
		if e != nil {
			list = append(list, e)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	if !told && len(records) > 0 {
		errs = append(errs, fmt.Errorf("decode %v record: %w", records[0].RecordType, ErrIncomplete))
	}
	return list, errors.Join(errs...)
}

// tell makes the event that one record tells; nil if its kind is not wanted.
func (d *Decoder) tell(r *auparse.AuditMessage) (*events.Event, error) {
	s := parseStatement(r)
	teller := tellerOf(s)
	kind := teller.kind()
	if d.options.Wants != nil && !d.options.Wants(kind) {
		return nil, nil
	}
	e := &events.Event{
		Kind: kind, Time: r.Timestamp, Outcome: s.outcome(),
		Words: &events.Words{Category: teller.category, Type: teller.types, Action: teller.action},
	}
	e.Account = s.account(kind, teller.names)
	e.Process = d.reporter(s)
	if kind == events.KindAudit || d.options.Raw {
		e.Audit = s.audit()
	}
	return e, errors.Join(s.errs...)
}

// outcome is what the record says about it: programs and the kernel have several words.
func (s *statement) outcome() events.Outcome {
	switch word := strings.ToLower(s.result()); {
	case word == "yes", word == "1", strings.HasPrefix(word, "suc"):
		return events.OutcomeSuccess
	case word == "no", word == "0", strings.HasPrefix(word, "fail"):
		return events.OutcomeFailure
	}
	return events.OutcomeUnknown
}

// reporter is the process that told it, or that the kernel tells of; nil if the
// record names none. Its users are not known: the record has only the real one.
func (d *Decoder) reporter(s *statement) *events.Process {
	pid, ok := s.id("pid")
	if !ok || pid == 0 {
		return nil
	}
	p := &events.Process{
		PID: pid, ThreadName: s.get("comm"),
		Executable:       events.Path{Name: s.get("exe")},
		WorkingDirectory: events.Path{Name: s.get("cwd")},
	}
	if parent, ok := s.id("ppid"); ok {
		p.ParentPID = parent
	}
	p.Claimed = ofProgram(s.record.RecordType)
	if p.Name = p.Executable.Base(); p.Name == "" {
		p.Name = p.ThreadName
	}
	if d.options.Start != nil {
		if ns, ok := d.options.Start(pid, s.record.Timestamp.UnixNano()); ok {
			p.StartKey = ns
		}
	}
	return p
}

// ofProgram reports whether records of that type are made of what a program has
// sent: user messages (linux/audit.h). The kernel vouches for its pid and ids alone.
func ofProgram(t auparse.AuditMessageType) bool {
	return t == auparse.AUDIT_USER || t >= 1100 && t < 1200 || t >= 2100 && t < 3000
}
