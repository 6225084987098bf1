// SPDX-License-Identifier: Apache-2.0

// Package guest is what the runner outside and the init inside a VM say to each other: a config file in the initramfs one way, marked
// lines on the serial console the other way.
package guest

import "time"

// ConfigPath is where the runner puts the Config, as JSON.
const ConfigPath = "/etc/vm.json"

// OutDir is the directory whose files are handed out after the run.
const OutDir = "/out"

// Config tells init what to do.
type Config struct {
	Mark     string // starts every marked line; drawn for each run, so that no output can fake it
	Command  []string
	Env      []string
	Dir      string
	Hostname string
	CgroupV1 bool
	HideBTF  bool
	Out      bool          // hand out OutDir
	Soft     time.Duration // since the command's start: then it is told to dump its stacks
	Hard     time.Duration // since the command's start: then it is killed
}

// The words after the mark. A marked line ends with a newline and may follow an unfinished line of output.
const (
	Begin  = "begin"   // the command starts
	Kernel = "kernel " // + a line of the kernel log
	Out    = "out "    // + base64 of the next bytes of a tar archive of OutDir
	OutEnd = "outend " // + SHA-256 of the archive, hex
	Expire = "expire"  // the command was still running at Soft
	End    = "end "    // + exit code; the VM has nothing more to say
)

// TimeoutCode is the exit code of a command that ran into Soft, as of timeout(1).
const TimeoutCode = 124
