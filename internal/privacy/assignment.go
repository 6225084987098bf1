// SPDX-License-Identifier: Apache-2.0

package privacy

// assignment masks the value of the first NAME=value in a word, or in each of its
// quoted parts, whose name tells of a secret: all up to the end. NAME= can follow
// another one, as in --env=NAME=value, but what is behind a space is for script.
func (m *masker) assignment(lo, hi int) {
	start := lo // of what can be a name
	for i := lo; i < hi; i++ {
		switch c := m.s[i]; {
		case isQuote(c):
			end := quoteEnd(m.s, i, hi)
			m.assignment(i+1, end)
			i, start = end, end+1
		case isShell(c) && c != '(': // the ( of a call in source code can precede NAME=
			return
		case c == '=':
			if m.assigns(lo, nameStart(m.s, start, i), i) {
				m.mask(i+1, hi)
				return
			}
			start = i + 1
		}
	}
}

// assigns reports whether the name before the = at i tells of a secret. A
// parameter of a URL does not count: it can end before the word.
func (m *masker) assigns(lo, name, i int) bool {
	isParameter := name > lo && (m.s[name-1] == '?' || m.s[name-1] == '#')
	return !isParameter && m.r.secretOption(m.s[name:i])
}

// secretOption reports whether NAME=value has a secret, by its name, with dashes if it is an option.
func (r *Redactor) secretOption(name string) bool {
	return r.names.secret(name) || name != "" && name[0] == '-' && r.options.next(name) > plain
}
