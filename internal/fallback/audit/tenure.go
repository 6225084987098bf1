// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"

	"github.com/elastic/go-libaudit/v2"
)

// switchboard is where the settings of the audit system are: [netlink.Control].
type switchboard interface {
	Status() (libaudit.AuditStatus, error)
	Set(libaudit.AuditStatus) error
}

// inlet is where records come in: [netlink.Stream].
type inlet interface {
	Own(own bool) error
	Listen(listen bool) error
}

// errOwned is the error if the records belong to another daemon.
var errOwned = errors.New("another audit daemon receives the records")

// values are the settings that are changed for as long as the sensor is the audit daemon.
type values struct {
	Enabled         uint32 `json:"enabled"`
	Failure         uint32 `json:"failure"`
	BacklogLimit    uint32 `json:"backlog_limit"`
	BacklogWaitTime uint32 `json:"backlog_wait_time"`
}

func valuesOf(s libaudit.AuditStatus) values {
	return values{s.Enabled, s.Failure, s.BacklogLimit, s.BacklogWaitTime}
}

const (
	immutable = 2 // of enabled: nothing can be changed until the next boot
	// leastBacklog is how many records the kernel keeps for us: those of four
	// thousand execs, some 32 MiB, which it takes only while the sensor lags. A
	// build on two CPUs makes 10,000 records in a second.
	leastBacklog = 32768
)

// ours are the settings while the sensor owns the records. The host never waits
// for the sensor, and a flood does not make it panic, whoever had set that: the
// kernel counts what is lost.
func ours(before values) values {
	return values{Enabled: 1, Failure: uint32(libaudit.SilentOnFailure), BacklogLimit: max(before.BacklogLimit, leastBacklog)}
}

// tenure is the time for which the sensor is the host's audit daemon.
type tenure struct {
	board   switchboard
	inlet   inlet
	journal *journal
	holds   bool
}

// take makes this process the audit daemon, if there is none. The settings are
// ours then, except that audit is not switched on: see enable. It returns
// errOwned if there is a daemon.
func (t *tenure) take(lives func(pid int) bool) error {
	status, err := t.board.Status()
	if err != nil {
		return err
	}
	// A daemon that has been killed is the kernel's until it tries to send. A
	// living one is not to be asked: it would find that in its log.
	if status.PID != 0 && lives(int(status.PID)) {
		return errOwned
	}
	before := valuesOf(status)
	if status.Enabled != immutable {
		if err := t.journal.setSettings(&settings{before, ours(before)}); err != nil {
			return err
		}
	}
	if err := t.inlet.Own(true); err != nil {
		return errors.Join(err, t.journal.setSettings(nil))
	}
	if status, err = t.board.Status(); err != nil {
		return errors.Join(err, t.inlet.Own(false), t.journal.setSettings(nil))
	}
	if int(status.PID) != t.journal.owner.pid {
		return errors.Join(errOwned, t.journal.setSettings(nil))
	}
	t.holds = true
	set := t.journal.notes.Settings
	if set == nil {
		return nil
	}
	if err := t.set(libaudit.AuditStatusFailure|libaudit.AuditStatusBacklogLimit|libaudit.AuditStatusBacklogWaitTime, set.Ours); err != nil {
		return errors.Join(err, t.release())
	}
	return nil
}

// enable switches audit on. It comes last: until then the kernel has nothing to say about what was set.
func (t *tenure) enable() error {
	if t.journal.notes.Settings == nil {
		return nil
	}
	return t.set(libaudit.AuditStatusEnabled, t.journal.notes.Settings.Ours)
}

func (t *tenure) set(mask libaudit.AuditStatusMask, v values) error {
	return t.board.Set(libaudit.AuditStatus{
		Mask: mask, Enabled: v.Enabled, Failure: v.Failure, BacklogLimit: v.BacklogLimit, BacklogWaitTime: v.BacklogWaitTime,
	})
}

// release gives the records and the settings back.
func (t *tenure) release() error {
	errs := []error{t.restore()}
	if t.holds {
		errs = append(errs, t.inlet.Own(false))
		t.holds = false
	}
	return errors.Join(errs...)
}

// restore gives the settings back, but for those that somebody else has set since.
func (t *tenure) restore() error {
	s := t.journal.notes.Settings
	if s == nil {
		return nil
	}
	return errors.Join(t.undo(*s, everything), t.journal.setSettings(nil))
}

// leave gives back what another daemon, which has the records now, may not know
// of. That audit is on and the queue long is as likely its will as ours.
func (t *tenure) leave() error {
	t.holds = false
	s := t.journal.notes.Settings
	if s == nil {
		return nil
	}
	return errors.Join(t.undo(*s, unlikely), t.journal.setSettings(nil))
}

const (
	// everything is what take and enable change.
	everything = unlikely | libaudit.AuditStatusEnabled | libaudit.AuditStatusBacklogLimit
	// unlikely is what no other daemon sets as we do.
	unlikely = libaudit.AuditStatusFailure | libaudit.AuditStatusBacklogWaitTime
)

func (t *tenure) undo(s settings, which libaudit.AuditStatusMask) error {
	status, err := t.board.Status()
	if err != nil {
		return err
	}
	now, back := valuesOf(status), s.Before
	var mask libaudit.AuditStatusMask
	for _, value := range []struct {
		now, ours, before uint32
		bit               libaudit.AuditStatusMask
	}{
		{now.Enabled, s.Ours.Enabled, back.Enabled, libaudit.AuditStatusEnabled},
		{now.Failure, s.Ours.Failure, back.Failure, libaudit.AuditStatusFailure},
		{now.BacklogLimit, s.Ours.BacklogLimit, back.BacklogLimit, libaudit.AuditStatusBacklogLimit},
		{now.BacklogWaitTime, s.Ours.BacklogWaitTime, back.BacklogWaitTime, libaudit.AuditStatusBacklogWaitTime},
	} {
		if value.now == value.ours && value.now != value.before {
			mask |= value.bit
		}
	}
	if mask &= which; mask == 0 || now.Enabled == immutable {
		return nil
	}
	return t.set(mask, back)
}
