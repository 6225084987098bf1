// SPDX-License-Identifier: Apache-2.0

// Package procconn is the source of what the kernel's process connector tells:
// that a process was created, executed a program, ended, or changed its ids.
//
// The connector tells pids, little else. The rest is read from /proc afterwards,
// so it misses what is short: a process that has ended by then is told with its
// pids alone, and without a start time. One that has executed yet another
// program by then has no image, or in the worst case the later one.
package procconn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/vishvananda/netlink"

	"sensor/internal/clock"
	"sensor/internal/events"
	"sensor/internal/fallback/running"
	"sensor/internal/process/snapshot"
)

// Options of the source.
type Options struct {
	Log    *slog.Logger
	Ledger *events.Ledger
	IDs    events.IDs
	// Buffer is how much the kernel may keep until it is read, in bytes; 0 is 16 MiB, some 20,000 messages.
	Buffer int
	// Proc opens /proc; wall turns ns since boot into wall time.
	Proc func(wall func(boot uint64) time.Time) (Proc, error)
}

// Proc is /proc. [snapshot.Reader] is one.
type Proc interface {
	running.Proc
	Process(pid uint32) (*events.Process, error)
	Life(pid uint32) (snapshot.Life, error)
}

// Source reads the process connector. Its methods are for one goroutine, but for
// the context of Run; Close comes after Run.
type Source struct {
	options Options
	clocks  clocks
	proc    Proc
	intake  *intake // nil if at most already_running is served
	leaders leaders
	served  map[uint32]events.Kind // by what tells it
	running bool                   // already_running is served
	plan    []events.Service
	// Boot time in ns: what happened before is not told, who started before is in the snapshot.
	live     uint64
	sequence uint64 // of the ids
	lost     uint64 // messages that the kernel has dropped, as told
}

// Name is event.provider.
const Name = "procconn"

const defaultBuffer = 16 << 20

// A hook is a kind that the connector serves, and what tells it.
type hook struct {
	kind events.Kind
	what uint32
	name string
}

func hooks() []hook {
	return []hook{
		{events.KindExec, netlink.PROC_EVENT_EXEC, "PROC_EVENT_EXEC"},
		{events.KindFork, netlink.PROC_EVENT_FORK, "PROC_EVENT_FORK"},
		{events.KindExit, netlink.PROC_EVENT_EXIT, "PROC_EVENT_EXIT"},
		{events.KindUIDChange, netlink.PROC_EVENT_UID, "PROC_EVENT_UID"},
		{events.KindGIDChange, netlink.PROC_EVENT_GID, "PROC_EVENT_GID"},
		{events.KindSessionIDChange, netlink.PROC_EVENT_SID, "PROC_EVENT_SID"},
	}
}

// New makes a source that has touched nothing yet.
func New(options Options) *Source {
	options.Buffer = cmp.Or(options.Buffer, defaultBuffer)
	return &Source{options: options}
}

// Name implements [events.Source].
func (s *Source) Name() string { return Name }

// Plan implements [events.Planner].
func (s *Source) Plan() []events.Service { return s.plan }

// Open subscribes: what happens from its return on is told.
func (s *Source) Open(want []events.Kind) (got []events.Kind, err error) {
	*s = Source{options: s.options, served: map[uint32]events.Kind{}}
	s.proc, err = s.options.Proc(s.clocks.Wall)
	noProc := errors.Join(err, s.clocks.Adjust())
	noConnector := noProc
	wanted := slices.DeleteFunc(hooks(), func(h hook) bool { return !slices.Contains(want, h.kind) })
	if len(wanted) > 0 && noConnector == nil {
		noConnector = s.listen()
	}
	var errs []error
	take := func(service events.Service) {
		s.plan = append(s.plan, service)
		if service.Err != nil {
			errs = append(errs, fmt.Errorf("serve %s: %w", service.Kind, service.Err))
			return
		}
		got = append(got, service.Kind)
	}
	for _, h := range wanted {
		take(events.Service{Kind: h.kind, Variant: "connector", Hooks: []string{"cn_proc/" + h.name}, Err: noConnector})
		if noConnector == nil {
			s.served[h.what] = h.kind
		}
	}
	if slices.Contains(want, events.KindAlreadyRunning) {
		if len(wanted) > 0 { // what runs already says little if nothing follows
			noProc = noConnector
		}
		take(events.Service{Kind: events.KindAlreadyRunning, Variant: "procfs", Hooks: []string{"/proc"}, Err: noProc})
		s.running = noProc == nil
	}
	if len(got) > 0 {
		if err := s.golive(); err != nil {
			return nil, errors.Join(append(errs, err, s.Close())...)
		}
	}
	return got, errors.Join(errs...)
}

func (s *Source) listen() error {
	in := &intake{messages: make(chan message, queueLength), execs: map[uint32]int{}}
	var err error
	if in.socket, err = listen(s.options.Buffer, &in.counts); err != nil {
		return err
	}
	s.intake = in
	return nil
}

// golive waits for the next tick of start times: who starts from then on is told
// as a fork, and the rest is in the snapshot.
func (s *Source) golive() error {
	now, err := clock.BootTime()
	if err != nil {
		return err
	}
	for s.live = now/events.StartTick*events.StartTick + events.StartTick; now < s.live; {
		time.Sleep(time.Duration(s.live - now))
		if now, err = clock.BootTime(); err != nil {
			return err
		}
	}
	return nil
}

// Run implements [events.Source].
func (s *Source) Run(ctx context.Context, emit func(*events.Event)) error {
	var messages chan message // never ready without a connector
	if in := s.intake; in != nil {
		messages = in.messages
		go in.run(s.wanted)
		defer context.AfterFunc(ctx, func() {
			if err := in.stop(); err != nil {
				s.options.Log.Error("ending the subscription to the process connector", "error", err)
			}
		})()
	}
	if s.running {
		if err := running.Emit(s.proc, s.live, Name, s.options.IDs, s.options.Ledger, emit); err != nil {
			s.options.Log.Error("reading the processes that run already", "error", err)
		}
	}
	if messages == nil {
		<-ctx.Done()
		return nil
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	var leaderless <-chan time.Time
	for {
		select {
		case m, more := <-messages:
			if !more {
				s.lookAfterLeaders(emit)
				s.account(emit)
				s.accountRest(emit)
				return s.intake.err
			}
			s.receive(&m, emit)
			if leaderless == nil && len(s.leaders) > 0 {
				leaderless = time.After(lookAgain)
			}
		case <-leaderless:
			leaderless = nil
			if s.lookAfterLeaders(emit); len(s.leaders) > 0 {
				leaderless = time.After(lookAgain)
			}
		case <-beat.C:
			s.account(emit)
			if err := s.clocks.Adjust(); err != nil {
				s.options.Log.Error("reading the clocks", "error", err)
			}
		}
	}
}

// wanted is for the intake: it also takes what tells more of a process that is followed.
func (s *Source) wanted(m *message) bool {
	switch m.what {
	case netlink.PROC_EVENT_FORK:
		if m.pid != m.tgid {
			return false // a thread
		}
	case netlink.PROC_EVENT_EXEC:
		if _, exits := s.served[netlink.PROC_EVENT_EXIT]; exits { // see leaders
			return true
		}
	}
	_, served := s.served[m.what]
	return served
}

// account says what the kernel has dropped, as far as the numbers of later messages show it.
func (s *Source) account(emit func(*events.Event)) {
	losses, damaged := s.intake.losses()
	for _, loss := range losses {
		s.lost += loss.Count
		s.tellLoss(loss, emit)
	}
	if damaged > 0 {
		s.options.Log.Error("reading messages of the process connector", "malformed", damaged)
		now := time.Now()
		s.tellLoss(events.Loss{Kind: events.KindNone, Stage: events.ReasonDecode, CPU: -1, Count: damaged, First: now, Last: now}, emit)
	}
}

// accountRest says what was dropped before the first message of a CPU or after its last.
func (s *Source) accountRest(emit func(*events.Event)) {
	drops, err := s.intake.socket.Drops()
	if err != nil {
		s.options.Log.Warn("the last losses of the process connector are not counted", "error", err)
	}
	if uint64(drops) > s.lost {
		now := time.Now()
		s.tellLoss(events.Loss{Kind: events.KindNone, Stage: events.ReasonSocket, CPU: -1, Count: uint64(drops) - s.lost, First: now, Last: now}, emit)
	}
}

func (s *Source) tellLoss(loss events.Loss, emit func(*events.Event)) {
	emit(s.options.Ledger.Lose(Name, loss))
}

// Close ends the subscription.
func (s *Source) Close() error {
	if s.intake == nil {
		return nil
	}
	socket := s.intake.socket
	s.intake = nil
	return errors.Join(unsubscribe(socket), socket.Close())
}
