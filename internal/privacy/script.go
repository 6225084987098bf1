// SPDX-License-Identifier: Apache-2.0

package privacy

// maxDepth bounds how deep quotes are followed into quotes, because each level
// reads its text once more.
const maxDepth = 4

// script masks in text that may be shell commands. Of a shell it knows words,
// quotes and where commands begin, no more. What is in quotes is read as
// commands too, and so is all that follows a quote that nothing closes.
func (m *masker) script(lo, hi, depth int) {
	var c command
	for l := newLexer(m.s, lo, hi, depth == maxDepth); l.next(); {
		if l.comment {
			m.script(l.lo, l.hi, maxDepth)
			continue
		}
		if l.first {
			c = command{}
		}
		wordLo, wordHi := unquote(m.s, l.lo, l.hi)
		m.word(&c, wordLo, wordHi)
		if l.quoted {
			m.quotes(l.lo, l.hi, depth+1)
		}
	}
}

// quotes reads the quoted parts of a word as commands.
func (m *masker) quotes(lo, hi, depth int) {
	for i := lo; i < hi; i++ {
		switch {
		case m.s[i] == '\\':
			i++
		case isQuote(m.s[i]):
			end := quoteEnd(m.s, i, hi)
			if hasShell(m.s[i+1 : end]) {
				m.script(i+1, end, depth)
			}
			i = end
		}
	}
}
