// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// ErrPrototype says that a hook of the running kernel has other arguments than
// the program expects. Such a program would load, and read garbage.
var ErrPrototype = errors.New("other prototype than expected")

// A program is what the loader knows of one BPF program: docs/hooks.md shows
// these rows to people, and a test holds the two together.
type program struct {
	name  string
	typ   string   // tp_btf, tracepoint, iter
	hook  string   // tracepoint or iterator
	args  []string // types of the hook's arguments, as C writes them; nil where they are the same on every kernel
	since string   // Linux version from which the hook can be used as it is here
	why   string
	notes bool // only takes notes for another program: when it is skipped that one's event lacks them, but is there
}

func programs() []program {
	return []program{
		{
			name: "process_exec", typ: "tp_btf", hook: "sched_process_exec",
			args:  []string{"struct task_struct *", "pid_t", "struct linux_binprm *"},
			since: "5.8", why: "after the point of no return: every way to exec ends here, and the arguments are the kernel's copy",
		},
		{
			name: "process_fork", typ: "tp_btf", hook: "sched_process_fork",
			args:  []string{"struct task_struct *", "struct task_struct *"},
			since: "5.8", why: "before the child runs, so its first event always follows",
		},
		{
			// Linux 6.16 added group_dead behind the task; it is not used, so both prototypes serve.
			name: "process_exit", typ: "tp_btf", hook: "sched_process_exit",
			args:  []string{"struct task_struct *", "..."},
			since: "5.8", why: "each thread passes; the last one speaks for the process",
		},
		{
			name: "execve_enter", typ: "tracepoint", hook: "syscalls/sys_enter_execve",
			since: "5.8", why: "where a failed exec finds its arguments again", notes: true,
		},
		{
			name: "execveat_enter", typ: "tracepoint", hook: "syscalls/sys_enter_execveat",
			since: "5.8", why: "likewise", notes: true,
		},
		{
			name: "execve_exit", typ: "tracepoint", hook: "syscalls/sys_exit_execve",
			since: "5.11", why: "no kernel structure keeps a failed exec; 5.11 for bpf_get_current_task_btf",
		},
		{
			name: "execveat_exit", typ: "tracepoint", hook: "syscalls/sys_exit_execveat",
			since: "5.11", why: "likewise",
		},
		{
			name: "process_snapshot", typ: "iter", hook: "task",
			since: "5.8", why: "what ran before the sensor, from the kernel's own structures and not from /proc",
		},
	}
}

// checkPrototype compares the arguments that the program expects with those of
// the running kernel. "..." stands for further arguments that the program does not read.
func (p program) checkPrototype(kernel *btf.Spec) error {
	if p.args == nil {
		return nil
	}
	name := "btf_trace_" + p.hook
	var typedef *btf.Typedef
	if err := kernel.TypeByName(name, &typedef); err != nil {
		return fmt.Errorf("find tracepoint %s: %w", p.hook, err)
	}
	pointer, ok := typedef.Type.(*btf.Pointer)
	if !ok {
		return fmt.Errorf("read %s: not a pointer", name)
	}
	proto, ok := pointer.Target.(*btf.FuncProto)
	if !ok || len(proto.Params) == 0 {
		return fmt.Errorf("read %s: not a function", name)
	}
	var got []string
	for _, param := range proto.Params[1:] { // the first is the attached program's data
		got = append(got, cType(param.Type))
	}
	want := p.args
	if n := len(want); want[n-1] == "..." && len(got) >= n-1 {
		want, got = want[:n-1], got[:n-1]
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		return fmt.Errorf("%w: tracepoint %s has (%s), the program reads (%s)",
			ErrPrototype, p.hook, strings.Join(got, ", "), strings.Join(want, ", "))
	}
	return nil
}

// cType writes a type as C does.
func cType(t btf.Type) string {
	switch t := t.(type) {
	case *btf.Pointer:
		if inner := cType(t.Target); strings.HasSuffix(inner, "*") {
			return inner + "*"
		} else {
			return inner + " *"
		}
	case *btf.Const:
		return "const " + cType(t.Type)
	case *btf.Volatile:
		return "volatile " + cType(t.Type)
	case *btf.Struct:
		return "struct " + t.Name
	case *btf.Union:
		return "union " + t.Name
	case *btf.Enum:
		return "enum " + t.Name
	case *btf.Fwd:
		return t.Kind.String() + " " + t.Name
	case *btf.Void:
		return "void"
	case nil:
		return "void"
	default:
		return t.TypeName()
	}
}
