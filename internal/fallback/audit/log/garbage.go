// SPDX-License-Identifier: Apache-2.0

package log

import "fmt"

// Reason says why a line gave no record, or not a sound one.
type Reason uint8

// The reasons. What is behind zeros, and a last line that is cut, are read all
// the same.
const (
	ReasonNoRecord Reason = iota + 1
	ReasonType
	ReasonHeader
	ReasonTooLong
	ReasonZeros
	ReasonCut
	reasonCount
)

func (r Reason) String() string {
	switch r {
	case ReasonNoRecord:
		return "not an audit record"
	case ReasonType:
		return "unknown type of record"
	case ReasonHeader:
		return "no time and serial"
	case ReasonTooLong:
		return "line too long"
	case ReasonZeros:
		return "zero bytes"
	case ReasonCut:
		return "last line has no end"
	}
	return ""
}

// Stats of a reader.
type Stats struct {
	Lines   uint64
	Records uint64
	Missing uint64 // serials that the log leaves out
	garbage [reasonCount]Garbage
}

// Garbage are the lines that have one fault.
type Garbage struct {
	Reason Reason
	Count  uint64
	First  []Place // of the first few
}

// Place is a line of a file, from 1.
type Place struct {
	File string
	Line int
}

func (p Place) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// mostPlaces bounds how many lines are named.
const mostPlaces = 3

func (s *Stats) add(reason Reason, place Place) {
	g := &s.garbage[reason]
	g.Reason = reason
	g.Count++
	if len(g.First) < mostPlaces {
		g.First = append(g.First, place)
	}
}

// Garbage lists what was wrong with the lines, those reasons that there were.
func (s *Stats) Garbage() []Garbage {
	var list []Garbage
	for _, g := range s.garbage {
		if g.Count > 0 {
			list = append(list, g)
		}
	}
	return list
}
