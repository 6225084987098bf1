// SPDX-License-Identifier: Apache-2.0

package privacy

// lexer cuts text into words as a shell does.
type lexer struct {
	s     string
	pos   int
	end   int
	flat  bool // quotes are between words, and # too
	open  int  // parentheses
	fresh bool // a command begins with the next word

	// The current word.
	lo, hi  int
	first   bool // of a command
	quoted  bool // some of it, at least
	comment bool // a comment, without its #
}

// newLexer makes a lexer for s[lo:hi].
func newLexer(s string, lo, hi int, flat bool) lexer {
	return lexer{s: s, pos: lo, end: hi, flat: flat, fresh: true}
}

// next goes to the next word; false when there is none.
func (l *lexer) next() bool {
	l.skip()
	if l.pos >= l.end {
		return false
	}
	l.lo, l.first, l.quoted, l.comment = l.pos, l.fresh, false, l.s[l.pos] == '#'
	if l.comment {
		l.lo++
		l.pos = lineEnd(l.s, l.lo, l.end)
	} else {
		l.fresh = false
		l.toWordEnd()
	}
	l.hi = l.pos
	return true
}

// skip goes to the start of a word.
func (l *lexer) skip() {
	for l.pos < l.end {
		c := l.s[l.pos]
		switch {
		case l.has("\\\n"):
			l.pos++
		case c == '\n' || isSeparator(c) || l.flat && isQuote(c):
			l.fresh = true
		case l.opens():
			l.fresh = true
			l.open++
			l.pos++
		case c == '(':
			l.fresh = true
			l.open++
		case c == ')' && l.open > 0:
			l.fresh = true
			l.open--
		case isSpace(c) || l.flat && c == '#':
		default:
			return
		}
		l.pos++
	}
}

// toWordEnd goes to the end of a word, over its quoted parts.
func (l *lexer) toWordEnd() {
	for ; l.pos < l.end; l.pos++ {
		c := l.s[l.pos]
		switch {
		case isSpace(c), isSeparator(c), l.has("\\\n"), l.opens(), c == ')' && l.open > 0:
			return
		case c == '\\':
			l.pos++
		case isQuote(c) && l.flat:
			return
		case isQuote(c):
			l.quoted = true
			l.pos = quoteEnd(l.s, l.pos, l.end)
		}
	}
	l.pos = l.end // an escape or a quote that nothing ends goes past it
}

// opens reports whether a command in a word begins, which the shell replaces.
func (l *lexer) opens() bool { return l.has("$(") || l.has("<(") || l.has(">(") }

// has reports whether two comes next.
func (l *lexer) has(two string) bool {
	return l.pos+1 < l.end && l.s[l.pos] == two[0] && l.s[l.pos+1] == two[1]
}

// isSeparator reports whether c ends a command.
func isSeparator(c byte) bool { return c == ';' || c == '|' || c == '&' || c == '`' }
