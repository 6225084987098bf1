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
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"

	"sensor/internal/clock"
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
	// Files bounds the files that are remembered while they are written.
	Files uint32
	// FileCounts is whether bytes and number of writes are to be known.
	FileCounts bool
	// Paths of files and directories, and whether what is there or below is
	// reported. The longest decides.
	Paths map[string]bool
	// SummaryInterval is how long writes to a file that stays open are not told.
	SummaryInterval time.Duration
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
	clock    clock.Clock
	families []*family // that of the processes is the first: it has the shared maps
	counters *counters
	reader   *rings
	rows     map[events.Kind]kindRow
	watched  map[string]bool // programs whose misses are counted
	plan     []events.Service
	// nil unless file_write is served
	summaries *summaries
	received  [events.KindCount]uint64 // records, also those that could not be decoded
	// Boot time in ns: who starts from then on is a fork, who started before is in the snapshot.
	liveSince uint64
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
	*s = Source{options: s.options}
	if err := s.prepare(want); err != nil {
		for _, row := range kindRows() {
			if slices.Contains(want, row.kind) {
				s.plan = append(s.plan, events.Service{Kind: row.kind, Err: err})
			}
		}
		return nil, errors.Join(err, s.Close())
	}
	known := programsByName()
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
	now, err := clock.BootTime()
	if err != nil {
		return err
	}
	// A multiple of the unit of /proc, which rounds start times down: so both know who started before.
	s.liveSince = (now + uint64(lead)) / events.StartTick * events.StartTick
	wanted := uint32(0)
	for kind := range s.rows {
		wanted |= 1 << kind
	}
	if m := s.sharedMap(fileMapWrites); m != nil && s.rows[events.KindFileWrite].decode != nil {
		s.summaries = newSummaries(writesMap{m}, s.options.SummaryInterval)
	}
	if m := s.sharedMap(fileMapFilters); m != nil {
		if err := fillFilters(m, s.options.Paths); err != nil {
			return err
		}
	}
	s.learnSelf()
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
		if now, err = clock.BootTime(); err != nil {
			return err
		}
	}
	return nil
}

// learnSelf tells the programs of files who the sensor is, in the kernel's own numbers.
func (s *Source) learnSelf() {
	const program = fileProgSelf
	f := s.familyOf(program)
	if f == nil {
		return
	}
	if err := f.run(program); err != nil {
		s.options.Log.Warn("what the sensor itself writes is told, too", "error", err)
	}
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
	if err := s.makeFamilies(want); err != nil {
		return err
	}
	var err error
	s.reader, err = openRings(s.sharedMap(processMapCritical), s.sharedMap(networkMapBulk))
	return err
}

// sharedMap finds a map by its name in any family; nil if none has it.
func (s *Source) sharedMap(name string) *ebpf.Map {
	for _, f := range s.families {
		if m := f.shared.Maps[name]; m != nil {
			return m
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
			err := errors.Join(s.account(emit), s.openAttempts(emit), s.summarise(emit, true))
			if n := s.counters.truncated; n > 0 {
				s.options.Log.Warn("long arguments were cut because the ring was filling; raise limits.rings.critical", "events", n)
			}
			return err
		case errors.Is(err, ringbuf.ErrFlushed):
			continue // ctx has ended
		default:
			err = errors.Join(fmt.Errorf("read ring: %w", err), s.stop(), s.account(emit))
			s.abandon(emit)
			return err
		}
		if time.Since(counted) >= heartbeat {
			counted = time.Now()
			if err := s.account(emit); err != nil {
				s.options.Log.Error("reading the counters", "error", err)
			}
			if err := s.summarise(emit, false); err != nil {
				s.options.Log.Error("summing up writes", "error", err)
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
	if s.summaries != nil && s.summaries.note(raw, e) {
		s.options.Ledger.Aggregated(h.kind, 1)
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
