// SPDX-License-Identifier: Apache-2.0

package privacy

import "strings"

// member masks the value of the JSON member whose colon is at i, and returns its
// end; i if there is none. The quotes can be single ones, or escaped for a shell.
func (m *masker) member(lo, i, hi int) int {
	if key := m.key(lo, i); key == "" || !m.r.names.secret(key) && !m.r.headers.secret(key) {
		return i
	}
	value := i + 1
	for value < hi && isSpace(m.s[value]) {
		value++
	}
	rest := m.s[value:hi]
	switch {
	case rest == "":
		return i
	case isQuote(rest[0]):
		end := closing(m.s, value, hi)
		m.mask(value+1, end)
		return end
	case strings.HasPrefix(rest, `\"`):
		end := hi
		if n := strings.Index(rest[2:], `\"`); n >= 0 {
			end = value + 2 + n
		}
		m.mask(value+2, end)
		return end
	case '0' <= rest[0] && rest[0] <= '9' || rest[0] == '-':
		end := value
		for end < hi && (isName(m.s[end]) || m.s[end] == '+') {
			end++
		}
		m.mask(value, end)
		return end
	}
	return i
}

// key is the name in quotes before the colon at i; empty when there is none.
func (m *masker) key(lo, i int) string {
	end := i
	for end > lo && isSpace(m.s[end-1]) {
		end--
	}
	if end == lo || !isQuote(m.s[end-1]) {
		return ""
	}
	end--
	quote := m.s[end]
	if end > lo && m.s[end-1] == '\\' {
		end--
	}
	name := nameStart(m.s, lo, end)
	if name == lo || m.s[name-1] != quote {
		return ""
	}
	return m.s[name:end]
}
