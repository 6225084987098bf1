// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"sensor/internal/events"
)

const (
	egress  = events.DirectionEgress
	ingress = events.DirectionIngress
)

// A connection that lasts is told by both of its ends, with its owner, and at its end with its bytes.
func TestConnection(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "[::]:0"} {
		t.Run(address, func(t *testing.T) {
			l := listen(t, address)
			old := connect(t, l)
			w := open(t, Options{Interval: 100 * time.Millisecond})
			w.needDestroys()
			w.run()
			p := connect(t, l)
			send(t, p.client, p.server, 1000)
			send(t, p.server, p.client, 30000)
			began := func(p pair) func() bool {
				return func() bool {
					return len(w.of(events.KindConnect, egress, p.from, p.to)) > 0 && len(w.of(events.KindAccept, ingress, p.from, p.to)) > 0
				}
			}
			w.until(began(p))
			w.until(began(connect(t, l))) // so it was looked at again since the last byte came
			end(t, p.client, p.server)
			end(t, old.server, old.client)
			w.until(func() bool {
				for _, p := range []pair{p, old} {
					if len(w.of(events.KindClose, egress, p.from, p.to)) == 0 || len(w.of(events.KindClose, ingress, p.from, p.to)) == 0 {
						return false
					}
				}
				return true
			})
			w.stop()
			for _, kind := range []events.Kind{events.KindConnect, events.KindAccept, events.KindClose} {
				for _, direction := range []events.Direction{egress, ingress} {
					want := 1
					if kind == events.KindConnect && direction == ingress || kind == events.KindAccept && direction == egress {
						want = 0
					}
					told := w.of(kind, direction, p.from, p.to)
					if len(told) != want {
						t.Errorf("%v %v is told %d times; want %d", kind, direction, len(told), want)
						continue
					}
					for _, e := range told {
						if e.Process == nil || e.Process.PID != uint32(os.Getpid()) || e.Process.StartKey == 0 {
							t.Errorf("%v %v: process %+v", kind, direction, e.Process)
						}
						if n := e.Network; n.Protocol != events.ProtocolTCP || n.Namespace == 0 || e.Outcome != events.OutcomeSuccess {
							t.Errorf("%v %v: %+v", kind, direction, n)
						}
					}
				}
			}
			for _, direction := range []events.Direction{egress, ingress} {
				n := w.of(events.KindClose, direction, p.from, p.to)[0].Network
				if !n.HasBytes || n.Source.Bytes != 1000 || n.Destination.Bytes != 30000 || n.Started.IsZero() {
					t.Errorf("close %v: %+v", direction, n)
				}
				if n := w.of(events.KindClose, direction, old.from, old.to)[0].Network; !n.Started.IsZero() {
					t.Errorf("close %v of an old one: %+v", direction, n)
				}
			}
			if len(w.of(events.KindConnect, egress, old.from, old.to))+len(w.of(events.KindAccept, ingress, old.from, old.to)) > 0 {
				t.Error("an old connection is told as new")
			}
		})
	}
}

// What nobody has looked at in its time is told by the kernel.
func TestShortConnections(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	w := open(t, Options{Interval: never})
	w.needDestroys()
	w.run()
	var pairs []pair
	for range 100 {
		p := connect(t, l)
		send(t, p.client, p.server, 10)
		end(t, p.client, p.server)
		pairs = append(pairs, p)
	}
	for _, p := range pairs {
		w.until(func() bool {
			return len(w.of(events.KindClose, egress, p.from, p.to)) > 0 && len(w.of(events.KindClose, ingress, p.from, p.to)) > 0
		})
	}
	w.stop()
	for _, p := range pairs {
		connects, accepts := w.of(events.KindConnect, egress, p.from, p.to), w.of(events.KindAccept, ingress, p.from, p.to)
		closes := append(w.of(events.KindClose, egress, p.from, p.to), w.of(events.KindClose, ingress, p.from, p.to)...)
		if len(connects) != 1 || len(accepts) != 1 || len(closes) != 2 {
			t.Errorf("%v: %d connects, %d accepts, %d closes", p.from, len(connects), len(accepts), len(closes))
			continue
		}
		if n := closes[0].Network; !n.HasBytes || n.Source.Bytes != 10 || n.Destination.Bytes != 0 || !n.Started.IsZero() {
			t.Errorf("close of the client: %+v", n)
		}
		if n := closes[1].Network; n.HasBytes { // the kernel does not say whether one of them was the FIN
			t.Errorf("close of the server: %+v", n)
		}
	}
}

// An attempt that fails is no connection.
func TestRefused(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	w := open(t, Options{Interval: never})
	w.needDestroys()
	w.run()
	nobody := listen(t, "127.0.0.1:0")
	nobody.Close()
	if c, err := net.Dial("tcp", nobody.Addr().String()); err == nil {
		c.Close()
		t.Fatal("somebody listens")
	}
	p := connect(t, l) // told after it
	end(t, p.client, p.server)
	w.until(func() bool { return len(w.of(events.KindClose, egress, p.from, p.to)) > 0 })
	w.stop()
	to := nobody.Addr().(*net.TCPAddr).AddrPort()
	for _, e := range w.told {
		if e.Network != nil && (e.Network.Destination.Port == to.Port() || e.Network.Source.Port == to.Port()) {
			t.Errorf("%v: %+v", e.Kind, e.Network)
		}
	}
}

// A socket of UDP that is connected has another end.
func TestUDP(t *testing.T) {
	w := open(t, Options{Interval: 100 * time.Millisecond})
	if len(w.source.protocols) < 2 {
		t.Skip("the kernel does not tell of UDP")
	}
	w.run()
	c, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	from, to := c.LocalAddr().(*net.UDPAddr).AddrPort(), netip.MustParseAddrPort("127.0.0.1:9")
	w.until(func() bool { return len(w.of(events.KindConnect, egress, from, to)) > 0 })
	c.Close()
	w.until(func() bool { return len(w.of(events.KindClose, egress, from, to)) > 0 })
	w.stop()
	e := w.of(events.KindClose, egress, from, to)[0]
	if e.Network.Protocol != events.ProtocolUDP || e.Network.HasBytes || e.Process == nil || e.Process.PID != uint32(os.Getpid()) {
		t.Errorf("%+v, %+v", e.Network, e.Process)
	}
}

// Without the kernel's help what is gone has ended, with how much nobody knows.
func TestDumpsAlone(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	w := open(t, Options{Interval: 100 * time.Millisecond})
	if w.source.destroys {
		for _, group := range destroyGroups {
			if err := w.source.socket.Leave(group); err != nil {
				t.Fatal(err)
			}
		}
		w.source.destroys = false
	}
	w.run()
	p := connect(t, l)
	w.until(func() bool {
		return len(w.of(events.KindConnect, egress, p.from, p.to)) > 0 && len(w.of(events.KindAccept, ingress, p.from, p.to)) > 0
	})
	end(t, p.client, p.server)
	w.until(func() bool {
		return len(w.of(events.KindClose, egress, p.from, p.to)) > 0 && len(w.of(events.KindClose, ingress, p.from, p.to)) > 0
	})
	w.stop()
	if n := w.of(events.KindClose, egress, p.from, p.to)[0].Network; n.HasBytes || n.Started.IsZero() {
		t.Errorf("%+v", n)
	}
	if len(w.source.known) > 0 {
		for _, c := range w.source.known {
			if c.local == p.from || c.remote == p.from {
				t.Errorf("still known: %+v", c)
			}
		}
	}
}

// What found no room is counted as the kernel counts it; of a connection that was known the end is told.
func TestOverrun(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	kept := connect(t, l)
	w := open(t, Options{Interval: 100 * time.Millisecond, Buffer: 1})
	w.needDestroys()
	connections := 0
	for lost := uint32(0); connections < 200 || lost == 0; connections++ { // the kernel frees them when it gets to it
		if connections == 20000 {
			t.Fatal("nothing is lost")
		}
		p := connect(t, l)
		end(t, p.client, p.server)
		var err error
		if lost, err = w.source.socket.Drops(); err != nil {
			t.Fatal(err)
		}
	}
	end(t, kept.client, kept.server)
	w.run()
	w.until(func() bool {
		return len(w.of(events.KindClose, egress, kept.from, kept.to)) > 0 && len(w.of(events.KindClose, ingress, kept.from, kept.to)) > 0
	})
	socket := w.source.socket
	w.cancel()
	if err := <-w.ended; err != nil {
		t.Fatal(err)
	}
	drops, err := socket.Drops()
	if err != nil {
		t.Fatal(err)
	}
	w.ended <- nil
	w.stop()
	told, closes := uint64(0), 0
	for _, e := range w.told {
		switch {
		case e.Kind == events.KindEventsLost:
			told += e.Loss.Count
		case e.Kind == events.KindClose && (e.Network.Destination.Port == kept.to.Port()):
			closes++
		}
	}
	if told != uint64(drops) || told == 0 || w.source.options.Ledger.Read().Dropped["socket"]["unknown"] != told {
		t.Errorf("%d are told as lost; the kernel says %d", told, drops)
	}
	if closes >= 2*connections || closes+int(told) < 2*connections {
		t.Errorf("%d closes are told and %d messages lost of %d connections", closes, told, connections)
	}
}

// It follows no more connections than it may.
func TestBound(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	for range 20 {
		connect(t, l)
	}
	w := open(t, Options{Interval: never, Sockets: 10})
	defer w.source.Close()
	if n := len(w.source.known); n != 10 {
		t.Errorf("%d are followed", n)
	}
}

// Kinds that it does not know are not its business.
func TestOpenOthers(t *testing.T) {
	s := New(Options{})
	if got, err := s.Open([]events.Kind{events.KindExec, events.KindBind}); len(got) > 0 || err != nil || len(s.Plan()) > 0 {
		t.Errorf("Open = %v, %v; plan %v", got, err, s.Plan())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// Without /proc connections are told, and nobody's; after Close it can be opened anew.
func TestNoProc(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	w := open(t, Options{Interval: 100 * time.Millisecond, Proc: func() (Proc, error) { return nil, os.ErrNotExist }})
	plan := len(w.source.Plan())
	if err := w.source.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := w.source.Open([]events.Kind{events.KindConnect}); len(got) != 1 || err != nil || plan != 3 || len(w.source.Plan()) != 1 {
		t.Fatalf("opened again: %v, %v; plan of %d rows, then %v", got, err, plan, w.source.Plan())
	}
	w.run()
	p := connect(t, l)
	w.until(func() bool { return len(w.of(events.KindConnect, egress, p.from, p.to)) > 0 })
	if e := w.of(events.KindConnect, egress, p.from, p.to)[0]; e.Process != nil {
		t.Errorf("it is told as that of %+v", e.Process)
	}
	w.stop()
}
