// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

func newNamespaces(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}
}

// In a pid namespace of its own, as in a container: its own /proc is refused,
// whether the kernel tells the true pid or not; the host's is believed if it does.
func TestLiveNamespace(t *testing.T) {
	needRoot(t)
	self := liveProcess(t, uint32(os.Getpid()))
	started := fmt.Sprintf("%d true", self.StartKey)
	// The roles take a Self of 1 as: the pid that the kernel would tell.
	for name, test := range map[string]struct{ role, want string }{
		"own proc":                   {fmt.Sprintf("report %s 1 %d", t.TempDir(), os.Getpid()), "refused"},
		"own proc, kernel is silent": {fmt.Sprintf("report %s 0 1", t.TempDir()), "refused"},
		"the host's proc":            {fmt.Sprintf("report /proc 1 %d", os.Getpid()), started},
	} {
		t.Run(name, func(t *testing.T) {
			if _, said := start(t, test.role, newNamespaces); said != test.want {
				t.Errorf("it says %q, want %q", said, test.want)
			}
		})
	}
}

func TestLivePIDInNamespace(t *testing.T) {
	needRoot(t)
	pid := ready(t, "wait", newNamespaces)
	p := liveProcess(t, pid)
	self := liveProcess(t, uint32(os.Getpid()))
	if p.PID != pid || p.VPID != 1 || p.Namespaces.PID == self.Namespaces.PID || p.Namespaces.Mount == self.Namespaces.Mount || p.Namespaces.Net != self.Namespaces.Net {
		t.Errorf("Process = %+v", p)
	}
}

// The clock of a time namespace runs a day ahead; the start times are the same.
func TestLiveTimeNamespace(t *testing.T) {
	needRoot(t)
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Skip(err)
	}
	if out, err := exec.Command(unshare, "--time", "--boottime", "86400", "--fork", "true").CombinedOutput(); err != nil {
		t.Skipf("no time namespaces: %v: %s", err, out)
	}
	self := liveProcess(t, uint32(os.Getpid()))
	_, said := start(t, fmt.Sprintf("report /proc 0 %d", os.Getpid()), func(c *exec.Cmd) {
		c.Args = []string{unshare, "--time", "--boottime", "86400", "--fork", c.Path}
		c.Path = unshare
	})
	if want := fmt.Sprintf("%d true", self.StartKey); said != want {
		t.Errorf("seen a day ahead: %q, want %q", said, want)
	}
}

// Paths are as the process sees them.
func TestLiveRoot(t *testing.T) {
	needRoot(t)
	jail := t.TempDir()
	program := filepath.Join(jail, "program")
	copyProgram(t, program)
	inside := liveProcess(t, ready(t, "chroot "+jail, func(c *exec.Cmd) { c.Path = program }))
	if inside.Executable != (events.Path{Name: "/program"}) || inside.WorkingDirectory != (events.Path{Name: "/"}) {
		t.Errorf("inside: %+v in %+v", inside.Executable, inside.WorkingDirectory)
	}
	outside := liveProcess(t, ready(t, "chroot "+jail, nil))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if outside.Executable != (events.Path{Name: self, Detached: true}) {
		t.Errorf("outside: %+v", outside.Executable)
	}
}
