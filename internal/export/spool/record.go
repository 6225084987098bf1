// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"

	"sensor/internal/events"
)

// Entry is one event as it is to be delivered.
type Entry struct {
	Kind events.Kind
	Time time.Time // of the event
	Body []byte    // opaque
}

// A record is an entry in a segment, little endian:
//
//	 0  magic
//	 4  CRC32C of what follows up to the body
//	 8  CRC32C of the body
//	12  length of the body
//	16  sequence number
//	24  time of the event, ns since 1970
//	32  when it was spooled, ns of the spool's own clock
//	40  length of the kind's name, then the name: numbers of kinds change between versions
//	    body
//
// The header has a checksum of its own so that its length can be believed, and
// so that of a damaged body the kind is still known.
type record struct {
	sequence uint64
	spooled  time.Duration
	time     int64
	kind     []byte
	header   int // bytes before the body
	body     int // bytes of the body
}

// magic begins a record. No UTF-8 text has these bytes, so none is found within a JSON body.
const magic = "\xff\xfesp"

// headerBytes is the length of a header without the kind's name.
const headerBytes = 41

// mostBody is the longest body that is taken, and believed.
const mostBody = 16 << 20

// noTime stands for a time that nanoseconds since 1970 cannot express, such as the zero one.
const noTime = math.MinInt64

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func recordBytes(e *Entry) int { return headerBytes + len(e.Kind.String()) + len(e.Body) }

func appendRecord(b []byte, sequence uint64, spooled time.Duration, e *Entry) []byte {
	begin := len(b)
	kind := e.Kind.String()
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(e.Body, castagnoli))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(e.Body)))
	b = binary.LittleEndian.AppendUint64(b, sequence)
	b = binary.LittleEndian.AppendUint64(b, uint64(unixNano(e.Time)))
	b = binary.LittleEndian.AppendUint64(b, uint64(spooled))
	b = append(b, byte(len(kind)))
	b = append(b, kind...)
	binary.LittleEndian.PutUint32(b[begin+4:], crc32.Checksum(b[begin+8:], castagnoli))
	return append(b, e.Body...)
}

// header reads the header that b begins with. It believes it.
func header(b []byte) record {
	name := int(b[40])
	return record{
		sequence: binary.LittleEndian.Uint64(b[16:]),
		spooled:  time.Duration(binary.LittleEndian.Uint64(b[32:])),
		time:     int64(binary.LittleEndian.Uint64(b[24:])),
		kind:     b[headerBytes : headerBytes+name],
		header:   headerBytes + name,
		body:     int(binary.LittleEndian.Uint32(b[12:])),
	}
}

// soundHeader reads the header that b begins with, if it is whole and its checksum is right.
func soundHeader(b []byte) (r record, ok bool) {
	if len(b) < headerBytes || len(b) < headerBytes+int(b[40]) {
		return record{}, false
	}
	r = header(b)
	return r, r.body <= mostBody && crc32.Checksum(b[8:r.header], castagnoli) == binary.LittleEndian.Uint32(b[4:])
}

// survey finds the records in data whose numbers are from first on and below
// end, and rise. Where there is none it looks for the next. sound is false if of
// a record only the header is.
func survey(data []byte, first, end uint64, found func(r record, offset int, sound bool)) {
	for offset := 0; ; {
		skip := bytes.Index(data[offset:], []byte(magic))
		if skip < 0 {
			return
		}
		offset += skip
		r, ok := soundHeader(data[offset:])
		if !ok || r.sequence < first || r.sequence >= end {
			offset++
			continue
		}
		rest := data[offset+r.header:]
		sound := r.body <= len(rest) && crc32.Checksum(rest[:r.body], castagnoli) == binary.LittleEndian.Uint32(data[offset+8:])
		found(r, offset, sound)
		first = r.sequence + 1
		offset += r.header
		if sound {
			offset += r.body
		}
	}
}

func unixNano(t time.Time) int64 {
	if s := t.Unix(); s < -9e9 || s > 9e9 {
		return noTime
	}
	return t.UnixNano()
}

func timeOf(ns int64) time.Time {
	if ns == noTime {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
