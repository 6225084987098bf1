// SPDX-License-Identifier: Apache-2.0

package events

import (
	"encoding/base64"
	"math"
	"testing"
)

const bootID = "5a5f9d5c-6f0a-4a53-9f3a-0c2c4f4c1b2d"

// No two records share an ID: not over classes, slots, sequences, sources or runs.
func TestIDsDistinct(t *testing.T) {
	seen := map[ID]string{}
	sources := map[string]IDs{
		"ebpf": NewIDs(bootID, "ebpf"), "ebpf, another run": NewIDs(bootID, "ebpf"),
		"audit": NewIDs(bootID, "audit"), "none": NewIDs(bootID, ""), "another boot": NewIDs("", "ebpf"),
	}
	for source, ids := range sources {
		for _, class := range []Class{ClassCritical, ClassBulk, "sensor", ""} {
			for _, slot := range []uint32{0, 1, 2, 255, 256, 1 << 16, math.MaxUint32} {
				for _, sequence := range []uint64{0, 1, 2, 255, 256, 1 << 16, 1 << 32, 1<<32 + 1, math.MaxUint64} {
					id := ids.Of(class, slot, sequence)
					where := source + " " + string(class)
					if id == (ID{}) {
						t.Errorf("%s %d %d: no ID", where, slot, sequence)
					}
					if other, ok := seen[id]; ok {
						t.Fatalf("%s %d %d has the ID of %s", where, slot, sequence, other)
					}
					seen[id] = where
				}
			}
		}
	}
}

func TestIDsRepeat(t *testing.T) {
	ids := NewIDs(bootID, "ebpf")
	if a, b := ids.Of(ClassBulk, 3, 4), ids.Of(ClassBulk, 3, 4); a != b {
		t.Errorf("one record has the IDs %s and %s", a, b)
	}
}

func TestIDText(t *testing.T) {
	id := ID{0xfb, 0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}
	const want = "-_8BAgMEBQYHCAkKCwwNDg"
	if id.String() != want || string(id.AppendText([]byte("x"))) != "x"+want {
		t.Errorf("got %s and %s, want %s", id, id.AppendText([]byte("x")), want)
	}
	back, err := base64.RawURLEncoding.DecodeString(want)
	if err != nil || ID(back) != id {
		t.Errorf("read back %x, error %v", back, err)
	}
}

func TestIDOf(t *testing.T) {
	if a, b := IDOf([]byte("a")), IDOf([]byte("b")); a == b || a != IDOf([]byte("a")) || a == (ID{}) {
		t.Errorf("IDs %v and %v", a, b)
	}
}
