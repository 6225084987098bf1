// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"sensor/vmtests"
)

// options are one run's command line.
type options struct {
	row     string
	arch    string // what the row is for, "" without a row
	kernel  string
	cpus    int
	memory  string
	append  string
	accel   string
	cgroup  string
	noBTF   bool
	timeout time.Duration
	files   []string
	env     []string
	out     string
	verbose bool

	again   string   // shell command that repeats the run, "" to make one
	flags   []string // the flags as they were given
	command []string // binary and arguments
	dir     string   // the command's directory, on the host and in the VM
}

func (o *options) flagSet() *flag.FlagSet {
	fs := flag.NewFlagSet("vmrun", flag.ContinueOnError)
	fs.StringVar(&o.row, "row", "", "row of the matrix: its flags come before the others")
	fs.StringVar(&o.kernel, "kernel", "", "series of the kernel list, or path of a bzImage")
	fs.IntVar(&o.cpus, "cpus", 2, "number of CPUs")
	fs.StringVar(&o.memory, "mem", "1G", "memory")
	fs.StringVar(&o.append, "append", "", "more of the kernel's command line")
	fs.StringVar(&o.accel, "accel", "", "QEMU's accelerator, a tcg one (default: as the kernel list says)")
	fs.StringVar(&o.cgroup, "cgroup", "v2", "control groups: v1 or v2")
	fs.BoolVar(&o.noBTF, "no-btf", false, "hide the kernel's type information, /sys/kernel/btf")
	fs.DurationVar(&o.timeout, "timeout", 5*time.Minute, "time for the command, once the VM has booted")
	fs.Func("file", "pack `SRC:DST` into the VM, a file or a whole directory; {arch} in SRC becomes amd64 or arm64 (repeatable)", add(&o.files))
	fs.Func("env", "pass `NAME=VALUE`, or the host's NAME (repeatable)", add(&o.env))
	fs.StringVar(&o.out, "out", "", "copy the VM's /out to this directory afterwards")
	fs.BoolVar(&o.verbose, "v", false, "show boot messages and times")
	return fs
}

func add(list *[]string) func(string) error {
	return func(s string) error {
		*list = append(*list, s)
		return nil
	}
}

// parseOptions reads a whole command line; the flag package has printed what it found wrong.
func parseOptions(args []string) (*options, error) {
	o := new(options)
	fs := o.flagSet()
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	command := fs.Args()
	flags := args[:len(args)-len(command)]
	if n := len(flags); n > 0 && flags[n-1] == "--" {
		flags = flags[:n-1]
	}
	if len(command) == 0 {
		return nil, errors.New("no binary to run (-h helps)")
	}
	if o.row != "" {
		rows, err := vmtests.Rows()
		if err != nil {
			return nil, err
		}
		row, err := vmtests.FindRow(rows, o.row)
		if err != nil {
			return nil, err
		}
		if o, err = parseRow(row, flags); err != nil {
			return nil, err
		}
	}
	o.flags, o.command = flags, command
	return o, o.check()
}

// parseRow reads flags on top of those of a row.
func parseRow(row vmtests.Row, flags []string) (*options, error) {
	o := new(options)
	fs := o.flagSet()
	if err := fs.Parse(slices.Concat(row.Flags, flags)); err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("row %s: unexpected %q", row.Name, fs.Arg(0))
	}
	o.arch, o.flags = row.Arch, slices.Concat(row.Flags, flags)
	if row.Name != unlisted {
		o.row, o.flags = row.Name, slices.Concat([]string{"-row", row.Name}, flags)
	}
	return o, nil
}

// unlisted is the row of a kernel image that is in no list.
const unlisted = "unlisted"

func (o *options) isImage() bool { return strings.Contains(o.kernel, "/") }

func (o *options) check() error {
	switch {
	case o.kernel == "":
		return errors.New("no -kernel")
	case o.cpus < 1:
		return fmt.Errorf("-cpus %d is not positive", o.cpus)
	case o.cgroup != "v1" && o.cgroup != "v2":
		return fmt.Errorf("-cgroup %q is neither v1 nor v2", o.cgroup)
	case o.timeout <= 0:
		return fmt.Errorf("-timeout %s is not positive", o.timeout)
	}
	for _, f := range o.files {
		if src, dst, ok := strings.Cut(f, ":"); !ok || src == "" || dst == "" {
			return fmt.Errorf("-file %q is not SRC:DST", f)
		}
	}
	return nil
}

// environ returns the command's whole environment.
func (o *options) environ() []string {
	row := cmp.Or(o.row, o.kernel)
	if o.row == "" && o.isImage() {
		row = unlisted
	}
	env := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root",
		"USER=root",
		"LANG=C.UTF-8",
		"SENSOR_VM=" + o.kernel,
		"SENSOR_VM_ROW=" + row,
	}
	for _, e := range o.env {
		if !strings.Contains(e, "=") {
			e += "=" + os.Getenv(e)
		}
		env = append(env, e)
	}
	return env
}
