// SPDX-License-Identifier: Apache-2.0

package privacy

import "strings"

// program is what the rules know of programs that share a command line syntax:
// either their own options, or where a command is that they carry.
type program struct {
	names   []string // base names; a last * stands for any ending
	flags   string   // short options without value, which can precede one of options in a word
	options []programOption
	carrier *carrier
}

// programOption is an option that has a value, attached or as the next word.
type programOption struct {
	name     string // with its dashes
	value    part
	attached bool // only attached: the next word is something else
}

// carrier tells where the carried command can begin: at any later word that is
// the name of a program with rules. This needs no exact syntax, and errs to
// masking too much.
type carrier struct {
	after    []string // only after one of these words
	operands int      // not at the first so many operands
	valued   string   // not at the value of these short options
}

// programTable has the programs with options of their own.
func programTable() []program {
	return []program{
		{
			names:   []string{"mysql", "mysqldump", "mysqladmin", "mysqlimport", "mysqlcheck", "mysqlshow", "mysqlslap", "mysqlbinlog", "mysqlsh", "mariadb*"},
			options: []programOption{{name: "-p", value: whole, attached: true}},
		},
		{
			names:   []string{"sshpass"},
			flags:   "v",
			options: []programOption{{name: "-p", value: whole}},
			carrier: &carrier{valued: "dfP"},
		},
		{
			names: []string{"curl"},
			flags: "#012346BGIJLMNORSVZafgijklnpqsv",
			options: []programOption{
				{name: "-u", value: afterColon}, {name: "--user", value: afterColon},
				{name: "-U", value: afterColon}, {name: "--proxy-user", value: afterColon},
			},
		},
		{
			names:   []string{"redis-cli"},
			options: []programOption{{name: "-a", value: whole}},
		},
		{
			names:   []string{"ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldapwhoami", "ldapcompare", "ldapmodrdn", "ldapexop"},
			flags:   "LMZcnvx",
			options: []programOption{{name: "-w", value: whole}},
		},
		{
			names:   []string{"ldappasswd"},
			flags:   "MZnvx",
			options: []programOption{{name: "-w", value: whole}, {name: "-a", value: whole}, {name: "-s", value: whole}},
		},
		{
			names:   []string{"smbclient", "smbget", "smbcacls", "smbtree", "rpcclient"},
			options: []programOption{{name: "-U", value: afterPercent}, {name: "--user", value: afterPercent}},
		},
		{
			names:   []string{"sh", "bash", "dash", "ash", "zsh", "ksh", "su", "runuser"},
			flags:   "abefhiklmnprstuvx",
			options: []programOption{{name: "-c", value: script}, {name: "--command", value: script}},
		},
	}
}

// carrierTable has the programs that only run another.
func carrierTable() []program {
	return []program{
		{names: []string{"sudo"}, carrier: &carrier{valued: "CDRTUghprtu"}},
		{names: []string{"doas"}, carrier: &carrier{valued: "Cu"}},
		{names: []string{"env"}, carrier: &carrier{valued: "Cu"}},
		{names: []string{"timeout"}, carrier: &carrier{operands: 1, valued: "ks"}},
		{names: []string{"nohup", "setsid", "nice", "ionice", "stdbuf", "time", "xargs", "busybox"}, carrier: &carrier{}},
		{names: []string{"exec", "command", "if", "then", "elif", "else", "while", "until", "do", "!", "{"}, carrier: &carrier{}},
		{names: []string{"ssh"}, carrier: &carrier{operands: 1, valued: "BDEFIJLOQRSWbceilmopw"}},
		{names: []string{"find"}, carrier: &carrier{after: []string{"-exec", "-execdir", "-ok"}}},
		{
			names:   []string{"docker", "podman", "nerdctl", "docker-compose", "kubectl", "oc"},
			carrier: &carrier{after: []string{"exec", "run"}, operands: 1, valued: "cenuvwp"},
		},
	}
}

// programs finds a program by its name.
type programs struct {
	byName   map[string]*program
	byPrefix map[string]*program
}

func newPrograms() programs {
	ps := programs{byName: map[string]*program{}, byPrefix: map[string]*program{}}
	table := append(programTable(), carrierTable()...)
	for i := range table {
		for _, name := range table[i].names {
			if prefix, found := strings.CutSuffix(name, "*"); found {
				ps.byPrefix[prefix] = &table[i]
			} else {
				ps.byName[name] = &table[i]
			}
		}
	}
	return ps
}

// find looks up the program that a word names, by its path, as a login shell
// or as --command=program too; nil when no rule knows it.
func (ps *programs) find(word string) *program {
	base := strings.TrimPrefix(word[strings.LastIndexAny(word, "/=")+1:], "-")
	if p := ps.byName[base]; p != nil {
		return p
	}
	for prefix, p := range ps.byPrefix {
		if strings.HasPrefix(base, prefix) {
			return p
		}
	}
	return nil
}

// option finds the option with a value that begins in word, and where its
// attached value begins: at the end of the word when it has none.
func (p *program) option(word string) (o *programOption, value int) {
	for i := range p.options {
		o := &p.options[i]
		if word == o.name {
			return o, len(word)
		}
		if strings.HasPrefix(o.name, "--") && strings.HasPrefix(word, o.name) && word[len(o.name)] == '=' {
			return o, len(o.name) + 1
		}
	}
	for i := 1; i < len(word); i++ {
		for j := range p.options {
			if o := &p.options[j]; len(o.name) == 2 && o.name[1] == word[i] {
				return o, i + 1
			}
		}
		if strings.IndexByte(p.flags, word[i]) < 0 {
			break
		}
	}
	return nil, 0
}
