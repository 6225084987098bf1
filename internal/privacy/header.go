// SPDX-License-Identifier: Apache-2.0

package privacy

import "strings"

// headerTable has the names of HTTP headers that have a secret, folded.
func headerTable() []string {
	return []string{
		"authorization", "proxy-authorization", "cookie", "set-cookie",
		"x-api-key", "api-key", "apikey", "x-auth-token", "x-auth-key", "x-access-token",
		"x-vault-token", "private-token", "job-token", "x-amz-security-token", "x-goog-api-key",
	}
}

// schemeTable has the words that can precede the secret in an authorization, folded.
func schemeTable() []string {
	return []string{"bearer", "basic", "token", "digest", "negotiate", "apikey", "aws4-hmac-sha256"}
}

type headers struct{ names, schemes map[string]bool }

func newHeaders() headers {
	return headers{names: set(headerTable()), schemes: set(schemeTable())}
}

// secret reports whether the header's value is a secret.
func (h *headers) secret(name string) bool {
	var b foldBuffer
	return h.names[string(fold(&b, name))]
}

// header masks the value of the header whose colon is at i. It returns i if there is none.
func (m *masker) header(lo, i, hi int) int {
	name := nameStart(m.s, max(lo, i-2*len(foldBuffer{})), i) // a longer name is in no table
	if !m.r.headers.secret(m.s[name:i]) && !m.r.headers.secret(strings.TrimPrefix(m.s[name:i], "-H")) {
		return i
	}
	end := m.headerEnd(lo, name, i, hi)
	value := i + 1
	for value < end && isSpace(m.s[value]) {
		value++
	}
	m.mask(m.afterScheme(value, end), end)
	return end
}

// headerEnd finds the end of the header. What precedes its name tells: after a
// quote it ends with the next such quote; alone in its line or argument, with
// the line; and elsewhere with the next quote or, when no space follows the
// colon, the next space.
func (m *masker) headerEnd(lo, name, colon, hi int) int {
	var inLine, inQuote, inWord bool
	var before byte
	if name > lo {
		before = m.s[name-1]
	}
	switch {
	case name == lo || before == '\n':
		inLine = true
	case before == '=' && nameStart(m.s, lo, name-1) == lo: // --header=
		inLine = true
	case isQuote(before):
		inQuote = true
	default:
		inWord = colon+1 < hi && !isSpace(m.s[colon+1])
	}
	end := colon + 1
	for ; end < hi; end++ {
		switch c := m.s[end]; {
		case c == '\n' || c == '\r':
			return end
		case isQuote(c) && !inLine && (!inQuote || c == before):
			return end
		case isSpace(c) && inWord:
			return end
		}
	}
	return end
}

// afterScheme skips the scheme of an authorization.
func (m *masker) afterScheme(value, end int) int {
	var b foldBuffer
	scheme, rest, found := strings.Cut(m.s[value:end], " ")
	if rest = strings.TrimLeft(rest, " "); found && rest != "" && m.r.headers.schemes[string(fold(&b, scheme))] {
		return end - len(rest)
	}
	return value
}
