// SPDX-License-Identifier: Apache-2.0

package ecs

import (
	"encoding/hex"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"sensor/internal/events"
)

// A writer appends JSON. Empty strings are left out: a field that a source
// cannot know stays absent.
type writer struct {
	b       []byte
	raws    []raw
	seconds [8]second // by their last bits: the times of a batch share a few
}

// A second that was written out.
type second struct {
	unix int64
	text []byte // with its quote and its point
}

// A raw is a text that was not UTF-8, under the path of its field. In the
// document each bad byte is U+FFFD, and the exact bytes stand beside it.
type raw struct{ field, bytes string }

// key begins a member. Every value is followed by nothing: the comma comes first.
func (w *writer) key(name string) {
	w.comma()
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
}

func (w *writer) comma() {
	if n := len(w.b); n > 0 && w.b[n-1] != '{' && w.b[n-1] != '[' {
		w.b = append(w.b, ',')
	}
}

func (w *writer) open(name string) {
	w.key(name)
	w.b = append(w.b, '{')
}

func (w *writer) close() { w.b = append(w.b, '}') }

// closeOrDrop closes an object, or removes it with its key if it has no member.
func (w *writer) closeOrDrop(begin int) {
	if w.b[len(w.b)-1] == '{' {
		w.b = w.b[:begin]
		return
	}
	w.close()
}

// text writes a string that came from outside. field is its path for sensor.raw.
func (w *writer) text(name, field, s string) {
	if s == "" {
		return
	}
	w.key(name)
	if !w.quote(s) {
		w.raws = append(w.raws, raw{field, s})
	}
}

// word writes a string of our own.
func (w *writer) word(name, s string) {
	if s == "" {
		return
	}
	w.key(name)
	w.quote(s)
}

// quote reports whether s was UTF-8.
func (w *writer) quote(s string) bool {
	var err error
	w.b, err = jsontext.AppendQuote(w.b, s)
	return err == nil
}

func (w *writer) number(name string, n uint64) {
	w.key(name)
	w.b = strconv.AppendUint(w.b, n, 10)
}

func (w *writer) integer(name string, n int64) {
	w.key(name)
	w.b = strconv.AppendInt(w.b, n, 10)
}

func (w *writer) boolean(name string, v bool) {
	w.key(name)
	w.b = strconv.AppendBool(w.b, v)
}

// flag writes a boolean only if it is true.
func (w *writer) flag(name string, v bool) {
	if v {
		w.boolean(name, true)
	}
}

func (w *writer) time(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	w.key(name)
	unix := t.Unix()
	s := &w.seconds[uint64(unix)%uint64(len(w.seconds))]
	if s.unix != unix || s.text == nil {
		s.unix, s.text = unix, t.UTC().AppendFormat(s.text[:0], `"2006-01-02T15:04:05.`)
	}
	w.b = append(w.b, s.text...)
	nanos := uint32(t.Nanosecond())
	n := len(w.b)
	w.b = append(w.b, `000000000Z"`...)
	for i := n + 8; nanos > 0; i-- {
		w.b[i] = '0' + byte(nanos%10)
		nanos /= 10
	}
}

// user writes an object with id and name. prefix is the path of what holds it, with its dot.
func (w *writer) user(name, prefix string, u events.User) {
	w.open(name)
	if !w.principal(u) {
		w.raws = append(w.raws, raw{prefix + name + ".name", u.Name})
	}
	w.close()
}

func (w *writer) group(name, prefix string, g events.Group) { w.user(name, prefix, events.User(g)) }

// principal writes id and name, and reports whether the name was UTF-8.
func (w *writer) principal(u events.User) bool {
	w.id(uint64(u.ID))
	if u.Name == "" {
		return true
	}
	w.key("name")
	return w.quote(u.Name)
}

// id writes a number as a string: an id is a keyword, not a quantity.
func (w *writer) id(n uint64) { w.keyword("id", n) }

// keyword writes a number as a string.
func (w *writer) keyword(name string, n uint64) {
	w.key(name)
	w.b = append(w.b, '"')
	w.b = strconv.AppendUint(w.b, n, 10)
	w.b = append(w.b, '"')
}

// rawFields writes what was not UTF-8, in hex.
func (w *writer) rawFields() {
	if len(w.raws) == 0 {
		return
	}
	w.open("raw")
	for _, r := range w.raws {
		w.key(r.field)
		w.b = append(w.b, '"')
		w.b = hex.AppendEncode(w.b, []byte(r.bytes))
		w.b = append(w.b, '"')
	}
	w.close()
}
