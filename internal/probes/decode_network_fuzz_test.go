// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"strings"
	"testing"
	"unsafe"

	"sensor/internal/events"
)

// FuzzDecodeNetwork is FuzzDecodeProcess for the network family.
func FuzzDecodeNetwork(f *testing.F) {
	for _, kind := range networkKinds() {
		r := fullNetwork(kind)
		f.Add(encodeNetwork(&r))
		for _, flags := range []uint16{0, ^uint16(0)} {
			r.Flags, r.Error, r.Protocol = flags, ^uint32(0), ^uint16(0)
			f.Add(encodeNetwork(&r))
		}
		f.Add(encodeNetwork(&r)[:networkSize-1])
	}
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		checkNetwork(t, raw)
		if len(raw) >= networkSize { // most inputs fail at their length alone
			raw = raw[:networkSize]
			*(*uint32)(unsafe.Pointer(&raw[lengthOffset])) = uint32(networkSize)
			checkNetwork(t, raw)
		}
	})
}

func checkNetwork(t *testing.T, raw []byte) {
	t.Helper()
	e, h := checkDecode(t, decodeNetwork, raw, nil)
	if e == nil {
		return
	}
	r, _, err := record[networkRecord](raw)
	if err != nil {
		t.Fatal(err)
	}
	if e.Kind != h.kind || e.Kind.Traits().Category != "network" || e.Network == nil {
		t.Fatalf("kind %v, network %+v", e.Kind, e.Network)
	}
	if e.End != nil || e.Attempt != nil || e.Loss != nil {
		t.Errorf("sections of other kinds: %+v", e)
	}
	n := e.Network
	if ports := [2]uint16{n.Source.Port, n.Destination.Port}; ports != [2]uint16{r.LocalPort, r.RemotePort} && ports != [2]uint16{r.RemotePort, r.LocalPort} {
		t.Errorf("ports %d", ports)
	}
	if n.Source.Addr.Is4In6() || n.Destination.Addr.Is4In6() {
		t.Errorf("mapped: %v, %v", n.Source.Addr, n.Destination.Addr)
	}
	if n.Code+n.Message != "" && e.Outcome != events.OutcomeFailure {
		t.Errorf("error %s, %q, outcome %d", n.Code, n.Message, e.Outcome)
	}
	if !n.Started.IsZero() && e.Kind != events.KindClose {
		t.Errorf("%v started at %v", e.Kind, n.Started)
	}
	p := e.Process
	if got, want := p != nil, r.Flags&uint16(networkFlagFLAG_OWNER) != 0; got != want {
		t.Errorf("it has a process: %v, want %v", got, want)
	}
	if p != nil && (p.PID != r.Header.Tgid || p.StartKey != r.Header.Start || !p.HasExecID || strings.Contains(p.Name, "\x00")) {
		t.Errorf("process %+v", p)
	}
}
