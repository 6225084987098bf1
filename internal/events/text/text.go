// SPDX-License-Identifier: Apache-2.0

// Package text writes events as one readable line each, for a person at a
// terminal. What the line holds is chosen for reading, not for machines.
package text

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"sensor/internal/events"
)

// Append appends the event's line without the newline.
func Append(b []byte, e *events.Event) []byte {
	b = e.Time.Local().AppendFormat(b, "15:04:05.000")
	b = pad(b, e.Kind.String(), 17)
	if l := e.Loss; l != nil {
		b = append(b, ' ')
		b = strconv.AppendUint(b, l.Count, 10)
		b = append(b, ' ')
		b = append(b, l.Kind.String()...)
		b = append(b, " events lost at "...)
		return append(b, l.Stage.String()...)
	}
	if m := e.Metrics; m != nil {
		return appendMetrics(b, m)
	}
	if s := e.Serving; s != nil {
		return appendServing(b, s)
	}
	if e.Network != nil {
		return appendNetwork(b, e)
	}
	if e.Local != nil {
		return appendLocal(b, e)
	}
	if e.File != nil {
		return appendFile(b, e)
	}
	if e.Words != nil {
		return appendTold(b, e)
	}
	p := e.Process
	if p == nil {
		return b
	}
	b = pad(b, strconv.FormatUint(uint64(p.PID), 10), 8)
	b = pad(b, userName(p), 9)
	b = append(b, ' ')
	if p.Args.Packed != "" {
		for arg := range p.Args.All() {
			b = append(quote(b, arg), ' ')
		}
		b = b[:len(b)-1]
		if p.Args.Cut {
			b = append(b, " ..."...)
		}
	} else {
		b = quote(b, p.Name)
	}
	var notes []string
	if p.Args.Packed != "" && p.Executable.Name != "" && !strings.HasPrefix(p.Args.Packed, p.Executable.Name+"\x00") {
		notes = append(notes, string(quote(nil, p.Executable.Name)))
	}
	if a := e.Attempt; a != nil {
		notes = append(notes, "no exec of "+string(quote(nil, a.Filename))+": "+string(quote(nil, a.Code)))
	}
	if e.End != nil {
		if signal := e.End.Signal(); signal != 0 {
			notes = append(notes, "killed by signal "+strconv.Itoa(signal))
		} else {
			notes = append(notes, "exit code "+strconv.Itoa(e.End.ExitCode()))
		}
	}
	if parent := e.Family.Parent; parent != nil && parent.Name != "" && e.End == nil {
		notes = append(notes, "by "+string(quote(nil, parent.Name))+" "+strconv.FormatUint(uint64(parent.PID), 10))
	}
	if len(notes) > 0 {
		b = append(b, "  ("...)
		b = append(b, strings.Join(notes, ", ")...)
		b = append(b, ')')
	}
	return b
}

func userName(p *events.Process) string {
	if !p.Credentials.Known {
		return "-"
	}
	if name := p.Credentials.Effective.Name; name != "" {
		return name
	}
	return strconv.FormatUint(uint64(p.Credentials.Effective.ID), 10)
}

// pad appends a space and s, filled up to width.
func pad(b []byte, s string, width int) []byte {
	b = append(b, ' ')
	b = quote(b, s)
	for n := utf8.RuneCountInString(s); n < width; n++ {
		b = append(b, ' ')
	}
	return b
}

// quote appends s as it is if it cannot be misread, else as Go quotes it: no
// byte that moves the cursor or ends the line reaches the terminal.
func quote(b []byte, s string) []byte {
	if s == "" {
		return append(b, `""`...)
	}
	if s == "..." || !utf8.ValidString(s) { // "..." marks what was cut
		return strconv.AppendQuote(b, s)
	}
	for _, r := range s {
		if r == ' ' || r == '"' || r == '\\' || !unicode.IsPrint(r) {
			return strconv.AppendQuote(b, s)
		}
	}
	return append(b, s...)
}
