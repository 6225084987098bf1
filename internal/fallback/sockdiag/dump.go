// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// States that are asked for. A connection is one from when it is established
// until the kernel only waits for late packets.
const (
	connected = 1<<netlink.TCP_ESTABLISHED | 1<<netlink.TCP_FIN_WAIT1 | 1<<netlink.TCP_FIN_WAIT2 |
		1<<netlink.TCP_CLOSE_WAIT | 1<<netlink.TCP_LAST_ACK | 1<<netlink.TCP_CLOSING
	listening = 1 << netlink.TCP_LISTEN
)

// finished reports whether the peer's FIN has come.
func finished(state uint8) bool {
	return state == netlink.TCP_CLOSE_WAIT || state == netlink.TCP_LAST_ACK || state == netlink.TCP_CLOSING
}

// dump gives every socket of a protocol to yield.
func dump(protocol uint8, states uint32, extensions uint8, yield func(*socket)) error {
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		r := nl.NewNetlinkRequest(nl.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP)
		r.AddRawData(request(family, protocol, states, extensions))
		var malformed error
		err := r.ExecuteIter(unix.NETLINK_INET_DIAG, nl.SOCK_DIAG_BY_FAMILY, func(payload []byte) bool {
			s, err := parse(payload, protocol)
			if err != nil {
				malformed = err
				return true
			}
			yield(&s)
			return true
		})
		// An interrupted dump is that of a table which changed meanwhile: each socket of it was there.
		if errors.Is(err, netlink.ErrDumpInterrupted) {
			err = nil
		}
		if err := errors.Join(err, malformed); err != nil {
			return fmt.Errorf("dump sockets: %w", err)
		}
	}
	return nil
}
