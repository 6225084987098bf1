// SPDX-License-Identifier: Apache-2.0

package process

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"sensor/internal/events"
)

// entityOf follows the documented formula, by its words: base64url of the first
// 16 bytes of SHA-256("host.id|boot_id|tgid|start in 10 ms ticks").
func entityOf(pid uint32, start uint64) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s|%s|%d|%d", hostID, bootID, pid, start/10/1000/1000)
	return strings.TrimRight(base64.URLEncoding.EncodeToString(h.Sum(nil)[:16]), "=")
}

func TestEntityID(t *testing.T) {
	table := NewTable(hostID, bootID, roomy)
	seen := map[string]string{}
	for _, pid := range []uint32{1, 2, 3, 12, 123, 1 << 22, 1<<32 - 1} {
		for _, start := range []uint64{0, 1, 1e7 - 1, 1e7, 23e7, 3e15, 1<<64 - 1} {
			got := table.entityID(pid, start)
			if start == 0 && pid > 2 {
				if got != "" {
					t.Errorf("%d of an unknown start has the id %s", pid, got)
				}
				continue
			}
			if want := entityOf(pid, start); got != want || len(got) != 22 {
				t.Errorf("%d of %d: got %s, want %s", pid, start, got, want)
			}
			who := fmt.Sprint(pid, start/1e7)
			if other, ok := seen[got]; ok && other != who {
				t.Errorf("%s and %s have one id", who, other)
			}
			seen[got] = who
		}
	}
	for _, other := range []*Table{NewTable("x", bootID, roomy), NewTable(hostID, "x", roomy)} {
		if other.entityID(5, 23e7) == table.entityID(5, 23e7) {
			t.Error("two hosts or boots share an id")
		}
	}
}

// The kernel knows the start to the nanosecond, /proc to the tick below: one id.
// A literal, so that formula and test cannot drift together.
func TestEntityIDOfBothClocks(t *testing.T) {
	const want = "_QC4CqEy6g7VJAjlMNnNAw" // printf 'host|boot|4711|12345' | sha256sum
	for _, start := range []uint64{123_450_000_000, 123_450_000_001, 123_456_789_123, 123_459_999_999} {
		p := &events.Process{PID: 4711, StartKey: start, ParentPID: 1}
		NewTable("host", "boot", roomy).Enrich(&events.Event{Kind: events.KindExec, Process: p})
		if p.EntityID != want {
			t.Errorf("start %d: got %s, want %s", start, p.EntityID, want)
		}
	}
	for _, start := range []uint64{123_449_999_999, 123_460_000_000} {
		if got := NewTable("host", "boot", roomy).entityID(4711, start); got == want {
			t.Errorf("start %d: got the id of another tick", start)
		}
	}
}

func TestSameStart(t *testing.T) {
	for _, test := range []struct {
		a, b uint64
		want bool
	}{
		{5*tick + 3, 5*tick + 3, true},
		{5*tick + 3, 5*tick + 4, false}, // both exact: two processes
		{5*tick + 3, 5 * tick, true},
		{5 * tick, 6*tick - 1, true},
		{5 * tick, 6 * tick, false},
		{5*tick + 3, 6 * tick, false},
		{4*tick + 9, 5 * tick, false},
	} {
		if sameStart(test.a, test.b) != test.want || sameStart(test.b, test.a) != test.want {
			t.Errorf("%d and %d: want %v", test.a, test.b, test.want)
		}
	}
}
