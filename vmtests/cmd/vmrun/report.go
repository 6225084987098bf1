// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"sensor/vmtests/vm"
)

func exitCode(r *vm.Result) int {
	switch {
	case r.Ended:
		return r.Code
	case r.TimedOut:
		return codeTimeout
	}
	return codeDied
}

// verdict says in one line how a run went, "" for a success.
func verdict(r *vm.Result, timeout time.Duration) string {
	switch {
	case r.Ended && r.Expired:
		return fmt.Sprintf("the command was still running at the time-out of %s", timeout)
	case r.Ended && r.Code == 0:
		return ""
	case r.Ended:
		return fmt.Sprintf("the command exited with code %d", r.Code)
	case r.TimedOut && !r.Began:
		return fmt.Sprintf("the VM hung: it did not boot within %s", vm.BootLimit)
	case r.TimedOut:
		return fmt.Sprintf("the VM hung: no end marker within %s", timeout)
	}
	return "the VM died: no end marker"
}

// report explains a failure, with the command that repeats it; of a success it tells only if asked.
func report(w io.Writer, o *options, r *vm.Result) {
	if o.verbose {
		fmt.Fprintf(w, "vmrun: kernel %s: boot %.1f s, run %.1f s\n", o.kernel, r.Boot.Seconds(), r.Run.Seconds())
	}
	why := verdict(r, o.timeout)
	if why == "" {
		return
	}
	section(w, "last kernel messages", r.Kernel, 25)
	if !r.Ended {
		section(w, "last lines of the console", r.Console, 25)
		section(w, "qemu said", strings.FieldsFunc(r.QEMU, func(c rune) bool { return c == '\n' }), 10)
	}
	what := "kernel " + o.kernel
	if o.row != "" {
		what = "row " + o.row
	}
	fmt.Fprintf(w, "vmrun: FAIL: %s: %s\n", what, why)
	fmt.Fprintf(w, "vmrun: repeat with: %s\n", cmp.Or(o.again, repeatCommand(o)))
}

func section(w io.Writer, title string, lines []string, n int) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(w, "vmrun: %s:\n", title)
	for _, l := range lines[max(0, len(lines)-n):] {
		fmt.Fprintf(w, "  | %s\n", l)
	}
}
