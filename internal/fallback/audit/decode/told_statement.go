// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"slices"
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"

	"sensor/internal/events"
)

// A statement is one record that says something by itself.
type statement struct {
	record *auparse.AuditMessage
	outer  []part   // what the kernel says, or the daemon
	inner  []part   // msg='...': what a program says
	words  []part   // what auditd has added
	bad    []string // names of fields that have no meaning
	errs   []error
}

// A part is a field of a record as it stands there.
type part struct{ name, value string }

// parseStatement takes a record apart.
func parseStatement(r *auparse.AuditMessage) *statement {
	s := &statement{record: r}
	text, added := body(r)
	if r.RecordType == auparse.AUDIT_LOGIN { // old kernels: old auid=1 new auid=2
		text = strings.NewReplacer("old ", "old-", "new ", "new-").Replace(text)
	}
	message := ""
	s.outer, text = decision(text)
	for {
		name, value, rest, ok := cutField(text)
		if !ok {
			break
		}
		if name == "msg" && strings.HasPrefix(value, "'") {
			message = text[len(text)-len(rest)-len(value)+1:]
			if i := strings.LastIndexByte(message, '\''); i >= 0 {
				message = message[:i]
			}
			break
		}
		s.outer = append(s.outer, part{name, value})
		text = rest
	}
	s.inner, message = decision(message)
	for {
		name, value, rest, ok := cutField(message)
		if !ok {
			break
		}
		if name == "op" || name == "text" {
			value, rest = sentence(value, rest)
		}
		if name = strings.TrimLeft(name, "("); !kernels[name] {
			s.inner = append(s.inner, part{name, plain(name, value)})
		}
		message = rest
	}
	for name, value, rest, ok := cutField(added); ok; name, value, rest, ok = cutField(rest) {
		s.words = append(s.words, part{name, value})
	}
	return s
}

// decision reads what SELinux begins with, "avc:  denied  { read } for ", as fields.
func decision(text string) (parts []part, rest string) {
	after, ok := strings.CutPrefix(strings.TrimLeft(text, " "), "avc:")
	if !ok {
		return nil, text
	}
	result, after, ok := strings.Cut(after, "{")
	permissions, after, closed := strings.Cut(after, "}")
	if !ok || !closed || strings.Contains(result, "=") {
		return nil, text
	}
	return []part{
		{"seresult", strings.TrimSpace(result)},
		{"seperms", strings.Join(strings.Fields(permissions), ",")},
	}, after
}

// sentence adds to a value the words behind it that belong to no other field:
// programs write op=adding user to group.
func sentence(value, rest string) (string, string) {
	if strings.HasPrefix(value, `"`) {
		return value, rest
	}
	whole := value + rest
	end := len(value)
	for at := end; ; {
		from := at + len(whole[at:]) - len(strings.TrimLeft(whole[at:], " "))
		word, _, _ := strings.Cut(whole[from:], " ")
		if word == "" || strings.Contains(word, "=") {
			break
		}
		at = from + len(word)
		end = at
	}
	return strings.TrimLeft(whole[:end], " "), whole[end:]
}

// plain is a value without the punctuation of old programs: acct=a: (hostname=b, res=success)
func plain(name, value string) string {
	if strings.HasPrefix(value, `"`) {
		return value
	}
	value = strings.TrimRight(value, ",")
	if name == "acct" {
		value = strings.TrimRight(value, ":")
	}
	if !strings.Contains(value, "(") {
		value = strings.TrimRight(value, ")")
	}
	return value
}

// kernels are the fields that the kernel puts in front of what a program says: a
// program's own of that name count for nothing.
var kernels = map[string]bool{"pid": true, "uid": true, "auid": true, "ses": true, "subj": true}

// find is the field as it stands there. Of a program's own words the last ones
// count: there the audit library writes what the program cannot choose.
func (s *statement) find(name string) (value string, ok bool) {
	for _, p := range s.outer {
		if p.name == name {
			return p.value, true
		}
	}
	for i := len(s.inner) - 1; i >= 0; i-- {
		if s.inner[i].name == name {
			return s.inner[i].value, true
		}
	}
	return "", false
}

// get is the field's text, "" if it is not there or says nothing.
func (s *statement) get(name string) string {
	value, ok := s.find(name)
	if !ok {
		return ""
	}
	return meaning(name, value)
}

// word is what auditd has added under that name: the name of a user.
func (s *statement) word(name string) string {
	for _, p := range s.words {
		if p.name == name {
			return nameOf(p.value)
		}
	}
	return ""
}

// id is the field as a number; ok is false if it is not there or unset.
func (s *statement) id(name string) (n uint32, ok bool) {
	value, ok := s.find(name)
	if !ok || value == "?" || value == "" {
		return 0, false
	}
	if n, ok = id(strings.Trim(value, `"`)); !ok {
		s.fault(name, value)
		return 0, false
	}
	return n, n != events.Unset
}

// fault takes note, once, of a field that has no meaning.
func (s *statement) fault(name, value string) {
	if !slices.Contains(s.bad, name) {
		s.bad = append(s.bad, name)
		s.errs = append(s.errs, garbled(s.record.RecordType, name, value))
	}
}

// result is the field that says what came of it.
func (s *statement) result() string {
	for _, name := range [...]string{"res", "success", "result"} {
		if value := s.get(name); value != "" {
			return value
		}
	}
	return ""
}

// escaped are the fields that stand in quotes or in hexadecimal digits.
var escaped = map[string]bool{
	"acct": true, "cgroup": true, "cmd": true, "comm": true, "cwd": true, "data": true, "device": true, "dir": true,
	"exe": true, "file": true, "grp": true, "key": true, "name": true, "new-disk": true, "new-fs": true, "new_group": true,
	"ocomm": true, "old-disk": true, "old-fs": true, "path": true, "profile": true, "proctitle": true, "vm": true, "watch": true,
}

// meaning is the text that a value stands for, "" if it says nothing.
func meaning(name, value string) string {
	if escaped[name] {
		text, _ := untrusted(value)
		value = text
	} else {
		value = strings.Trim(value, `"'`)
	}
	switch value {
	case "?", "(null)", "(none)":
		return ""
	}
	return value
}
