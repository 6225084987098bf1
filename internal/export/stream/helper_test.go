// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// encode makes a line of the process's name, whatever its length.
func encode(b []byte, e *events.Event) []byte { return append(b, e.Process.Name...) }

// quiet is a log of which nothing is looked at.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// batch makes count events of lines with the given length, numbered from first.
func batch(first, count, length int) []*events.Event {
	list := make([]*events.Event, count)
	for i := range list {
		list[i] = &events.Event{Process: &events.Process{Name: line(first+i, length)}}
	}
	return list
}

func line(number, length int) string { return fmt.Sprintf("%0*d", length, number) }

// checkLines wants what was read to be lines numbered from 0 to whole, and
// gives what stands behind them.
func checkLines(t *testing.T, got []byte, whole, length int) (rest []byte) {
	t.Helper()
	for i := range whole {
		l, after, ended := bytes.Cut(got, []byte{'\n'})
		if string(l) != line(i, length) || !ended && i < whole-1 {
			t.Fatalf("line %d is %q, want %q", i, l, line(i, length))
		}
		got = after
	}
	return got
}

// pipe makes a pipe of one page as a shell would: its ends block.
func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	r, w = os.NewFile(uintptr(fds[0]), "reader"), os.NewFile(uintptr(fds[1]), "writer")
	t.Cleanup(func() { r.Close(); w.Close() })
	if n, err := unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, pipeSize); err != nil || n != pipeSize {
		t.Skipf("the kernel makes no pipe of %d bytes: %d, %v", pipeSize, n, err)
	}
	return r, w
}

const pipeSize = 4096

// awaitFull returns once n bytes wait in the pipe.
func awaitFull(t *testing.T, r *os.File, n int) {
	t.Helper()
	for {
		waiting, err := unix.IoctlGetInt(int(r.Fd()), unix.TIOCINQ)
		if err != nil {
			t.Error(err)
			return
		}
		if waiting >= n {
			return
		}
		runtime.Gosched()
	}
}

// read takes exactly n bytes.
func read(t *testing.T, r io.Reader, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatal(err)
	}
	return b
}

func closing(t *testing.T, s *Sink) *Sink {
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

// The test binary is its own helper: what a role says goes to stderr.
const roleVariable = "STREAM_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role, argument, _ := strings.Cut(os.Getenv(roleVariable), " "); role {
	case "":
		os.Exit(m.Run())
	case "stdout":
		n, err := Stdout(encode).Write(context.Background(), batch(0, 3, 10))
		fmt.Fprintf(os.Stderr, "%d, EPIPE %v, %v", n, errors.Is(err, unix.EPIPE), err)
	case "limited":
		limited(argument)
	case "endless":
		endless(argument)
	case "small-disk":
		smallDisk(argument)
	}
}

// limited writes twice to the file, at first with no more room than what is
// there and the number of bytes given.
func limited(argument string) {
	var path string
	var room uint64
	if _, err := fmt.Sscan(argument, &room, &path); err != nil {
		panic(err)
	}
	s, err := File(path, encode, Rotation{}, quiet())
	if err != nil {
		panic(err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: room, Max: limit.Max}); err != nil {
		panic(err)
	}
	n, err := s.Write(context.Background(), batch(0, 10, 10))
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
	again, second := s.Write(context.Background(), batch(n, 10-n, 10))
	fmt.Fprintf(os.Stderr, "%d, EFBIG %v, then %d, %v", n, errors.Is(err, unix.EFBIG), again, second)
}

// as runs the test binary in a role and gives what it said.
func as(t *testing.T, role string, stdout *os.File) (said string, err error) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "GORACE=atexit_sleep_ms=0")
	cmd.Stdout = stdout
	var stderr strings.Builder
	cmd.Stderr = &stderr
	err = cmd.Run()
	return stderr.String(), err
}
