// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/elastic/go-libaudit/v2"
)

const (
	// yieldFor is how long the sensor waits for another daemon that wanted the
	// records and was refused: it has to try again. If nobody does, they are ours again.
	yieldFor = 10 * time.Second
	// Rules that are removed are added again at once, and then after a time that
	// grows from the first to the second of these.
	shortestPause = 10 * time.Second
	longestPause  = time.Hour
)

// watch keeps what the sensor has arranged in the kernel, and notices what
// others do to it: once each it says so, and it fights nobody.
type watch struct {
	log    *slog.Logger
	tenure *tenure
	rules  *ruleset
	inlet  inlet
	beside bool // add rules also beside another daemon
	lives  func(pid int) bool
	clean  func() // removes what killed sensors have left behind; may be nil

	daemon     uint32 // that is known to receive the records in our place
	yieldUntil time.Time
	immutable  bool // that it is has been said
	off        bool // likewise
	healed     bool // it was switched on again once; it is not done twice
	pause      time.Duration
	nextLoad   time.Time
	failed     bool // to add them again
}

// start takes the records if nobody else has them, and else listens. With rules it loads them if they
// are to be there in this case.
func (w *watch) start() error {
	err := w.take()
	if !errors.Is(err, errOwned) {
		return err
	}
	return w.listen()
}

func (w *watch) take() error {
	if err := w.tenure.take(w.lives); err != nil {
		return err
	}
	err := w.load()
	if err == nil {
		err = w.tenure.enable()
	}
	if err != nil {
		return errors.Join(err, w.rules.unload(), w.tenure.release())
	}
	w.daemon = 0
	return nil
}

func (w *watch) listen() error {
	if err := w.inlet.Listen(true); err != nil {
		return err
	}
	if !w.beside {
		return nil
	}
	if err := w.load(); err != nil {
		return errors.Join(err, w.inlet.Listen(false))
	}
	return nil
}

// load loads the rules if rules can be loaded.
func (w *watch) load() error {
	status, err := w.tenure.board.Status()
	if err != nil || status.Enabled == immutable {
		w.immutable = err == nil
		return err
	}
	refusals, err := w.rules.load()
	if refusals != nil {
		w.log.Info("rules that this kernel does not take", "error", refusals)
	}
	return err
}

// stop removes the rules. Records still come.
func (w *watch) stop() error {
	w.failed = false
	if !w.rules.loaded {
		return nil
	}
	return w.rules.unload()
}

// check compares what is with what should be. moved is whether the records come
// another way than before.
func (w *watch) check(now time.Time, status libaudit.AuditStatus) (moved bool, err error) {
	switch {
	case w.tenure.holds && status.PID == 0:
		moved, err = true, w.inlet.Own(true)
		w.log.Warn("the kernel had given up on the sensor, which did not read for too long; it sends records again")
	case w.tenure.holds && int(status.PID) != w.tenure.journal.owner.pid:
		w.log.Warn("another audit daemon receives the records now; the sensor reads along", "daemon", status.PID)
		w.tenure.holds = false
		w.daemon = status.PID
		moved, err = true, w.withdraw()
	case !w.tenure.holds && now.After(w.yieldUntil) && (status.PID == 0 || !w.lives(int(status.PID))):
		moved, err = w.retake()
	case !w.tenure.holds && status.PID != w.daemon && status.PID != 0:
		w.daemon = status.PID
		w.yieldUntil = time.Time{} // it has come
		w.log.Info("audit records belong to another daemon; the sensor reads along", "daemon", status.PID)
	}
	if err != nil || moved { // the status is no longer what it was
		return moved, err
	}
	w.checkEnabled(status, now)
	return moved, w.checkRules(now)
}

// withdraw lets another daemon have the records.
func (w *watch) withdraw() error {
	errs := []error{w.inlet.Listen(true)}
	if !w.beside {
		errs = append(errs, w.stop())
	}
	return errors.Join(append(errs, w.tenure.leave())...)
}

// yield makes room for a daemon that the kernel has just refused because there is one.
func (w *watch) yield(daemon uint32, now time.Time) error {
	if !w.tenure.holds {
		return nil
	}
	w.yieldUntil = now.Add(yieldFor)
	var errs []error
	if !w.beside {
		errs = append(errs, w.stop()) // while nobody owns the records, each would be in the kernel's log
	}
	errs = append(errs, w.tenure.release(), w.inlet.Listen(true))
	w.log.Warn("another audit daemon wants the records; the sensor has given them up and reads along", "daemon", daemon)
	return errors.Join(errs...)
}

// retake takes the records after the daemon that had them is gone.
func (w *watch) retake() (moved bool, err error) {
	// First, or a record would come twice.
	if err := w.inlet.Listen(false); err != nil {
		return false, err
	}
	w.cleanUp() // or what the daemon has changed, if it was a sensor that was killed, would be taken for the host's
	err = w.take()
	if err == nil {
		w.log.Warn("no audit daemon receives the records any more; the sensor does")
		return true, nil
	}
	back := w.inlet.Listen(true)
	if errors.Is(err, errOwned) { // another one was faster
		err = nil
	}
	return true, errors.Join(err, back)
}

// checkEnabled looks whether audit is switched on.
func (w *watch) checkEnabled(status libaudit.AuditStatus, now time.Time) {
	if status.Enabled == immutable && !w.immutable {
		w.immutable = true
		w.log.Warn("the audit system's configuration is locked until the next boot (auditctl -e 2)")
	}
	switch {
	case status.Enabled != 0:
		if w.off {
			w.log.Warn("audit is switched on again")
		}
		w.off = false
	case w.off || now.Before(w.yieldUntil): // it is said, or our own doing
	case w.tenure.holds && !w.healed:
		w.healed = true
		err := w.tenure.enable()
		w.log.Warn("somebody had switched audit off; the sensor has switched it on again, once")
		if err != nil {
			w.log.Error("switching audit on", "error", err)
		}
	default:
		w.off = true
		w.log.Error("audit is switched off: nothing is told until it is switched on (auditctl -e 1)")
	}
}

// checkRules looks whether our rules are still there.
func (w *watch) checkRules(now time.Time) error {
	if !w.rules.loaded && !w.failed {
		return nil
	}
	n, err := w.rules.missing()
	if err != nil || n == 0 && !w.failed {
		return err
	}
	if now.Before(w.nextLoad) {
		return nil
	}
	if w.immutable {
		w.log.Error("rules of the sensor were removed and cannot be added again", "missing", n)
		w.rules.loaded = false
		return nil
	}
	w.pause = min(max(2*w.pause, shortestPause), longestPause)
	w.nextLoad = now.Add(w.pause)
	err = errors.Join(w.rules.unload(), w.load()) // all of them, for their order matters
	w.failed = err != nil
	if err != nil {
		return fmt.Errorf("add rules again that somebody has removed: %w", err)
	}
	w.log.Warn("somebody had removed rules of the sensor; they are added again", "missing", n)
	return nil
}

func (w *watch) cleanUp() {
	if w.clean != nil {
		w.clean()
	}
}

// end gives everything back, also for sensors that were killed meanwhile.
func (w *watch) end() error {
	err := errors.Join(w.stop(), w.tenure.release())
	w.cleanUp()
	return err
}
