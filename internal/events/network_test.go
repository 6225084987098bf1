// SPDX-License-Identifier: Apache-2.0

package events

import (
	"testing"
	"time"
	"unsafe"
)

func TestNetworkDuration(t *testing.T) {
	at := time.Unix(1_800_000_000, 5)
	for _, test := range []struct {
		name       string
		start, end time.Time
		want       time.Duration
		ok         bool
	}{
		{"some", at, at.Add(time.Second), time.Second, true},
		{"none", at, at, 0, true},
		{"start unknown", time.Time{}, at, 0, false},
		{"start after end", at.Add(1), at, 0, false},
		{"nothing known", time.Time{}, time.Time{}, 0, false},
	} {
		if got, ok := (&Network{Started: test.start}).Duration(test.end); got != test.want || ok != test.ok {
			t.Errorf("%s: %v, %v; want %v, %v", test.name, got, ok, test.want, test.ok)
		}
	}
}

func TestNetworkSize(t *testing.T) {
	got := (&Event{Network: &Network{}}).Size() - (&Event{}).Size()
	if want := int(unsafe.Sizeof(Network{})); got < want {
		t.Errorf("counted as %d bytes, want at least %d", got, want)
	}
}
