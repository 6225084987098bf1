// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// A reader that has stopped reading does not keep Write once its context ends,
// and what Write says it wrote is what the reader finds.
func TestPipeBlocked(t *testing.T) {
	for _, length := range []int{
		99,   // torn in the middle
		240,  // all but its newline: 17 lines take 4097 bytes
		255,  // cut between lines
		4095, // the first line and nothing else
		5000, // the first line is torn
		4094, // the next line's first byte
	} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			r, w := pipe(t)
			s := closing(t, inherited("stdout", w, encode))
			ctx, cancel := context.WithCancelCause(context.Background())
			go func() {
				awaitFull(t, r, pipeSize)
				cancel(errTest)
			}()
			list := batch(0, 100, length)
			n, err := s.Write(ctx, list)
			if want := (pipeSize + 1) / (length + 1); n != want || !errors.Is(err, errTest) {
				t.Errorf("wrote %d, error %v; want %d and the cause", n, err, want)
			}
			torn := checkLines(t, read(t, r, pipeSize), n, length)
			if bytes.ContainsRune(torn, '\n') || !bytes.HasPrefix([]byte(line(n, length)), torn) {
				t.Errorf("behind the lines stands %q", torn)
			}

			// The next write ends the torn line before it begins its own.
			const short = 20
			if m, err := s.Write(context.Background(), batch(0, 2, short)); m != 2 || err != nil {
				t.Fatalf("wrote %d, error %v", m, err)
			}
			if s.Close(context.Background()) != nil || w.Close() != nil {
				t.Fatal("close")
			}
			got, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if pipeSize%(length+1) != 0 {
				if got[0] != '\n' {
					t.Fatalf("the torn line goes on with %q", got)
				}
				got = got[1:]
			}
			if rest := checkLines(t, got, 2, short); len(rest) > 0 {
				t.Errorf("and then %q", rest)
			}
		})
	}
}

// A slow reader gets everything.
func TestPipeSlow(t *testing.T) {
	r, w := pipe(t)
	s := closing(t, inherited("stdout", w, encode))
	got := make(chan []byte)
	go func() {
		var b []byte
		buffer := make([]byte, 100)
		for {
			n, err := r.Read(buffer)
			if b = append(b, buffer[:n]...); err != nil {
				got <- b
				return
			}
		}
	}()
	for i := range 10 {
		if n, err := s.Write(context.Background(), batch(100*i, 100, 99)); n != 100 || err != nil {
			t.Errorf("wrote %d, error %v", n, err)
		}
	}
	if s.Close(context.Background()) != nil || w.Close() != nil {
		t.Fatal("close")
	}
	if rest := checkLines(t, <-got, 1000, 99); len(rest) > 0 {
		t.Errorf("and then %q", rest)
	}
}

func TestPipeClosed(t *testing.T) {
	r, w := pipe(t)
	s := closing(t, inherited("stdout", w, encode))
	if n, err := s.Write(context.Background(), batch(0, 1, 10)); n != 1 || err != nil {
		t.Fatalf("wrote %d, error %v", n, err)
	}
	r.Close()
	if n, err := s.Write(context.Background(), batch(1, 5, 10)); n != 0 || !errors.Is(err, unix.EPIPE) {
		t.Errorf("wrote %d, error %v; want 0, EPIPE", n, err)
	}
}

// The reader leaves while a write waits for it.
func TestPipeClosedMeanwhile(t *testing.T) {
	r, w := pipe(t)
	s := closing(t, inherited("stdout", w, encode))
	go func() {
		awaitFull(t, r, pipeSize)
		r.Close()
	}()
	if n, err := s.Write(context.Background(), batch(0, 100, 255)); n != pipeSize/256 || !errors.Is(err, unix.EPIPE) {
		t.Errorf("wrote %d, error %v; want %d, EPIPE", n, err, pipeSize/256)
	}
}

// The end of one write's context does not cut the next one short.
func TestPipeContextOfAnotherWrite(t *testing.T) {
	r, w := pipe(t)
	s := closing(t, inherited("stdout", w, encode))
	go io.Copy(io.Discard, r)
	for i := range 2000 {
		ctx, cancel := context.WithCancel(context.Background())
		go cancel()
		if n, err := s.Write(ctx, batch(i, 1, 10)); n == 1 != (err == nil) {
			t.Fatalf("wrote %d, error %v", n, err)
		}
		if n, err := s.Write(context.Background(), batch(i, 1, 10)); n != 1 || err != nil {
			t.Fatalf("round %d: wrote %d, error %v", i, n, err)
		}
	}
}

// The flags of the descriptor that others share stay as they are, and it stays open.
func TestSharedDescriptor(t *testing.T) {
	r, w := pipe(t)
	s := inherited("stdout", w, encode)
	flags, err := unix.FcntlInt(w.Fd(), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK != 0 {
		t.Errorf("flags %#x, error %v", flags, err)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if _, err := w.WriteString("x"); err != nil {
		t.Error(err)
	}
	if got := read(t, r, 1); got[0] != 'x' {
		t.Errorf("got %q", got)
	}
}

// Standard output that is a file keeps what others wrote to it.
func TestRegular(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("from the shell\n"); err != nil {
		t.Fatal(err)
	}
	s := closing(t, inherited("stdout", f, encode))
	if n, err := s.Write(context.Background(), batch(0, 1, 3)); n != 1 || err != nil {
		t.Errorf("wrote %d, error %v", n, err)
	}
	if _, err := f.WriteString("and after\n"); err != nil {
		t.Fatal(err)
	}
	const want = "from the shell\n000\nand after\n"
	if got, err := os.ReadFile(path); string(got) != want || err != nil {
		t.Errorf("got %q, want %q, error %v", got, want, err)
	}
}

// A socket cannot be opened anew. A write that is given up on counts as not
// written, and nothing is written behind it.
func TestSocket(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	w, r := os.NewFile(uintptr(fds[0]), "writer"), os.NewFile(uintptr(fds[1]), "reader")
	defer r.Close()
	s := closing(t, inherited("stdout", w, encode))
	if n, err := s.Write(context.Background(), batch(0, 1, 10)); n != 1 || err != nil {
		t.Fatalf("wrote %d, error %v", n, err)
	}
	filled := 0
	for err = nil; err == nil; filled++ {
		err = unix.Sendto(fds[0], []byte{'.'}, unix.MSG_DONTWAIT, nil)
	}
	if filled--; !errors.Is(err, unix.EAGAIN) {
		t.Fatal(err)
	}

	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errTest)
	var waiting [3]int
	for i := range waiting {
		if n, err := s.Write(ctx, batch(i+1, 1, 10)); n != 0 || !errors.Is(err, errTest) {
			t.Errorf("wrote %d, error %v; want 0 and the cause", n, err)
		}
		waiting[i] = runtime.NumGoroutine()
	}
	if waiting[2] > waiting[0] {
		t.Errorf("each write leaves a goroutine behind: %d", waiting)
	}
	if s.Close(context.Background()) != nil || w.Close() != nil {
		t.Fatal("close")
	}
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	rest := bytes.TrimLeft(checkLines(t, got, 1, 10), ".")
	if skipped := len(got) - 11 - len(rest); skipped != filled {
		t.Errorf("found %d bytes of filling, want %d", skipped, filled)
	}
	if want := line(1, 10) + "\n"; string(rest) != want && len(rest) != 0 {
		t.Errorf("behind it stands %q, want %q or nothing", rest, want)
	}
}

// Whoever reads standard output may have left before we look at it. Go would
// end the program at the first write to descriptor 1.
func TestStdoutClosed(t *testing.T) {
	r, w := pipe(t)
	r.Close()
	said, err := as(t, "stdout", w)
	if want := "0, EPIPE true"; err != nil || len(said) < len(want) || said[:len(want)] != want {
		t.Errorf("it said %q and ended with %v", said, err)
	}

	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	socket := os.NewFile(uintptr(fds[0]), "socket")
	defer socket.Close()
	unix.Close(fds[1])
	said, err = as(t, "stdout", socket)
	if want := "0, EPIPE true"; err != nil || len(said) < len(want) || said[:len(want)] != want {
		t.Errorf("socket: it said %q and ended with %v", said, err)
	}
}

func TestStdout(t *testing.T) {
	r, w := pipe(t)
	if said, err := as(t, "stdout", w); said != "3, EPIPE false, <nil>" || err != nil {
		t.Errorf("it said %q and ended with %v", said, err)
	}
	if rest := checkLines(t, read(t, r, 33), 3, 10); len(rest) > 0 {
		t.Errorf("and then %q", rest)
	}
}
