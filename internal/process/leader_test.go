// SPDX-License-Identifier: Apache-2.0

package process

import (
	"testing"

	"sensor/internal/events"
)

// service is forked by init, leads a session and executes.
func (k *kernel) service(exe string) *proc {
	p := k.fork(k.init)
	k.setsid(p)
	k.exec(p, exe)
	return p
}

// under forks, leads a session on the terminal and executes.
func (k *kernel) under(parent *proc, tty events.TTY, exe string) *proc {
	p := k.fork(parent)
	k.setsid(p)
	p.tty = tty
	k.exec(p, exe)
	return p
}

// login is the way to a shell through sshd.
func (k *kernel) login() (shell *proc) {
	listener := k.service("/usr/sbin/sshd")
	session := k.under(listener, events.TTY{}, "/usr/lib/openssh/sshd-session")
	return k.under(k.fork(session), pts, "/bin/bash")
}

func TestEntryLeader(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(k *kernel) (of, leader *proc)
		want string
	}{
		{"init", func(k *kernel) (of, leader *proc) { return k.init, k.init }, entryInit},
		{"before a service executes", func(k *kernel) (of, leader *proc) { return k.fork(k.init), k.init }, entryInit},
		{"service", func(k *kernel) (of, leader *proc) {
			p := k.service("/usr/sbin/cron")
			return p, p
		}, entryInit},
		{"service without a session of its own", func(k *kernel) (of, leader *proc) {
			p := k.fork(k.init)
			k.exec(p, "/usr/sbin/acpid")
			return p, k.init
		}, entryInit},
		{"child of a service", func(k *kernel) (of, leader *proc) {
			p := k.service("/usr/sbin/cron")
			return k.fork(p), p
		}, entryInit},
		{"session in a service", func(k *kernel) (of, leader *proc) {
			p := k.service("/usr/sbin/cron")
			return k.under(p, events.TTY{}, "/bin/sh"), p
		}, entryInit},
		{"sshd's listener", func(k *kernel) (of, leader *proc) {
			p := k.service("/usr/sbin/sshd")
			return p, p
		}, entryInit},
		{"sshd's own process of a session", func(k *kernel) (of, leader *proc) {
			listener := k.service("/usr/sbin/sshd")
			return k.under(listener, events.TTY{}, "/usr/lib/openssh/sshd-session"), listener
		}, entryInit},
		{"shell of sshd-session", func(k *kernel) (of, leader *proc) {
			p := k.login()
			return p, p
		}, entrySSHD},
		{"shell of sshd before 9.8", func(k *kernel) (of, leader *proc) {
			listener := k.service("/usr/sbin/sshd")
			p := k.under(k.fork(k.under(listener, events.TTY{}, "/usr/sbin/sshd")), pts, "/bin/bash")
			return p, p
		}, entrySSHD},
		{"command of ssh without a terminal", func(k *kernel) (of, leader *proc) {
			p := k.under(k.service("/usr/sbin/sshd"), events.TTY{}, "/bin/sh")
			return p, p
		}, entrySSHD},
		{"command in a shell of ssh", func(k *kernel) (of, leader *proc) {
			p := k.login()
			c := k.fork(p)
			c.group = c
			k.exec(c, "/bin/ls")
			return c, p
		}, entrySSHD},
		{"sshd by another name only", func(k *kernel) (of, leader *proc) {
			p := k.service("/usr/sbin/sshd-keygen")
			return k.under(p, events.TTY{}, "/bin/sh"), p
		}, entryInit},
		{"login on a virtual terminal", func(k *kernel) (of, leader *proc) {
			p := k.under(k.under(k.init, vt, "/sbin/agetty"), vt, "/bin/bash")
			return p, p
		}, entryTerminal},
		{"login that executes the shell itself", func(k *kernel) (of, leader *proc) {
			p := k.under(k.init, vt, "/sbin/getty")
			k.exec(p, "/bin/login")
			k.exec(p, "/bin/sh")
			return p, p
		}, entryTerminal},
		{"login on a serial line", func(k *kernel) (of, leader *proc) {
			p := k.under(k.under(k.init, serial, "/sbin/agetty"), serial, "/bin/bash")
			return p, p
		}, entryTerminal},
		{"login on /dev/console", func(k *kernel) (of, leader *proc) {
			p := k.under(k.under(k.init, console, "/sbin/agetty"), console, "/bin/bash")
			return p, p
		}, entryConsole},
		{"terminal emulator", func(k *kernel) (of, leader *proc) {
			p := k.under(k.service("/usr/bin/xterm"), pts, "/bin/bash")
			return p, p
		}, entryTerminal},
		{"terminal emulator on the last major", func(k *kernel) (of, leader *proc) {
			p := k.under(k.service("/usr/bin/xterm"), lastPTS, "/bin/bash")
			return p, p
		}, entryTerminal},
		{"terminal emulator in a login on a virtual terminal", func(k *kernel) (of, leader *proc) {
			p := k.under(k.under(k.init, vt, "/sbin/agetty"), vt, "/bin/bash")
			x := k.fork(p)
			k.exec(x, "/usr/bin/xterm")
			return k.under(x, pts, "/bin/bash"), p
		}, entryTerminal},
		{"tmux inside ssh", func(k *kernel) (of, leader *proc) {
			p := k.login()
			return k.under(k.under(k.fork(p), events.TTY{}, "/usr/bin/tmux"), pts, "/bin/bash"), p
		}, entrySSHD},
		{"tmux inside ssh, many terminals later", func(k *kernel) (of, leader *proc) {
			p := k.login()
			return k.under(k.under(k.fork(p), events.TTY{}, "/usr/bin/tmux"), lastPTS, "/bin/bash"), p
		}, entrySSHD},
		{"terminal emulator of nobody knows where", func(k *kernel) (of, leader *proc) {
			k.lose = true
			desktop := k.service("/usr/bin/gnome-session")
			x := k.fork(desktop)
			k.lose = false
			k.exec(x, "/usr/bin/xterm")
			p := k.under(x, pts, "/bin/bash")
			return p, p
		}, entryTerminal},
		{"script inside a command of ssh without a terminal", func(k *kernel) (of, leader *proc) {
			p := k.under(k.service("/usr/sbin/sshd"), events.TTY{}, "/bin/sh")
			return k.under(p, pts, "/bin/bash"), p
		}, entrySSHD},
		{"setsid inside a session", func(k *kernel) (of, leader *proc) {
			p := k.login()
			return k.under(p, events.TTY{}, "/usr/bin/setsid"), p
		}, entrySSHD},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := newKernel(t, roomy)
			of, leader := test.do(k)
			check := func(of *proc) {
				t.Helper()
				k.wantEntry(k.tell(events.KindFork, k.forked(of), of), leader, test.want)
				if of != k.init {
					k.wantEntry(k.exec(of, of.exe), leader, test.want)
				}
			}
			check(of)
			if err := k.table.invariant(); err != nil {
				t.Error(err)
			}
		})
	}
}

// forked makes a child that the table has not heard of.
func (k *kernel) forked(of *proc) *proc {
	k.lose = true
	defer func() { k.lose = false }()
	return k.fork(of)
}

func (k *kernel) wantEntry(e *events.Event, leader *proc, typ string) {
	k.t.Helper()
	got := e.Family.EntryLeader
	if got == nil {
		k.t.Fatalf("%s of %d: no entry leader, want %v", e.Kind, e.Process.PID, leader)
	}
	if got.PID != leader.pid || got.StartKey != leader.start || got.EntryMeta.Type != typ {
		k.t.Errorf("%s of %d: entered through %d (%s) as %q, want %d (%s) as %q",
			e.Kind, e.Process.PID, got.PID, got.Name, got.EntryMeta.Type, leader.pid, leader.exe, typ)
	}
}

// Whoever loses his parent keeps his entry leader, whatever he does then.
func TestEntryLeaderOfOrphan(t *testing.T) {
	for _, test := range []struct {
		name   string
		orphan func(k *kernel) (of, dies, leader *proc)
		want   string
	}{
		{"daemon", func(k *kernel) (of, dies, leader *proc) {
			shell := k.login()
			middle := k.fork(shell)
			daemon := k.fork(middle)
			k.setsid(daemon)
			return daemon, middle, shell
		}, entrySSHD},
		{"without a session of its own", func(k *kernel) (of, dies, leader *proc) {
			shell := k.login()
			middle := k.fork(shell)
			return k.fork(middle), middle, shell
		}, entrySSHD},
		{"shell whose sshd is killed", func(k *kernel) (of, dies, leader *proc) {
			shell := k.login()
			return shell, shell.parent, shell
		}, entrySSHD},
		{"shell in tmux whose server is killed", func(k *kernel) (of, dies, leader *proc) {
			shell := k.login()
			server := k.under(k.fork(shell), events.TTY{}, "/usr/bin/tmux")
			return k.under(server, pts, "/bin/bash"), server, shell
		}, entrySSHD},
		{"shell in a terminal emulator that is killed", func(k *kernel) (of, dies, leader *proc) {
			x := k.service("/usr/bin/xterm")
			shell := k.under(x, pts, "/bin/bash")
			return shell, x, shell
		}, entryTerminal},
		{"child of a service", func(k *kernel) (of, dies, leader *proc) {
			service := k.service("/usr/sbin/cron")
			return k.fork(service), service, service
		}, entryInit},
		{"daemon of a service", func(k *kernel) (of, dies, leader *proc) {
			service := k.service("/usr/sbin/cron")
			daemon := k.fork(service)
			k.setsid(daemon)
			return daemon, service, service
		}, entryInit},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := newKernel(t, roomy)
			of, dies, leader := test.orphan(k)
			k.exit(dies)
			if of.parent != k.init {
				t.Fatal("it is no orphan")
			}
			k.wantEntry(k.tell(events.KindFork, k.forked(of), of), leader, test.want)
			k.wantEntry(k.exec(of, "/bin/other"), leader, test.want)
			child := k.fork(of)
			k.setsid(child)
			k.wantEntry(k.exec(child, "/bin/child"), leader, test.want)
			k.wantEntry(k.exit(of), leader, test.want)
			k.wantEntry(k.exit(child), leader, test.want)
		})
	}
}

// A terminal that has hung up does not make what goes on a new entry.
func TestEntryLeaderHungUp(t *testing.T) {
	k := newKernel(t, roomy)
	shell := k.under(k.service("/usr/bin/xterm"), pts, "/bin/bash")
	server := k.under(k.fork(shell), events.TTY{}, "/usr/bin/tmux")
	shell.tty = events.TTY{}
	k.wantEntry(k.exit(shell), shell, entryTerminal)
	window := k.under(server, pts, "/bin/bash")
	k.wantEntry(k.exec(window, "/bin/ls"), shell, entryTerminal)
}

// With CLONE_PARENT one's parent is outside, one's session is not.
func TestEntryLeaderCloneParent(t *testing.T) {
	k := newKernel(t, roomy)
	shell := k.login()
	p, e := k.clone(shell, shell.parent)
	k.wantEntry(e, shell, entrySSHD)
	k.wantEntry(k.exec(p, "/bin/ls"), shell, entrySSHD)
}

// Leaders that have died are shown for as long as they lead.
func TestDeadLeader(t *testing.T) {
	k := newKernel(t, roomy)
	shell := k.login()
	first := k.fork(shell) // of a pipeline
	first.group = first
	k.exec(first, "/bin/first", "x")
	second := k.fork(shell)
	second.group = first
	k.exec(second, "/bin/second")
	k.exit(first)
	k.exit(shell)
	for range 2 * maxDead { // who is dead and leads nobody is forgotten
		k.exit(k.fork(k.init))
	}
	e := k.exec(second, "/bin/third")
	for what, l := range map[string]struct {
		got  *events.Process
		want *proc
	}{"group": {e.Family.GroupLeader, first}, "session": {e.Family.SessionLeader, shell}, "entry": {e.Family.EntryLeader, shell}} {
		if l.got == nil || l.got.PID != l.want.pid || l.got.Args.Packed != l.want.packed() {
			t.Errorf("%s leader: got %+v, want %v", what, l.got, l.want)
		}
	}
	k.wantEntry(e, shell, entrySSHD)
	if n := k.table.dead.length; n > maxDead+8 {
		t.Errorf("%d of the dead are remembered, want about %d", n, maxDead)
	}
	if k.table.stats.Evicted > 0 {
		t.Errorf("%d evicted", k.table.stats.Evicted)
	}
}

// Dead leaders of nobody are forgotten like the others of the dead.
func TestDeadLeaderOfNobody(t *testing.T) {
	k := newKernel(t, roomy)
	for range 3 * maxDead {
		p := k.fork(k.init)
		k.setsid(p)
		k.exec(p, "/bin/service")
		k.exit(p)
	}
	if n := k.table.dead.length; n > maxDead {
		t.Errorf("%d of the dead are remembered, want %d", n, maxDead)
	}
	if err := k.table.invariant(); err != nil {
		t.Error(err)
	}
}
