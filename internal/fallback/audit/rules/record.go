// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Sizes of struct audit_rule_data (uapi/linux/audit.h).
const (
	maskWords    = 64 // AUDIT_BITMASK_SIZE
	maxFields    = 64 // AUDIT_MAX_FIELDS
	maxKey       = 256
	maxPath      = 4096
	keySeparator = "\x01"
	// The last bits of the mask are not system calls but stand for classes of them; the kernel lists them as 0.
	maxCall = maskWords*32 - 16
	// maxNumber is the first system call that auditctl does not take.
	maxNumber = (maskWords - 1) * 32
)

// Filter lists and actions.
const (
	listUser       = 0
	listTask       = 1
	listExit       = 4
	listExclude    = 5
	listFilesystem = 6
	listURing      = 7

	prependFlag = 0x10

	actionNever  = 0
	actionAlways = 2
)

// Operators.
const (
	opBitMask      = 0x08000000
	opLess         = 0x10000000
	opGreater      = 0x20000000
	opNotEqual     = 0x30000000
	opEqual        = 0x40000000
	opBitTest      = opBitMask | opEqual
	opLessEqual    = opLess | opEqual
	opGreaterEqual = opGreater | opEqual
)

// record is one rule as the kernel takes and lists it.
type record struct {
	list, action uint32
	prepend      bool
	mask         [maskWords]uint32
	fields       []field
}

// field is one condition; text is in place of the value where the field has a text.
type field struct {
	id, op, value uint32
	text          string
}

type header struct {
	Flags, Action, Count uint32
	Mask                 [maskWords]uint32
	Fields, Values, Ops  [maxFields]uint32
	Length               uint32 // of the texts, which follow
}

var headerSize = binary.Size(header{})

func (r record) wire(prepend bool) []byte {
	h := header{Flags: r.list, Action: r.action, Count: uint32(len(r.fields)), Mask: r.mask}
	if prepend && r.prepend {
		h.Flags |= prependFlag
	}
	var texts []byte
	for i, f := range r.fields {
		h.Fields[i], h.Ops[i], h.Values[i] = f.id, f.op, f.value
		if texted(f.id) {
			h.Values[i] = uint32(len(f.text))
			texts = append(texts, f.text...)
		}
	}
	h.Length = uint32(len(texts))
	b, err := binary.Append(make([]byte, 0, headerSize+len(texts)), binary.NativeEndian, h)
	if err != nil {
		panic(err) // the header has a fixed size
	}
	return append(b, texts...)
}

var errShort = errors.New("rule is cut off")

// read is the reverse of wire.
func read(b []byte) (record, error) {
	var h header
	if _, err := binary.Decode(b, binary.NativeEndian, &h); err != nil {
		return record{}, errShort
	}
	texts := b[headerSize:]
	if h.Count > maxFields {
		return record{}, fmt.Errorf("rule has %d fields", h.Count)
	}
	if uint64(h.Length) > uint64(len(texts)) {
		return record{}, errShort
	}
	texts = texts[:h.Length]
	r := record{list: h.Flags &^ prependFlag, action: h.Action, prepend: h.Flags&prependFlag != 0, mask: h.Mask}
	for i := range h.Count {
		f := field{id: h.Fields[i], op: h.Ops[i], value: h.Values[i]}
		if texted(f.id) {
			if uint64(f.value) > uint64(len(texts)) {
				return record{}, errShort
			}
			f.text, texts, f.value = string(texts[:f.value]), texts[f.value:], 0
		}
		r.fields = append(r.fields, f)
	}
	return r, nil
}

// same says that the kernel would take both for one rule.
func (r record) same(other record) bool { return bytes.Equal(r.wire(false), other.wire(false)) }

func (r record) has(call uint32) bool {
	return call < maxCall && r.mask[call/32]&(1<<(call%32)) != 0
}

func (r *record) add(call uint32) { r.mask[call/32] |= 1 << (call % 32) }

func (r *record) addAll() {
	for call := range uint32(maxCall) {
		r.add(call)
	}
}

// calls are the numbers of the mask, in order.
func (r record) calls() []uint32 {
	var calls []uint32
	for call := range uint32(maxCall) {
		if r.has(call) {
			calls = append(calls, call)
		}
	}
	return calls
}

// field finds a condition by its number.
func (r record) field(id uint32) (f field, ok bool) {
	for _, f := range r.fields {
		if f.id == id {
			return f, true
		}
	}
	return field{}, false
}

func (r record) keys() []string {
	f, ok := r.field(fieldKey)
	if !ok {
		return nil
	}
	return strings.Split(f.text, keySeparator)
}

// keyed is whether rules of the list can have a key. In the others the kernel
// ends its search at a rule with a field that it does not know there.
func (r record) keyed() bool { return r.list != listUser && r.list != listExclude }

func (r record) withKey(key string) (record, error) {
	if !r.keyed() {
		return r, nil
	}
	key = strings.Join(append(r.keys(), key), keySeparator)
	if len(key) > maxKey {
		return record{}, fmt.Errorf("keys are longer than %d bytes", maxKey)
	}
	var fields []field
	for _, f := range r.fields {
		if f.id != fieldKey {
			fields = append(fields, f)
		}
	}
	if len(fields) >= maxFields {
		return record{}, fmt.Errorf("more than %d fields", maxFields)
	}
	r.fields = append(fields, field{id: fieldKey, op: opEqual, text: key})
	return r, nil
}
