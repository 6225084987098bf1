// SPDX-License-Identifier: Apache-2.0

// Package sockdiag is the source of connections as the kernel's socket
// diagnosis shows them: TCP, and UDP sockets that are connected.
//
// It asks now and then which connections there are: what is new has begun, what
// is gone has ended, in the sensor's own network namespace alone. Where the
// kernel lets it, it is also told of every socket that is freed, with its
// traffic: so it learns of connections that were too short to be seen, but not
// whose they were.
//
// What it misses: failed attempts, sockets of other network namespaces, without
// the kernel's help also what is shorter than the interval, and the owner of what
// ended, or was handed on, before it was looked for. Times are those at which it
// was seen. Whether a connection came in is known by somebody listening at its
// local port; where nobody does any more, it counts as gone out. The bytes of a
// connection are told only where they are certain: see the function bytes.
package sockdiag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"sensor/internal/events"
	"sensor/internal/fallback/multicast"
)

// Options of the source.
type Options struct {
	Log    *slog.Logger
	Ledger *events.Ledger
	IDs    events.IDs
	// Interval is how often the kernel is asked; 0 is a second.
	Interval time.Duration
	// Sockets bounds the connections that are followed; 0 is 65,536.
	Sockets int
	// Buffer is how much the kernel may keep until it is read, in bytes; 0 is 8 MiB, some 8,000 ends of connections.
	Buffer int
	Proc   func() (Proc, error)
}

// Proc is /proc. [snapshot.Reader] is one.
//
// [snapshot.Reader]: sensor/internal/process/snapshot
type Proc interface {
	PIDs() ([]uint32, error)
	Start(pid uint32) (ns uint64, err error)
}

// Source asks for sockets. Its methods are for one goroutine, but for the
// context of Run; Close comes after Run.
type Source struct {
	options   Options
	kinds     map[events.Kind]bool // that are served
	plan      []events.Service
	socket    *multicast.Socket
	destroys  bool    // the kernel tells what it frees
	protocols []uint8 // that the kernel can tell of
	namespace uint32

	known  map[uint64]*connection // by cookie
	listen listeners
	owners owners
	full   bool // said that not all connections are followed

	drops     uint32 // messages that found no room, as told
	malformed uint64 // messages that were not told yet
	sequence  uint64 // of the ids
}

// Name is event.provider.
const Name = "sockdiag"

const (
	defaultInterval = time.Second
	defaultSockets  = 1 << 16
	defaultBuffer   = 8 << 20
)

// New makes a source that has touched nothing yet.
func New(options Options) *Source {
	options.Interval = cmp.Or(options.Interval, defaultInterval)
	options.Sockets = cmp.Or(options.Sockets, defaultSockets)
	options.Buffer = cmp.Or(options.Buffer, defaultBuffer)
	return &Source{options: options}
}

// Name implements [events.Source].
func (s *Source) Name() string { return Name }

// Plan implements [events.Planner].
func (s *Source) Plan() []events.Service { return s.plan }

// Open learns which connections there are: of those only the end is told.
func (s *Source) Open(want []events.Kind) (got []events.Kind, err error) {
	*s = Source{options: s.options, kinds: map[events.Kind]bool{}, known: map[uint64]*connection{}}
	kinds := slices.DeleteFunc([]events.Kind{events.KindConnect, events.KindAccept, events.KindClose}, func(k events.Kind) bool {
		return !slices.Contains(want, k)
	})
	if len(kinds) == 0 {
		return nil, nil
	}
	failed := s.prepare()
	variant, told := "dump", []string{"sock_diag/tcp", "sock_diag/udp"}[:max(1, len(s.protocols))]
	if s.destroys {
		variant, told = "dump+destroy", append(told, "sock_diag/destroy")
	}
	var errs []error
	for _, kind := range kinds {
		s.plan = append(s.plan, events.Service{Kind: kind, Variant: variant, Hooks: told, Err: failed})
		if failed != nil {
			errs = append(errs, fmt.Errorf("serve %s: %w", kind, failed))
			continue
		}
		s.kinds[kind] = true
		got = append(got, kind)
	}
	if failed != nil {
		errs = append(errs, s.Close())
	}
	return got, errors.Join(errs...)
}

// Groups of linux/sock_diag.h, which the library lacks.
var destroyGroups = [...]int{1, 2, 3, 4} // TCP, UDP of IPv4; of IPv6

func (s *Source) prepare() error {
	proc, err := s.options.Proc()
	if err != nil {
		s.options.Log.Warn("whose sockets are is unknown", "error", err)
	} else {
		s.owners = owners{root: "/proc", proc: proc, likely: map[uint32]bool{}}
	}
	link, err := os.Readlink("/proc/thread-self/ns/net")
	if err == nil {
		number := strings.TrimSuffix(strings.TrimPrefix(link, "net:["), "]")
		n, _ := strconv.ParseUint(number, 10, 32)
		s.namespace = uint32(n)
	}
	s.socket, err = multicast.Open(unix.NETLINK_INET_DIAG, s.options.Buffer, destroyGroups[:]...)
	s.destroys = err == nil
	if short := err; err != nil { // before Linux 4.2
		if s.socket, err = multicast.Open(unix.NETLINK_INET_DIAG, 0); err != nil {
			return fmt.Errorf("ask for sockets: %w", err)
		}
		s.options.Log.Info("connections that are shorter than the interval are not seen", "error", short)
	}
	for _, protocol := range []uint8{unix.IPPROTO_TCP, unix.IPPROTO_UDP} {
		if err := dump(protocol, listening, 0, func(*socket) {}); err == nil {
			s.protocols = append(s.protocols, protocol)
		} else if protocol == unix.IPPROTO_TCP {
			return fmt.Errorf("%w: the kernel has no tcp_diag, or must not load it", err)
		}
	}
	if err := s.look(func(*events.Event) {}); err != nil {
		return err
	}
	for _, c := range s.known { // they were there before
		c.seen, c.told = time.Time{}, true
	}
	// What was freed until now was there before as well.
	return s.drain(func(end *socket) { delete(s.known, end.cookie) })
}

// messageRoom is far more than a message about a socket has.
const messageRoom = 8192

// Run implements [events.Source].
func (s *Source) Run(ctx context.Context, emit func(*events.Event)) error {
	freed := func(end *socket) { s.freed(end, emit) }
	socket := s.socket // Close may come before the call
	defer context.AfterFunc(ctx, func() { socket.SetDeadline(time.Unix(1, 0)) })()
	var buffer [messageRoom]byte
	for next := time.Now().Add(s.options.Interval); ; {
		if err := s.socket.SetDeadline(next); err != nil {
			return fmt.Errorf("wait for sockets: %w", err)
		}
		if ctx.Err() != nil { // looked at after the deadline was set, which ctx sets as well
			break
		}
		for {
			received, err := s.socket.Receive(buffer[:], true)
			if errors.Is(err, multicast.ErrEmpty) {
				break
			} else if err == nil {
				s.receive(received, freed)
			} else if !errors.Is(err, unix.ENOBUFS) {
				return err
			}
		}
		if ctx.Err() != nil {
			break
		}
		began := time.Now()
		if err := s.look(emit); err != nil {
			return err
		}
		s.account(emit)
		// However long it takes, most of the time is left to others.
		next = began.Add(max(s.options.Interval, 10*time.Since(began)))
	}
	return s.finish(freed, emit)
}

// finish reads what the kernel has told until now.
func (s *Source) finish(freed func(*socket), emit func(*events.Event)) error {
	var errs []error
	if s.destroys {
		for _, group := range destroyGroups {
			errs = append(errs, s.socket.Leave(group))
		}
	}
	errs = append(errs, s.socket.SetDeadline(time.Time{}), s.drain(freed))
	s.account(emit)
	return errors.Join(errs...)
}

// drain reads what is there.
func (s *Source) drain(freed func(*socket)) error {
	var buffer [messageRoom]byte
	for {
		received, err := s.socket.Receive(buffer[:], false)
		switch {
		case errors.Is(err, multicast.ErrEmpty):
			return nil
		case err == nil:
			s.receive(received, freed)
		case !errors.Is(err, unix.ENOBUFS):
			return err
		}
	}
}

func (s *Source) receive(received []byte, freed func(*socket)) {
	for m, err := range multicast.Messages(received) {
		var end socket
		if err == nil {
			if m.Type != nl.SOCK_DIAG_BY_FAMILY {
				continue
			}
			end, err = parse(m.Payload, 0)
		}
		if err != nil {
			s.malformed++
			s.options.Log.Debug("reading what the kernel tells of a socket", "error", err)
			continue
		}
		freed(&end)
	}
}

// account says how many messages found no room. A connection that was known is
// missed by the next dump; the others nobody knows of.
func (s *Source) account(emit func(*events.Event)) {
	if s.malformed > 0 {
		s.options.Log.Error("reading what the kernel tells of sockets", "malformed", s.malformed)
		s.tellLoss(events.ReasonDecode, s.malformed, emit)
		s.malformed = 0
	}
	if !s.destroys {
		return
	}
	drops, err := s.socket.Drops()
	if err != nil {
		return // before Linux 4.12
	}
	if n := drops - s.drops; n > 0 {
		s.drops = drops
		s.tellLoss(events.ReasonSocket, uint64(n), emit)
	}
}

func (s *Source) tellLoss(reason events.Reason, n uint64, emit func(*events.Event)) {
	now := time.Now()
	emit(s.options.Ledger.Lose(Name, events.Loss{Stage: reason, CPU: -1, Count: n, First: now, Last: now}))
}

// Close frees what Open took.
func (s *Source) Close() error {
	if s.socket == nil {
		return nil
	}
	socket := s.socket
	s.socket = nil
	return socket.Close()
}
