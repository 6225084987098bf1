// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sensor/internal/events"
)

// someRecords is what a segment may hold.
func someRecords() []byte {
	var b []byte
	for i := range 3 {
		e := entry(critical, i, 20)
		b = appendRecord(b, uint64(i+1), time.Duration(i), &e)
	}
	return b
}

// sealed gives whatever may be a record or a state the checksums that it needs, so
// that more than checksums is tried.
func sealed(b []byte) []byte {
	b = bytes.Clone(b)
	for i := 0; i+headerBytes < len(b); i++ {
		switch rest := b[i:]; string(rest[:4]) {
		case magic:
			r := record{header: headerBytes + int(rest[40]), body: int(binary.LittleEndian.Uint32(rest[12:]))}
			if r.header+r.body > len(rest) {
				continue
			}
			binary.LittleEndian.PutUint32(rest[8:], crc32.Checksum(rest[r.header:r.header+r.body], castagnoli))
			binary.LittleEndian.PutUint32(rest[4:], crc32.Checksum(rest[8:r.header], castagnoli))
		case stateMagic:
			if length := int(binary.LittleEndian.Uint32(rest[4:])); 12+length <= len(rest) {
				binary.LittleEndian.PutUint32(rest[8:], crc32.Checksum(rest[12:12+length], castagnoli))
			}
		}
	}
	return b
}

// Whatever a segment holds: what is found is whole, in order, and what was written.
func FuzzSurvey(f *testing.F) {
	f.Add(someRecords(), uint64(1), uint64(3))
	f.Add(append([]byte(magic), someRecords()...), uint64(0), uint64(mostSequence))
	f.Add(bytes.Repeat([]byte(magic), 100), uint64(0), uint64(10))
	f.Fuzz(func(t *testing.T, data []byte, first, end uint64) {
		data = sealed(data)
		behind := 0
		survey(data, first, end, func(r record, offset int, sound bool) {
			if r.sequence < first || r.sequence >= end || offset < behind {
				t.Fatalf("record %d at %d", r.sequence, offset)
			}
			first, behind = r.sequence+1, offset+r.header
			if !sound {
				return
			}
			behind += r.body
			body := data[offset+r.header : behind]
			kind, known := events.KindByName(string(r.kind))
			if !known || unixNano(timeOf(r.time)) != r.time {
				return
			}
			again := appendRecord(nil, r.sequence, r.spooled, &Entry{kind, timeOf(r.time), body})
			if !bytes.Equal(again, data[offset:behind]) {
				t.Fatalf("%q is written as %q", data[offset:behind], again)
			}
		})
	})
}

// Whatever is in the files: the spool opens, gives what it has found, accounts for it, and can be used.
func FuzzOpen(f *testing.F) {
	st := state{generation: 1, logs: [2]logState{{4, settled{{0, 2}}}, {9, nil}}}
	f.Add(someRecords(), someRecords(), st.append(nil), []byte("sensor spool 1\n"))
	f.Add([]byte{}, []byte{}, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, one, two, state, format []byte) {
		var ledger events.Ledger
		o := Options{
			Dir: t.TempDir(), MaxBytes: LeastBytes, MaxAge: time.Hour, Sync: SyncNever, Full: FullOldest,
			Ledger: &ledger, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Lost: func(events.Loss) {},
		}
		for name, b := range map[string][]byte{
			formatName: format, stateName: state, "critical-00000000000000000001": one, "critical-00000000000000000003": two, "bulk-00000000000000000001": two,
		} {
			writeFile(t, filepath.Join(o.Dir, name), sealed(b))
		}
		s, err := Open(o)
		if err != nil {
			if errors.Is(err, ErrFormat) || errors.Is(err, ErrForeign) && len(format) > 0 {
				return
			}
			t.Fatal(err)
		}
		ledger.Generated(critical, 1)
		s.Append([]Entry{entry(critical, 7, 100)})
		came := false
		for s.Stats().Entries > 0 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			b, err := s.Next(ctx, 10, 1000)
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range b.Entries {
				ledger.Delivered(e.Kind, 1)
				came = came || bytes.Equal(e.Body, entry(critical, 7, 100).Body)
			}
			s.Settle(b)
		}
		if !came {
			t.Error("what was appended did not come")
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := ledger.Read().Check(); err != nil {
			t.Error(err)
		}
		if list, err := os.ReadDir(o.Dir); err != nil || len(list) != 2 {
			t.Errorf("left are %v, error %v", list, err)
		}
	})
}

// A state is read as it was written, and no other.
func FuzzState(f *testing.F) {
	st := state{generation: 7, clean: true, logs: [2]logState{{4, settled{{0, 2}, {3, 4}}}, {9, settled{{1, 9}}}}}
	f.Add(st.append(nil))
	f.Add(append(st.append(nil), 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := decodeState(sealed(b)); ok {
			if again, _ := decodeState(s.append(nil)); !bytes.Equal(again.append(nil), s.append(nil)) {
				t.Errorf("%v", s)
			}
		}
	})
}
