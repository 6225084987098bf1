// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A pair is a flow as a packet has it: who began it comes first.
type pair struct {
	protocol string
	from, to netip.AddrPort
}

// TestPeersAgree compares what the sensor says of one mixed run with a packet
// capture by tcpdump and with the owners that ss shows.
func TestPeersAgree(t *testing.T) {
	if row() != "host" {
		t.Skip("a virtual machine has no tcpdump")
	}
	const clients = 3
	server := help(t, "mixed-server")
	ports := strings.Fields(server.said())
	capture := startCapture(t, ports)
	s := start(t)
	var running []*helper
	pids := []int{server.pid()}
	for range clients {
		client := help(t, "mixed-client", ports...)
		running, pids = append(running, client), append(pids, client.pid())
	}
	for _, client := range running {
		client.said()
	}
	owners := ownersBySS(t, pids)
	for _, client := range running {
		client.finish()
	}
	server.finish()
	waitFor(t, "all sockets are closed", func() bool { return socketsOf(t, s, pids...) == 0 })
	if balance := s.stop(); balance.Lost() != 0 {
		t.Errorf("%d events were lost: %v", balance.Lost(), balance.Dropped)
	}
	packets := capture.finish()

	// Somebody else's end may have one of these numbers, of another family or protocol.
	ours := func(flow pair) bool { return slices.Contains(ports, strconv.Itoa(int(flow.to.Port()))) }
	maps.DeleteFunc(packets, func(flow pair, _ *seen) bool { return !ours(flow) })
	docs := map[pair]map[string][]map[string]any{} // by action
	for _, doc := range s.documents() {
		if flow, ok := pairOf(t, doc); ok && ours(flow) {
			if docs[flow] == nil {
				docs[flow] = map[string][]map[string]any{}
			}
			action := field(doc, "event.action").(string)
			docs[flow][action] = append(docs[flow][action], doc)
		}
	}
	for flow := range docs {
		if packets[flow] == nil {
			t.Errorf("%v: the sensor has it, the capture has not", flow)
		}
	}
	total := map[string]int{}
	for flow, p := range packets {
		got := docs[flow]
		count := [3]int{len(got[connectAction]), len(got[acceptAction]), len(got[closeAction])}
		want := [3]int{1, 0, 0}
		what, outcome := "refused", any("failure")
		switch {
		case flow.protocol == "udp":
			what, want[2], outcome = "udp", 1, "success"
		case p.answered:
			what, want[1], outcome = "tcp", 1, "success"
			if p.ended {
				want[2] = 2
			}
		}
		total[what]++
		if count != want {
			t.Errorf("%v: %v connects, accepts and closes, want %v", flow, count, want)
			continue
		}
		connected := got[connectAction][0]
		if got := field(connected, "event.outcome"); got != outcome {
			t.Errorf("%v: outcome %v, want %v", flow, got, outcome)
		}
		if what == "refused" {
			continue
		}
		if pid := numberAt(t, connected, "process.pid"); int(pid) != owners[[2]netip.AddrPort{flow.from, flow.to}] {
			t.Errorf("%v: process %d has connected, ss shows that of %d", flow, pid, owners[[2]netip.AddrPort{flow.from, flow.to}])
		}
		if what == "udp" {
			continue
		}
		accepted := numberAt(t, got[acceptAction][0], "process.pid")
		if int(accepted) != owners[[2]netip.AddrPort{flow.to, flow.from}] {
			t.Errorf("%v: process %d has accepted, ss shows that of %d", flow, accepted, owners[[2]netip.AddrPort{flow.to, flow.from}])
		}
		closers := map[uint64]bool{}
		for _, doc := range got[closeAction] {
			closers[numberAt(t, doc, "process.pid")] = true
			bytes := [2]uint64{numberAt(t, doc, "source.bytes"), numberAt(t, doc, "destination.bytes")}
			if bytes != p.bytes {
				t.Errorf("%v, %v end: bytes %v, the capture has %v", flow, field(doc, "network.direction"), bytes, p.bytes)
			}
		}
		if !closers[accepted] || !closers[numberAt(t, connected, "process.pid")] {
			t.Errorf("%v: closed by processes %v", flow, closers)
		}
	}
	if want := map[string]int{"tcp": clients * len(mixedStreams), "udp": clients * mixedDatagrams, "refused": clients * mixedRefused}; fmt.Sprint(total) != fmt.Sprint(want) {
		t.Errorf("the capture has %v, want %v", total, want)
	}
	if want := clients * (2*len(mixedStreams) + mixedDatagrams); len(owners) != want {
		t.Errorf("ss shows %d ends, want %d", len(owners), want)
	}
}

// pairOf gives the flow of a document; ok is false if it has none.
func pairOf(t *testing.T, doc map[string]any) (flow pair, ok bool) {
	t.Helper()
	end := func(name string) netip.AddrPort {
		text, _ := field(doc, name+".ip").(string)
		address, err := netip.ParseAddr(text)
		if err != nil {
			t.Fatalf("%s.ip of %v: %v", name, field(doc, "event.id"), err)
		}
		return netip.AddrPortFrom(address, uint16(numberAt(t, doc, name+".port")))
	}
	if field(doc, "destination.port") == nil {
		return pair{}, false
	}
	protocol, _ := field(doc, "network.transport").(string)
	return pair{protocol, end("source"), end("destination")}, true
}

// ownersBySS gives for each local and remote end the process that ss shows, if it is one of these.
func ownersBySS(t *testing.T, pids []int) map[[2]netip.AddrPort]int {
	t.Helper()
	out, err := exec.Command("ss", "-tunpH").Output()
	if err != nil {
		t.Fatalf("run ss (Debian: apt-get install iproute2): %v", err)
	}
	owners := map[[2]netip.AddrPort]int{}
	owner := regexp.MustCompile(`users:\(\("[^"]*",pid=(\d+),fd=\d+\)\)`)
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		var ends [2]netip.AddrPort
		for i := range ends {
			end, err := netip.ParseAddrPort(fields[4+i])
			if err != nil {
				continue // such as *:*, or with an interface: not ours
			}
			ends[i] = netip.AddrPortFrom(end.Addr().Unmap(), end.Port())
		}
		match := owner.FindStringSubmatch(line)
		if fields[1] != "ESTAB" || match == nil {
			continue
		}
		pid, err := strconv.Atoi(match[1])
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(pids, pid) {
			owners[ends] = pid
		}
	}
	return owners
}

// A capture is a running tcpdump.
type capture struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *logBuffer
	file string
	port string // of the datagram that says that all is there
}

func startCapture(t *testing.T, ports []string) *capture {
	t.Helper()
	c := &capture{t: t, log: newLogBuffer(), port: ports[0]}
	dir, err := os.MkdirTemp("", "capture-") // not t.TempDir: tcpdump gives up being root
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c.file = filepath.Join(dir, "packets")
	c.cmd = exec.Command("tcpdump", "-i", "lo", "-n", "-p", "-U", "--immediate-mode", "-s", "128", "-B", "16384", "-Z", "root",
		"-w", c.file, "port "+strings.Join(ports, " or port "))
	c.cmd.Stderr = c.log
	if err := c.cmd.Start(); err != nil {
		t.Fatalf("start tcpdump (Debian: apt-get install tcpdump): %v", err)
	}
	t.Cleanup(func() { c.cmd.Process.Kill(); c.cmd.Wait() })
	if !c.log.wait("listening on lo", patience) {
		t.Fatalf("tcpdump does not listen; it said:\n%s", c.log)
	}
	return c
}

// What packets say of a flow.
type seen struct {
	answered, ended bool
	bytes           [2]uint64 // of payload, each once; from who began the flow, and back
	first           [2]uint32 // sequence number of the first byte
}

// finish waits until tcpdump has written every packet so far, and reads them.
func (c *capture) finish() map[pair]*seen {
	c.t.Helper()
	last, err := net.Dial("udp", "127.99.99.99:"+c.port)
	if err != nil {
		c.t.Fatal(err)
	}
	defer last.Close()
	if _, err := last.Write(nil); err != nil {
		c.t.Fatal(err)
	}
	end := last.RemoteAddr().(*net.UDPAddr).AddrPort()
	var flows map[pair]*seen
	waitFor(c.t, "tcpdump has written all packets", func() bool {
		flows = c.read()
		for flow := range flows {
			if flow.to == end {
				delete(flows, flow)
				return true
			}
		}
		return false
	})
	if err := c.cmd.Process.Signal(os.Interrupt); err != nil {
		c.t.Fatal(err)
	}
	if err := c.cmd.Wait(); err != nil || !c.log.wait("0 packets dropped by kernel", patience) {
		c.t.Fatalf("tcpdump has lost packets: %v; it said:\n%s", err, c.log)
	}
	return flows
}

// read reads the packets that are in the file.
func (c *capture) read() map[pair]*seen {
	c.t.Helper()
	b, err := os.ReadFile(c.file)
	if err != nil {
		c.t.Fatal(err)
	}
	flows := map[pair]*seen{}
	const fileHeader, ethernet = 24, 1
	if len(b) < fileHeader {
		return flows
	}
	if link := binary.NativeEndian.Uint32(b[20:]); link != ethernet {
		c.t.Fatalf("tcpdump writes link type %d", link)
	}
	for b = b[fileHeader:]; len(b) >= 16; {
		length := 16 + int(binary.NativeEndian.Uint32(b[8:]))
		if len(b) < length {
			break
		}
		c.packet(b[16:length], flows)
		b = b[length:]
	}
	return flows
}

// packet enters a packet into the flows. It comes after the packet that began its flow.
func (c *capture) packet(b []byte, flows map[pair]*seen) {
	kind, b := binary.BigEndian.Uint16(b[12:]), b[14:]
	var from, to netip.Addr
	var protocol byte
	var header, length int // length is without header
	switch kind {
	case unix.ETH_P_IP:
		header = int(b[0]&15) * 4
		length = int(binary.BigEndian.Uint16(b[2:])) - header
		protocol = b[9]
		from, to = netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
	case unix.ETH_P_IPV6:
		header = 40
		length = int(binary.BigEndian.Uint16(b[4:]))
		protocol = b[6]
		from, to = netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
	default:
		c.t.Fatalf("packet of type %#x", kind)
	}
	b = b[header:]
	flow := pair{"udp", netip.AddrPortFrom(from, binary.BigEndian.Uint16(b)), netip.AddrPortFrom(to, binary.BigEndian.Uint16(b[2:]))}
	switch protocol {
	case unix.IPPROTO_UDP:
		flows[flow] = &seen{}
		return
	case unix.IPPROTO_TCP:
		flow.protocol = "tcp"
	default:
		c.t.Fatalf("packet of protocol %d", protocol)
	}
	const fin, syn, rst, ack = 1, 2, 4, 16
	flags, sequence := b[13], binary.BigEndian.Uint32(b[4:])
	length -= int(b[12]>>4) * 4
	if flags&(syn|ack) == syn && flows[flow] == nil {
		flows[flow] = &seen{first: [2]uint32{sequence + 1}}
		return
	}
	way := 0
	if flows[flow] == nil {
		way, flow.from, flow.to = 1, flow.to, flow.from
	}
	f := flows[flow]
	switch {
	case f == nil:
		c.t.Fatalf("%v: a packet before the first", flow)
	case flags&syn != 0:
		if way == 1 {
			f.answered, f.first[1] = true, sequence+1
		}
	case flags&(fin|rst) != 0:
		f.ended = true
	}
	if length > 0 {
		f.bytes[way] = max(f.bytes[way], uint64(sequence+uint32(length)-f.first[way]))
	}
}

// What a client of the mixed run does, with the ports of the server: connections
// to listeners, connected datagram sockets, and attempts that are refused.
const (
	mixedDatagrams = 4
	mixedRefused   = 2
)

// Places in the server's list of ports.
const (
	portIPv4 = iota
	portIPv6
	portBoth
	portPlain
	portRefused
	portUDP
	portUDP6
)

// A mixedStream is a connection of the mixed run: to whom, how many bytes go
// there and back, and how it ends.
type mixedStream struct {
	network, host string
	port          int
	there, back   uint32
	end           byte
}

const (
	endClient = iota // the client closes first
	endServer
	endReset // the client resets
)

var mixedStreams = []mixedStream{
	{"tcp4", "127.0.0.1", portIPv4, 0, 0, endClient},
	{"tcp4", "127.0.0.1", portIPv4, 1, 0, endServer},
	{"tcp4", "127.0.0.1", portIPv4, 10, 1000, endReset},
	{"tcp4", "127.0.0.1", portIPv4, 100_000, 1, endClient},
	{"tcp4", "127.0.0.2", portBoth, 7, 300_000, endServer},
	{"tcp4", "127.0.0.1", portBoth, 1, 1, endClient},
	{"tcp4", "127.0.0.1", portPlain, 5, 6, endClient},
	{"tcp4", "127.0.0.1", portPlain, 7, 8, endReset},
	{"tcp6", "::1", portIPv6, 0, 0, endServer},
	{"tcp6", "::1", portIPv6, 1000, 10, endReset},
	{"tcp6", "::1", portIPv6, 200_000, 200_000, endClient},
	{"tcp6", "::1", portBoth, 3, 4, endServer},
	{"tcp6", "::ffff:127.0.0.1", portBoth, 9, 9, endClient}, // IPv4 on a socket of IPv6
}

// mixedServer serves what mixedClient asks for. It says its ports.
func mixedServer() {
	var ports []int
	for _, l := range []struct{ network, address string }{
		portIPv4: {"tcp4", "127.0.0.1:0"}, portIPv6: {"tcp6", "[::1]:0"}, portBoth: {"tcp", "[::]:0"},
	} {
		listener := sure(net.Listen(l.network, l.address)) // of MPTCP, if the kernel has it
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
		go mixedAccept(listener)
	}
	fd, port := listen(16)
	plain := sure(net.FileListener(os.NewFile(uintptr(fd), "listener")))
	go mixedAccept(plain)
	ports = append(ports, port)
	refused := tcpSocket()
	must(unix.Bind(refused, loopback(0)))
	ports = append(ports, portOf(refused))
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		socket := sure(net.ListenPacket("udp", address))
		defer socket.Close()
		ports = append(ports, socket.LocalAddr().(*net.UDPAddr).Port)
	}
	fmt.Println(strings.Trim(fmt.Sprint(ports), "[]"))
	released()
}

func mixedAccept(listener net.Listener) {
	for {
		go mixedServe(sure(listener.Accept()))
	}
}

// mixedServe does what a client wants: it takes so many bytes, gives so many,
// waits for a last one, and closes now or after the client.
func mixedServe(c net.Conn) {
	defer c.Close()
	var want mixedWant
	must(binary.Read(c, binary.BigEndian, &want))
	sure(io.CopyN(io.Discard, c, int64(want.There)))
	sure(c.Write(make([]byte, want.Back)))
	var last [1]byte
	if _, err := io.ReadFull(c, last[:]); want.End == endReset {
		return
	} else {
		must(err)
	}
	if want.End == endClient {
		c.Read(last[:])
	}
}

type mixedWant struct {
	There, Back uint32
	End         byte
}

// mixedClient does its part, says so, and closes everything when it is released.
func mixedClient(ports []int) {
	address := func(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(ports[port])) }
	var conns []net.Conn
	for _, s := range mixedStreams {
		c := mixedDial(s, ports[s.port])
		must(binary.Write(c, binary.BigEndian, mixedWant{s.there, s.back, s.end}))
		sure(c.Write(make([]byte, s.there)))
		sure(io.CopyN(io.Discard, c, int64(s.back)))
		conns = append(conns, c)
	}
	for i := range mixedRefused {
		if _, err := net.Dial("tcp4", address("127.0.0.1", portRefused)); err == nil {
			must(fmt.Errorf("attempt %d was not refused", i))
		}
	}
	for i := range mixedDatagrams {
		to := address("127.0.0.1", portUDP)
		if i%2 == 1 {
			to = address("::1", portUDP6)
		}
		c := sure(net.Dial("udp", to))
		defer c.Close()
		for range i + 1 {
			sure(c.Write([]byte("hello")))
		}
	}
	fmt.Println("open")
	released()
	for i, c := range conns {
		switch mixedStreams[i].end {
		case endReset:
			must(c.(*net.TCPConn).SetLinger(0))
		case endServer:
			sure(c.Write([]byte("!")))
			c.Read(make([]byte, 1))
		default:
			sure(c.Write([]byte("!")))
		}
		must(c.Close())
	}
}

// mixedDial connects. Go itself would use a socket of IPv4 for a mapped address.
func mixedDial(s mixedStream, port int) net.Conn {
	address := netip.MustParseAddr(s.host)
	if !address.Is4In6() {
		return sure(net.Dial(s.network, netip.AddrPortFrom(address, uint16(port)).String()))
	}
	fd := sure(unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
	must(unix.Connect(fd, &unix.SockaddrInet6{Port: port, Addr: address.As16()}))
	file := os.NewFile(uintptr(fd), "socket")
	defer file.Close()
	return sure(net.FileConn(file))
}
