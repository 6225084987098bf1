// SPDX-License-Identifier: Apache-2.0

package privacy

import "strings"

// foldBuffer has room for the longest name of a table.
type foldBuffer [32]byte

// fold spells a name as the tables do: ASCII letters in lower case and - for
// _ and dot. The result is empty when the name is longer than any in a table.
func fold(b *foldBuffer, name string) []byte {
	if len(name) > len(b) {
		return nil
	}
	for i := range len(name) {
		b[i] = foldByte(name[i])
	}
	return b[:len(name)]
}

func foldByte(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	case c == '_' || c == '.':
		return '-'
	}
	return c
}

// hasPrefixFold reports whether s, folded, begins with prefix, which is.
func hasPrefixFold(s, prefix string) bool {
	if len(s) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if foldByte(s[i]) != prefix[i] {
			return false
		}
	}
	return true
}

// hasSuffixFold reports whether s, folded, ends with suffix, which is.
func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && hasPrefixFold(s[len(s)-len(suffix):], suffix)
}

// containsFold reports whether s, folded, contains part, which is.
func containsFold(s, part string) bool {
	for ; len(s) >= len(part); s = s[1:] {
		if hasPrefixFold(s, part) {
			return true
		}
	}
	return false
}

// isName reports whether c can be in the name of a variable, an option, a property or a header.
func isName(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '.'
}

// nameStart finds the start of the name in s that ends at hi, at lo or after it.
func nameStart(s string, lo, hi int) int {
	for hi > lo && isName(s[hi-1]) {
		hi--
	}
	return hi
}

// set makes the set of the words.
func set(words []string) map[string]bool {
	s := make(map[string]bool, len(words))
	for _, w := range words {
		s[w] = true
	}
	return s
}

// trimDashes removes the one or two dashes before an option's name.
func trimDashes(word string) string {
	return strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-")
}
