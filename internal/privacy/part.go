// SPDX-License-Identifier: Apache-2.0

package privacy

import "strings"

// part tells what a word holds, hence which part of it is secret.
type part uint8

const (
	nothing      part = iota
	plain             // no secret by its place, and not a program's name either
	script            // commands for a shell
	whole             // a secret
	wholeOrNone       // a secret, unless it looks like an option: the secret may be left out
	afterColon        // user:secret
	afterPercent      // user%secret
	afterPass         // pass:secret, as openssl has it; other sources, like file:path, are no secret
)

// part masks the secret part of the word from lo to hi.
func (m *masker) part(p part, lo, hi int) {
	lo, hi = unquote(m.s, lo, hi)
	switch p {
	case whole:
		m.mask(lo, hi)
	case wholeOrNone:
		if !strings.HasPrefix(m.s[lo:hi], "-") {
			m.mask(lo, hi)
		}
	case afterColon:
		m.maskAfter(':', lo, hi)
	case afterPercent:
		m.maskAfter('%', lo, hi)
	case afterPass:
		if strings.HasPrefix(m.s[lo:hi], "pass:") {
			m.maskAfter(':', lo, hi)
		}
	}
}

// maskAfter masks what follows the first separator. A quote that begins before
// the separator stays closed: the rest of its text and what follows are two values.
func (m *masker) maskAfter(separator byte, lo, hi int) {
	n := strings.IndexByte(m.s[lo:hi], separator)
	if n < 0 {
		return
	}
	value := lo + n + 1
	for i := lo; i < value; i++ {
		if !isQuote(m.s[i]) {
			continue
		}
		if i = quoteEnd(m.s, i, hi); i >= value {
			m.mask(value, i)
			value = min(i+1, hi)
		}
	}
	m.mask(value, hi)
}
