// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// unreadable puts a socket in the place of a file, which cannot be opened.
func unreadable(t *testing.T, path string) (undo func()) {
	t.Helper()
	if err := errors.Join(os.Rename(path, path+".away"), unix.Mknod(path, unix.S_IFSOCK|0o600, 0)); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Rename(path+".away", path); err != nil {
			t.Error(err)
		}
	}
}

// What cannot be read now is not lost: it comes when it can be read.
func TestUnreadable(t *testing.T) {
	for _, class := range []events.Class{events.ClassBulk, events.ClassCritical} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, nil)
			for range 10 {
				r.add(bulk, 10, 1000)
				r.add(critical, 10, 1000)
			}
			files := r.files(class)
			undo, undo2 := unreadable(t, files[0]), unreadable(t, files[1])
			for r.waits() > 0 { // what can be read comes
				b := r.tryTake()
				if b == nil {
					break
				}
				r.settle(b)
			}
			if n := len(r.got); n < 100 || n > 150 {
				t.Errorf("%d came", n)
			}
			time.Sleep(time.Hour)
			r.want(map[string]uint64{})
			undo()
			undo2()
			r.ship() // waits until it is tried again
			r.once(numbers(0, 200)...)
			time.Sleep(2 * time.Second)
			r.said("cannot be read", 1)
			r.said("is read again", 1)
			r.close()
		})
	}
}

// tryTake takes a batch if there is one to be had at once.
func (r *rig) tryTake() *Batch {
	r.Spool.mu.Lock()
	defer r.Spool.unlock()
	return r.Spool.take(100, 1<<20)
}

// A process that has no file descriptor left loses nothing.
func TestNoDescriptors(t *testing.T) {
	r := newRig(t, nil)
	r.add(bulk, 1, 1000)
	for range 20 {
		r.add(bulk, 10, 1000)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := syscall.Rlimit{Cur: 0, Max: limit.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	b := r.tryTake()
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if b != nil { // of what is in memory
		r.settle(b)
	}
	r.said("too many open files", 1)
	r.ship()
	r.once(numbers(0, 201)...)
	r.close()
}

// A segment or a state that cannot be read fails Open, and is there for the next attempt.
func TestUnreadableAtOpen(t *testing.T) {
	r := newRig(t, nil)
	for range 10 {
		r.add(bulk, 10, 1000)
	}
	r.close()
	for _, path := range []string{r.files(events.ClassBulk)[1], r.state.path} {
		undo := unreadable(t, path)
		if _, err := Open(r.Options); !errors.Is(err, unix.ENXIO) {
			t.Errorf("got error %v", err)
		}
		undo()
	}
	r.open()
	r.ship()
	r.once(numbers(0, 100)...)
	r.close()
}

// Files of the two classes that were put in each other's place are damage, and nothing is counted below zero.
func TestSwapped(t *testing.T) {
	r := newRig(t, nil)
	for range 10 {
		r.add(bulk, 10, 1000)
		r.add(critical, 10, 1000)
	}
	a, b := r.files(events.ClassCritical)[0], r.files(events.ClassBulk)[0]
	if err := errors.Join(os.Rename(a, a+".away"), os.Rename(b, a), os.Rename(a+".away", b)); err != nil {
		t.Fatal(err)
	}
	r.ship()
	lost := r.ledger.Read().Dropped["spool_damaged"]
	if lost["exec"] == 0 || lost["exec"] > 50 || lost["connect"] == 0 || lost["connect"] > 50 {
		t.Errorf("lost %v", lost)
	}
	if int(r.ledger.Read().Lost())+len(r.got) != 200 {
		t.Errorf("%d came", len(r.got))
	}
	r.close()
}
