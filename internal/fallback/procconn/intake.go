// SPDX-License-Identifier: Apache-2.0

package procconn

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sensor/internal/events"
	"sensor/internal/fallback/multicast"
)

const (
	messageRoom = 4096    // a message has at most 76 bytes
	queueLength = 1 << 14 // messages that wait for /proc to be read
	heartbeat   = time.Second
)

// intake takes messages off the socket as fast as they come, so that reading
// /proc does not make the kernel drop them.
type intake struct {
	socket   *multicast.Socket
	messages chan message // what is asked for; closed at the end

	mu      sync.Mutex
	counts  sequences
	execs   map[uint32]int // by tgid, of those in messages
	damaged uint64         // messages that could not be parsed
	err     error          // why it has ended early
	stopped bool
}

// run reads until stop is called and nothing is left, or reading fails.
// wanted says which messages are queued.
func (in *intake) run(wanted func(*message) bool) {
	defer close(in.messages)
	err := in.read(wanted)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.err = err
}

func (in *intake) read(wanted func(*message) bool) error {
	var buffer [messageRoom]byte
	var looked time.Time
	for last := false; ; {
		if !last && time.Since(looked) >= heartbeat {
			looked = time.Now()
			var err error
			if last, err = in.wakeAt(looked.Add(heartbeat)); err != nil {
				return fmt.Errorf("read process connector: %w", err)
			}
		}
		received, err := in.socket.Receive(buffer[:], !last)
		switch {
		case err == nil:
			in.receive(received, wanted)
		case errors.Is(err, multicast.ErrEmpty) && last:
			return nil
		case errors.Is(err, multicast.ErrEmpty):
			looked = time.Time{}
		case errors.Is(err, unix.ENOBUFS): // the numbers of the messages say how many
		default:
			return fmt.Errorf("read process connector: %w", err)
		}
	}
}

// wakeAt lets the next reads wait until a time. If no more is to come it lets
// them not wait, and says so.
func (in *intake) wakeAt(t time.Time) (last bool, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.stopped {
		t = time.Time{}
	}
	return in.stopped, in.socket.SetDeadline(t)
}

// receive queues what is wanted, and waits if the queue is full: the kernel
// counts what it drops then.
func (in *intake) receive(received []byte, wanted func(*message) bool) {
	for raw, err := range multicast.Messages(received) {
		m, ours := message{}, false
		if err == nil {
			m, ours, err = parse(raw.Payload)
		}
		in.mu.Lock()
		if err != nil {
			in.damaged++
		}
		queue := ours && err == nil
		if queue {
			in.counts.note(m.cpu, m.sequence, time.Now())
			queue = wanted(&m)
		}
		if queue && m.what == netlink.PROC_EVENT_EXEC {
			in.execs[m.tgid]++
		}
		in.mu.Unlock()
		if queue {
			in.messages <- m
		}
	}
}

// took says that a message was taken off the queue.
func (in *intake) took(m *message) {
	if m.what != netlink.PROC_EVENT_EXEC {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.execs[m.tgid]--; in.execs[m.tgid] <= 0 {
		delete(in.execs, m.tgid)
	}
}

// superseded reports whether the process is known to have executed yet another program.
func (in *intake) superseded(tgid uint32) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.execs[tgid] > 0
}

// losses gives what is missing since the last time, and how many messages could not be parsed.
func (in *intake) losses() (lost []events.Loss, damaged uint64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	damaged, in.damaged = in.damaged, 0
	return in.counts.take(), damaged
}

// stop makes run end when what the kernel has told until now is read.
func (in *intake) stop() error {
	err := in.socket.Leave(netlink.CN_IDX_PROC)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.stopped = true
	return errors.Join(err, in.socket.SetDeadline(time.Unix(1, 0)))
}
