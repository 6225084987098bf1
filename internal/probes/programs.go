// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// ErrPrototype says that a hook of the running kernel has other arguments than
// the program expects. Such a program would load, and read garbage.
var ErrPrototype = errors.New("other prototype than expected")

// A program is what the loader knows of one BPF program: docs/hooks.md shows
// these rows to people, and a test holds the two together.
type program struct {
	name   string
	typ    string   // tp_btf, fentry, fexit, tracepoint, cgroup, iter
	hook   string   // tracepoint, kernel function, cgroup hook or iterator
	args   []string // types of the hook's arguments, as C writes them, alternatives with |; nil where they are the same on every kernel
	since  string   // Linux version from which the hook can be used as it is here
	why    string
	counts bool // not needed where writes are not counted
	notes  bool // when the kernel skips it, no event is lost for that: another program does the same, or tells the event with less
}

// programs lists the programs of all families.
func programs() []program {
	var all []program
	for _, family := range familyRows() {
		all = append(all, family.programs()...)
	}
	return all
}

func programsByName() map[string]program {
	known := map[string]program{}
	for _, p := range programs() {
		known[p.name] = p
	}
	return known
}

// checkPrototype compares the arguments that the program expects with those of
// the running kernel. "..." stands for further arguments that the program does not read.
func (p program) checkPrototype(kernel *btf.Spec) error {
	if p.args == nil {
		return nil
	}
	params, err := p.params(kernel)
	if err != nil {
		return err
	}
	var got []string
	for _, param := range params {
		got = append(got, cType(param.Type))
	}
	want := p.args
	if n := len(want); want[n-1] == "..." && len(got) >= n-1 {
		want, got = want[:n-1], got[:n-1]
	}
	if !slices.EqualFunc(got, want, func(got, want string) bool { return slices.Contains(strings.Split(want, "|"), got) }) {
		return fmt.Errorf("%w: %s has (%s), the program reads (%s)",
			ErrPrototype, p.hook, strings.Join(got, ", "), strings.Join(want, ", "))
	}
	return nil
}

// params are the arguments of the program's hook in the running kernel.
func (p program) params(kernel *btf.Spec) ([]btf.FuncParam, error) {
	if p.typ == "fentry" || p.typ == "fexit" {
		var function *btf.Func
		if err := kernel.TypeByName(p.hook, &function); err != nil {
			return nil, fmt.Errorf("find function %s: %w", p.hook, err)
		}
		proto, ok := function.Type.(*btf.FuncProto)
		if !ok {
			return nil, fmt.Errorf("read %s: not a function", p.hook)
		}
		return proto.Params, nil
	}
	name := "btf_trace_" + p.hook
	var typedef *btf.Typedef
	if err := kernel.TypeByName(name, &typedef); err != nil {
		return nil, fmt.Errorf("find tracepoint %s: %w", p.hook, err)
	}
	pointer, ok := typedef.Type.(*btf.Pointer)
	if !ok {
		return nil, fmt.Errorf("read %s: not a pointer", name)
	}
	proto, ok := pointer.Target.(*btf.FuncProto)
	if !ok || len(proto.Params) == 0 {
		return nil, fmt.Errorf("read %s: not a function", name)
	}
	return proto.Params[1:], nil // the first is the attached program's data
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
