// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"sensor/internal/clock"
	"sensor/internal/events"
)

// decodeProcess turns a record of the process family into an event. It is a
// pure function of its arguments; the event holds no reference to raw. Of the
// environment it keeps the variables named in env.
func decodeProcess(raw []byte, clock *clock.Clock, env []string) (*events.Event, header, error) {
	r, rest, err := record[processRecord](raw)
	if err != nil {
		return nil, header{}, err
	}
	h := header{sequence: r.Header.Sequence, kind: kindOf(r.Header.Kind), slot: uint32(r.Header.Slot)}
	tails, err := processTails(&r, rest)
	if err != nil {
		return nil, h, err
	}
	p := &events.Process{} // apart from the event, which it outlives in the process table
	flags := processFlag(r.Flags)
	*p = events.Process{
		PID:      r.Header.Tgid,
		TID:      r.Header.Tid,
		VPID:     r.Vpid,
		ExecID:   r.Header.ExecId,
		Start:    clock.Wall(r.Header.Start),
		StartKey: r.Header.Start,

		ThreadName:       commOf(&r.Header.Comm),
		Executable:       pathOf(tails[processTailTAIL_EXECUTABLE], r.ExecutableMarks),
		WorkingDirectory: pathOf(tails[processTailTAIL_WORKING_DIRECTORY], r.WorkingDirectoryMarks),
		TTY:              events.TTY{Known: flags&processFlagFLAG_TTY != 0, Major: r.TtyMajor, Minor: r.TtyMinor},
		Credentials:      credentialsOf(&r, tails[processTailTAIL_GROUPS]),
		Namespaces: events.Namespaces{
			Mount: r.NsMnt, PID: r.NsPid, Net: r.NsNet, User: r.NsUser,
			UTS: r.NsUts, IPC: r.NsIpc, Cgroup: r.NsCgroup, Time: r.NsTime,
		},
		Cgroup:       events.Cgroup{ID: r.Header.CgroupId, Path: pathOf(tails[processTailTAIL_CGROUP], r.CgroupMarks).Name},
		KernelThread: flags&processFlagFLAG_KTHREAD != 0,
		NoMemory:     flags&processFlagFLAG_NO_MM != 0,
		HasExecID:    true,

		ParentPID:       r.ParentTgid,
		ParentStartKey:  r.ParentStart,
		CreatorPID:      r.CreatorTgid,
		CreatorStartKey: r.CreatorStart,
		GroupLeaderPID:  r.Pgid,
		SessionPID:      r.Sid,
	}
	if p.Executable.Name != "" {
		p.Name = p.Executable.Base()
	} else {
		p.Name = p.ThreadName
	}
	e := &events.Event{Kind: h.kind, Time: clock.Wall(r.Header.Time), Outcome: events.OutcomeSuccess, Process: p}
	switch h.kind {
	case events.KindExec:
		imageOf(p, &r, &tails, env)
	case events.KindExit:
		e.End = &events.End{Status: r.ExitCode}
	case events.KindExecFailed:
		e.Outcome = events.OutcomeFailure
		e.Attempt = &events.Attempt{
			Filename: cString(tails[processTailTAIL_FILENAME]),
			Args:     events.Args{Packed: string(tails[processTailTAIL_ARGS]), Cut: flags&processFlagFLAG_ARGS_CUT != 0},
			Code:     unix.ErrnoName(unix.Errno(r.ExitCode)),
			Message:  unix.Errno(r.ExitCode).Error(),
		}
	case events.KindFork:
	case events.KindAlreadyRunning:
		e.Time = p.Start
	default:
		return nil, h, fmt.Errorf("decode process record: unknown kind %d", r.Header.Kind)
	}
	return e, h, nil
}

// imageOf fills what only an exec brings.
func imageOf(p *events.Process, r *processRecord, tails *[processTailTAILS_MAX][]byte, env []string) {
	flags := processFlag(r.Flags)
	p.Args = events.Args{
		Packed: string(tails[processTailTAIL_ARGS]),
		Count:  int(r.Argc),
		Cut:    flags&(processFlagFLAG_ARGS_CUT|processFlagFLAG_ARGS_FAULT) != 0,
	}
	p.Env = events.Args{
		Packed: selectEnv(tails[processTailTAIL_ENV], env),
		Cut:    flags&(processFlagFLAG_ENV_CUT|processFlagFLAG_ENV_FAULT) != 0,
	}
	p.Filename.Name = cString(tails[processTailTAIL_FILENAME])
	p.Script = len(tails[processTailTAIL_INTERPRETER]) > 0
}

// processTails cuts the tails of a record apart. They must fill it exactly.
func processTails(r *processRecord, rest []byte) (tails [processTailTAILS_MAX][]byte, err error) {
	if r.Header.Length != uint32(unsafe.Sizeof(*r))+uint32(len(rest)) {
		return tails, fmt.Errorf("decode process record: it says %d bytes, there are %d", r.Header.Length, int(unsafe.Sizeof(*r))+len(rest))
	}
	for i, n := range r.Tails {
		if uint64(n) > uint64(len(rest)) {
			return tails, fmt.Errorf("decode process record: tail %d says %d bytes, %d are left", i, n, len(rest))
		}
		tails[i], rest = rest[:n], rest[n:]
	}
	if len(rest) > 0 {
		return tails, fmt.Errorf("decode process record: %d bytes after the last tail", len(rest))
	}
	if len(tails[processTailTAIL_GROUPS])%4 != 0 {
		return tails, fmt.Errorf("decode process record: groups of %d bytes", len(tails[processTailTAIL_GROUPS]))
	}
	return tails, nil
}

func credentialsOf(r *processRecord, groups []byte) events.Credentials {
	c := events.Credentials{
		Known: true,
		Real:  events.User{ID: r.Uid}, Effective: events.User{ID: r.Euid}, Saved: events.User{ID: r.Suid}, FS: events.User{ID: r.Fsuid},
		RealGroup: events.Group{ID: r.Gid}, EffectiveGroup: events.Group{ID: r.Egid}, SavedGroup: events.Group{ID: r.Sgid}, FSGroup: events.Group{ID: r.Fsgid},
		GroupsCut: processFlag(r.Flags)&processFlagFLAG_GROUPS_CUT != 0,
		LoginUID:  r.Loginuid, SessionID: r.Sessionid,
		CapInheritable: r.CapInheritable, CapPermitted: r.CapPermitted, CapEffective: r.CapEffective,
		CapBounding: r.CapBounding, CapAmbient: r.CapAmbient,
	}
	if n := len(groups) / 4; n > 0 {
		c.Groups = make([]events.Group, n)
		for i := range c.Groups {
			c.Groups[i].ID = binary.LittleEndian.Uint32(groups[4*i:])
		}
	}
	return c
}

// selectEnv keeps of a packed environment the variables with the given names.
func selectEnv(packed []byte, names []string) string {
	var kept []byte
	for len(packed) > 0 {
		variable, rest, _ := bytes.Cut(packed, []byte{0})
		packed = rest
		for _, name := range names {
			if len(variable) > len(name) && variable[len(name)] == '=' && string(variable[:len(name)]) == name {
				kept = append(append(kept, variable...), 0)
			}
		}
	}
	return string(kept)
}

func commOf(comm *[16]int8) string {
	b := unsafe.Slice((*byte)(unsafe.Pointer(comm)), len(comm))
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
