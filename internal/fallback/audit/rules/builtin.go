// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"slices"
	"strings"

	"sensor/internal/events"
)

// request is one thing to ask the kernel for: some system calls, or operations
// of io_uring, and on what conditions.
type request struct {
	list  string // empty: exit
	calls []string
	// Flags of which any must be set in the argument (a0 to a3). Requests that differ in these alone become one.
	argument string
	flags    uint32
	// Conditions, as arguments of -F, separated by blanks.
	conditions string
}

const (
	succeeded = "success=1"
	// Terminals, pipes and /dev/null are opened for writing more often than files.
	ofFile = succeeded + " filetype=file"
	// Two conditions make one rule of the families of IPv4 (2) to IPv6 (10); those between are as good as extinct.
	internet = "saddr_fam>=2 saddr_fam<=10"
	local    = "saddr_fam=1"
	vsock    = "saddr_fam=40"

	opensToCreate = 0o100        // O_CREAT
	opensToWrite  = 0o1003       // O_WRONLY, O_RDWR, O_TRUNC
	byArgument    = "socketcall" // of i386: a0 says which call
)

// accepts has no family: the kernel knows the peer's address only if the
// program asked for it, and then calls whose address is unknown would be
// missed. So connections within the host are logged, too.
var accepts = []request{
	{calls: []string{"accept", "accept4"}, conditions: succeeded},
	{calls: []string{byArgument}, conditions: "a0=5 " + succeeded},
	{calls: []string{byArgument}, conditions: "a0=18 " + succeeded},
	{list: "io_uring", calls: []string{"accept"}, conditions: succeeded},
}

func connects(family string) []request {
	return []request{
		{calls: []string{"connect"}, conditions: family},
		{calls: []string{byArgument}, conditions: "a0=3 " + family},
		// The kernel reads the address before the operation begins, so that it has none to compare. It tries again by itself
		// after EAGAIN.
		{list: "io_uring", calls: []string{"connect"}, conditions: "exit!=-EAGAIN"},
	}
}

// requests say what serves each kind. What fails is told for exec_failed and
// connect alone.
//
// For files, opening is the act: write, ftruncate and fallocate would log
// every change of an open file, and without its name. openat2 has its flags
// in memory, where no rule sees them; it is rare. A file written through a
// descriptor that another program opened is not seen, nor one that io_uring
// opened, for there even the record lacks the flags.
var requests = map[events.Kind][]request{
	events.KindExec:       {{calls: []string{"execve", "execveat"}, conditions: succeeded}},
	events.KindExecFailed: {{calls: []string{"execve", "execveat"}, conditions: "success=0"}},
	// It never returns, and so has no success. A thread's end (exit) is as a rule not the process's.
	events.KindExit:         {{calls: []string{"exit_group"}}},
	events.KindConnect:      connects(internet),
	events.KindUnixConnect:  connects(local),
	events.KindVsockConnect: connects(vsock),
	events.KindAccept:       accepts,
	events.KindUnixAccept:   accepts,
	events.KindVsockAccept:  accepts,
	events.KindBind: {
		{calls: []string{"bind"}, conditions: succeeded + " " + internet},
		{calls: []string{byArgument}, conditions: "a0=2 " + succeeded + " " + internet},
		{list: "io_uring", calls: []string{"bind"}, conditions: succeeded},
	},
	events.KindListen: {
		{calls: []string{"listen"}, conditions: succeeded},
		{calls: []string{byArgument}, conditions: "a0=4 " + succeeded},
		{list: "io_uring", calls: []string{"listen"}, conditions: succeeded},
	},
	events.KindFileCreate: {
		{calls: []string{"creat", "openat2", "mkdir", "mkdirat", "mknod", "mknodat", "symlink", "symlinkat", "link", "linkat"},
			conditions: succeeded},
		{calls: []string{"open"}, argument: "a1", flags: opensToCreate, conditions: ofFile},
		{calls: []string{"openat"}, argument: "a2", flags: opensToCreate, conditions: ofFile},
		{list: "io_uring", calls: []string{"openat", "openat2", "mkdirat", "symlinkat", "linkat"}, conditions: succeeded},
	},
	events.KindFileWrite: {
		{calls: []string{"creat", "openat2", "truncate", "truncate64"}, conditions: succeeded},
		{calls: []string{"open"}, argument: "a1", flags: opensToWrite, conditions: ofFile},
		{calls: []string{"openat", "open_by_handle_at"}, argument: "a2", flags: opensToWrite, conditions: ofFile},
	},
	events.KindFileRename: {
		{calls: []string{"rename", "renameat", "renameat2"}, conditions: succeeded},
		{list: "io_uring", calls: []string{"renameat"}, conditions: succeeded},
	},
	events.KindFileDelete: {
		{calls: []string{"unlink", "unlinkat", "rmdir"}, conditions: succeeded},
		{list: "io_uring", calls: []string{"unlinkat"}, conditions: succeeded},
	},
	events.KindFileAttributes: {
		{calls: []string{"chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat",
			"chown32", "lchown32", "fchown32", "setxattr", "lsetxattr", "fsetxattr", "setxattrat",
			"removexattr", "lremovexattr", "fremovexattr", "removexattrat",
			"utime", "utimes", "futimesat", "utimensat", "utimensat_time64", "file_setattr"}, conditions: succeeded},
		{list: "io_uring", calls: []string{"fsetxattr", "setxattr"}, conditions: succeeded},
	},
	events.KindUIDChange: {{calls: []string{"setuid", "setreuid", "setresuid", "setfsuid",
		"setuid32", "setreuid32", "setresuid32", "setfsuid32"}, conditions: succeeded}},
	events.KindGIDChange: {{calls: []string{"setgid", "setregid", "setresgid", "setfsgid",
		"setgid32", "setregid32", "setresgid32", "setfsgid32"}, conditions: succeeded}},
	events.KindSessionIDChange: {{calls: []string{"setsid"}, conditions: succeeded}},
}

// Serves lists the kinds that rules can serve. Ends by a signal, as kill -9,
// are no system call and never told.
func Serves() []events.Kind {
	var kinds []events.Kind
	for _, k := range events.Kinds() {
		if len(requests[k]) > 0 {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// Builtin makes the rules that serve the kinds, for system calls of 64 and 32
// bits and io_uring, whose rules are [Rule.Optional]: kernels before 5.16 have
// none. Kinds share rules. self, if it is not 0, is a process that is left out.
// Calls of x32 are beyond every rule: their numbers are outside the mask.
//
// As soon as there is one rule, every system call of the host takes 60 to 200
// ns more. Each further rule costs about 1 ns (measured on Linux 6.18: getppid
// takes 116 ns without rules, 175 with one, 181 with 12, 199 with 24), and
// those of its own calls pay for its conditions; the default kinds make about
// a dozen. What matches costs its records: some us and a few hundred bytes.
func Builtin(kinds []events.Kind, self uint32) ([]Rule, error) {
	m, err := host()
	if err != nil {
		return nil, err
	}
	return m.builtin(kinds, self)
}

func (m machine) builtin(kinds []events.Kind, self uint32) ([]Rule, error) {
	var rules []Rule
	asked := merge(kinds)
	for _, arch := range []string{"b64", "b32", ""} {
		for _, r := range asked {
			if r.list == "io_uring" != (arch == "") {
				continue
			}
			text := m.text(r, arch, self)
			if text == "" {
				continue
			}
			c := compiler{machine: m}
			options, err := parseOptions(split(text))
			if err == nil {
				err = c.compile(options)
			}
			if err != nil {
				return nil, fmt.Errorf("compile %q: %w", text, err)
			}
			rules = append(rules, Rule{Text: text, Optional: arch == "", record: c.record})
		}
	}
	return rules, nil
}

// merge makes one request of those that can be one rule.
func merge(kinds []events.Kind) []request {
	var merged []request
	for _, kind := range kinds {
		for _, r := range requests[kind] {
			i := slices.IndexFunc(merged, func(m request) bool {
				return m.list == r.list && m.argument == r.argument && m.conditions == r.conditions &&
					// The socketcall of one rule is that of its a0 alone.
					(m.calls[0] == byArgument) == (r.calls[0] == byArgument)
			})
			if i < 0 {
				r.calls = slices.Clone(r.calls)
				merged = append(merged, r)
				continue
			}
			merged[i].flags |= r.flags
			for _, name := range r.calls {
				if !slices.Contains(merged[i].calls, name) {
					merged[i].calls = append(merged[i].calls, name)
				}
			}
		}
	}
	return merged
}

// text is the request as auditctl reads it; empty if the architecture has none
// of the calls.
func (m machine) text(r request, arch string, self uint32) string {
	var b strings.Builder
	calls := r.calls
	if arch == "" {
		b.WriteString("-a always," + r.list)
	} else {
		name, _, err := m.arch(arch)
		if err != nil {
			return ""
		}
		calls = slices.DeleteFunc(slices.Clone(calls), func(c string) bool {
			_, ok := call(name, c)
			// The tables have an arm that no kernel of 64 bits serves.
			return !ok || c == byArgument && name != "i386"
		})
		b.WriteString("-a always,exit -F arch=" + arch)
	}
	if len(calls) == 0 {
		return ""
	}
	b.WriteString(" -S " + strings.Join(calls, ","))
	if r.flags != 0 {
		fmt.Fprintf(&b, " -F %s&%#x", r.argument, r.flags)
	}
	for condition := range strings.FieldsSeq(r.conditions) {
		b.WriteString(" -F " + condition)
	}
	if self != 0 {
		fmt.Fprintf(&b, " -F pid!=%d", self)
	}
	return b.String()
}
