// SPDX-License-Identifier: Apache-2.0

package inotify

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// While nobody takes the events the kernel's queue runs over. What was lost is
// counted, and what has happened meanwhile is found.
func TestOverflow(t *testing.T) {
	content, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	must(t, err)
	queued, err := strconv.Atoi(strings.TrimSpace(string(content)))
	must(t, err)
	if queued > 1<<17 {
		t.Skip("the queue is too long")
	}
	dir := resolve(t.TempDir())
	for i := range 100 {
		write(t, filepath.Join(dir, fmt.Sprint("old", i)), "x")
	}
	must(t, os.Mkdir(filepath.Join(dir, "sub"), 0o755))
	r := begin(t, []string{dir}, sha)
	r.idle()
	r.mu.Lock()
	r.stall = true
	r.mu.Unlock()
	// Deletions are told at once: the first one stalls the loop.
	n := queued + 10_000
	for i := range n {
		path := filepath.Join(dir, "sub", strconv.Itoa(i))
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
		must(t, err, f.Close())
		if i == 0 {
			remove(t, path)
			n--
		}
	}
	for i := range 50 {
		remove(t, filepath.Join(dir, fmt.Sprint("old", i)))
		write(t, filepath.Join(dir, fmt.Sprint("old", 50+i)), "yy")
	}
	r.mu.Lock()
	r.stall = false
	r.mu.Unlock()
	r.freed.Broadcast()
	count := func(all []*events.Event) map[string]int {
		m := map[string]int{}
		for _, e := range all {
			switch l := line(e); {
			case strings.Contains(l, "creation"):
				m["creation"]++
			case strings.Contains(l, "deletion old"):
				m["deletion"]++
			case strings.Contains(l, "modification old"):
				m["modification"]++
			default:
				m[l]++
			}
		}
		return m
	}
	all := r.await("all of it", func(all []*events.Event) bool {
		m := count(all)
		return m["creation"] >= n+1 && m["deletion"] >= 50 && m["modification"] >= 50
	})
	m := count(all)
	if m["creation"] != n+1 || m["deletion"] != 50 || m["modification"] != 50 {
		t.Errorf("%v", m)
	}
	balance := r.ledger.Read()
	if lost := balance.Dropped["overflow"]["unknown"]; lost == 0 || m["events_lost"] == 0 {
		t.Errorf("lost %d, told %d times", lost, m["events_lost"])
	}
}

// limited lets only so many watches be made.
type limited struct {
	adder
	left *atomic.Int64
}

func (l limited) Add(path string) error {
	if l.left.Add(-1) < 0 {
		return unix.ENOSPC
	}
	return l.adder.Add(path)
}

// Directories for which there is no watch are said, looked at from time to time, and
// watched as soon as that is possible.
func TestWatchLimit(t *testing.T) {
	dir := resolve(t.TempDir())
	must(t, os.MkdirAll(filepath.Join(dir, "a", "b"), 0o755))
	write(t, filepath.Join(dir, "a", "b", "old"), "x")
	var left atomic.Int64
	r := begin(t, []string{dir}, sha, func(s *Source) {
		s.timing.heal = 50 * time.Millisecond
		left.Store(int64(strings.Count(dir, "/") + 1))
		s.wrap = func(a adder) adder { return limited{a, &left} }
	})
	r.idle()
	write(t, filepath.Join(dir, "a", "b", "new"), "x")
	write(t, filepath.Join(dir, "a", "b", "old"), "changed")
	r.expect(dir, "~creation new offline", "~modification old offline")
	if log := r.logged(); strings.Count(log, "raise fs.inotify.max_user_watches") != 1 || !strings.Contains(log, filepath.Join(dir, "a", "b")) || !strings.Contains(log, "directories=2") {
		t.Error(log)
	}
	left.Store(100)
	r.await("the healing", func([]*events.Event) bool { return strings.Contains(r.logged(), "all directories are watched again") })
	remove(t, filepath.Join(dir, "a", "b", "new"))
	r.expect(dir, "deletion new")
}

// A file system that is mounted over a watched directory is noticed and watched, and
// so is what was below when it goes.
func TestMount(t *testing.T) {
	dir := resolve(t.TempDir())
	point := filepath.Join(dir, "a b")
	must(t, os.Mkdir(point, 0o755))
	write(t, filepath.Join(point, "below"), "")
	if err := unix.Mount("inotify-test", point, "tmpfs", 0, ""); errors.Is(err, unix.EPERM) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	unmount := sync.OnceFunc(func() { must(t, unix.Unmount(point, unix.MNT_DETACH)) })
	t.Cleanup(unmount)
	write(t, filepath.Join(point, "first"), "")
	r := begin(t, []string{dir}, func(s *Source) { s.timing.heal = 50 * time.Millisecond })
	write(t, filepath.Join(point, "second"), "")
	r.expect(dir, "creation second")
	unmount()
	const said = "another file system has a watched path"
	r.await("the unmounting", func([]*events.Event) bool { return strings.Contains(r.logged(), said) })
	remove(t, filepath.Join(point, "below"))
	r.expect(dir, "deletion below")
}

// What is reached by two paths is told once.
func TestAlias(t *testing.T) {
	dir := resolve(t.TempDir())
	real, other := filepath.Join(dir, "real"), filepath.Join(dir, "other")
	must(t, os.Mkdir(real, 0o755), os.Mkdir(other, 0o755))
	if err := unix.Mount(real, other, "", unix.MS_BIND, ""); errors.Is(err, unix.EPERM) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(other, unix.MNT_DETACH)) })
	r := begin(t, []string{real, other})
	write(t, filepath.Join(other, "file"), "")
	r.await("the file", func(all []*events.Event) bool { return len(all) > 0 })
	r.end()
	if all := r.all(); len(all) != 1 || line(all[0]) != "creation file" {
		t.Errorf("%q", lines(all))
	}
}

// Files that are too large have no hashes and are told all the same. The rest is not
// read faster than allowed, which stops neither the watching nor the end.
func TestBounds(t *testing.T) {
	dir := resolve(t.TempDir())
	r := begin(t, []string{dir}, sha, func(s *Source) {
		s.options.MaxFileSize, s.options.Rate = 100_000, 1000
		s.timing.drain = 200 * time.Millisecond
	})
	write(t, filepath.Join(dir, "large"), strings.Repeat("x", 100_001))
	write(t, filepath.Join(dir, "slow"), strings.Repeat("x", 100_000)) // 100 s
	write(t, filepath.Join(dir, "small"), "x")
	r.await("the large one", func(all []*events.Event) bool { return strings.Contains(fmt.Sprint(lines(all)), "modification large") })
	begun := time.Now()
	r.end()
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("the end took %s", took)
	}
	all := r.all()
	for _, name := range []string{"large", "slow", "small"} {
		if e := find(t, all, "modification "+name); e.File.Hashes != nil {
			t.Errorf("%s has hashes", name)
		}
	}
}

// The kernel's own limits, in a user namespace that has them to itself.
func TestKernelLimits(t *testing.T) {
	const child = "SENSOR_TEST_INOTIFY_LIMITS"
	if os.Getenv(child) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKernelLimits$", "-test.v")
		cmd.Env = append(os.Environ(), child+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
		out, err := cmd.CombinedOutput()
		switch {
		case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOSPC), strings.Contains(string(out), "--- SKIP"):
			t.Skipf("%v\n%s", err, out)
		case err != nil:
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	sysctl := func(name, value string) {
		if err := os.WriteFile("/proc/sys/user/"+name, []byte(value), 0o644); err != nil {
			t.Skip(err)
		}
	}
	dir := resolve(t.TempDir())
	must(t, os.MkdirAll(filepath.Join(dir, "a", "b"), 0o755))
	sysctl("max_inotify_watches", strconv.Itoa(strings.Count(dir, "/")+1))
	r := begin(t, []string{dir}, func(s *Source) { s.timing.heal = 50 * time.Millisecond })
	write(t, filepath.Join(dir, "a", "b", "file"), "")
	r.expect(dir, "~creation file offline")
	if !strings.Contains(r.logged(), "raise fs.inotify.max_user_watches") {
		t.Error(r.logged())
	}
	sysctl("max_inotify_watches", "100")
	r.await("the healing", func([]*events.Event) bool { return strings.Contains(r.logged(), "all directories are watched again") })
	sysctl("max_inotify_instances", "1")
	s := New(r.source.options)
	if _, err := s.Open(fileKinds()); err == nil || !strings.Contains(err.Error(), "raise fs.inotify.max_user_instances") {
		t.Errorf("%v", err)
	}
}
