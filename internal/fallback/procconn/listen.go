// SPDX-License-Identifier: Apache-2.0

package procconn

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sensor/internal/fallback/multicast"
)

const (
	ignore       = 2                // PROC_CN_MCAST_IGNORE of linux/cn_proc.h, which the library lacks
	answerWithin = 10 * time.Second // the kernel answers at once
)

// listen subscribes. What the kernel tells while it waits for the answer only
// begins the counts of each CPU.
func listen(buffer int, counts *sequences) (*multicast.Socket, error) {
	if err := checkNamespaces(); err != nil {
		return nil, err
	}
	socket, err := multicast.Open(unix.NETLINK_CONNECTOR, buffer, netlink.CN_IDX_PROC)
	if err != nil {
		return nil, fmt.Errorf("open process connector: %w%s", err, hint(err))
	}
	if err := subscribe(socket, counts); err != nil {
		return nil, errors.Join(fmt.Errorf("subscribe to process connector: %w%s", err, hint(err)), socket.Close())
	}
	return socket, nil
}

func subscribe(socket *multicast.Socket, counts *sequences) error {
	question := rand.Uint32() // others' answers are told to us as well
	if err := socket.Send(multicast.Append(nil, unix.NLMSG_DONE, request(netlink.PROC_CN_MCAST_LISTEN, question))); err != nil {
		return err
	}
	if err := socket.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return err
	}
	var buffer [messageRoom]byte
	for {
		received, err := socket.Receive(buffer[:], true)
		switch {
		case errors.Is(err, multicast.ErrEmpty):
			return errors.New("the kernel does not answer: it was built without CONFIG_PROC_EVENTS")
		case errors.Is(err, unix.ENOBUFS):
			continue
		case err != nil:
			return err
		}
		for raw, err := range multicast.Messages(received) {
			if err != nil {
				return err
			}
			m, ours, err := parse(raw.Payload)
			switch {
			case err != nil:
				return err
			case !ours:
				continue
			}
			counts.note(m.cpu, m.sequence, time.Now())
			switch {
			case m.what != netlink.PROC_EVENT_NONE, m.answers != question+1:
			case m.value[answer] != 0:
				return unix.Errno(m.value[answer])
			default:
				return socket.SetDeadline(time.Time{})
			}
		}
	}
}

// unsubscribe tells kernels before Linux 6.6, which do not see that a listener
// closes, that they need not tell any more.
func unsubscribe(socket *multicast.Socket) error {
	return socket.Send(multicast.Append(nil, unix.NLMSG_DONE, request(ignore, 0)))
}

// checkNamespaces makes sure of where the kernel does not answer otherwise.
func checkNamespaces() error {
	for name, initial := range map[string]string{"user": "user:[4026531837]", "pid": "pid:[4026531836]"} { // linux/proc_ns.h
		if link, err := os.Readlink("/proc/self/ns/" + name); err == nil && link != initial {
			return fmt.Errorf("open process connector: the sensor is not in the initial %s namespace", name)
		}
	}
	return nil
}

// hint says what an error number means here.
func hint(err error) string {
	switch {
	case errors.Is(err, unix.EPERM):
		return ": CAP_NET_ADMIN is missing"
	case errors.Is(err, unix.ECONNREFUSED):
		return ": the sensor is not in the initial network namespace"
	case errors.Is(err, unix.EPROTONOSUPPORT):
		return ": the kernel was built without CONFIG_CONNECTOR"
	}
	return ""
}
