// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// fake is a /proc of files, in which this process is number 42.
type fake struct {
	t    testing.TB
	root string
}

func newFake(t testing.TB) *fake {
	f := &fake{t: t, root: t.TempDir()}
	f.link("self", "42")
	f.link("42/ns/pid", "pid:[4026531836]")
	f.link("42/ns/user", "user:[4026531837]")
	f.link("42/ns/cgroup", "cgroup:[4026531835]")
	f.link("42/ns/time", "time:[4026531834]")
	f.link("42/ns/time_for_children", "time:[4026531834]")
	f.file("42/timens_offsets", "monotonic           0         0\nboottime            0         0\n")
	return f
}

// file writes a file whole or not at all, so that a reader sees the old one or the new one.
func (f *fake) file(name, content string) {
	path := f.path(name)
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fake) link(name, target string) {
	path := f.path(name)
	os.Remove(path)
	if err := os.Symlink(target, path); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fake) path(name string) string {
	path := filepath.Join(f.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		f.t.Fatal(err)
	}
	return path
}

func (f *fake) reader() *Reader {
	f.t.Helper()
	r, err := New(Options{Root: f.root, Self: 42, Wall: bootAt})
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

// bootAt has the machine booted at the epoch.
func bootAt(boot uint64) time.Time { return time.Unix(0, int64(boot)).UTC() }

// statLine is what varies in a stat file.
type statLine struct {
	comm                       string
	state                      string
	ppid, pgrp, session, tty   int
	flags                      uint
	threads                    int
	start, vsize, startOfStack uint64
}

func (s statLine) String() string {
	return fmt.Sprintf("7 (%s) %s %d %d %d %d -1 %d 0 0 0 0 0 9 0 0 0 -20 %d 0 %d %d 0 18446744073709551615 0 0 %d 0 0 0 2147483647 0 1 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
		s.comm, s.state, s.ppid, s.pgrp, s.session, s.tty, s.flags, s.threads, s.start, s.vsize, s.startOfStack)
}

// shell is a process for tests to change.
func shell() statLine {
	return statLine{comm: "bash", state: "S", ppid: 1, pgrp: 7, session: 6, tty: 34816 + 5, flags: 0x400000, threads: 1, start: 1234, vsize: 4096, startOfStack: 0x7ffc00}
}

func statusOf(pid uint32) string {
	return fmt.Sprintf("Name:\tbash\nTgid:\t%d\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t24 27 \n", pid)
}

// process adds a process with a stat and a status file.
func (f *fake) process(pid uint32, s statLine) string {
	dir := strconv.Itoa(int(pid))
	f.file(dir+"/stat", s.String())
	f.file(dir+"/status", statusOf(pid))
	return dir
}
