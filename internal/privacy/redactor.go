// SPDX-License-Identifier: Apache-2.0

// Package privacy keeps secrets out of events: it masks the passwords, tokens
// and keys that people put into command lines and environments. It knows the
// usual places of secrets, not secrets themselves: what it does not know, it
// leaves. Where the end of a secret is in doubt, it masks too much.
package privacy

import "strings"

// Mask stands where a secret was.
const mask = "[redacted]"

// Redactor masks secret values; immutable, safe for concurrent use. New makes it.
type Redactor struct {
	prescan  prescan
	names    names
	options  options
	programs programs
	headers  headers
}

// New makes a Redactor with the rules of this package.
func New() *Redactor {
	return &Redactor{
		prescan:  newPrescan(),
		names:    newNames(),
		options:  newOptions(),
		programs: newPrograms(),
		headers:  newHeaders(),
	}
}

// Args masks a packed argument vector: each argument ends with a NUL, but the
// last may lack it when the vector was cut. It returns the same string and
// false, without allocating, when nothing was masked; else the new packed
// vector, which may be longer, and true. The number of arguments never changes.
func (r *Redactor) Args(packed string) (string, bool) {
	if !r.prescan.candidate(packed) {
		return packed, false
	}
	return r.args(packed)
}

// Env masks a packed environment block, each variable as NAME=value and a NUL,
// under the contract of Args.
func (r *Redactor) Env(packed string) (string, bool) {
	if !r.prescan.candidate(packed) {
		return packed, false
	}
	return r.env(packed)
}

// Command masks a command line that is one text, under the contract of Args.
func (r *Redactor) Command(line string) (string, bool) {
	if !r.prescan.candidate(line) {
		return line, false
	}
	m := masker{r: r, s: line}
	m.text(0, len(line))
	m.script(0, len(line), 0)
	return m.result()
}

// args is Args without the pre-scan.
func (r *Redactor) args(packed string) (string, bool) {
	m := masker{r: r, s: packed}
	var c command
	for lo := 0; lo < len(packed); {
		hi := itemEnd(packed, lo)
		m.text(lo, hi)
		m.word(&c, lo, hi)
		if hasShell(packed[lo:hi]) {
			m.script(lo, hi, 0)
		}
		lo = hi + 1
	}
	return m.result()
}

// env is Env without the pre-scan.
func (r *Redactor) env(packed string) (string, bool) {
	m := masker{r: r, s: packed}
	for lo := 0; lo < len(packed); {
		hi := itemEnd(packed, lo)
		m.variable(lo, hi)
		lo = hi + 1
	}
	return m.result()
}

// variable masks in one NAME=value.
func (m *masker) variable(lo, hi int) {
	name, _, found := strings.Cut(m.s[lo:hi], "=")
	value := lo
	if found {
		value += len(name) + 1
		if m.r.names.secret(name) {
			m.mask(value, hi)
			return
		}
	}
	m.text(value, hi)
	m.script(value, hi, 0)
}

// itemEnd finds the end of the item that begins at lo, without its NUL.
func itemEnd(packed string, lo int) int {
	if n := strings.IndexByte(packed[lo:], 0); n >= 0 {
		return lo + n
	}
	return len(packed)
}
