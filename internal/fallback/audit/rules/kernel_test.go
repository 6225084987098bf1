// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/elastic/go-libaudit/v2"

	"sensor/internal/events"
	"sensor/internal/fallback/audit/audittest"
)

// kernel gives the audit rules of this host's kernel to one test at a time. They must be none, and are none afterwards.
type kernel struct {
	t      testing.TB
	client *libaudit.AuditClient
}

func newKernel(t testing.TB) *kernel {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("the kernel's audit rules are root's")
	}
	audittest.Lock(t)
	client, err := libaudit.NewAuditClient(nil)
	if err != nil {
		t.Skipf("no audit in this kernel: %v", err)
	}
	client.Netlink = blocking{client.Netlink}
	t.Cleanup(func() { client.Close() })
	k := &kernel{t, client}
	if n := len(k.list()); n > 0 {
		t.Skipf("the kernel has %d rules already, which are not ours to touch", n)
	}
	t.Cleanup(func() {
		for _, rule := range k.list() {
			k.remove(rule)
		}
	})
	return k
}

// blocking waits for answers; the client of itself looks for them every 50 ms.
type blocking struct{ libaudit.NetlinkSendReceiver }

func (b blocking) Receive(_ bool, p libaudit.NetlinkParser) ([]syscall.NetlinkMessage, error) {
	return b.NetlinkSendReceiver.Receive(false, p)
}

func (k *kernel) list() [][]byte {
	k.t.Helper()
	rules, err := k.client.GetRules()
	if err != nil {
		k.t.Fatal(err)
	}
	return rules
}

// remove deletes a rule; whether the kernel did it, only list tells.
func (k *kernel) remove(rule []byte) {
	k.t.Helper()
	if err := k.client.DeleteRule(rule); err != nil {
		k.t.Fatal(err)
	}
}

func needAuditctl(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("auditctl"); err != nil {
		t.Skip("auditd is not installed")
	}
}

// is compares to the byte; but go-libaudit gives the padding of the message, too.
func is(r Rule, listed []byte) bool {
	ours := r.Listed()
	padding := make([]byte, -len(ours)&3)
	return r.Is(listed) && bytes.Equal(append(ours, padding...), listed)
}

// auditctl loads lines as a rule file.
func auditctl(t testing.TB, lines ...string) error {
	t.Helper()
	out, err := exec.Command("auditctl", "-R", write(t, lines...)).CombinedOutput()
	if err != nil {
		return errors.New(string(bytes.TrimSpace(out)))
	}
	return nil
}

// lines have every list, field and operator. All processes and files that they name exist, or need not.
func lines(dir string) []string {
	return []string{
		"-a always,exit -S all",
		"-a exit,always -F arch=b64 -S execve,execveat -k a -k b",
		"-a exit,never -F arch=b32 -Sexecve -S 11 -S 0x12 -kfoo",
		"-A always,exit -F arch=x86_64 -S openat -F key=one -F key=two -k three",
		"-a always,exit -F arch!=b32 -S close -k quoted\"key",
		"-a always,exit -F arch=i686 -S socketcall -F a0=3",
		"-a always,exit -S 2015",
		"-a always,exit -F arch=b64 -S openat -F exit=-EACCES -F auid>=1000 -F auid!=unset",
		"-a always,exit -F arch=b64 -S openat -F exit=-13 -F auid!=-1",
		"-a always,exit -F arch=b64 -S openat -F exit=EPERM -F auid!=4294967295",
		"-a always,exit -F arch=b64 -S openat -F exit=5 -F auid=unset -F sessionid!=unset",
		"-a always,exit -F arch=b64 -S openat -F exit<0 -F exit!=-ENOENT -F success=0 -F sessionid=-1",
		"-a always,exit -F arch=b64 -S openat -F a0=-100 -F a1&0x7C020000 -F a2&=03 -F a3!=0xffffffff",
		"-a always,exit -F arch=b64 -S openat -F a0>1 -F a1>=2 -F a2<3 -F a3<=4",
		"-a always,exit -F arch=b64 -S connect -F saddr_fam>=2 -F saddr_fam<=10",
		"-a always,exit -F arch=b64 -S openat -F uid=root -F euid!=0 -F suid>1 -F fsuid<2 -F obj_uid=nobody -F gid=root -F egid=0 -F sgid>=3 -F fsgid!=4 -F obj_gid<=5",
		"-a always,exit -F arch=b64 -S openat -F pid!=1 -F ppid=1 -F pers=8 -F devmajor=8 -F devminor&1 -F inode=12",
		"-a always,exit -F arch=b64 -S openat -F inode!=12 -F filetype=file",
		"-a always,exit -F arch=b64 -S openat -F filetype=dir",
		"-a always,exit -F arch=b64 -S openat -F filetype=character",
		"-a always,exit -F arch=b64 -S openat -F filetype=block",
		"-a always,exit -F arch=b64 -S openat -F filetype=fifo",
		"-a always,exit -F arch=b64 -S openat -F filetype=link",
		"-a always,exit -F arch=b64 -S openat -F filetype=socket",
		"-a always,exit -F arch=b64 -S openat -F exe=/usr/bin/ls -k x",
		"-a always,exit -F arch=b64 -S openat -F exe!=/usr/bin/ls -F path=/etc/passwd",
		"-a always,exit -F arch=b64 -S openat -F subj_user=a -F subj_role!=unconfined -F subj_type=c -F subj_sen>=d -F subj_clr<e",
		"-a always,exit -F arch=b64 -S openat -F obj_user=a -F obj_role!=b -F obj_type=c -F obj_lev_low>=d -F obj_lev_high<e -k k",
		"-a always,exit -F perm=wa -F path=/etc/passwd -F key=k",
		"-a always,exit -F dir=/etc/ -F perm=RX -C auid!=obj_uid",
		"-a always,exit -F dir=/etc -C obj_uid=uid -C egid!=gid -p wa -k k",
		"-a always,exit -F path=" + dir + `/a\ b\\c -k k`,
		"-w /etc/passwd",
		"-w " + dir + "/missing -p wa -k k",
		"-w " + dir + "/ -k k -p r -k l",
		"-w /etc//passwd -p x -F auid>=1000",
		"-a never,task",
		"-a task,never -F uid=0 -F auid=-1",
		"-a always,exclude -F msgtype=CWD",
		"-a never,exclude -F msgtype=1300 -F uid=0 -F exe=/usr/bin/ls",
		"-a exclude,always -F msgtype>=USER_LOGIN -F msgtype<=USER_LOGOUT -F subj_type=x",
		"-A user,never -F msgtype=USER_AUTH -F auid=0 -F pid=1",
		"-a never,filesystem -F fstype=tracefs -F key=k",
		"-a never,filesystem -F fstype!=0x27e0eb",
	}
}

// TestAuditctl compares, to the byte, what auditctl makes of lines with what we make, as the kernel then lists it.
func TestAuditctl(t *testing.T) {
	needAuditctl(t)
	k := newKernel(t)
	for _, line := range lines(t.TempDir()) {
		if err := auditctl(t, line); err != nil {
			t.Errorf("auditctl refuses %s: %v", line, err)
			continue
		}
		listed := k.list()
		if len(listed) != 1 {
			t.Fatalf("%s: auditctl left %d rules", line, len(listed))
		}
		set, err := Read([]string{write(t, line)})
		if err != nil || len(set.Rules) != 1 {
			t.Errorf("%s: %v", line, err)
			k.remove(listed[0])
			continue
		}
		ours := set.Rules[0]
		if !is(ours, listed[0]) {
			want, _ := read(listed[0])
			t.Errorf("%s:\ngot  %+v\nwant %+v", line, ours.record, want)
			k.remove(listed[0])
			continue
		}
		k.remove(ours.Listed())
		if n := len(k.list()); n != 0 {
			t.Fatalf("%s: the kernel did not delete it", line)
		}
	}
	// Every pair that can be compared, both ways round.
	for _, c := range comparisons {
		for _, pair := range []string{c[0] + "=" + c[1], c[1] + "!=" + c[0]} {
			line := "-a always,exit -C " + pair
			if err := auditctl(t, line); err != nil {
				t.Fatal(err)
			}
			set, err := Read([]string{write(t, line)})
			if err != nil {
				t.Fatal(err)
			}
			if listed := k.list(); !is(set.Rules[0], listed[0]) {
				t.Errorf("%s is another comparison", line)
			}
			k.remove(k.list()[0])
		}
	}
}

// roundTrip adds the rule itself, with our key, lists it and deletes it.
func (k *kernel) roundTrip(r Rule) {
	k.t.Helper()
	r, err := r.WithKey("sensor")
	if err != nil {
		k.t.Errorf("%s: %v", r.Text, err)
		return
	}
	if err := k.client.AddRule(r.Wire()); err != nil {
		if !missing(err, r) {
			k.t.Errorf("%s: %v", r.Text, err)
		}
		return
	}
	listed := k.list()
	if len(listed) != 1 || !is(r, listed[0]) {
		k.t.Errorf("%s: listed as another", r.Text)
	}
	if slices.Contains(KeysOf(listed[0]), "sensor") != r.Keyed() {
		k.t.Errorf("%s: has not our key", r.Text)
	}
	k.remove(r.Listed())
	if len(k.list()) != 0 {
		k.t.Fatalf("%s: the kernel did not delete it", r.Text)
	}
}

// missing says that the kernel refuses the rule because its object is not on this host.
func missing(err error, r Rule) bool {
	if !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ENOTDIR) {
		return false
	}
	for _, f := range r.record.fields {
		name := f.text
		switch f.id {
		case fieldPath, fieldExe:
			name = filepath.Dir(name)
		case fieldDir:
		default:
			continue
		}
		if _, err := os.Stat(name); err != nil {
			return true
		}
	}
	return false
}

const samples = "/usr/share/doc/auditd/examples/rules"

// TestSamples reads the audit project's rule files, from Debian's package, and loads every rule.
func TestSamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(samples, "*.rules"))
	if err != nil {
		t.Fatal(err)
	}
	needAuditctl(t)
	if len(files) < 20 {
		t.Fatalf("auditd is installed, but only %d files are in %s", len(files), samples)
	}
	k := newKernel(t)
	rules := 0
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text := string(content)
			if _, err := user.Lookup("chrony"); err != nil && strings.Contains(text, "\n-a never,exit -F arch=b64 -S adjtimex -F auid=unset -F uid=chrony") {
				if _, err := Read([]string{file}); err == nil || strings.Count(err.Error(), "there is no such user") != 2 {
					t.Errorf("a user that is not here: %v", err)
				}
				text = strings.ReplaceAll(text, "uid=chrony", "uid=nobody")
			}
			copied := write(t, text)
			set, err := Read([]string{copied})
			if err != nil {
				t.Fatal(err)
			}
			lines := 0
			for line := range strings.Lines(text) {
				if strings.HasPrefix(line, "-a") || strings.HasPrefix(line, "-w") {
					lines++
				}
			}
			if len(set.Rules) != lines {
				t.Errorf("%d rules of %d lines: %v", len(set.Rules), lines, set.Notes)
			}
			rules += len(set.Rules)
			for _, r := range set.Rules {
				k.roundTrip(r)
				theirs := auditctl(t, r.Text)
				listed := k.list()
				for _, l := range listed {
					k.remove(l)
				}
				switch {
				case theirs != nil && !strings.Contains(theirs.Error(), "No such file or directory"):
					t.Errorf("%s: auditctl: %v", r.Text, theirs)
				case theirs == nil && (len(listed) != 1 || !is(r, listed[0])):
					t.Errorf("%s: auditctl makes another rule", r.Text)
				}
			}
		})
	}
	if rules < 200 {
		t.Errorf("only %d rules were tried", rules)
	}
}

// TestTables: our names and numbers of system calls are auditctl's.
func TestTables(t *testing.T) {
	needAuditctl(t)
	for _, arch := range []string{"x86_64", "i386", "aarch64", "arm"} {
		out, err := exec.Command("ausyscall", arch, "--dump").Output()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for line := range strings.Lines(string(out)) {
			f := strings.Fields(line)
			if len(f) != 2 || !digit(f[0]) {
				continue
			}
			n++
			m := machines["amd64"]
			if arch == "aarch64" || arch == "arm" {
				m = machines["arm64"]
			}
			c := compiler{machine: m, arch: arch}
			c.record.list = listExit
			got, err := c.call(f[1])
			if want, _ := m.value(number, f[0]); err != nil || got != want {
				t.Errorf("%s %s: got %d, %v, want %s", arch, f[1], got, err, f[0])
			}
		}
		if n < 250 {
			t.Errorf("%s: only %d names", arch, n)
		}
	}
}

// TestBuiltinAsAuditctl: what auditctl makes of the built-in rules' text is the rule.
func TestBuiltinAsAuditctl(t *testing.T) {
	needAuditctl(t)
	k := newKernel(t)
	rules, err := Builtin(events.Kinds(), 77)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		if r.Optional {
			continue // auditctl before 3.1 knows no io_uring
		}
		// Nor does it know the newest system calls.
		text := strings.ReplaceAll(r.Text, ",fchmodat2", "")
		for name := range later {
			text = strings.ReplaceAll(text, ","+name, "")
		}
		if err := auditctl(t, text); err != nil {
			t.Errorf("%s: auditctl: %v", text, err)
		}
		known, err := Read([]string{write(t, text)})
		if err != nil {
			t.Fatal(err)
		}
		listed := k.list()
		if len(listed) != 1 || !is(known.Rules[0], listed[0]) {
			t.Errorf("%s: auditctl makes another rule", text)
		}
		for _, l := range listed {
			k.remove(l)
		}
	}
}

// TestKernelTakesRules: this kernel takes every kind of rule, lists it as we expect and deletes it again.
func TestKernelTakesRules(t *testing.T) {
	k := newKernel(t)
	for _, line := range lines(t.TempDir()) {
		set, err := Read([]string{write(t, line)})
		if err != nil {
			if runtime.GOARCH != "amd64" || strings.Contains(err.Error(), "there is no such") {
				continue // some name architectures and users
			}
			t.Fatal(err)
		}
		k.roundTrip(set.Rules[0])
	}
}

// TestKernelTakesBuiltin: the kernel takes every rule, but not every kernel those for io_uring.
func TestKernelTakesBuiltin(t *testing.T) {
	k := newKernel(t)
	rules, err := Builtin(events.Kinds(), 77)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, r := range rules {
		err := k.client.AddRule(r.Wire())
		switch {
		case err != nil && r.Optional && errors.Is(err, syscall.EINVAL):
			refused++
		case err != nil:
			t.Errorf("%s: %v", r.Text, err)
		}
	}
	listed := k.list()
	if len(listed) != len(rules)-refused {
		t.Errorf("%d rules, %d refused, %d listed", len(rules), refused, len(listed))
	}
	t.Logf("%d rules, %d refused", len(rules), refused)
	for _, kind := range Serves() {
		if ok, why := Covers(listed, kind); !ok {
			t.Errorf("%s: %v, %s", kind, ok, why)
		}
	}
}
