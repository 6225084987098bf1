// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// janitor is a process that outlives the test binary, however that ends: it kills the engine's process group and removes its
// directory. It knows by the end of its input, which only the test binary holds.
type janitor struct{ input *os.File }

// The last line of the input is the process group; 0 is none. What is killed may be about to make a file: hence the tries.
const janitorScript = `while read -r line; do group=$line; done
[ "${group:-0}" = 0 ] || kill -s KILL -- "-$group"
for try in 1 2 3 4 5 6 7 8 9 10; do rm -rf -- "$0" && exit; sleep 0.1; done`

func startJanitor(dir string) (*janitor, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start janitor: %w", err)
	}
	defer r.Close()
	cmd := exec.Command("/bin/sh", "-c", janitorScript, dir)
	cmd.Stdin = r
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // an interrupt at the terminal is not for it
	if err := cmd.Start(); err != nil {
		w.Close()
		return nil, fmt.Errorf("start janitor: %w", err)
	}
	return &janitor{w}, cmd.Process.Release()
}

// watch says which process group is to be killed, instead of the one before.
func (j *janitor) watch(group int) error {
	if _, err := fmt.Fprintln(j.input, group); err != nil {
		return fmt.Errorf("tell janitor: %w", err)
	}
	return nil
}
