// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// A file holds no more than it may, and nothing but whole lines; together they
// hold every line once, in order.
func TestRotateBySize(t *testing.T) {
	for _, test := range []struct {
		name          string
		bytes         int64
		length, batch int
	}{
		{"batches larger than files", 500, 99, 50},
		{"batches smaller than files", 100, 9, 7},
		{"a line in each", 150, 99, 10},
		{"lines that are too long", 50, 99, 10},
		{"one byte", 1, 9, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out")
			var said said
			s := opened(t, path, Rotation{Bytes: test.bytes}, &said)
			const rounds = 6
			for i := range rounds {
				writeAll(t, s, i*test.batch, test.batch, test.length)
			}
			files := rotated(t, path)
			name := regexp.MustCompile(`^out\.\d{8}T\d{6}\.\d{6}Z$`)
			for i, file := range files {
				info, err := os.Lstat(file)
				if err != nil {
					t.Fatal(err)
				}
				lines := info.Size() / int64(test.length+1)
				if info.Mode() != 0o600 || info.Size() > test.bytes && lines > 1 || info.Size()%int64(test.length+1) != 0 {
					t.Errorf("%s has mode %v and %d bytes", file, info.Mode(), info.Size())
				}
				if i < len(files)-1 && (!name.MatchString(filepath.Base(file)) || info.Size()+int64(test.length+1) < test.bytes) {
					t.Errorf("%s gave way with %d bytes", file, info.Size())
				}
			}
			if rest := checkLines(t, []byte(content(t, files)), rounds*test.batch, test.length); len(rest) > 0 {
				t.Errorf("and then %q", rest)
			}
			if len(files) < 2 {
				t.Error("nothing was rotated")
			}
			said.check(t)
		})
	}
}

// Without a limit there is one file.
func TestNotRotated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	s := opened(t, path, Rotation{Keep: 1}, &said{})
	writeAll(t, s, 0, 5000, 999)
	if files := rotated(t, path); !slices.Equal(files, []string{path}) {
		t.Errorf("there are %q", files)
	}
}

func TestRotateByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "out")
		var said said
		s := opened(t, path, Rotation{Age: time.Hour}, &said)
		count := func(want int) {
			t.Helper()
			if files := rotated(t, path); len(files) != want {
				t.Errorf("there are %q, want %d files", files, want)
			}
		}
		time.Sleep(2 * time.Hour) // a file without lines has no age
		writeAll(t, s, 0, 1, 5)
		count(1)
		time.Sleep(time.Hour - 1)
		writeAll(t, s, 1, 1, 5)
		count(1)
		time.Sleep(time.Nanosecond)
		first := time.Now()
		writeAll(t, s, 2, 1, 5)
		count(2)
		time.Sleep(time.Hour)
		writeAll(t, s, 3, 1, 5)
		count(3)

		// The name is when it was rotated.
		if want := path + "." + first.UTC().Format("20060102T150405.000000Z"); rotated(t, path)[0] != want {
			t.Errorf("it is called %s, want %s", rotated(t, path)[0], want)
		}
		if rest := checkLines(t, []byte(content(t, rotated(t, path))), 4, 5); len(rest) > 0 {
			t.Errorf("and then %q", rest)
		}
		said.check(t)
	})
}

// The age of a file that was there is that of the file, not of the sensor.
func TestRotateByAgeOfBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(path, []byte(line(0, 5)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for !born(f).Before(time.Now().Add(-time.Millisecond)) { // the kernel's clock has ticks
		if deadline, ok := t.Deadline(); ok && time.Until(deadline) < time.Minute {
			t.Skip("the file system does not know when files were made")
		}
	}
	young := opened(t, path, Rotation{Age: time.Hour}, &said{})
	writeAll(t, young, 1, 1, 5)
	if files := rotated(t, path); len(files) != 1 {
		t.Errorf("there are %q", files)
	}
	old := opened(t, path, Rotation{Age: time.Nanosecond}, &said{})
	writeAll(t, old, 2, 1, 5)
	if files := rotated(t, path); len(files) != 2 || content(t, files[1:]) != line(2, 5)+"\n" {
		t.Errorf("there are %q", files)
	}
}

// What was there before is rotated like the rest; a torn line stays a line of its own.
func TestRotateWhatWasThere(t *testing.T) {
	for before, want := range map[string]string{"": "00000\n", "a\n": "a\n|00000\n", "a\nb": "a\nb\n|00000\n"} {
		path := filepath.Join(t.TempDir(), "out")
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		writeAll(t, opened(t, path, Rotation{Bytes: 7}, &said{}), 0, 1, 5)
		var got []string
		for _, file := range rotated(t, path) {
			got = append(got, content(t, []string{file}))
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q: got %q, want %q", before, got, want)
		}
	}
}

// Two files that are rotated within one microsecond do not get one name.
func TestRotateTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "out")
		s := opened(t, path, Rotation{Bytes: 10}, &said{})
		for i := range 20 {
			writeAll(t, s, i, 1, 5)
			time.Sleep(100 * time.Nanosecond)
		}
		if files := rotated(t, path); len(files) != 20 || len(checkLines(t, []byte(content(t, files)), 20, 5)) > 0 {
			t.Errorf("there are %q", files)
		}
	})
}

// The newest stay, even if the clock was set back; others' files stay too.
func TestRotateKeeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "out")
		others := []string{path + ".1", path + ".gz", path + "x.20000101T000000.000000Z", path + ".20000101T000000.000000Z.gz", path + ".20000101T000000Z"}
		for _, other := range others {
			if err := os.WriteFile(other, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		directory := path + ".19990101T000000.000000Z"
		if err := os.Mkdir(directory, 0o700); err != nil {
			t.Fatal(err)
		}
		future := path + ".21000101T000000.000000Z"
		if err := os.WriteFile(future, []byte("before\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		var said said
		s := opened(t, path, Rotation{Bytes: 10, Keep: 2}, &said)
		for i := range 2 {
			writeAll(t, s, i, 1, 5)
		}
		if got := content(t, []string{future, path + ".21000101T000000.000001Z", path}); got != "before\n00000\n00001\n" {
			t.Errorf("got %q", got)
		}
		writeAll(t, s, 2, 10, 5)
		if got := content(t, []string{path + ".21000101T000000.000010Z", path + ".21000101T000000.000011Z", path}); got != "00009\n00010\n00011\n" {
			t.Errorf("got %q", got)
		}
		want := append(others, directory, path+".21000101T000000.000010Z", path+".21000101T000000.000011Z", path)
		got, err := filepath.Glob(path + "*")
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(want)
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("there are %q, want %q", got, want)
		}
		said.check(t)
	})
}

// A file that cannot be rotated is written to, which is said once, and rotated when it can be.
func TestRotateFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "out")
		var said said
		s := opened(t, path, Rotation{Bytes: 10}, &said)
		writeAll(t, s, 0, 1, 5)
		inTheWay := func() string { return path + "." + time.Now().UTC().Format(stamp) }
		first := inTheWay()
		if err := os.Mkdir(first, 0o700); err != nil {
			t.Fatal(err)
		}
		writeAll(t, s, 1, 9, 5)
		said.check(t, `level=ERROR msg="the output file was not rotated; writing goes on in it"`)
		time.Sleep(retryAfter - 1)
		writeAll(t, s, 10, 1, 5)
		time.Sleep(time.Nanosecond)
		if err := os.Mkdir(inTheWay(), 0o700); err != nil {
			t.Fatal(err)
		}
		writeAll(t, s, 11, 1, 5)
		said.check(t)
		if got := content(t, []string{path}); checkLines(t, []byte(got), 12, 5) == nil {
			t.Error("there is nothing")
		}
		time.Sleep(retryAfter)
		old := inTheWay()
		writeAll(t, s, 12, 1, 5)
		said.check(t, "level=INFO")
		if got := content(t, []string{old, path}); len(checkLines(t, []byte(got), 13, 5)) > 0 || content(t, []string{path}) != "00012\n" {
			t.Errorf("got %q", got)
		}
	})
}

// While another one rotates the file, it is written to, and nobody complains.
func TestRotateLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	var said said
	s := opened(t, path, Rotation{Bytes: 10}, &said)
	other, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := unix.Flock(int(other.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	writeAll(t, s, 0, 5, 5)
	writeAll(t, s, 5, 5, 5)
	if files := rotated(t, path); len(files) != 1 || len(checkLines(t, []byte(content(t, files)), 6, 5)) == 0 {
		t.Errorf("there are %q", files)
	}
	if err := unix.Flock(int(other.Fd()), unix.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	writeAll(t, s, 10, 1, 5)
	if files := rotated(t, path); content(t, []string{path}) != "00010\n" || len(checkLines(t, []byte(content(t, files)), 11, 5)) > 0 {
		t.Errorf("there are %q", files)
	}
	said.check(t)
}

// What is no file of its own is not rotated, which is said.
func TestNotRotatable(t *testing.T) {
	dir := t.TempDir()
	target, link, fifo := filepath.Join(dir, "target"), filepath.Join(dir, "link"), filepath.Join(dir, "fifo")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenFile(fifo, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, path := range []string{link, fifo, os.DevNull} {
		var said said
		s := opened(t, path, Rotation{Bytes: 1, Age: 1}, &said)
		said.check(t, `level=WARN msg="the output is not rotated`)
		writeAll(t, s, 0, 5, 9)
		writeAll(t, s, 5, 5, 9)
		said.check(t)
	}
	for file, got := range map[string]string{link: content(t, []string{target}), fifo: string(read(t, r, 100))} {
		if rest := checkLines(t, []byte(got), 10, 9); len(rest) > 0 {
			t.Errorf("%s: and then %q", file, rest)
		}
	}
	if entries, err := os.ReadDir(dir); len(entries) != 3 || err != nil {
		t.Errorf("there are %v, error %v", entries, err)
	}
	var said said
	opened(t, link, Rotation{Keep: 1}, &said)
	said.check(t) // nobody asked for it
}

// Standard output by its path is that of whoever has opened it.
func TestNotRotatedStdout(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := opened(t, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), Rotation{Bytes: 1}, &said{})
	writeAll(t, s, 0, 3, 5)
	if err := os.Rename(path, path+"2"); err != nil {
		t.Fatal(err)
	}
	writeAll(t, s, 3, 3, 5)
	if rest := checkLines(t, []byte(content(t, []string{path + "2"})), 6, 5); len(rest) > 0 || len(rotated(t, path)) > 0 {
		t.Errorf("and then %q, in %q", rest, rotated(t, path))
	}
}

// Several write to one file and rotate it, and somebody moves it away besides:
// every line is there once, whole, and each writer's are in order.
func TestRotateConcurrently(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	const writers, batches, each, length = 4, 150, 10, 20
	var wg sync.WaitGroup
	for w := range writers {
		s, err := File(path, func(b []byte, e *events.Event) []byte {
			return fmt.Appendf(b, "%d %s", w, e.Process.Name)
		}, Rotation{Bytes: 1000, Age: 50 * time.Millisecond}, quiet())
		if err != nil {
			t.Fatal(err)
		}
		closing(t, s)
		wg.Go(func() {
			for i := range batches {
				if n, err := s.Write(context.Background(), batch(i*each, each, length)); n != each || err != nil {
					t.Errorf("wrote %d, error %v", n, err)
				}
			}
		})
	}
	written := make(chan struct{})
	go func() {
		wg.Wait()
		close(written)
	}()
	for moved := 0; ; {
		select {
		case <-written:
		default:
			// Not more often than the writers rotate.
			if files, err := filepath.Glob(path + ".2*"); err != nil || len(files) < 4*moved {
				continue
			}
			if os.Rename(path, fmt.Sprintf("%s.moved%d", path, moved)) == nil {
				moved++
			}
			continue
		}
		if moved < 5 {
			t.Errorf("moved away only %d times", moved)
		}
		break
	}

	found := map[string]int{}
	for _, file := range rotated(t, path) {
		last := map[string]int{}
		for l := range strings.Lines(content(t, []string{file})) {
			if l == "\n" { // a line was not ended yet when another writer came
				continue
			}
			writer, number, ok := strings.Cut(strings.TrimSuffix(l, "\n"), " ")
			n, err := strconv.Atoi(number)
			if !ok || err != nil || len(number) != length || l[len(l)-1] != '\n' {
				t.Fatalf("%s: there is %q", file, l)
			}
			if before, ok := last[writer]; ok && n <= before {
				t.Errorf("%s: %s comes after %d", file, l, before)
			}
			last[writer] = n
			found[l]++
		}
	}
	for l, n := range found {
		if n != 1 {
			t.Errorf("%q is there %d times", l, n)
		}
	}
	if want := writers * batches * each; len(found) != want || len(rotated(t, path)) < 10 {
		t.Errorf("%d lines in %d files, want %d lines", len(found), len(rotated(t, path)), want)
	}
}

// Killed at any moment, a writer loses nothing that it said was taken, and the
// next one goes on.
func TestRotateKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const runs = 15
	taken := make([]int, runs)
	for run := range runs {
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=endless %s %d", roleVariable, path, run))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if taken[run], err = strconv.Atoi(lines.Text()); err != nil {
				t.Error(err)
			}
			if taken[run] >= 20*(7*run+1) && taken[run] < 20*(7*run+2) {
				if err := cmd.Process.Kill(); err != nil {
					t.Error(err)
				}
			}
		}
		if err := cmd.Wait(); cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatal(err)
		}
	}
	if len(rotated(t, path)) < runs {
		t.Error("hardly anything was rotated")
	}
	next := make([]int, runs)
	for l := range strings.Lines(content(t, rotated(t, path))) {
		var run, number int
		if _, err := fmt.Sscanf(l, "%d %d\n", &run, &number); err != nil || number != next[run] || len(l) != len(fmt.Sprint(run))+12 {
			if next[run] < taken[run] { // what was not said to be taken may be torn
				t.Errorf("run %d: there is %q where line %d of %d should be", run, l, next[run], taken[run])
			}
			continue
		}
		next[run]++
	}
	for run := range runs {
		if next[run] < taken[run] {
			t.Errorf("run %d: %d lines are there, of %d that were taken", run, next[run], taken[run])
		}
	}
}

// A full disk is as without rotation: the count is that of the whole lines, and
// it goes on when there is room.
func TestRotateFullDisk(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), roleVariable+"=small-disk "+t.TempDir(), "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if strings.HasPrefix(string(out), "no mount") || err != nil && len(out) == 0 {
		t.Skipf("no file system of its own: %v, %s", err, out)
	}
	var whole, taken, failed, files int
	var again string
	if n, scan := fmt.Sscanf(string(out), "%d of %d, %d failed, %s %d files", &whole, &taken, &failed, &again, &files); n != 5 || err != nil {
		t.Fatalf("it said %q (%v, %v)", out, scan, err)
	}
	if whole != taken || failed != 5 || again != "<nil>," || files < 5 {
		t.Errorf("it said %q", out)
	}
}
