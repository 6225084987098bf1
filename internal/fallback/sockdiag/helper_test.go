// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"sensor/internal/events"
	"sensor/internal/process/snapshot"
)

// patience is far more than anything here takes.
const patience = 60 * time.Second

// never is an interval in which nobody is asked.
const never = time.Hour

// watch is a source that runs, and what it has told.
type watch struct {
	t      testing.TB
	source *Source
	cancel context.CancelFunc
	ended  chan error

	mu   sync.Mutex
	told []*events.Event
	more chan struct{} // has an element if told has grown
}

func open(t testing.TB, options Options) *watch {
	t.Helper()
	options.Log, options.Ledger = slog.New(slog.DiscardHandler), &events.Ledger{}
	if options.Proc == nil {
		options.Proc = func() (Proc, error) { return snapshot.New(snapshot.Options{}) }
	}
	s := New(options)
	if _, err := s.Open(events.Kinds()); err != nil {
		t.Skip(err)
	}
	return &watch{t: t, source: s, more: make(chan struct{}, 1), ended: make(chan error, 1)}
}

// needDestroys skips where the kernel does not tell what it frees.
func (w *watch) needDestroys() {
	w.t.Helper()
	if !w.source.destroys {
		w.source.Close()
		w.t.Skip("the kernel does not tell what it frees")
	}
}

func (w *watch) emit(e *events.Event) {
	w.source.options.Ledger.Delivered(e.Kind, 1)
	w.mu.Lock()
	w.told = append(w.told, e)
	w.mu.Unlock()
	select {
	case w.more <- struct{}{}:
	default:
	}
}

func (w *watch) run() {
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	go func() { w.ended <- w.source.Run(ctx, w.emit) }()
}

// of gives the events of a kind between two addresses, of which the first called the second.
func (w *watch) of(kind events.Kind, direction events.Direction, from, to netip.AddrPort) []*events.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []*events.Event
	for _, e := range w.told {
		n := e.Network
		if e.Kind == kind && n.Direction == direction && n.Source.Addr == from.Addr() && n.Source.Port == from.Port() &&
			n.Destination.Addr == to.Addr() && n.Destination.Port == to.Port() {
			found = append(found, e)
		}
	}
	return found
}

// until returns when what was told fulfils a condition.
func (w *watch) until(condition func() bool) {
	w.t.Helper()
	for late := time.After(patience); !condition(); {
		select {
		case <-w.more:
		case <-late:
			w.t.Fatal("it is not told")
		}
	}
}

// stop ends the source and checks its accounts.
func (w *watch) stop() {
	w.t.Helper()
	w.cancel()
	select {
	case err := <-w.ended:
		if err != nil {
			w.t.Errorf("Run: %v", err)
		}
	case <-time.After(patience):
		w.t.Fatal("Run does not end")
	}
	if err := w.source.Close(); err != nil {
		w.t.Errorf("Close: %v", err)
	}
	if err := w.source.options.Ledger.Read().Check(); err != nil {
		w.t.Error(err)
	}
}

// pair is a connection with both its ends.
type pair struct {
	client, server net.Conn
	from, to       netip.AddrPort
}

func listen(t testing.TB, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func connect(t testing.TB, l net.Listener) pair {
	t.Helper()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		server.Close()
	})
	address := func(a net.Addr) netip.AddrPort {
		p := a.(*net.TCPAddr).AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	return pair{client, server, address(client.LocalAddr()), address(client.RemoteAddr())}
}

// send sends n bytes and reads them at the other end.
func send(t testing.TB, from, to net.Conn, n int) {
	t.Helper()
	if _, err := from.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(to, make([]byte, n)); err != nil {
		t.Fatal(err)
	}
}

// end ends a connection from one side; it returns when the other knows.
func end(t testing.TB, first, second net.Conn) {
	t.Helper()
	first.Close()
	if n, err := second.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Fatalf("Read = %d, %v", n, err)
	}
	second.Close()
}
