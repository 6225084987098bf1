// SPDX-License-Identifier: Apache-2.0

// Package audit reads the kernel's audit records: what the sensor lives on where
// there is no BPF. It is the host's audit daemon if there is no other, and reads along else.
//
// What it arranges in the kernel belongs to one of these, and is given back in
// the order of the list, by [Source.Run] at its end or by [Source.Close]:
//
//   - ruleset: the rules that it adds, each with the key of its owner, this process
//   - tenure: being the audit daemon, with the settings that go with it
//   - journal: a file with what there is to give back, for whoever starts after a kill -9
//
// watch looks once a second whether somebody else has changed any of it. Records
// come from [netlink.Stream], by way of [assemble] and [decode]; mine leaves out
// those of the sensor's own doing, and losses counts those that did not come.
package audit

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"sensor/internal/clock"
	"sensor/internal/events"
	"sensor/internal/fallback/audit/assemble"
	"sensor/internal/fallback/audit/decode"
	"sensor/internal/fallback/audit/netlink"
	"sensor/internal/fallback/audit/rules"
	"sensor/internal/fallback/running"
)

// Options of the source.
type Options struct {
	Log    *slog.Logger
	Ledger *events.Ledger
	IDs    events.IDs
	// Rules are files with rules in the syntax of auditctl.
	Rules []string
	// Beside adds rules also if another daemon receives the records.
	Beside bool
	// Raw adds the records' own fields to every event.
	Raw bool
	// StateDir is where the sensor notes what it changes in the kernel; "" is /run/sensor.
	StateDir string
	// Buffer is how much the kernel may keep for the sensor, in bytes; 0 is 8 MiB.
	Buffer int
	// Diagnosis makes Open change nothing in the kernel. Run must not follow.
	Diagnosis bool
	// Proc opens /proc. self is the sensor's own tgid in the initial pid
	// namespace; wall turns ns since boot into wall time.
	Proc func(self uint32, wall func(boot uint64) time.Time) (Proc, error)
}

// Proc is /proc.
type Proc interface {
	running.Proc
	// Start is when the process with this tgid started, in ns since boot.
	Start(pid uint32) (ns uint64, err error)
}

// Name is event.provider.
const Name = "audit"

const (
	defaultStateDir = "/run/sensor"
	defaultBuffer   = 8 << 20
	// mostInFlight bounds the events whose end has not come yet: as many as system calls can end at a time.
	mostInFlight = 8192
	// endWait is how long the end of an event is waited for.
	endWait = 2 * time.Second
)

// Variants of the plan.
const (
	unicast   = "unicast"   // the sensor is the audit daemon
	multicast = "multicast" // it reads along
	procfs    = "procfs"    // it reads /proc
)

// Source reads the kernel's audit records. Its methods are for one goroutine,
// but for the context of Run.
type Source struct {
	options   Options
	clock     clock.Clock
	proc      Proc
	procErr   error
	control   *netlink.Control
	stream    *netlink.Stream
	watch     *watch
	assembler *assemble.Assembler
	decoder   *decode.Decoder
	mine      mine
	losses    losses
	plan      []events.Service
	serves    [events.KindCount]bool
	live      uint64 // boot time in ns from which on everything is told
	sequence  uint64
	begun     time.Time // from when on records are complete
	uneasy    bool      // something has happened that the watch has to look at
	lastError string    // of the watch, so that each is said once
}

// New makes a source that has touched nothing yet.
func New(options Options) *Source {
	if options.StateDir == "" {
		options.StateDir = defaultStateDir
	}
	if options.Buffer == 0 {
		options.Buffer = defaultBuffer
	}
	return &Source{options: options}
}

// Name implements [events.Source].
func (s *Source) Name() string { return Name }

// Plan implements [events.Planner].
func (s *Source) Plan() []events.Service { return s.plan }

// Open takes the records and adds the rules that serve the wanted kinds; beside
// another daemon it reads along, and takes the kinds that the rules in
// the kernel serve. If a rule cannot be added, none is, and no kind is taken.
func (s *Source) Open(want []events.Kind) (got []events.Kind, err error) {
	*s = Source{options: s.options}
	want = slices.DeleteFunc(slices.Clone(want), func(k events.Kind) bool { return !known(k) })
	if len(want) == 0 {
		return nil, nil
	}
	variant, reasons, err := s.open(want)
	if err != nil {
		for _, k := range want {
			s.plan = append(s.plan, events.Service{Kind: k, Variant: variant, Err: err})
		}
		return nil, errors.Join(fmt.Errorf("read audit records: %w", err), s.Close())
	}
	var errs []error
	for _, k := range want {
		reason := reasons[k]
		service := events.Service{Kind: k, Variant: variant, Hooks: hooks(k), Err: reason}
		if k == events.KindAlreadyRunning {
			service.Variant = procfs
		}
		s.plan = append(s.plan, service)
		if reason != nil {
			errs = append(errs, fmt.Errorf("serve %s: %w", k, reason))
			continue
		}
		s.serves[k] = true
		got = append(got, k)
	}
	if !s.useful() {
		errs = append(errs, s.Close())
		got = nil
	}
	return got, errors.Join(errs...)
}

// useful reports whether records are to be read.
func (s *Source) useful() bool {
	for k, serves := range s.serves {
		if serves && events.Kind(k) != events.KindAlreadyRunning {
			return true
		}
	}
	return false
}

// open arranges everything. reasons say why kinds are not served.
func (s *Source) open(want []events.Kind) (variant string, reasons map[events.Kind]error, err error) {
	if err := s.clock.Adjust(); err != nil {
		return "", nil, err
	}
	if err := initialNamespaces(); err != nil {
		return "", nil, err
	}
	own, err := self()
	if err != nil {
		return "", nil, err
	}
	s.proc, s.procErr = s.options.Proc(uint32(own.pid), s.clock.Wall)
	if s.control, err = netlink.OpenControl(); err != nil {
		return "", nil, err
	}
	if s.stream, err = netlink.OpenStream(s.options.Buffer); err != nil {
		return "", nil, err
	}
	if _, err := s.control.Status(); err != nil {
		return "", nil, explain(err)
	}
	list, err := s.ruleList(want, uint32(own.pid))
	if err != nil {
		return "", nil, err
	}
	journal := &journal{owner: own, dir: s.options.StateDir}
	set, err := newRuleset(s.control, journal, list)
	if err != nil {
		return "", nil, err
	}
	s.watch = &watch{
		log: s.options.Log, rules: set, inlet: s.stream, beside: s.options.Beside, lives: processLives,
		tenure: &tenure{board: s.control, inlet: s.stream, journal: journal},
	}
	if s.options.Diagnosis {
		return s.diagnose(want)
	}
	s.watch.clean = s.cleanUp
	s.cleanUp()
	if err := s.watch.start(); err != nil {
		return "", nil, explain(err)
	}
	if s.live, err = clock.BootTime(); err != nil {
		return "", nil, err
	}
	s.live = s.live / events.StartTick * events.StartTick
	if err := s.prepare(own); err != nil {
		return "", nil, err
	}
	reasons, err = s.reasons(want, s.watch.rules.loaded)
	return s.variant(), reasons, err
}

func (s *Source) variant() string {
	if s.watch.tenure.holds {
		return unicast
	}
	return multicast
}

// diagnose finds what Open would do.
func (s *Source) diagnose(want []events.Kind) (variant string, reasons map[events.Kind]error, err error) {
	status, err := s.control.Status()
	if err != nil {
		return "", nil, err
	}
	if status.PID == 0 || !processLives(int(status.PID)) {
		reasons, err = s.reasons(want, status.Enabled != immutable)
		return unicast, reasons, err
	}
	if err := s.stream.Listen(true); err != nil {
		return multicast, nil, explain(err)
	}
	reasons, err = s.reasons(want, s.options.Beside && status.Enabled != immutable)
	return multicast, reasons, err
}

// ruleList are the rules from the files and those that serve the kinds. The
// former come first: the kernel takes the first that matches, and what they say of
// their own counts.
func (s *Source) ruleList(want []events.Kind, self uint32) ([]rules.Rule, error) {
	set, err := rules.Read(s.options.Rules)
	if err != nil {
		return nil, err
	}
	for _, note := range set.Notes {
		s.options.Log.Warn("audit rule without effect", "note", note.String())
	}
	builtin, err := rules.Builtin(want, self)
	if err != nil {
		return nil, err
	}
	return append(set.Rules, builtin...), nil
}

// cleanUp removes what sensors have left behind that were killed.
func (s *Source) cleanUp() {
	left, err := legacies(s.options.StateDir, owner.lives)
	if err != nil {
		s.options.Log.Error("reading what a former sensor has changed", "error", err)
	}
	var noted [][]byte
	for _, n := range left {
		noted = append(noted, n.Rules...)
	}
	n, err := sweep(s.control, noted, owner.lives)
	errs := []error{err}
	which := everything
	if status, err := s.control.Status(); err == nil && status.PID != 0 && processLives(int(status.PID)) {
		which = unlikely
	}
	for name, l := range left {
		if l.Settings != nil {
			errs = append(errs, s.watch.tenure.undo(*l.Settings, which))
		}
		errs = append(errs, remove(name))
	}
	if n > 0 || len(left) > 0 {
		s.options.Log.Warn("removed what a killed sensor had left in the audit system", "rules", n, "settings", len(left) > 0)
	}
	if err := errors.Join(errs...); err != nil {
		s.options.Log.Error("removing what a killed sensor had left in the audit system", "error", err)
	}
}

// prepare makes what turns records into events.
func (s *Source) prepare(own owner) error {
	status, err := s.control.Status()
	if err != nil {
		return err
	}
	drops, err := s.stream.Drops()
	if err != nil {
		return err
	}
	s.losses.ledger = s.options.Ledger
	s.losses.begin(time.Now(), status.Lost, drops)
	s.begun = time.Now()
	s.assembler = assemble.New(mostInFlight, endWait)
	s.mine = newMine(own)
	s.expect()
	options := decode.Options{
		Wants: func(k events.Kind) bool { return s.serves[k] },
		Raw:   s.options.Raw,
		Key:   own.String(),
	}
	if s.procErr == nil {
		options.Start = s.start
	} else {
		s.options.Log.Warn("start times of processes are unknown", "error", s.procErr)
	}
	s.decoder = decode.New(options)
	return nil
}

// start implements decode.Options.Start.
func (s *Source) start(pid uint32, at int64) (ns uint64, ok bool) {
	ns, err := s.proc.Start(pid)
	if err != nil {
		return 0, false
	}
	// Record times are rounded down to the millisecond and start times to the
	// tick. Who started in the same tick as the record's time is who acted.
	return ns, s.clock.Wall(ns).UnixNano() <= at
}

// Close gives back what Open took. It does nothing the second time.
func (s *Source) Close() error {
	var errs []error
	if s.watch != nil {
		errs = append(errs, s.watch.end())
		s.watch = nil
	}
	if s.stream != nil {
		errs = append(errs, s.stream.Close())
		s.stream = nil
	}
	if s.control != nil {
		errs = append(errs, s.control.Close())
		s.control = nil
	}
	return errors.Join(errs...)
}
