// SPDX-License-Identifier: Apache-2.0

package privacy

import "strings"

// isSpace reports whether c separates words; a newline separates commands too.
func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// isQuote reports whether c begins and ends quoted text.
func isQuote(c byte) bool { return c == '\'' || c == '"' }

// isShell reports whether c can end a word, or a command, in a shell.
func isShell(c byte) bool {
	switch c {
	case ' ', '\t', '\n', '\v', '\f', '\r', '\'', '"', ';', '|', '&', '`', '(', ')', '\\':
		return true
	}
	return false
}

// hasShell reports whether s can be more than one word to a shell.
func hasShell(s string) bool {
	for i := range len(s) {
		if isShell(s[i]) {
			return true
		}
	}
	return false
}

// quoteEnd finds the quote that closes the one at open. It is hi when none does.
func quoteEnd(s string, open, hi int) int {
	if s[open] == '\'' {
		if n := strings.IndexByte(s[open+1:hi], '\''); n >= 0 {
			return open + 1 + n
		}
		return hi
	}
	return closing(s, open, hi)
}

// closing is quoteEnd where a backslash escapes in quotes of both kinds.
func closing(s string, open, hi int) int {
	for i := open + 1; i < hi; i++ {
		switch s[i] {
		case s[open]:
			return i
		case '\\':
			i++
		}
	}
	return hi
}

// unquote removes the quotes around s[lo:hi], if both are there.
func unquote(s string, lo, hi int) (int, int) {
	if hi-lo >= 2 && isQuote(s[lo]) && s[lo] == s[hi-1] {
		return lo + 1, hi - 1
	}
	return lo, hi
}

// lineEnd finds the end of the line, without its line break.
func lineEnd(s string, lo, hi int) int {
	if n := strings.IndexAny(s[lo:hi], "\r\n"); n >= 0 {
		return lo + n
	}
	return hi
}
