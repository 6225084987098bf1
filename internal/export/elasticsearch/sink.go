// SPDX-License-Identifier: Apache-2.0

// Package elasticsearch delivers events to a search engine's bulk endpoint, by way of a spool: what is written is
// spooled, and workers ship what is spooled until the engine has taken it or refused it for good.
//
// go-docappender v2.14.1 was looked at and not taken. Its bulk indexer gives the reason for which a document was refused
// only if it may send a parameter that OpenSearch 2.19 and Elasticsearch before 8.18 refuse (400). It counts a document
// as indexed whose outcome is missing. It does not tell Retry-After. After an answer that comes before all is sent (413),
// it writes the next body over the one that is still read: a data race. It costs 1.1 MB. What is ours instead is bulk.go
// and answer.go.
package elasticsearch

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sensor/internal/events"
	"sensor/internal/export/engine"
	"sensor/internal/export/spool"
)

// Options of a sink. The sink closes neither the client nor the spool.
type Options struct {
	Client *engine.Client
	Spool  *spool.Spool
	// Encode appends an event's document to b, without a newline.
	Encode func(b []byte, e *events.Event) []byte
	// DataStream names the data stream of a kind.
	DataStream func(events.Kind) string
	Ledger     *events.Ledger
	// Lost is told of events that the engine refuses for good; nil if nobody wants to know.
	Lost func(events.Loss)
	Log  *slog.Logger

	Workers    int           // requests at a time; 0: 2
	BulkEvents int           // events in a request at most; 0: 2048
	BulkBytes  int           // bytes in a request at most, before compression, unless one event has more; 0: 5 MiB
	Linger     time.Duration // how long after a request that was not full the next one waits to be filled

	DeadLetter      string // file of what the engine refuses for good; "": none
	DeadLetterBytes int64  // from this size on it gives way to a new one, and one old one stays; 0: 16 MiB
}

const (
	defaultWorkers         = 2
	defaultBulkEvents      = 2048
	defaultBulkBytes       = 5 << 20
	defaultDeadLetterBytes = 16 << 20
	// mostBuffered is from how many bytes on what is encoded is spooled.
	mostBuffered = 1 << 20
)

var _ events.Deferring = (*Sink)(nil)

// Sink is an [events.Deferring].
type Sink struct {
	options Options
	do      func(ctx context.Context, most int64, method, path string, header http.Header, body []byte) (*engine.Response, error)
	renew   func() bool

	dataStreams [events.KindCount]string
	actions     [events.KindCount][]byte // what a body begins with, up to the id
	buffer      []byte
	entries     []spool.Entry
	ends        []int

	taking   *turn
	size     *size
	outage   outage
	rests    rests
	failing  failing
	passed   atomic.Int64  // events set aside since something was last sent
	woken    chan struct{} // holds one if there may be something to send
	dead     *deadLetter
	counters counters
	told     struct{ rejected, held seldom }
	untold   atomic.Uint64 // rejected since the last time that the log said so

	cancel   context.CancelFunc
	workers  sync.WaitGroup
	draining chan struct{} // closed when nothing is written any more
	closing  sync.Once
}

// New starts the workers. [Sink.Close] ends them.
func New(o Options) *Sink {
	s := newSink(o)
	s.do, s.renew = o.Client.DoWithin, o.Client.Renew
	s.start()
	return s
}

func newSink(o Options) *Sink {
	if o.Workers == 0 {
		o.Workers = defaultWorkers
	}
	if o.BulkEvents == 0 {
		o.BulkEvents = defaultBulkEvents
	}
	if o.BulkBytes == 0 {
		o.BulkBytes = defaultBulkBytes
	}
	if o.DeadLetterBytes == 0 {
		o.DeadLetterBytes = defaultDeadLetterBytes
	}
	if o.Lost == nil {
		o.Lost = func(events.Loss) {}
	}
	s := &Sink{options: o, size: newSize(o.BulkBytes), woken: make(chan struct{}, 1), draining: make(chan struct{})}
	for kind := range s.actions {
		s.dataStreams[kind] = o.DataStream(events.Kind(kind))
		s.actions[kind] = actionOf(s.dataStreams[kind])
	}
	s.dead = newDeadLetter(o.Log, o.DeadLetter, o.DeadLetterBytes)
	s.taking = newTurn()
	s.outage = outage{log: o.Log, waiting: func() uint64 { return o.Spool.Stats().Entries }}
	s.told.rejected.every, s.told.held.every = time.Minute, remindAfter
	return s
}

func (s *Sink) start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	for range s.options.Workers {
		s.workers.Go(func() { s.ship(ctx) })
	}
}

// Name implements [events.Sink].
func (s *Sink) Name() string { return "elasticsearch" }

// Defers implements [events.Deferring].
func (s *Sink) Defers() {}

// Write implements [events.Sink]. It spools the events, all of them, and does not wait for the engine. It is for one
// goroutine.
func (s *Sink) Write(_ context.Context, batch []*events.Event) (int, error) {
	if cap(s.buffer) > 4*mostBuffered {
		s.buffer = nil
	}
	s.buffer, s.entries, s.ends = s.buffer[:0], s.entries[:0], s.ends[:0]
	for _, e := range batch {
		s.buffer = s.appendBody(s.buffer, e)
		s.entries = append(s.entries, spool.Entry{Kind: e.Kind, Time: e.Time})
		s.ends = append(s.ends, len(s.buffer))
		if len(s.buffer) >= mostBuffered {
			s.spool()
		}
	}
	s.spool()
	return len(batch), nil
}

// spool hands over what is encoded.
func (s *Sink) spool() {
	if len(s.entries) == 0 {
		return
	}
	begin := 0
	for i, end := range s.ends {
		s.entries[i].Body = s.buffer[begin:end]
		begin = end
	}
	s.options.Spool.Append(s.entries)
	if s.rests.any() {
		resting := s.rests.list()
		if slices.ContainsFunc(s.entries, func(e spool.Entry) bool { return !resting[s.dataStreamOf(&e)] }) {
			s.wake()
		}
	}
	s.taking.wrote(len(s.entries), len(s.buffer), s.options.BulkEvents, s.options.BulkBytes)
	s.buffer, s.entries, s.ends = s.buffer[:0], s.entries[:0], s.ends[:0]
}

// Close implements [events.Sink]. It ships until the spool is empty or ctx ends; what is under way then goes back into the
// spool. Nothing may be written any more.
func (s *Sink) Close(ctx context.Context) error {
	var err error
	s.closing.Do(func() {
		close(s.draining)
		if s.options.Spool.Empty(ctx) != nil {
			rest := "stays in the spool"
			stats := s.options.Spool.Stats()
			if !stats.OnDisk {
				rest = "is dropped as far as it is in memory alone"
			}
			s.options.Log.Warn("the search engine has not taken all in time; the rest "+rest, "events", stats.Entries)
		}
		s.cancel()
		s.workers.Wait()
		if err = s.dead.close(); err != nil {
			err = fmt.Errorf("close dead letter file: %w", err)
		}
	})
	return err
}
