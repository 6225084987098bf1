// SPDX-License-Identifier: Apache-2.0

package privacy

import "strings"

// stemTable has a part of every name that a rule knows, in lower case.
func stemTable() []string {
	return []string{
		"pass", "pwd", "token", "secret", "key", "auth", "cookie", "sig", "bearer",
		"mysql", "mariadb", "curl", "redis", "ldap", "smb", "rpcclient",
	}
}

// prescan tells in one cheap pass that a packed string holds nothing to mask:
// it has none of the stems and no URL with a user. Letters count by the five
// bits that their case does not change.
type prescan struct {
	stems [32][]string // by first letter
	pairs [32]uint32   // by first letter, the set of second letters
}

func newPrescan() prescan {
	var p prescan
	for _, stem := range stemTable() {
		first := stem[0] & 31
		p.stems[first] = append(p.stems[first], stem)
		p.pairs[first] |= 1 << (stem[1] & 31)
	}
	return p
}

// candidate may be true for a string without secrets, but is never false for
// one in which a rule masks.
func (p *prescan) candidate(packed string) bool {
	if p.mayHaveUser(packed) {
		return true
	}
	for i := 1; i < len(packed); i++ {
		if p.pairs[packed[i-1]&31]>>(packed[i]&31)&1 != 0 && p.stemBegins(packed[i-1:]) {
			return true
		}
	}
	return false
}

// mayHaveUser looks for the signs of a URL with a user. A cut string may have lost the @.
func (p *prescan) mayHaveUser(packed string) bool {
	return (isCut(packed) || strings.IndexByte(packed, '@') >= 0) && strings.Contains(packed, "://")
}

func (p *prescan) stemBegins(s string) bool {
	for _, stem := range p.stems[s[0]&31] {
		if hasPrefixFold(s, stem) {
			return true
		}
	}
	return false
}

// isCut reports whether the last item of a packed string lacks its NUL.
func isCut(packed string) bool {
	return packed != "" && packed[len(packed)-1] != 0
}
