// SPDX-License-Identifier: Apache-2.0

package multicast

import (
	"bytes"
	"testing"
)

func TestMessages(t *testing.T) {
	raw := Append(nil, 3, []byte("abcd"))
	raw = Append(raw, 20, nil)
	raw = Append(raw, 21, []byte("abcde")) // its padding is missing, as at the end of what is received
	var got []Message
	for m, err := range Messages(raw) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m)
	}
	if len(got) != 3 || got[0].Type != 3 || string(got[0].Payload) != "abcd" || got[1].Type != 20 || len(got[1].Payload) != 0 || string(got[2].Payload) != "abcde" {
		t.Errorf("got %+v", got)
	}
}

func FuzzMessages(f *testing.F) {
	f.Add(Append(Append(nil, 3, []byte("abcd")), 20, []byte("x")))
	f.Add([]byte{0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	f.Add([]byte{16})
	f.Fuzz(func(t *testing.T, raw []byte) {
		failed := false
		for m, err := range Messages(raw) {
			if failed {
				t.Fatal("a message after an error")
			}
			failed = err != nil
			if !bytes.Contains(raw, m.Payload) {
				t.Errorf("payload %q from nowhere", m.Payload)
			}
		}
	})
}
