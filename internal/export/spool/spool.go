// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sensor/internal/events"
)

// Sync says when fsync is called. Without it, what was appended survives the end
// of the process, however it ends, but not that of the host.
type Sync string

const (
	SyncNever    Sync = "never"
	SyncInterval Sync = "interval" // each second
	SyncBatch    Sync = "batch"    // before Append returns
)

// Full says which bulk events go when there is no room. Critical ones go when
// there is no bulk one left that could.
type Full string

const (
	FullOldest Full = "oldest"
	FullNewest Full = "newest"
)

// Options of a spool.
type Options struct {
	Dir      string        // made if it is missing; "": memory alone
	MaxBytes int64         // of disk or memory, LeastBytes or more
	MaxAge   time.Duration // how long an event may lie in the spool; 0: for ever
	Sync     Sync
	Full     Full
	Log      *slog.Logger
	Ledger   *events.Ledger
	// Lost is told of what was lost, in sums; the ledger has counted it already. It is
	// called by whoever calls the spool and by a goroutine of the spool's own, from
	// before Open has returned until Close has.
	Lost func(events.Loss)

	clocks *clocks // for tests; nil: the host's
}

// LeastBytes is the least that MaxBytes may be.
const LeastBytes = 1 << 20

const (
	mostSegment   = 2 << 20  // bytes from which on a segment is closed, at most
	leastSegments = 32       // how many segments a full spool has, at least
	mostMemory    = 64 << 20 // bytes in memory while the disk cannot be written to, at most
	mostBuffers   = 4        // that are kept to be used again
)

// ErrClosed says that the spool is closed.
var ErrClosed = errors.New("spool is closed")

// Spool is safe for concurrent use.
type Spool struct {
	options Options
	segment int // bytes from which on one is closed
	memory  int // bytes that may be in memory alone while there is a disk
	dir     *directory
	state   *stateFile
	kinds   map[string]events.Kind

	appending sync.Mutex // held for an Append with its fsync, for which mu is not
	mu        sync.Mutex // of all below; held while files are written, and so for as long as a disk hangs
	critical  classLog
	bulk      classLog
	age       age
	used      int64 // bytes of all segments and the spool's other files
	batches   []*Batch
	given     uint64   // batches that were given out
	last      state    // checkpoint
	doomed    []string // files to remove once the checkpoint is written
	trouble   trouble
	unread    bool          // some segment cannot be read
	losses    []events.Loss // not told yet
	logged    time.Time     // when losses were last logged
	damaged   uint64
	wake      chan struct{} // closed when something happens; nil if nobody waits
	closed    bool
	unsynced  []*segment // closed, and not on the platter yet
	named     bool       // a file was made, and the directory is not either
	buffers   [][]byte   // of segments that are gone, to be used again
	lists     [][]Entry  // of batches that are gone, likewise

	shown atomic.Pointer[Stats] // as they were when mu was last given back

	stop    context.CancelFunc
	stopped chan struct{}
}

// Open opens the spool and takes over what an earlier run has left in its directory.
func Open(o Options) (*Spool, error) {
	s := &Spool{options: o, kinds: map[string]events.Kind{}, stopped: make(chan struct{})}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	for _, k := range events.Kinds() {
		s.kinds[k.String()] = k
	}
	s.segment = int(min(o.MaxBytes/leastSegments, mostSegment))
	s.memory = int(min(o.MaxBytes/4, mostMemory))
	s.critical = classLog{class: events.ClassCritical, end: 1, taken: 1}
	s.bulk = classLog{class: events.ClassBulk, end: 1, taken: 1}
	s.age = resume(agePoint{}, *s.options.clocks)
	if o.Dir != "" {
		if err := s.recover(); err != nil {
			return nil, fmt.Errorf("open spool %s: %w", o.Dir, err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.shown.Store(new(s.stats()))
	go s.maintain(ctx)
	s.tell()
	return s, nil
}

func (s *Spool) check() error {
	o := &s.options
	if o.clocks == nil {
		host := hostClocks()
		o.clocks = &host
	}
	switch {
	case o.MaxBytes < LeastBytes:
		return fmt.Errorf("%d bytes are too few: the least is %d", o.MaxBytes, LeastBytes)
	case o.MaxAge < 0:
		return fmt.Errorf("an age of %v is negative", o.MaxAge)
	case o.Sync != SyncNever && o.Sync != SyncInterval && o.Sync != SyncBatch:
		return fmt.Errorf("sync is %q: it can be never, interval or batch", o.Sync)
	case o.Full != FullOldest && o.Full != FullNewest:
		return fmt.Errorf("full is %q: it can be oldest or newest", o.Full)
	}
	return nil
}

func (s *Spool) logs() [2]*classLog { return [2]*classLog{&s.critical, &s.bulk} }

func (s *Spool) logOf(k events.Kind) *classLog {
	if k.Traits().Class == events.ClassCritical {
		return &s.critical
	}
	return &s.bulk
}

// notify wakes whoever waits. The caller holds mu.
func (s *Spool) notify() {
	if s.wake != nil {
		close(s.wake)
		s.wake = nil
	}
}

// wait releases mu until something has happened or ctx ends, and takes it again.
func (s *Spool) wait(ctx context.Context) error {
	if s.wake == nil {
		s.wake = make(chan struct{})
	}
	wake := s.wake
	s.unlock()
	s.tell() // what was found damaged on the way here
	defer s.mu.Lock()
	select {
	case <-wake:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Empty waits until every event is settled. It returns the cause of ctx if that has ended, and ErrClosed.
func (s *Spool) Empty(ctx context.Context) error {
	s.mu.Lock()
	defer s.unlock()
	for s.critical.waiting+s.bulk.waiting+len(s.batches) > 0 {
		if s.closed {
			return ErrClosed
		}
		if err := s.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// maintain does what is to be done from time to time, until ctx ends.
func (s *Spool) maintain(ctx context.Context) {
	defer close(s.stopped)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		s.expire()
		s.inspect()
		s.mend()
		s.reread()
		if len(s.doomed) > 0 {
			s.checkpoint()
		}
		s.unlock()
		if s.options.Sync != SyncNever {
			s.sync()
		}
		s.tell()
	}
}
