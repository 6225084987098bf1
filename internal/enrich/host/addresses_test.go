// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
)

func link(index int, flags net.Flags, mac string) netlink.Link {
	address, _ := net.ParseMAC(mac)
	return &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: index, Flags: flags, HardwareAddr: address}}
}

func addr(index int, ip string) netlink.Addr {
	return netlink.Addr{LinkIndex: index, IPNet: &net.IPNet{IP: net.ParseIP(ip)}}
}

func TestAddressesOf(t *testing.T) {
	ip4 := addr(2, "10.0.0.5")
	ip4.IP = ip4.IP.To4() // as netlink gives it
	ips, macs := addressesOf([]netlink.Link{
		link(1, net.FlagUp|net.FlagLoopback, "00:00:00:00:00:01"),
		link(2, net.FlagUp, "02:42:ac:12:00:02"),
		link(3, 0, "02:42:ac:12:00:03"),
		link(4, net.FlagUp, "02:42:ac:12:00:02"), // a bond's
		link(5, net.FlagUp, "00:00:00:00:00:00"),
		link(6, net.FlagUp, ""),
		link(7, net.FlagUp, "00:00:5e:00:53:ab"),
		&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: 8, Flags: net.FlagUp, HardwareAddr: net.HardwareAddr{192, 0, 2, 1}}}, // a tunnel's
	}, []netlink.Addr{
		addr(1, "127.0.0.1"), addr(1, "192.0.2.1"), addr(3, "192.0.2.3"), addr(9, "192.0.2.9"),
		addr(2, "fe80::2"), addr(2, "2001:db8::1"), addr(2, "192.0.2.20"), ip4, addr(4, "10.0.0.5"), addr(4, "fe80::2"),
		addr(6, "169.254.1.1"), addr(7, "ff02::1"), addr(7, "224.0.0.1"), addr(7, "::1"), addr(7, "0.0.0.0"), addr(7, "255.255.255.255"),
		{LinkIndex: 7}, {LinkIndex: 7, IPNet: &net.IPNet{}},
	})
	if want := []string{"10.0.0.5", "169.254.1.1", "192.0.2.20", "2001:db8::1", "fe80::2"}; !slices.Equal(ips, want) {
		t.Errorf("addresses %v, want %v", ips, want)
	}
	if want := []string{"00-00-5E-00-53-AB", "02-42-AC-12-00-02"}; !slices.Equal(macs, want) {
		t.Errorf("hardware addresses %v, want %v", macs, want)
	}
}

func TestInterruptedListing(t *testing.T) {
	fault := errors.New("fault")
	tests := map[string]struct {
		faults []error // of one listing after the other; the last one of all that follow
		calls  int
		err    error
	}{
		"at once":           {[]error{nil}, 1, nil},
		"interrupted twice": {[]error{netlink.ErrDumpInterrupted, netlink.ErrDumpInterrupted, nil}, 3, nil},
		"always":            {[]error{netlink.ErrDumpInterrupted}, 5, nil},
		"fault":             {[]error{fault}, 1, fault},
	}
	for name, test := range tests {
		calls := 0
		got, err := whole(func() ([]int, error) {
			calls++
			return []int{calls}, test.faults[min(calls, len(test.faults))-1]
		})
		if calls != test.calls || err != test.err || !slices.Equal(got, []int{calls}) {
			t.Errorf("%s: %v after %d calls, %v; want %d calls, %v", name, got, calls, err, test.calls, test.err)
		}
	}
}

// The standard library asks the kernel on its own.
func TestThisMachinesAddresses(t *testing.T) {
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Skip(err)
	}
	var wantIPs, wantMACs []string
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		if len(i.HardwareAddr) == 6 {
			wantMACs = append(wantMACs, strings.ToUpper(strings.ReplaceAll(i.HardwareAddr.String(), ":", "-")))
		}
		addrs, err := i.Addrs()
		if err != nil {
			t.Skip(err)
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && (p.Addr().IsGlobalUnicast() || p.Addr().IsLinkLocalUnicast()) {
				wantIPs = append(wantIPs, p.Addr().String())
			}
		}
	}
	ips, macs, err := addresses()
	if err != nil {
		t.Fatal(err)
	}
	for _, ip := range wantIPs {
		if !slices.Contains(ips, ip) && len(ips) < maxAddresses {
			t.Errorf("addresses %v lack %s", ips, ip)
		}
	}
	for _, mac := range wantMACs {
		if mac != "00-00-00-00-00-00" && !slices.Contains(macs, mac) && len(macs) < maxAddresses {
			t.Errorf("hardware addresses %v lack %s", macs, mac)
		}
	}
	if len(wantIPs) == 0 && len(ips) > 0 {
		t.Errorf("addresses %v, want none", ips)
	}
}
