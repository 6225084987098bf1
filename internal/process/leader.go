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
// and marks it as such. parent may be nil.
func (t *Table) entryLeader(e, parent *entry) *entry {
	p := e.process
	if typ := entryType(e, parent); typ != "" {
		p.EntryMeta.Type = typ
		return e
	}
	switch {
	case e.entryLeader != nil && e.entryLeader != e:
		return e.entryLeader // once entered, whoever the parent is now
	case e.entryLeader == e:
		return e
	case parent != nil && parent.entryLeader != nil:
		return parent.entryLeader
	case e.session != nil && e.session != e && e.session.entryLeader != nil:
		return e.session.entryLeader
	}
	p.EntryMeta.Type = entryUnknown
	return e
}

// entryType says how e entered, if e is where a session was entered; else "".
func entryType(e, parent *entry) string {
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
	case parent != nil && parent.entryLeader != nil && !parent.entryLeader.process.TTY.Known && parent.entryLeader.process.EntryMeta.Type != entrySSHD:
		return entryTerminal // a terminal emulator, not a shell inside a login
	}
	return ""
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
