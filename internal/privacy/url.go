// SPDX-License-Identifier: Apache-2.0

package privacy

import "strings"

// user masks the password in the URL whose :// is at i: scheme://user:secret@host.
func (m *masker) user(lo, i, hi int) {
	begin := i + len("://")
	if nameStart(m.s, max(lo, i-1), i) == i {
		return
	}
	end := begin
	for end < hi && !endsURL(m.s[end]) && !hasSlashes(m.s[end:hi]) {
		end++
	}
	url := m.s[begin:end]
	host := url[:hostLen(url)]
	colon := strings.IndexByte(host, ':')
	if colon < 0 || host[0] == '[' {
		return
	}
	at := strings.LastIndexByte(host, '@')
	if at < 0 && !isPort(host[colon+1:]) {
		at = m.strayAt(url, end)
	}
	if at > colon {
		m.mask(begin+colon+1, begin+at)
	}
}

// strayAt finds the end of a password that makes its URL invalid, because it
// has one of /?# or because the @ was cut off with the end of the arguments.
func (m *masker) strayAt(url string, end int) int {
	at := strings.IndexByte(url, '@')
	if at < 0 && end == len(m.s) {
		return len(url)
	}
	return strings.LastIndexByte(url[:at+1+hostLen(url[at+1:])], '@')
}

// hostLen is the length of the host, with its user, at the start of s.
func hostLen(s string) int {
	if n := strings.IndexAny(s, "/?#"); n >= 0 {
		return n
	}
	return len(s)
}

// endsURL reports whether c cannot be in a URL.
func endsURL(c byte) bool {
	return c <= ' ' || isQuote(c) || c == '`' || c == '<' || c == '>'
}

// isPort reports whether s can follow the colon after a host.
func isPort(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || '9' < s[i] {
			return false
		}
	}
	return true
}

// parameter masks the value of the URL or form parameter whose = is at i.
func (m *masker) parameter(lo, i, hi int) int {
	name := nameStart(m.s, lo, i)
	if name == lo || strings.IndexByte("?&#", m.s[name-1]) < 0 || !m.r.names.secretParameter(m.s[name:i]) {
		return i + 1
	}
	end := i + 1
	for end < hi && !endsURL(m.s[end]) && m.s[end] != '&' && m.s[end] != '#' {
		end++
	}
	m.mask(i+1, end)
	return end
}
