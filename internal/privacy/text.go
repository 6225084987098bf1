// SPDX-License-Identifier: Apache-2.0

package privacy

// text masks what its surroundings show to be a secret wherever it is: in URLs,
// headers and JSON. Each rule starts from a separator and reads on to the next
// one of its kind at most, or returns where it stopped, so that the time is linear.
func (m *masker) text(lo, hi int) {
	for i := lo; i < hi; {
		switch m.s[i] {
		case ':':
			i = m.colon(lo, i, hi)
		case '=':
			i = m.parameter(lo, i, hi)
		default:
			i++
		}
	}
}

// colon masks after the colon at i and returns where to go on.
func (m *masker) colon(lo, i, hi int) int {
	if hasSlashes(m.s[i:hi]) {
		m.user(lo, i, hi)
		return i + len("://")
	}
	if end := m.member(lo, i, hi); end > i {
		return end
	}
	if end := m.header(lo, i, hi); end > i {
		return end
	}
	return i + 1
}

// hasSlashes reports whether s begins with ://.
func hasSlashes(s string) bool { return len(s) >= 3 && s[:3] == "://" }
