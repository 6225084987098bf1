// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"sensor/internal/events"
)

// write makes a rule file.
func write(t testing.TB, lines ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "audit.rules")
	if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func parse(t testing.TB, m machine, lines ...string) (Set, error) {
	t.Helper()
	p := parser{machine: m}
	p.read("f", strings.Join(lines, "\n"))
	return p.set, errors.Join(p.errs...)
}

func TestErrors(t *testing.T) {
	long := strings.Repeat("k", 257)
	for line, want := range map[string]string{
		"-a always,exit -S execv":                         `x86_64 has no system call "execv"`,
		"-a always,exit -F arch=b32 -S fork,socketx":      `i386 has no system call "socketx"`,
		"-a always,exit -S 2048":                          `system calls end at 2015: "2048"`,
		"-a always,exit -S ,":                             `no system call is named`,
		"-a always,exit -S execve -F arch=b64":            `arch belongs before -S`,
		"-a always,exit -F arch=b128":                     `value "b128" of arch: architecture is not known`,
		"-a always,exit -F arch>b64":                      `field arch does not take the operator >`,
		"-a always,exit -F uid=nobody-has-this":           `value "nobody-has-this" of uid: there is no such user`,
		"-a always,exit -F gid=nobody-has-this":           `value "nobody-has-this" of gid: there is no such group`,
		"-a always,exit -F uid=unset":                     `field uid: only auid can be unset, with = and !=`,
		"-a always,exit -F auid>=unset":                   `field auid: only auid can be unset, with = and !=`,
		"-a always,exit -F auid&1":                        `field auid does not take the operator &`,
		"-a always,exit -F colour=red":                    `field "colour" is not known`,
		"-a always,exit -F uid":                           `field "uid" has no operator`,
		"-a always,exit -F uid=":                          `field uid has no value`,
		"-a always,exit -F exit=-ENOTHING":                `value "-ENOTHING" of exit: error is not known`,
		"-a always,exit -F a0=0x100000000":                `value "0x100000000" of a0: not a number of 32 bits`,
		"-a always,exit -F a0=1_0":                        `value "1_0" of a0: not a number of 32 bits`,
		"-a always,exit -F success=yes":                   `value "yes" of success: not a number of 32 bits`,
		"-a always,exit -F saddr_fam=46":                  `value "46" of saddr_fam: address families end at 45`,
		"-a always,exit -F filetype=door":                 `value "door" of filetype: file type is not known`,
		"-a always,exit -F perm=rwz":                      `value "rwz" of perm: permissions are of r, w, x and a`,
		"-a always,exit -F perm!=r":                       `field perm does not take the operator !=`,
		"-a always,exit -F path=etc/passwd":               `value "etc/passwd" of path: not an absolute path`,
		"-a always,exit -F path=/etc/":                    `path "/etc/" ends with a slash, which only dir= takes`,
		"-a always,exit -F path=/a -F dir=/b":             `more than one of path, dir and inode`,
		"-a always,exit -F exe=/a -F exe=/b":              `more than one exe`,
		"-a always,exit -F msgtype=CWD":                   `field msgtype has no meaning in the list exit`,
		"-a always,exclude -F msgtype=CWX":                `value "CWX" of msgtype: record type is not known`,
		"-a always,exclude -F path=/etc":                  `field path has no meaning in the list exclude`,
		"-a always,exclude -F msgtype=CWD -k k":           `the list exclude takes no keys`,
		"-a always,exclude":                               `would exclude every record`,
		"-a never,filesystem -F fstype=xfs":               `value "xfs" of fstype: file system is not known`,
		"-a never,task -S all":                            `the list task takes no system calls`,
		"-a always,exit -C uid>auid":                      `comparison "uid>auid" has no = or !=`,
		"-a always,exit -C uid=gid":                       `"uid" and "gid" cannot be compared`,
		"-a always,task -C uid=gid":                       `fields can be compared in the list exit alone`,
		"-a always,io_uring -S execve":                    `io_uring has no system call "execve"`,
		"-a always,io_uring -F perm=r":                    `field perm has no meaning in the list io_uring`,
		"-a always,entry -S all":                          `rules are for always or never and a list of user, task, exit, exclude, filesystem and io_uring`,
		"-a possible,exit -S all":                         `rules are for always or never and a list of user, task, exit, exclude, filesystem and io_uring`,
		"-a exit -S all":                                  `rules are for always or never and a list of user, task, exit, exclude, filesystem and io_uring`,
		"-a always,exit -S all -a never,exit":             `more than one rule`,
		"-S all":                                          `no list (-a, -A, -d) or path (-w, -W)`,
		"-w etc/passwd":                                   `not an absolute path`,
		"-w /etc/passwd -p wq":                            `permissions are of r, w, x and a`,
		"-w /etc/passwd -p wawaw":                         `more than four permissions`,
		"-w /etc/passwd -S open":                          `a watch is for all system calls`,
		"-w /etc/passwd -e 1":                             `option -e does not belong to a rule`,
		"-w /" + strings.Repeat("a", 256):                 `path is too long`,
		"-w /etc/passwd -k " + long:                       `keys are longer than 256 bytes`,
		"-w /etc/passwd -k":                               `option -k lacks its argument`,
		"-w /etc/passwd -p wa # passwords":                `"#" belongs to no option`,
		"-w /etc/passwd -F key=":                          `key is empty`,
		"-w /etc/passwd -k a\x01b":                        `key has a character that it cannot have`,
		"-d always,exit -S execve":                        `no line above makes the rule that is to be deleted`,
		"-W /etc/passwd":                                  `no line above makes the rule that is to be deleted`,
		"-e 3":                                            `-e takes 0, 1 or 2`,
		"-f":                                              `option -f lacks its argument`,
		"-f x":                                            `-f takes 0, 1 or 2`,
		"-b lots":                                         `-b takes a number`,
		"--backlog_wait_time":                             `option --backlog_wait_time lacks its argument`,
		"--backlog_wait_time -1":                          `--backlog_wait_time takes a number`,
		"-D -e 2":                                         `option -D stands alone in its line`,
		"-R /etc/audit/more.rules":                        `option -R has no place in a file of rules`,
		"-l":                                              `option -l has no place in a file of rules`,
		"--no-such":                                       `option --no-such has no place in a file of rules`,
		"rm -rf /":                                        `"rm" belongs to no option`,
		"-a always,exit" + strings.Repeat(" -F a0=1", 65): `more than 64 fields`,
	} {
		_, err := parse(t, machines["amd64"], "", "# comment", line)
		var refused *LineError
		if !errors.As(err, &refused) {
			t.Errorf("%q: got no error of a line but %v", line, err)
			continue
		}
		if refused.File != "f" || refused.Line != 3 || refused.Text != line || refused.Err.Error() != want {
			t.Errorf("%q:\ngot  %v\nwant f:3: %s", line, err, want)
		}
	}
}

func TestReadTellsEveryBadLine(t *testing.T) {
	one := write(t, "-D", "-a always,exit -S nothing", "-w /etc/passwd -p wa", "-w relative")
	two := write(t, "-a always,exit -F uid")
	missing := filepath.Join(t.TempDir(), "missing.rules")
	set, err := Read([]string{one, missing, two})
	if len(set.Rules) != 0 || len(set.Notes) != 0 {
		t.Errorf("bad files gave %+v", set)
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the missing file is not told: %v", err)
	}
	got := strings.Split(err.Error(), "\n")
	want := []string{
		one + `:2: x86_64 has no system call "nothing": "-a always,exit -S nothing"`,
		one + `:4: not an absolute path: "-w relative"`,
		"read audit rules: open " + missing + ": no such file or directory",
		two + `:1: field "uid" has no operator: "-a always,exit -F uid"`,
	}
	if m, _ := host(); m != machines["amd64"] {
		want[0] = strings.Replace(want[0], "x86_64", m.native, 1)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestReadRefusesFiles(t *testing.T) {
	writable := write(t, "-w /etc/passwd")
	if err := os.Chmod(writable, 0o666); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	large := write(t, strings.Repeat("#", maxFile))
	for name, want := range map[string]string{
		writable:    "everybody can write it",
		pipe:        "not a regular file",
		t.TempDir(): "not a regular file",
		large:       "larger than",
	} {
		if _, err := Read([]string{name}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
	if os.Geteuid() != 0 {
		return
	}
	foreign := write(t, "-w /etc/passwd")
	if err := os.Chown(foreign, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if _, err := Read([]string{foreign}); err == nil || !strings.Contains(err.Error(), "belongs to user 12345") {
		t.Errorf("another's file: got %v", err)
	}
}

func TestControlLinesAreNotes(t *testing.T) {
	lines := []string{
		"-D", "-D -k old", "-b 8192", "-f 2", "-e 0", "-e 1", "-e 2", "-r 100", "--backlog_wait_time 60000", "--backlog_wait_time=0",
		"--loginuid-immutable", "--reset-lost", "--reset_backlog_wait_time_actual", "-t", "-q /mnt,/home",
	}
	set, err := parse(t, machines["amd64"], lines...)
	if err != nil || len(set.Rules) != 0 {
		t.Fatalf("got %+v, %v", set.Rules, err)
	}
	if len(set.Notes) != len(lines) {
		t.Fatalf("got %d notes of %d lines: %v", len(set.Notes), len(lines), set.Notes)
	}
	for i, n := range set.Notes {
		if n.Line != i+1 || n.Text != lines[i] || !strings.HasPrefix(n.Reason, "ignored: ") {
			t.Errorf("%s: got %+v", lines[i], n)
		}
	}
}

func TestNotes(t *testing.T) {
	for line, want := range map[string]string{
		"-a always,exit -S open,read,all": "without arch, open,read is also whatever has its number on i386",
		"-w /home/*/.ssh":                 "path is taken as it is: patterns and .. have no meaning",
		"-w /tmp/x":                       "is there already: f:1",
	} {
		set, err := parse(t, machines["amd64"], "-w /tmp/x", line)
		if err != nil || len(set.Notes) != 1 || set.Notes[0].Reason != want || set.Notes[0].Line != 2 {
			t.Errorf("%q: got %v, %v, want %s", line, set.Notes, err, want)
		}
	}
}

// TestForgiving: after -i or -c, what is bad is left out, told, and harms nothing else.
func TestForgiving(t *testing.T) {
	for _, option := range []string{"-i", "-c"} {
		set, err := parse(t, machines["amd64"],
			"-w /tmp/one", option, "-w bad", "-a always,exit -F uid=nobody-has-this", "-w /tmp/two")
		if err != nil || len(set.Rules) != 2 || len(set.Notes) != 2 {
			t.Fatalf("%s: got %+v, %v", option, set, err)
		}
		if set.Rules[0].Optional || !set.Rules[1].Optional {
			t.Errorf("%s: only what follows may fail: %+v", option, set.Rules)
		}
		if n := set.Notes[1]; n.Line != 4 || n.Reason != `left out: value "nobody-has-this" of uid: there is no such user` {
			t.Errorf("%s: got %v", option, n)
		}
		if _, err := parse(t, machines["amd64"], "-w bad", option); err == nil {
			t.Errorf("%s forgives what is above it", option)
		}
	}
}

func TestTakingBack(t *testing.T) {
	set, err := parse(t, machines["amd64"],
		"-w /tmp/x -p wa -k x", "-a exit,always -F arch=b64 -S execve", "-A exit,never -F pid=7",
		"-W /tmp/x -p wa -k x", "-d always,exit -F arch=x86_64 -S 59", "-d never,exit -F pid=7 -S all")
	if err != nil || len(set.Rules) != 0 || len(set.Notes) != 0 {
		t.Errorf("got %+v, %v", set, err)
	}
}

func TestKeys(t *testing.T) {
	set, err := parse(t, machines["amd64"],
		"-w /tmp/x -k one -p wa -k two", "-a never,exclude -F msgtype=CWD", "-a never,task", "-w /tmp/y -k "+strings.Repeat("k", 250))
	if err != nil {
		t.Fatal(err)
	}
	watch, exclude, task, full := set.Rules[0], set.Rules[1], set.Rules[2], set.Rules[3]
	if !slices.Equal(watch.Keys(), []string{"one", "two"}) {
		t.Errorf("got the keys %q", watch.Keys())
	}
	ours, err := watch.WithKey("sensor")
	if err != nil || !slices.Equal(ours.Keys(), []string{"one", "two", "sensor"}) || !slices.Equal(KeysOf(ours.Listed()), ours.Keys()) {
		t.Errorf("got %q, %v", ours.Keys(), err)
	}
	if got := KeysOf(task.Listed()); got != nil {
		t.Errorf("a rule without keys has %q", got)
	}
	if r, err := task.WithKey("sensor"); err != nil || !slices.Equal(r.Keys(), []string{"sensor"}) || !r.Keyed() {
		t.Errorf("task: got %q, %v", r.Keys(), err)
	}
	if r, err := exclude.WithKey("sensor"); err != nil || r.Keyed() || !bytes.Equal(r.Wire(), exclude.Wire()) {
		t.Errorf("exclude: got %q, %v", r.Keys(), err)
	}
	if _, err := full.WithKey("sensor"); err == nil || !strings.HasPrefix(err.Error(), `f:4: add key "sensor": keys are longer`) {
		t.Errorf("too long: got %v", err)
	}
}

func TestSplit(t *testing.T) {
	for text, want := range map[string][]string{
		"":                    nil,
		" \t\r\n":             nil,
		" -w  /a\t-k\tb \r\n": {"-w", "/a", "-k", "b"},
		`a\ b \\ c\d "e f"`:   {"a b", `\`, `c\d`, `"e`, `f"`},
		`end\`:                {`end\`},
	} {
		if got := split(text); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// FuzzRead: whatever a file says, its rules can be read back as they were, and whatever is refused has its line.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"-w /etc/passwd -p wa -k x\n", "-a always,exit -F arch=b64 -S execve,59 -F auid>=1000 -F auid!=-1 -C uid!=euid -F key=a\n",
		"-A exclude,always -F msgtype=CWD\n", "-i\n-e 2\n--backlog_wait_time 5\n", "-d exit,never -F path=/a\\ b\n",
		"-a never,filesystem -F fstype=tracefs\n", "-a always,io_uring -S openat -F a1&0x40\n", "-D\r\n-b\t1\r\n-f", "- -- -\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		set, err := parse(t, machines["amd64"], content)
		if err != nil {
			for _, one := range err.(interface{ Unwrap() []error }).Unwrap() {
				var refused *LineError
				if !errors.As(one, &refused) || refused.Line == 0 {
					t.Fatalf("error without a line: %v", one)
				}
			}
		}
		for _, r := range set.Rules {
			again, err := read(r.Wire())
			if err != nil || !bytes.Equal(again.wire(true), r.Wire()) {
				t.Fatalf("%q: read back as %+v: %v", r.Text, again, err)
			}
			if ours, err := r.WithKey("sensor"); err == nil && ours.Keyed() != slices.Contains(KeysOf(ours.Listed()), "sensor") {
				t.Fatalf("%q: the key is not there", r.Text)
			}
		}
	})
}

// FuzzCovers: rules that the kernel lists are not believed to be whole.
func FuzzCovers(f *testing.F) {
	set, err := parse(f, machines["amd64"], "-w /etc/passwd -k x", "-a always,exit -F arch=b64 -S execve")
	if err != nil {
		f.Fatal(err)
	}
	for _, r := range set.Rules {
		f.Add(r.Wire())
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, rule []byte) {
		if ok, why := machines["amd64"].covers([][]byte{rule}, events.KindFileWrite); !ok && why == "" {
			t.Fatal("no reason")
		}
		KeysOf(rule)
	})
}
