// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/compare"
	"sensor/internal/compare/view"
	"sensor/internal/events"
	"sensor/internal/fallback/audit/netlink"
	"sensor/internal/fallback/audit/rules"
)

// A session is the time for which both sides watch.
type session struct {
	compareCommand
	std       streams
	log       *slog.Logger
	kinds     []events.Kind
	audit     auditState // before anything was started
	tax       *tax
	meter     *meter
	observers [2]*observer // no B with --audit-log

	comparison *compare.Comparison
	feed       feed
	begin, end time.Time
}

// tick is more than the clock of audit records may be behind.
const tick = 20 * time.Millisecond

// watch has both sides watch until COMMAND or ctx ends, and gives the report.
func (s *session) watch(ctx context.Context) (*compare.Report, error) {
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	s.meter.begin(s)
	s.begin = time.Now()
	s.comparison.Begin(s.begin)
	time.Sleep(tick) // what COMMAND does is after the begin by either clock
	s.log.Info("ready")
	command, err := s.work(ctx)
	time.Sleep(tick)
	s.end = time.Now()
	s.meter.end(s)

	ctx = context.WithoutCancel(ctx) // an interrupt ends the watching alone
	errs := []error{err}
	if s.AuditLog == "" {
		errs = append(errs, s.observers[compare.B].stop())
		s.comparison.Ignore(s.taxed(ctx, onlyA))
	}
	errs = append(errs, s.observers[compare.A].stop())
	s.taxed(ctx, none)
	if s.AuditLog != "" {
		recorded, err := s.recorded(ctx)
		if err != nil {
			return nil, errors.Join(append(errs, err)...)
		}
		s.feed.sides[compare.B] = recorded
	}
	errs = append(errs, s.feed.rest(ctx))
	s.comparison.End(s.end)
	report := s.comparison.Report()
	report.Command = command
	a, b := s.meter.measured(s)
	report.Measure(a, b, s.tax.result())
	return report, errors.Join(errs...)
}

// taxed measures the tax, if it is to be, and gives the process that did.
func (s *session) taxed(ctx context.Context, state taxState) (pid uint32) {
	if s.Tax && s.AuditLog == "" {
		return s.tax.probe(ctx, state)
	}
	return 0
}

// open makes the comparison, now that it is known who serves what.
func (s *session) open(ctx context.Context) error {
	options := compare.Options{Examples: s.Examples, Ignore: append(s.tax.pids, uint32(os.Getpid()))}
	var read [2][][]byte
	for side, o := range s.observers {
		options.Sides[side] = compare.SideOptions{Name: sourceOf[side], Source: sourceOf[side]}
		if o == nil {
			options.Sides[side].Name, options.Sides[side].Kinds = "log", s.audit.logged
			continue
		}
		var err error
		if options.Sides[side].Kinds, read[side], err = servedKinds(ctx, o); err != nil {
			return err
		}
		options.Ignore = append(options.Ignore, uint32(o.pid()))
		s.feed.sides[side] = o.output
	}
	if err := s.commonKinds(options.Sides); err != nil {
		return err
	}
	if b := &options.Sides[compare.B]; s.audit.off {
		// Unless it was on earlier: then it tells of what we do now.
		b.BlindBefore, b.Witness = time.Now(), uint32(os.Getpid())
		f, err := unnamedFile()
		if err != nil {
			return err
		}
		f.Close()
	}
	s.comparison = compare.New(options)
	s.feed.comparison = s.comparison
	for _, path := range openedFiles() {
		s.comparison.Opened(path)
	}
	for side, lines := range read {
		for _, line := range lines {
			s.comparison.Add(compare.Side(side), line)
		}
	}
	return nil
}

// mostOpened bounds what is remembered of files that were open before.
const mostOpened = 1 << 16

// openedFiles are the files that processes have open for writing.
func openedFiles() []string {
	opened := map[string]bool{}
	descriptors, _ := filepath.Glob("/proc/[0-9]*/fd/*") // but for those of processes that have ended by now
	for _, d := range descriptors {
		info, err := os.Lstat(d)
		if err != nil || info.Mode()&0o200 == 0 || len(opened) >= mostOpened {
			continue
		}
		if path, err := os.Readlink(d); err == nil && strings.HasPrefix(path, "/") {
			opened[strings.TrimSuffix(path, " (deleted)")] = true
		}
	}
	return slices.Collect(maps.Keys(opened))
}

// commonKinds is an error if there is nothing to compare, and says what cannot be.
func (s *session) commonKinds(sides [2]compare.SideOptions) error {
	var some bool
	for _, k := range s.kinds {
		told := [2]bool{}
		for i, side := range sides {
			told[i] = side.Kinds == nil || slices.Contains(side.Kinds, k)
		}
		switch {
		case told[compare.A] && told[compare.B]:
			some = some || k != events.KindAlreadyRunning
		case told[compare.A]:
			s.log.Warn("a kind is told by one side alone", "kind", k, "by", sides[compare.A].Name)
		case told[compare.B]:
			s.log.Warn("a kind is told by one side alone", "kind", k, "by", sides[compare.B].Name)
		}
	}
	switch {
	case some:
		return nil
	case s.audit.daemon != 0 && !s.Beside:
		return exit(exitUnserved, fmt.Errorf("compare: there is no kind that both tell: the rules of the audit daemon, process %d, record none of %s; --beside adds rules", s.audit.daemon, strings.Join(names(s.kinds), ", ")))
	}
	return exit(exitUnserved, fmt.Errorf("compare: of %s there is no kind that both tell", strings.Join(names(s.kinds), ", ")))
}

// work runs COMMAND, or waits, and meanwhile compares. The error is that of a source, or of the comparison.
func (s *session) work(ctx context.Context) (*compare.Command, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	limit := ctx
	if s.Duration > 0 {
		var stop context.CancelFunc
		limit, stop = context.WithTimeout(ctx, s.Duration)
		defer stop()
	}
	var others sync.WaitGroup
	failures := make([]error, 3)
	for side, o := range s.observers {
		if o != nil {
			others.Go(func() {
				select {
				case <-o.ended:
					failures[side] = o.failure()
					cancel()
				case <-ctx.Done():
				}
			})
		}
	}
	read := s.feed.run
	if s.AuditLog != "" { // one side is read when the other is there
		read = s.feed.hold
	}
	others.Go(func() {
		failures[2] = read(ctx)
		cancel()
	})
	others.Go(func() { s.progress(ctx) })
	command, err := s.run(limit, s.std)
	cancel()
	others.Wait()
	if command != nil && command.ExitCode != 0 {
		s.log.Warn("the command has failed", "exit_code", command.ExitCode)
	}
	return command, errors.Join(append(failures, err)...)
}

// progress shows on a terminal where the comparison stands.
func (s *session) progress(ctx context.Context) {
	terminal, ok := s.std.log.(*os.File)
	if !ok || !isTerminal(terminal) {
		return
	}
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	const again = "\r\x1b[K"
	for {
		select {
		case <-ticker.C:
			fmt.Fprint(terminal, again, view.Progress(s.comparison.Progress(), sourceOf[compare.A], sourceOf[compare.B]))
		case <-ctx.Done():
			fmt.Fprint(terminal, again)
			return
		}
	}
}

// auditState is what the audit system is like before a comparison.
type auditState struct {
	daemon uint32 // that receives the records; 0 if there is none
	off    bool
	logged []events.Kind // that the daemon's rules record; nil if that is unknown
}

// auditState looks at the audit system. It is an error if the audit source cannot work.
func (c compareCommand) auditState(log *slog.Logger, kinds []events.Kind) (state auditState, err error) {
	control, err := netlink.OpenControl()
	if err != nil {
		return state, c.auditless(log, err)
	}
	defer control.Close()
	status, err := control.Status()
	if err != nil {
		return state, c.auditless(log, err)
	}
	state.off = status.Enabled == 0
	if status.PID != 0 && unix.Kill(int(status.PID), 0) == nil {
		state.daemon = status.PID
	}
	if c.AuditLog != "" {
		loaded, err := control.Rules()
		if err != nil {
			return state, err
		}
		state.logged = []events.Kind{}
		for _, k := range kinds {
			if ok, why := rules.Covers(loaded, k); ok {
				state.logged = append(state.logged, k)
			} else {
				log.Warn("the audit rules do not record all of a kind", "kind", k, "reason", why)
			}
		}
		return state, nil
	}
	switch {
	case state.daemon != 0 && c.Beside:
		log.Warn("the log of the audit daemon will have the records of the comparison's rules", "daemon", state.daemon)
	case state.daemon != 0:
		log.Warn("another audit daemon receives the records; only what its rules record is compared, unless --beside adds rules", "daemon", state.daemon)
	}
	return state, nil
}

// auditless decides whether it does without the kernel's audit system.
func (c compareCommand) auditless(log *slog.Logger, err error) error {
	err = fmt.Errorf("source audit: %w", err)
	if c.AuditLog == "" {
		return err
	}
	log.Warn("what the log is to hold is unknown", "error", err)
	return nil
}
