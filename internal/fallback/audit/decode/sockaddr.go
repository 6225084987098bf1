// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"
	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// address is what a SOCKADDR record holds.
type address struct {
	family uint16     // AF_UNSPEC where there is none
	ip     netip.Addr // unmapped
	port   uint16
	local  events.LocalEndpoint // AF_UNIX and vsock
}

// maxAddress is sizeof(struct sockaddr_storage).
const maxAddress = 128

// parseAddress reads the kernel's struct sockaddr, as long as it was given, in
// the byte order of the machine where it was recorded: little endian, as all that we run on.
func (d *deed) parseAddress() (a address) {
	var buffer [maxAddress]byte
	if d.address == "" {
		return a
	}
	if len(d.address) > 2*maxAddress {
		d.fault(auparse.AUDIT_SOCKADDR)("saddr", d.address)
		return a
	}
	n, err := hex.Decode(buffer[:], []byte(d.address))
	b := buffer[:n]
	if err != nil || n < 2 {
		d.fault(auparse.AUDIT_SOCKADDR)("saddr", d.address)
		return a
	}
	family := binary.LittleEndian.Uint16(b)
	switch {
	case family == unix.AF_INET && n >= 8:
		a.port, a.ip = binary.BigEndian.Uint16(b[2:]), netip.AddrFrom4([4]byte(b[4:8]))
	case family == unix.AF_INET6 && n >= 24:
		a.port, a.ip = binary.BigEndian.Uint16(b[2:]), netip.AddrFrom16([16]byte(b[8:24])).Unmap()
	case family == unix.AF_UNIX:
		a.local.Address = unixName(b[2:])
	case family == unix.AF_VSOCK && n >= 12:
		a.local = vsockEnd(binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[4:]))
	case family == unix.AF_INET || family == unix.AF_INET6 || family == unix.AF_VSOCK:
		d.fault(auparse.AUDIT_SOCKADDR)("saddr", d.address)
		return a
	}
	a.family = family
	return a
}

// unixName writes abstract names as ss does, with @ for the NUL before them.
func unixName(path []byte) string {
	if len(path) > 0 && path[0] == 0 {
		if len(path) == 1 || strings.Trim(string(path), "\x00") == "" {
			return ""
		}
		return "@" + string(path[1:])
	}
	name, _, _ := strings.Cut(string(path), "\x00")
	return name
}

func vsockEnd(cid, port uint32) (e events.LocalEndpoint) {
	if port != unix.VMADDR_PORT_ANY {
		e.Port, e.HasPort = port, true
	}
	if cid != unix.VMADDR_CID_ANY {
		e.Address = "vsock:" + strconv.FormatUint(uint64(cid), 10)
	}
	return e
}
