// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/elastic/go-libaudit/v2/auparse"

	"sensor/internal/events"
	"sensor/internal/fallback/audit/assemble"
	"sensor/internal/fallback/audit/netlink"
	"sensor/internal/fallback/running"
)

const (
	// heartbeat is how often counters are read, and the kernel's state is looked at.
	heartbeat = time.Second
	// linger is for how long the reader lets records come before it reads them:
	// waking up costs more than reading.
	linger = 20 * time.Millisecond
	// calm is how long no record comes when the last one has come: much longer than the kernel takes to send one.
	calm = 20 * time.Millisecond
	// mostDraining bounds how long the last records are read at the end.
	mostDraining = 5 * time.Second
)

// replaced is AUDIT_REPLACE: the kernel asks its daemon whether it still lives, for another wants to take its place.
const replaced = 1329

// Run implements [events.Source]: first the processes that run already, then
// the records, until ctx ends and nothing is left.
func (s *Source) Run(ctx context.Context, emit func(*events.Event)) error {
	stream := s.stream // Close may come before the call
	defer context.AfterFunc(ctx, func() { stream.Wake() })()
	if s.serves[events.KindAlreadyRunning] {
		if err := running.Emit(s.proc, s.live, Name, s.options.IDs, s.options.Ledger, emit); err != nil {
			s.options.Log.Error("reading the processes that run already", "error", err)
		}
	}
	pause := time.NewTimer(0)
	defer pause.Stop()
	next := time.Now().Add(heartbeat)
	for ctx.Err() == nil {
		some, err := s.read(time.Until(next), emit)
		if err != nil {
			return s.fail(err, emit)
		}
		if now := time.Now(); s.uneasy || !now.Before(next) {
			s.beat(now, emit)
			next = now.Add(heartbeat)
		}
		if some {
			pause.Reset(linger)
			select {
			case <-pause.C:
			case <-ctx.Done():
			}
		}
	}
	return s.finish(emit)
}

// read waits for records and takes all that are there, if there are some.
func (s *Source) read(timeout time.Duration, emit func(*events.Event)) (some bool, err error) {
	messages, err := s.stream.Receive(timeout)
	for err == nil && len(messages) > 0 {
		some = true
		now := time.Now()
		for _, m := range messages {
			s.receive(m, now, emit)
		}
		if now.Sub(s.losses.since) > 2*heartbeat { // a flood: there is more to be done
			break
		}
		messages, err = s.stream.Receive(0)
	}
	return some, err
}

// receive takes one message of the kernel.
func (s *Source) receive(m netlink.Message, now time.Time, emit func(*events.Event)) {
	kind := auparse.AuditMessageType(m.Type)
	switch {
	case m.Type == replaced && len(m.Data) >= 4:
		if pid := binary.NativeEndian.Uint32(m.Data); pid != uint32(os.Getpid()) {
			s.worry(s.watch.yield(pid, now))
			s.uneasy = true
		}
		return
	case kind < auparse.AUDIT_USER:
		return // an answer to Own
	}
	record, err := auparse.Parse(kind, string(m.Data))
	if err != nil {
		s.options.Log.Debug("parsing an audit record", "type", m.Type, "error", err)
		s.losses.add(events.ReasonDecode, 1, now, now)
		return
	}
	if kind == auparse.AUDIT_CONFIG_CHANGE && !s.mine.changed(record.RawData) {
		s.uneasy = true
	}
	for _, e := range s.assembler.Add(record, now) {
		s.decode(e, emit)
	}
}

// decode tells what a whole audit event says.
func (s *Source) decode(e assemble.Event, emit func(*events.Event)) {
	if s.mine.made(e.Records) {
		return
	}
	list, err := s.decoder.Decode(e.Records)
	for _, event := range list {
		s.sequence++
		event.ID = s.options.IDs.Of(event.Kind.Traits().Class, 0, s.sequence)
		event.Provider = Name
		if p := event.Process; p != nil && p.StartKey != 0 {
			p.Start = s.clock.Wall(p.StartKey)
		}
		s.options.Ledger.Generated(event.Kind, 1)
		emit(event)
	}
	if err != nil {
		s.options.Log.Debug("decoding an audit event", "serial", e.Records[0].Sequence, "error", err)
	}
	switch {
	case len(list) > 0:
	case !e.Complete:
		if !e.Records[0].Timestamp.Before(s.begun) { // else it had begun before we read
			s.losses.fragments++
		}
	case err != nil:
		now := time.Now()
		s.losses.add(events.ReasonDecode, 1, now, now)
	}
}

// beat does what is to be done now and then.
func (s *Source) beat(now time.Time, emit func(*events.Event)) {
	s.uneasy = false
	for _, e := range s.assembler.Expire(now) {
		s.decode(e, emit)
	}
	s.worry(s.clock.Adjust())
	status, err := s.control.Status()
	if err != nil {
		s.worry(err)
		return
	}
	s.count(now, status.Lost, emit)
	moved, err := s.watch.check(now, status)
	s.worry(err)
	if moved {
		s.begun = time.Now()
		s.expect()
	}
}

// count accounts for what was lost and tells it.
func (s *Source) count(now time.Time, lost uint32, emit func(*events.Event)) {
	drops, err := s.stream.Drops()
	if err != nil {
		s.worry(err)
		return
	}
	s.losses.count(now, lost, drops, s.watch.tenure.holds, s.assembler.Missing())
	s.losses.tell(func(loss events.Loss) {
		s.options.Log.Warn("audit events were lost", "reason", loss.Stage, "count", loss.Count)
		emit(s.options.Ledger.LossEvent(Name, loss))
	})
}

// worry says an error, once as long as it stays the same.
func (s *Source) worry(err error) {
	if err == nil {
		return
	}
	if text := err.Error(); text != s.lastError {
		s.lastError = text
		s.options.Log.Error("watching over the audit system", "error", err)
	}
}

func (s *Source) expect() {
	j := s.watch.tenure.journal
	s.mine.expect(j.notes.Settings, j.owner.pid)
}

// finish removes what makes records, reads those that are left, and gives the
// settings back as long as the kernel can tell us that it has changed them.
func (s *Source) finish(emit func(*events.Event)) error {
	errs := []error{s.watch.stop(), s.drain(emit), s.watch.tenure.restore(), s.drain(emit)}
	for _, e := range s.assembler.Flush() {
		s.decode(e, emit)
	}
	status, err := s.control.Status()
	if err == nil {
		s.count(time.Now(), status.Lost, emit)
	}
	return errors.Join(append(errs, err, s.watch.end())...)
}

// drain reads until the kernel has nothing more.
func (s *Source) drain(emit func(*events.Event)) error {
	for end := time.Now().Add(mostDraining); time.Now().Before(end); {
		some, err := s.read(calm, emit)
		if err != nil {
			return fmt.Errorf("read the last audit records: %w", err)
		}
		if some {
			continue
		}
		status, err := s.control.Status()
		if err != nil || status.Backlog == 0 {
			return err
		}
	}
	return nil
}

// fail ends the run because records cannot be read any more.
func (s *Source) fail(cause error, emit func(*events.Event)) error {
	for _, e := range s.assembler.Flush() {
		s.decode(e, emit)
	}
	return errors.Join(fmt.Errorf("read audit records: %w", cause), s.watch.end())
}
