// SPDX-License-Identifier: Apache-2.0

// Package rules knows the kernel's audit rules: it compiles rule files in the
// syntax of auditctl, makes the rules that serve the sensor's kinds of event,
// and tells which kinds the rules in the kernel serve already. It does not
// talk to the kernel.
//
// The rules are compiled here and not by go-libaudit's package rule, of which
// only the tables are used: it does not know the lists filesystem and
// io_uring, the fields sessionid and fstype, a key given by -F, -A (it
// appends), -p after -a, escaped blanks, most address families, a group or
// session -1, the file types as auditctl writes them and system calls since
// Linux 6.10; it lets text stand around a condition, and panics on the
// system call 2048.
package rules

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
)

// Set is what rule files say.
type Set struct {
	// Rules in the order in which the kernel shall try them but for those of -A, which each go before all others of their
	// list: add them one after the other.
	Rules []Rule
	// Notes tell what the files say and the rules do not do: to be logged.
	Notes []Note
}

// Note is a line that had no or another effect than in auditctl.
type Note struct {
	File   string
	Line   int
	Text   string
	Reason string
}

func (n Note) String() string {
	return fmt.Sprintf("%s:%d: %s: %q", n.File, n.Line, n.Reason, n.Text)
}

// Rule is one rule.
type Rule struct {
	// File and Line are where it was read; empty for those of [Builtin].
	File string
	Line int
	// Text as auditctl reads it.
	Text string
	// Optional rules may be refused by the kernel without harm: -i or -c stands before them, or older kernels lack their list.
	Optional bool

	record record
}

// Wire is what AUDIT_ADD_RULE takes.
func (r Rule) Wire() []byte { return r.record.wire(true) }

// Listed is how AUDIT_LIST_RULES gives the rule, to the byte, and what
// AUDIT_DEL_RULE takes. It differs from Wire for -A.
func (r Rule) Listed() []byte { return r.record.wire(false) }

// Is says whether the rule that the kernel listed is this one. Padding behind it does not matter.
func (r Rule) Is(listed []byte) bool {
	other, err := read(listed)
	return err == nil && r.record.same(other)
}

// Keys are its keys, in order.
func (r Rule) Keys() []string { return r.record.keys() }

// Keyed says whether the rule can have a key. Those of the lists user and
// exclude cannot: the kernel stops its search there at any rule with a key,
// so that this one and all behind it would be without effect.
func (r Rule) Keyed() bool { return r.record.keyed() }

// WithKey adds a key, the last. A rule that is not [Rule.Keyed] stays as it
// is: whoever adds it must know it again by [Rule.Is]. It fails if the keys
// together are longer than the kernel takes (256 bytes).
func (r Rule) WithKey(key string) (Rule, error) {
	record, err := r.record.withKey(key)
	if err != nil {
		return Rule{}, r.wrap(fmt.Errorf("add key %q: %w", key, err))
	}
	r.record = record
	return r, nil
}

func (r Rule) wrap(err error) error {
	if r.File == "" {
		return fmt.Errorf("%w: %q", err, r.Text)
	}
	return &LineError{File: r.File, Line: r.Line, Text: r.Text, Err: err}
}

// KeysOf are the keys of a rule that the kernel listed, in order.
func KeysOf(listed []byte) []string {
	r, err := read(listed)
	if err != nil {
		return nil
	}
	return r.keys()
}

// LineError is a line that is refused, and why.
type LineError struct {
	File string
	Line int
	Text string
	Err  error
}

func (e *LineError) Error() string {
	return fmt.Sprintf("%s:%d: %v: %q", e.File, e.Line, e.Err, e.Text)
}

// Unwrap gives the reason.
func (e *LineError) Unwrap() error { return e.Err }

// maxFile bounds a rule file; the audit project's longest has 7 KiB.
const maxFile = 4 << 20

// Read reads rule files as one, in their order, as augenrules makes one of
// them. The error joins a [*LineError] for every bad line, and then there are
// no rules. As auditctl does, it refuses files that others could have written.
//
// What would change more than our rules has no effect but a note, for a sensor
// neither locks nor silences others: -D (only our own rules are ever deleted,
// and what stands above it stays), -e (with 2 nobody could remove the rules,
// and no daemon change its own, until the next boot), -b, -f, -r, -q, -t and
// the long options. -d and -W take back a rule above them and nothing else.
//
// After -i or -c a bad line is left out and noted, as is a rule twice, and the
// rules are [Rule.Optional]. What a watch (-w) is, file or directory, is
// decided now; a path need not exist, but the kernel refuses a rule whose
// path's parent (or, for dir=, which itself) does not.
func Read(files []string) (Set, error) {
	m, err := host()
	if err != nil {
		return Set{}, err
	}
	p := parser{machine: m}
	for _, file := range files {
		content, err := contents(file)
		if err != nil {
			p.errs = append(p.errs, fmt.Errorf("read audit rules: %w", err))
			continue
		}
		p.read(file, content)
	}
	if err := errors.Join(p.errs...); err != nil {
		return Set{}, err
	}
	return p.set, nil
}

func contents(name string) (string, error) {
	// A pipe in place of the file must not hold up the start.
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s: not a regular file", name)
	}
	if info.Mode()&0o002 != 0 {
		return "", fmt.Errorf("%s: everybody can write it", name)
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && s.Uid != 0 && int(s.Uid) != os.Geteuid() {
		return "", fmt.Errorf("%s: belongs to user %d", name, s.Uid)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxFile {
		return "", fmt.Errorf("%s: larger than %d bytes", name, maxFile)
	}
	return string(b), nil
}

// parser collects what the lines say.
type parser struct {
	machine   machine
	set       Set
	errs      []error
	forgiving bool // -i or -c was read
}

func (p *parser) read(file, content string) {
	n := 0
	for text := range strings.Lines(content) {
		n++
		words := split(text)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		at := Rule{File: file, Line: n, Text: strings.TrimSpace(text)}
		if err := p.line(at, words); err != nil {
			if p.forgiving {
				p.note(at, "left out: "+err.Error())
			} else {
				p.errs = append(p.errs, at.wrap(err))
			}
		}
	}
}

func (p *parser) note(at Rule, reason string) {
	p.set.Notes = append(p.set.Notes, Note{File: at.File, Line: at.Line, Text: at.Text, Reason: reason})
}

// split separates words. A backslash makes a blank or a backslash part of a
// word; quotes are characters as others: that is how auditctl does it.
func split(text string) []string {
	var words []string
	var word strings.Builder
	for i := 0; i <= len(text); i++ {
		switch {
		case i == len(text) || strings.IndexByte(" \t\r\n", text[i]) >= 0:
			if word.Len() > 0 {
				words = append(words, word.String())
				word.Reset()
			}
		case text[i] == '\\' && i+1 < len(text) && (text[i+1] == ' ' || text[i+1] == '\\'):
			i++
			word.WriteByte(text[i])
		default:
			word.WriteByte(text[i])
		}
	}
	return words
}

// line does what one line says.
func (p *parser) line(at Rule, words []string) error {
	options, err := parseOptions(words)
	if err != nil {
		return err
	}
	if len(options) == 1 && (options[0].name == "i" || options[0].name == "c") {
		p.forgiving = true
		return nil
	}
	if reason, err := control(options); err != nil || reason != "" {
		if err == nil {
			p.note(at, reason)
		}
		return err
	}
	c := compiler{machine: p.machine}
	if err := c.compile(options); err != nil {
		return err
	}
	at.record = c.record
	same := slices.IndexFunc(p.set.Rules, func(r Rule) bool { return r.record.same(at.record) })
	switch {
	case c.remove && same < 0:
		return errors.New("no line above makes the rule that is to be deleted")
	case c.remove:
		p.set.Rules = slices.Delete(p.set.Rules, same, same+1)
		return nil
	}
	for _, remark := range c.remarks {
		p.note(at, remark)
	}
	if same >= 0 {
		first := p.set.Rules[same]
		p.note(at, fmt.Sprintf("is there already: %s:%d", first.File, first.Line))
		return nil
	}
	at.Optional = p.forgiving
	p.set.Rules = append(p.set.Rules, at)
	return nil
}
