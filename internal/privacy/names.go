// SPDX-License-Identifier: Apache-2.0

package privacy

import "strings"

// nameTable has the names of secrets, folded.
type nameTable struct {
	words      []string // any word of a variable's name, the last of an option's or a property's
	parts      []string // anywhere in a variable's name
	endings    []string // at the end of any name, even within a word
	whole      []string // all of a name
	parameters []string // the last word of a URL parameter's name, besides words
}

func newNameTable() nameTable {
	return nameTable{
		words:      []string{"password", "passwd", "pass", "passphrase", "secret", "token", "apikey", "authtoken"},
		parts:      []string{"api-key", "access-key", "private-key"},
		endings:    []string{"password", "passwd", "api-key", "apikey", "access-key", "accesskey", "secret-key", "secretkey"},
		whole:      []string{"mysql-pwd", "rediscli-auth", "sshpass"},
		parameters: []string{"signature", "sig"},
	}
}

// names tells which names name secrets.
type names struct {
	words, whole, parameters map[string]bool
	parts, endings           []string
}

func newNames() names {
	t := newNameTable()
	return names{
		words:      set(t.words),
		whole:      set(t.whole),
		parameters: set(t.parameters),
		parts:      t.parts,
		endings:    t.endings,
	}
}

// secret reports whether the value of a variable, an option or a property is a
// secret, by its name. In the name of a variable any word counts; in one with
// dashes or dots only the last does, because --password-file has no secret.
func (n *names) secret(name string) bool {
	isVariable := !strings.ContainsAny(name, "-.")
	var b foldBuffer
	if n.whole[string(fold(&b, name))] {
		return true
	}
	for _, ending := range n.endings {
		if hasSuffixFold(name, ending) {
			return true
		}
	}
	if !isVariable {
		return n.words[string(fold(&b, lastWord(name)))]
	}
	for _, part := range n.parts {
		if containsFold(name, part) {
			return true
		}
	}
	for rest, found := name, true; found; {
		var word string
		word, rest, found = strings.Cut(rest, "_")
		if n.words[string(fold(&b, word))] {
			return true
		}
	}
	return false
}

// secretParameter is secret for the name of a URL's parameter.
func (n *names) secretParameter(name string) bool {
	var b foldBuffer
	return n.secret(name) || n.parameters[string(fold(&b, lastWord(name)))]
}

// lastWord is what follows the last separator of a name.
func lastWord(name string) string {
	return name[strings.LastIndexAny(name, "_-.")+1:]
}
