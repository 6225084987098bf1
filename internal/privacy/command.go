// SPDX-License-Identifier: Apache-2.0

package privacy

import (
	"slices"
	"strings"
)

// command follows the words of one simple command.
type command struct {
	begun    bool     // the program's word was seen
	program  *program // nil if no rule knows it
	open     bool     // a carried command can begin from here on
	operands int      // of the carrier, still to come before the carried command
	next     part     // what the next word holds
}

// word masks the secrets in the next word of c, which has no quotes around it.
func (m *masker) word(c *command, lo, hi int) {
	word := m.s[lo:hi]
	expected := c.next
	c.next = nothing
	switch expected {
	case nothing:
		c.name(&m.r.programs, word)
	case plain:
	case script:
		if hasShell(word) {
			return // it is read as commands: one can follow NAME=secret
		}
	default:
		m.part(expected, lo, hi)
	}
	if len(word) < 2 || word[0] != '-' || !m.option(c, lo, hi) {
		m.assignment(lo, hi)
	}
}

// option masks the value in an option and notes what the next word holds. It reports
// whether the word was an option that a rule knows.
func (m *masker) option(c *command, lo, hi int) bool {
	word := m.s[lo:hi]
	if c.program != nil {
		if o, value := c.program.option(word); o != nil && (value < len(word) || !o.attached) {
			if value < len(word) {
				m.part(o.value, lo+value, hi)
			} else {
				c.next = o.value
			}
			return true
		}
	}
	if c.next == nothing {
		c.next = m.r.options.next(word)
	}
	return c.next != nothing
}

// name takes the word as a program's name, if that can be here.
func (c *command) name(ps *programs, word string) {
	switch {
	case !c.begun && isAssignment(word):
	case !c.begun:
		c.begun = true
		c.run(ps.find(word))
	case c.program != nil && c.program.carrier != nil:
		c.carry(ps, word)
	}
}

func (c *command) run(p *program) {
	c.program = p
	if p != nil && p.carrier != nil {
		c.open = len(p.carrier.after) == 0
		c.operands = p.carrier.operands
	}
}

// carry takes a later word of a carrier.
func (c *command) carry(ps *programs, word string) {
	carrier := c.program.carrier
	switch {
	case !c.open:
		c.open = slices.Contains(carrier.after, word)
	case len(word) == 2 && word[0] == '-' && strings.IndexByte(carrier.valued, word[1]) >= 0:
		c.next = plain
	case strings.HasPrefix(word, "-") || isAssignment(word):
	case c.operands > 0:
		c.operands--
	default:
		if p := ps.find(word); p != nil {
			c.run(p)
		}
	}
}

// isAssignment reports whether word is NAME=value, as before a command.
func isAssignment(word string) bool {
	n := strings.IndexByte(word, '=')
	return n > 0 && nameStart(word, 0, n) == 0 && word[0] != '-'
}
