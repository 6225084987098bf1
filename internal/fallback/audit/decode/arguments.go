// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"

	"sensor/internal/events"
)

// arguments are those of the EXECVE records: a0="text" or in hexadecimal digits,
// and one that is too long for a record as a1_len=N a1[0]=... a1[1]=..., where N
// counts the characters as they stand there. ok is false if there is no such record.
// Of arguments and pieces that are missing nothing is shown but the mark.
func (d *deed) arguments() (args events.Args, ok bool) {
	v := vector{next: -1}
	for _, r := range d.records {
		if r.RecordType == auparse.AUDIT_EXECVE {
			ok = true
			d.each(r, v.add)
		}
	}
	v.close()
	if v.seen != v.count {
		v.cut = true
	}
	return events.Args{Packed: string(v.packed), Count: v.count, Cut: v.cut}, ok
}

// vector puts the arguments of one program together.
type vector struct {
	packed []byte
	count  int // as it was said
	seen   int // the number after that of the last argument that has come
	cut    bool
	full   bool // nothing more is kept

	next int // piece of the last argument that comes next; -1 if it has none
	left int // characters of its pieces still to come
}

// add takes one field of a record. It reports whether that makes sense.
func (v *vector) add(name, value string) bool {
	if name == "argc" {
		n, ok := number(value, 10, 31)
		v.count = int(n)
		if !ok {
			v.cut = true
		}
		return ok
	}
	rest, ok := strings.CutPrefix(name, "a")
	if !ok {
		return true
	}
	digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	index, err := strconv.Atoi(rest[:digits])
	if err != nil {
		return true // another field
	}
	switch kind := rest[digits:]; {
	case kind == "":
		if !v.begin(index) {
			return false
		}
		return v.piece(value)
	case kind == "_len":
		n, ok := number(value, 10, 31)
		if !ok || !v.begin(index) {
			v.cut = true
			return false
		}
		v.next, v.left = 0, int(n)
		return true
	case strings.HasPrefix(kind, "[") && strings.HasSuffix(kind, "]"):
		n, err := strconv.Atoi(kind[1 : len(kind)-1])
		if err != nil {
			v.cut = true
			return false
		}
		if v.next < 0 || index != v.seen-1 || n != v.next { // what was before is lost
			v.cut = true
			return true
		}
		v.next++
		v.left -= len(strings.Trim(value, `"`))
		return v.piece(value)
	}
	return true
}

// begin closes the argument before and begins that with the index. Those that
// were left out are lost.
func (v *vector) begin(index int) bool {
	v.close()
	if index < v.seen {
		v.cut = true
		return false
	}
	if index > v.seen {
		v.cut = true
	}
	v.seen = index + 1
	v.next, v.left = -1, 0
	if !v.full {
		v.packed = append(v.packed, 0) // the one that ends it; its text goes before
		v.bound()
	}
	return true
}

// maxArgs is how much of an argument vector is kept, as by the other sources: it
// stands in every event of the process and of its children, and a program may
// give megabytes.
const maxArgs = 64 << 10

// bound cuts what is longer. What is cut has no NUL at its end.
func (v *vector) bound() {
	if len(v.packed) > maxArgs {
		v.packed = bytes.TrimRight(v.packed[:maxArgs], "\x00")
		v.full, v.cut = true, true
	}
}

// piece appends text to the argument that was begun.
func (v *vector) piece(value string) (ok bool) {
	if v.full {
		return true
	}
	ok = true
	v.packed = v.packed[:len(v.packed)-1]
	if strings.HasPrefix(value, `"`) {
		v.packed = append(v.packed, strings.TrimSuffix(value[1:], `"`)...)
	} else if b, err := hex.AppendDecode(v.packed, []byte(value)); err == nil {
		v.packed = b
	} else {
		v.packed, v.cut, ok = append(v.packed, value...), true, false
	}
	v.packed = append(v.packed, 0)
	v.bound()
	return ok
}

// close ends the argument before. A piece of it may not have come.
func (v *vector) close() {
	if v.left != 0 {
		v.cut = true
	}
	v.left = 0
}
