// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// Options of the source.
type Options struct {
	Log    *slog.Logger
	Ledger *events.Ledger
	IDs    events.IDs
	// Env names the environment variables that exec reports.
	Env []string
	// CriticalRing is the size of the ring of critical kinds in bytes, a power
	// of two and a multiple of the page size.
	CriticalRing uint32
	// BulkRing is the size of the ring of bulk kinds in bytes, likewise. It is made only for such kinds.
	BulkRing uint32
	// Sockets bounds the connections that are remembered until they end.
	Sockets uint32
	// EveryVariant makes Open try also the variants behind the one that serves: for diagnosis, not for running.
	EveryVariant bool
	// Proc opens /proc. self is the sensor's own tgid in the initial pid
	// namespace, 0 if unknown; wall turns ns since boot into wall time.
	Proc func(self uint32, wall func(boot uint64) time.Time) (Proc, error)
}

// Proc is /proc, for what a task iterator cannot see: argument vectors, and
// processes that the kernel hides from it.
type Proc interface {
	PIDs() ([]uint32, error)
	Process(pid uint32) (*events.Process, error)
	Cmdline(pid uint32, start uint64) (packed string, ok bool)
}

// Source reads the kernel through BPF programs. Its methods are for one
// goroutine, but for the context of Run.
type Source struct {
	options  Options
	clock    Clock
	families []*family // that of the processes is the first: it has the shared maps
	counters *counters
	reader   *rings
	rows     map[events.Kind]kindRow
	watched  map[string]bool // programs whose misses are counted
	plan     []Service
	received [events.KindCount]uint64 // records, also those that could not be decoded
	// Boot time in ns: who starts from then on is a fork, who started before is in the snapshot.
	liveSince uint64
}

// Service is one attempt to serve a kind by one of its variants.
type Service struct {
	Kind    events.Kind
	Variant string
	Hooks   []string // as tp_btf/sched_process_exec
	Err     error    // why it does not serve; nil if it does
}

// Name is event.provider.
const Name = "ebpf"

// New makes a source that has touched nothing yet.
func New(options Options) *Source { return &Source{options: options} }

// Name implements [events.Source].
func (s *Source) Name() string { return Name }

// Open loads and attaches the programs of the wanted kinds. The rings are open
// when it returns, and fill.
func (s *Source) Open(want []events.Kind) (got []events.Kind, err error) {
	if err := s.prepare(want); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	known := map[string]program{}
	for _, p := range programs() {
		known[p.name] = p
	}
	s.rows = map[events.Kind]kindRow{}
	s.watched = map[string]bool{}
	s.counters = &counters{
		number:    1,
		counts:    s.families[0].shared.Maps[processMapCounts],
		epoch:     variable{s, processVarEpoch},
		programs:  map[events.Kind][]runCounter{},
		seen:      map[events.Kind][]processCounters{},
		recursion: map[events.Kind]map[string]uint64{},
	}
	var errs []error
	for _, row := range kindRows() {
		if !slices.Contains(want, row.kind) {
			continue
		}
		if err := s.serve(row, known); err != nil {
			errs = append(errs, fmt.Errorf("serve %s: %w", row.kind, err))
			continue
		}
		s.rows[row.kind] = row
		got = append(got, row.kind)
	}
	if len(got) > 0 {
		if err := s.golive(); err != nil {
			return nil, errors.Join(append(errs, err)...)
		}
	}
	return got, errors.Join(errs...)
}

// lead is how far in the future liveSince lies when the programs learn it.
const lead = 20 * time.Millisecond

// golive starts all programs at once, and returns when every new process is a fork.
func (s *Source) golive() error {
	now, err := bootTime()
	if err != nil {
		return err
	}
	// A multiple of the unit of /proc, which rounds start times down: so both know who started before.
	s.liveSince = (now + uint64(lead)) / events.StartTick * events.StartTick
	wanted := uint32(0)
	for kind := range s.rows {
		wanted |= 1 << kind
	}
	late := s.attached("accept_exit") && !s.attached("accept_graft")
	err = errors.Join(
		variable{s, processVarLiveSince}.Set(s.liveSince),
		variable{s, networkVarWanted}.Set(wanted),
		variable{s, networkVarAcceptsLate}.Set(late),
		variable{s, processVarStopped}.Set(uint32(0)),
	)
	if err != nil {
		return err
	}
	for now < s.liveSince {
		time.Sleep(time.Duration(s.liveSince - now))
		if now, err = bootTime(); err != nil {
			return err
		}
	}
	return nil
}

// Plan lists the attempts that Open made, in order: for each kind the variants
// that failed and then the one that serves.
func (s *Source) Plan() []Service { return s.plan }

// serve attaches the first variant of the row that the kernel takes, or all of
// them if every variant is to be tried.
func (s *Source) serve(row kindRow, known map[string]program) error {
	var errs []error
	served := false
	for _, v := range row.variants {
		service := Service{Kind: row.kind, Variant: v.name}
		var attached []string
		for _, name := range v.programs {
			p := known[name]
			service.Hooks = append(service.Hooks, p.typ+"/"+p.hook)
			if s.attached(name) {
				continue
			}
			if err := s.familyOf(name).attach(p); err != nil {
				service.Err = fmt.Errorf("variant %s: %w", v.name, err)
				break
			}
			attached = append(attached, name)
		}
		if service.Err != nil { // what it has attached would tell what another variant tells
			for _, name := range attached {
				service.Err = errors.Join(service.Err, s.familyOf(name).remove(name))
			}
		}
		s.plan = append(s.plan, service)
		if service.Err != nil {
			errs = append(errs, service.Err)
			continue
		}
		if !served && row.kind != events.KindAlreadyRunning { // which counts in user space
			s.counters.programs[row.kind] = nil // also a kind without programs of its own has counters
			for _, name := range v.programs {
				if known[name].notes || s.watched[name] {
					continue // a program that serves several kinds counts for the first
				}
				s.watched[name] = true
				s.counters.programs[row.kind] = append(s.counters.programs[row.kind], s.familyOf(name).programs[name])
			}
		}
		served = true
		if !s.options.EveryVariant {
			break
		}
	}
	if served {
		return nil
	}
	return errors.Join(errs...)
}

// familyOf is the family whose object holds the program.
func (s *Source) familyOf(program string) *family {
	for _, f := range s.families {
		if f.spec.Programs[program] != nil {
			return f
		}
	}
	return nil
}

// attached reports whether the program is at its hook.
func (s *Source) attached(program string) bool {
	f := s.familyOf(program)
	return f != nil && f.programs[program] != nil
}

// A variable of the BPF objects, set in every family that has one of this name.
type variable struct {
	s    *Source
	name string
}

// Set gives the variable a value, of a type with the size that the programs know.
func (v variable) Set(value any) error {
	var errs []error
	for _, f := range v.s.families {
		if variable := f.shared.Variables[v.name]; variable != nil {
			if err := variable.Set(value); err != nil {
				errs = append(errs, fmt.Errorf("set %s: %w", v.name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// prepare makes the maps and opens the rings.
func (s *Source) prepare(want []events.Kind) error {
	if err := s.clock.Adjust(); err != nil {
		return err
	}
	// Before Linux 5.11 maps and programs count against RLIMIT_MEMLOCK. Where it
	// cannot be raised, creating the maps says what is wrong.
	if err := rlimit.RemoveMemlock(); err != nil {
		s.options.Log.Debug("the limit on locked memory stays", "error", err)
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return fmt.Errorf("count CPUs: %w", err)
	}
	cache := btf.NewCache()
	process, err := loadProcess()
	if err != nil {
		return fmt.Errorf("read object: %w", err)
	}
	process.Maps[processMapScratch].MaxEntries = uint32(cpus) + 1
	process.Maps[processMapCritical].MaxEntries = s.options.CriticalRing
	hold := canHoldCPU(process, cache)
	err = preset(process, map[string]any{
		processVarIterSlot:      uint32(cpus),
		processVarCaptureEnv:    len(s.options.Env) > 0,
		processVarCriticalBytes: s.options.CriticalRing,
		processVarWakeBytes:     min(s.options.CriticalRing/8, 256<<10),
		processVarHoldCpu:       hold,
	})
	if err != nil {
		return err
	}
	first, err := newFamily(process, cache, nil)
	if err != nil {
		return err
	}
	s.families = append(s.families, first)
	var bulk *ebpf.Map
	if slices.ContainsFunc(want, func(k events.Kind) bool { return k.Traits().Class == events.ClassBulk }) {
		network, err := loadNetwork()
		if err != nil {
			return fmt.Errorf("read object: %w", err)
		}
		network.Maps[networkMapBulk].MaxEntries = s.options.BulkRing
		network.Maps[networkMapSockets].MaxEntries = s.options.Sockets
		if !allocates(cache) {
			network.Maps[networkMapSockets].Flags &^= unix.BPF_F_NO_PREALLOC
		}
		if !slices.Contains(want, events.KindListen) {
			network.Maps[networkMapListening].MaxEntries = 1
		}
		if !slices.Contains(want, events.KindUnixConnect) && !slices.Contains(want, events.KindVsockConnect) {
			network.Maps[networkMapLocalConnecting].MaxEntries = 1
		}
		err = preset(network, map[string]any{
			networkVarWakeBytes: min(s.options.BulkRing/8, 256<<10),
			networkVarHoldCpu:   hold,
		})
		if err != nil {
			return err
		}
		family, err := newFamily(network, cache, first)
		if err != nil {
			return err
		}
		s.families = append(s.families, family)
		bulk = family.shared.Maps[networkMapBulk]
	}
	s.reader, err = openRings(first.shared.Maps[processMapCritical], bulk)
	return err
}

// preset sets variables of an object that is not loaded yet.
func preset(spec *ebpf.CollectionSpec, values map[string]any) error {
	for name, value := range values {
		if err := spec.Variables[name].Set(value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

const (
	// The programs wake the reader at most this often (wake_interval in
	// headers/record.h); what they wrote in between is fetched this much later.
	lookAgain = 250 * time.Millisecond
	// The counters are read this often, and the ring is looked at even if nothing woke the reader.
	heartbeat = time.Second
)

// Run implements [events.Source]: first the snapshot, then the ring, until ctx
// ends and nothing is left.
func (s *Source) Run(ctx context.Context, emit func(*events.Event)) error {
	reader := s.reader // Close may come before the flush
	defer context.AfterFunc(ctx, func() { reader.Flush() })()
	if err := s.snapshot(emit); err != nil {
		s.options.Log.Error("reading the processes that run already", "error", err)
	}
	if err := s.rememberSockets(); err != nil {
		s.options.Log.Error("reading the sockets that are open already", "error", err)
	}
	var record ringbuf.Record
	stopped := false
	counted := time.Now()
	wait := heartbeat
	s.reader.SetDeadline(time.Now().Add(wait))
	for {
		if !stopped && ctx.Err() != nil { // Flush is only noticed once the ring is empty, which a flood may never let it be
			stopped = true
			if err := s.stop(); err != nil {
				s.options.Log.Error("stopping the programs", "error", err)
			}
			s.reader.Flush()
		}
		err := s.reader.ReadInto(&record)
		switch {
		case err == nil:
			s.receive(record.RawSample, emit)
			wait = lookAgain
			if time.Since(counted) < heartbeat {
				continue
			}
		case errors.Is(err, os.ErrDeadlineExceeded):
		case errors.Is(err, ringbuf.ErrFlushed) && stopped:
			err := errors.Join(s.account(emit), s.openAttempts(emit))
			if n := s.counters.truncated; n > 0 {
				s.options.Log.Warn("long arguments were cut because the ring was filling; raise limits.rings.critical", "events", n)
			}
			return err
		case errors.Is(err, ringbuf.ErrFlushed):
			continue // ctx has ended
		default:
			return errors.Join(fmt.Errorf("read ring: %w", err), s.stop(), s.account(emit), s.abandon(emit))
		}
		if time.Since(counted) >= heartbeat {
			counted = time.Now()
			if err := s.account(emit); err != nil {
				s.options.Log.Error("reading the counters", "error", err)
			}
			if err := s.clock.Adjust(); err != nil {
				s.options.Log.Error("reading the clocks", "error", err)
			}
		}
		if err != nil { // the ring is empty
			s.reader.SetDeadline(time.Now().Add(wait))
			wait = min(4*wait, heartbeat)
		}
	}
}

// receive turns one record into an event. What cannot be decoded is counted and said.
func (s *Source) receive(raw []byte, emit func(*events.Event)) {
	e, h, err := s.decode(raw)
	s.received[h.kind]++
	if err != nil {
		s.options.Ledger.Dropped(events.ReasonDecode, h.kind, 1)
		s.options.Log.Error("decoding a record", "kind", h.kind, "error", err)
		now := time.Now()
		s.tell(events.Loss{Kind: h.kind, Stage: events.ReasonDecode, CPU: -1, Count: 1, First: now, Last: now}, emit)
		return
	}
	e.ID = s.options.IDs.Of(h.kind.Traits().Class, h.slot, h.sequence)
	e.Provider = Name
	emit(e)
}

// Places in struct header, which every record starts with; a test holds them to the generated type.
const (
	lengthOffset = 40
	kindOffset   = 60
)

func (s *Source) decode(raw []byte) (*events.Event, header, error) {
	if len(raw) < kindOffset+2 {
		return nil, header{}, fmt.Errorf("decode record: %d bytes are no header", len(raw))
	}
	number := binary.NativeEndian.Uint16(raw[kindOffset:])
	row, ok := s.rows[kindOf(number)]
	if !ok {
		return nil, header{}, fmt.Errorf("decode record: kind %d was not asked for", number)
	}
	return row.decode(raw, &s.clock, s.options.Env)
}

// account reads the counters and says what was lost.
func (s *Source) account(emit func(*events.Event)) error {
	losses, err := s.counters.read(s.options.Ledger, &s.clock)
	for _, loss := range losses {
		s.tell(loss, emit)
	}
	return err
}

// abandon accounts for what stays in a ring that cannot be read any more.
func (s *Source) abandon(emit func(*events.Event)) error {
	for kind := range s.counters.programs {
		// What was counted last may be older than what was received since.
		if sent := s.counters.sent(kind); sent > s.received[kind] {
			left := sent - s.received[kind]
			s.options.Ledger.Dropped(events.ReasonReader, kind, left)
			s.tell(events.Loss{Kind: kind, Stage: events.ReasonReader, CPU: -1, Count: left}, emit)
		}
	}
	return nil
}

// tell puts a loss into the stream.
func (s *Source) tell(loss events.Loss, emit func(*events.Event)) {
	s.options.Ledger.Synthesized(events.KindEventsLost, 1)
	emit(&events.Event{Kind: events.KindEventsLost, Provider: Name, Time: time.Now(), Loss: &loss})
}

// stop makes the programs do nothing, waits until none runs that has not seen
// it, and detaches them: from then on the counters stand still.
func (s *Source) stop() error {
	errs := []error{variable{s, processVarStopped}.Set(uint32(1))}
	for _, f := range s.families {
		errs = append(errs, f.detach())
	}
	// MEMBARRIER_CMD_GLOBAL is synchronize_rcu: all programs run as its readers,
	// also those that can be preempted, so it returns when the last of them has ended.
	const membarrierCmdGlobal = 1
	if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, membarrierCmdGlobal, 0, 0); errno != 0 {
		// Not there with nohz_full, or filtered by seccomp.
		s.options.Log.Warn("waiting until the counters stand still", "membarrier", errno)
		errs = append(errs, s.counters.standStill())
	}
	return errors.Join(errs...)
}

// Close frees what Open took. The programs are gone when it returns.
func (s *Source) Close() error {
	var errs []error
	if s.reader != nil {
		errs = append(errs, s.reader.Close())
		s.reader = nil
	}
	for _, f := range s.families {
		errs = append(errs, f.close())
	}
	s.families = nil
	return errors.Join(errs...)
}
