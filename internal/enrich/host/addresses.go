// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
)

// maxAddresses is how many addresses of either kind every event carries at most.
const maxAddresses = 128

// addresses asks the kernel for the addresses of this network namespace.
func addresses() (ips, macs []string, err error) {
	links, err := whole(netlink.LinkList)
	if err != nil {
		return nil, nil, fmt.Errorf("list interfaces: %w", err)
	}
	addrs, err := whole(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		err = fmt.Errorf("list addresses: %w", err)
	}
	ips, macs = addressesOf(links, addrs)
	if n := max(len(ips), len(macs)); n > maxAddresses {
		err = errors.Join(err, fmt.Errorf("list addresses: the host has %d: events carry the first %d", n, maxAddresses))
	}
	return ips[:min(len(ips), maxAddresses)], macs[:min(len(macs), maxAddresses)], err
}

// whole repeats a listing that changes of what it lists have interrupted. A
// listing that never comes to its end is taken for whole.
func whole[T any](list func() ([]T, error)) (all []T, err error) {
	const attempts = 5
	for range attempts {
		if all, err = list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return all, err
		}
	}
	return all, nil
}

// addressesOf gives the global and link-local unicast addresses, and the
// hardware addresses, of the interfaces that are up: each once, ascending.
func addressesOf(links []netlink.Link, addrs []netlink.Addr) (ips, macs []string) {
	up := map[int]bool{}
	for _, link := range links {
		l := link.Attrs()
		if l.Flags&net.FlagUp == 0 || l.Flags&net.FlagLoopback != 0 {
			continue
		}
		up[l.Index] = true
		if mac := macOf(l.HardwareAddr); mac != "" {
			macs = append(macs, mac)
		}
	}
	var found []netip.Addr
	for _, addr := range addrs {
		if addr.IPNet == nil || !up[addr.LinkIndex] {
			continue
		}
		ip, _ := netip.AddrFromSlice(addr.IP)
		if ip = ip.Unmap(); ip.IsGlobalUnicast() || ip.IsLinkLocalUnicast() {
			found = append(found, ip)
		}
	}
	slices.SortFunc(found, netip.Addr.Compare)
	for _, ip := range slices.Compact(found) {
		ips = append(ips, ip.String())
	}
	slices.Sort(macs)
	return ips, slices.Compact(macs)
}

// macOf writes a hardware address as ECS wants it; "" for what is none, such as
// the IP address that stands there of a tunnel.
func macOf(address net.HardwareAddr) string {
	const eui48, eui64, infiniband = 6, 8, 20
	if n := len(address); n != eui48 && n != eui64 && n != infiniband || strings.Trim(string(address), "\x00") == "" {
		return ""
	}
	return strings.ToUpper(strings.ReplaceAll(address.String(), ":", "-"))
}
