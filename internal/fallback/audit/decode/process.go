// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"slices"
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"
	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// process is who called. Audit names processes and not threads (kernels before
// 4.9 name the thread in place of the process).
func (d *deed) process() *events.Process {
	c := &d.call
	p := &events.Process{
		PID:              c.pid,
		ParentPID:        c.parent,
		ThreadName:       c.comm,
		Name:             c.comm,
		Executable:       kernelPath(c.exe),
		Credentials:      c.who,
		TTY:              ttyOf(c.tty),
		WorkingDirectory: d.cwd,
	}
	if p.Executable.Name != "" {
		p.Name = p.Executable.Base()
	}
	if start := d.decoder.options.Start; start != nil {
		if ns, ok := start(p.PID, d.records[0].Timestamp.UnixNano()); ok {
			p.StartKey = ns
		}
	}
	return p
}

// title is the process's command line, of which PROCTITLE has as much as the
// kernel reads from the memory where a process may write what it wants to be seen as.
func (d *deed) title() (args events.Args) {
	for _, r := range d.records {
		if r.RecordType != auparse.AUDIT_PROCTITLE {
			continue
		}
		d.each(r, func(name, value string) bool {
			title, ok := untrusted(value)
			switch {
			case name != "proctitle" || !ok || title == "(null)": // there is no memory any more
			case len(title) >= maxTitle:
				args = events.Args{Packed: title, Cut: true}
			default:
				args = events.Args{Packed: strings.TrimRight(title, "\x00") + "\x00"}
			}
			return true
		})
	}
	return args
}

// maxTitle is where the kernel cuts a PROCTITLE: at 128 bytes with the last NUL.
const maxTitle = 127

// terminals are those whose numbers follow from their names: prefix, major, minor of the first.
var terminals = []struct {
	prefix       string
	major, minor uint32
}{
	{"pts", 136, 0}, {"ttyS", 4, 64}, {"ttyAMA", 204, 64}, {"ttyUSB", 188, 0}, {"ttyACM", 166, 0}, {"hvc", 229, 0}, {"tty", 4, 0},
}

// ttyOf is the terminal of that name, unknown if there is none or its numbers cannot be known.
func ttyOf(name string) events.TTY {
	for _, t := range terminals {
		if digits, ok := strings.CutPrefix(name, t.prefix); ok {
			if n, ok := number(digits, 10, 20); ok {
				return events.TTY{Known: true, Major: t.major, Minor: t.minor + uint32(n)}
			}
		}
	}
	return events.TTY{}
}

// exec tells of execve and execveat.
func (d *deed) exec(*way) {
	if !d.succeeded() {
		// No program has seen an exec fail so: it is that of a thread that another one's exec ends.
		if d.call.failed && d.errno() != unix.EINTR && d.wants(events.KindExecFailed) {
			e := d.tell(events.KindExecFailed)
			e.Attempt = &events.Attempt{}
			e.Attempt.Code, e.Attempt.Message = d.reason()
			if len(d.items) > 0 && d.items[0].number == 0 {
				e.Attempt.Filename = d.items[0].name
			}
		}
		return
	}
	if !d.wants(events.KindExec) {
		return
	}
	p := d.tell(events.KindExec).Process
	if args, ok := d.arguments(); ok {
		p.Args = args
	} else {
		p.Args = d.title() // no EXECVE has come
		p.Args.Cut = true
	}
	d.capabilities(&p.Credentials)
	if len(d.items) == 0 || d.items[0].number != 0 {
		return
	}
	if name := d.items[0].name; name != p.Executable.Name {
		p.Filename.Name = name
		p.Script = d.interpreted(name, p.Args)
	}
}

// interpreted reports whether the file that was executed has an interpreter. Then
// the kernel has put that in front of the arguments and behind it, perhaps after
// an argument of its own, the file. Without a name (fexecve) it is /dev/fd/N.
func (d *deed) interpreted(file string, args events.Args) bool {
	var list []string
	for arg := range args.All() {
		if list = append(list, arg); len(list) == 8 { // a script for a script for a script
			break
		}
	}
	if len(list) < 2 {
		return false
	}
	isFile := func(arg string) bool {
		return arg == file || file == "" && strings.HasPrefix(arg, "/dev/fd/")
	}
	isInterpreter := func(i item) bool { return i.number > 0 && i.name == list[0] }
	return slices.ContainsFunc(d.items, isInterpreter) && slices.ContainsFunc(list[1:], isFile)
}

// capabilities of the new image stand there if it has gained any by its file or its user.
func (d *deed) capabilities(who *events.Credentials) {
	for _, r := range d.records {
		if r.RecordType != auparse.AUDIT_BPRM_FCAPS {
			continue
		}
		d.each(r, func(name, value string) (ok bool) {
			var to *uint64
			switch name {
			case "pp", "new_pp":
				to = &who.CapPermitted
			case "pi", "new_pi":
				to = &who.CapInheritable
			case "pe", "new_pe":
				to = &who.CapEffective
			case "pa", "new_pa":
				to = &who.CapAmbient
			default:
				return true
			}
			*to, ok = number(value, 16, 64)
			return ok
		})
	}
}

// exit tells of exit_group, by which a process ends. exit ends a thread, and
// only perhaps the last one; a process that a signal ends calls nothing.
func (d *deed) exit(*way) {
	if d.wants(events.KindExit) && d.call.hasArgs {
		e := d.tell(events.KindExit)
		e.Outcome = events.OutcomeSuccess
		e.End = &events.End{Status: uint32(d.call.args[0]) & 0xff << 8}
	}
}

// reason is why the call failed, by name and in words.
func (d *deed) reason() (code, message string) {
	errno := d.errno()
	if errno == 0 {
		return "", ""
	}
	return unix.ErrnoName(errno), errno.Error()
}

// errno of a call that failed, 0 if there is none.
func (d *deed) errno() unix.Errno {
	if exit := d.call.exit; d.call.failed && exit < 0 && exit > -4096 {
		return unix.Errno(-exit)
	}
	return 0
}
