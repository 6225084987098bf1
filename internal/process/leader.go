// SPDX-License-Identifier: Apache-2.0

package process

import "sensor/internal/events"

// Types of process.entry_leader.entry_meta.type that the table tells apart.
const (
	entryInit     = "init"     // a service, or init itself
	entryTerminal = "terminal" // a login on a virtual or serial terminal, or a terminal emulator's shell
	entryConsole  = "console"  // the same on /dev/console
	entrySSHD     = "sshd"
	entryUnknown  = "unknown"
)

// entryLeader finds the process through which the session of e was entered,
// and marks it as such. parent may be nil, and origin, whose session was e's at
// first: its creator if that is known, else its parent.
func (t *Table) entryLeader(e, parent, origin *entry) *entry {
	p := e.process
	entered := e.entryLeader // once entered, whoever the parent is now
	if entered == nil && origin != nil {
		entered = origin.entryLeader
	}
	if typ := entryType(e, parent, entered); typ != "" {
		p.EntryMeta.Type = typ
		return e
	}
	switch {
	case entered != nil:
		return entered
	case e.session != nil && e.session.entryLeader != nil:
		return e.session.entryLeader
	}
	p.EntryMeta.Type = entryUnknown
	return e
}

// entryType says how e entered, if e is where a session was entered; else "".
// entered is the entry leader that e has or would have otherwise.
func entryType(e, parent, entered *entry) string {
	p := e.process
	if p.PID == 1 {
		return entryInit
	}
	if p.PID != p.SessionPID {
		return ""
	}
	if p.ParentPID == 1 && (e.entryLeader == nil || e.entryLeader.process.PID == 1) {
		return entryInit // and not an orphan that init took over
	}
	if parent != nil && isSSHD(parent.process) && !isSSHD(p) {
		return entrySSHD
	}
	switch {
	case !p.TTY.Known:
		return ""
	case p.TTY.Major == ttyauxMajor && p.TTY.Minor == 1:
		return entryConsole
	case p.TTY.Major < ptyFirstMajor || p.TTY.Major > ptyLastMajor:
		return entryTerminal
	case entered != nil && isUnattended(entered.process):
		return entryTerminal // a terminal emulator, not a shell inside a login
	}
	return ""
}

// isUnattended reports whether an entry leader is no login. A terminal that has
// hung up is no longer known, but its type says that it was there.
func isUnattended(p *events.Process) bool {
	return !p.TTY.Known && (p.EntryMeta.Type == entryInit || p.EntryMeta.Type == entryUnknown)
}

// Majors from Documentation/admin-guide/devices.txt.
const (
	ttyauxMajor   = 5
	ptyFirstMajor = 136
	ptyLastMajor  = 143
)

// isSSHD knows the listener and, since OpenSSH 9.8, the process of one session.
func isSSHD(p *events.Process) bool {
	return p.Name == "sshd" || p.Name == "sshd-session"
}
