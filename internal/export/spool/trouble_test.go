// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// awaitDisk waits until the spool is on disk again.
func (r *rig) awaitDisk() {
	r.t.Helper()
	limit := time.Now().Add(time.Minute)
	for !r.Stats().OnDisk {
		if time.Now().After(limit) {
			r.t.Fatal("the spool does not go back to the disk")
		}
		time.Sleep(time.Millisecond)
	}
}

// said wants a text to have been logged so often.
func (r *rig) said(text string, times int) {
	r.t.Helper()
	if n := strings.Count(r.log.String(), text); n != times {
		r.t.Errorf("%q was said %d times, want %d", text, n, times)
	}
}

const (
	saidTrouble = "cannot be written to"
	saidMended  = "is written to again"
)

// On a full disk the spool goes on in memory, and back when there is room.
func TestDiskFull(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	dir := mount(t, "2m")
	r := newRig(t, func(o *Options) { o.Dir, o.MaxBytes = filepath.Join(dir, "spool"), 64<<20 })
	for range 50 { // more than the disk has, at last in memory
		r.add(bulk, 20, 4000)
		r.add(critical, 20, 1000)
	}
	if st := r.Stats(); st.OnDisk || st.Entries != 2000 {
		t.Errorf("%+v", st)
	}
	r.said(saidTrouble, 1)
	b, first := r.take(500, 1<<20) // some of it goes meanwhile, which the full disk remembers
	r.settle(b)
	b, _ = r.take(100, 1<<20)
	r.Return(b)
	remount(t, dir, 0, "64m")
	r.awaitDisk()
	r.said(saidMended, 1)
	r.add(bulk, 10, 4000)
	r.abandon() // nothing is in memory alone any more
	r.open()
	if st := r.Stats(); st.Entries != uint64(2010-len(first)) || st.Damaged != 0 {
		t.Errorf("%+v", st)
	}
	r.ship()
	r.once(numbers(0, 2010)...)
	r.close()
}

// What is in memory is bounded, and goes by class as it does on the disk.
func TestDiskFullBounded(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	for _, full := range []Full{FullOldest, FullNewest} {
		dir := mount(t, "1m")
		r := newRig(t, func(o *Options) { o.Dir, o.MaxBytes, o.Full = filepath.Join(dir, "spool"), 16<<20, full })
		var criticals []int
		for range 100 {
			criticals = append(criticals, r.add(critical, 1, 1000))
			r.add(bulk, 100, 1000)
		}
		r.Spool.mu.Lock()
		if n := r.inMemory(); n > r.memory || n < r.memory/2 {
			t.Errorf("%d bytes are in memory, want at most %d", n, r.memory)
		}
		r.Spool.unlock()
		lost := r.ledger.Read().Dropped["spool"]
		if lost["exec"] > 0 || lost["connect"] < 3000 {
			t.Errorf("lost %v", lost)
		}
		r.ship()
		for _, n := range criticals {
			if r.got[n] != 1 {
				t.Errorf("critical event %d came %d times", n, r.got[n])
			}
		}
		r.awaitDisk() // shipping has made room
		r.add(critical, 20000, 1000)
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		r.check() // what was in memory is dropped
		r.open()
		r.ship()
		if n := r.Stats().Damaged; n > 0 {
			t.Errorf("%d are taken for damaged", n)
		}
		r.close()
	}
}

// Killed while events are in memory alone, the next run says how many are lost.
func TestKilledInMemory(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	dir := mount(t, "1m")
	r := newRig(t, func(o *Options) { o.Dir, o.MaxBytes = filepath.Join(dir, "spool"), 64<<20 })
	for range 40 {
		r.add(bulk, 10, 4000)
		r.add(critical, 1, 4000)
	}
	b, _ := r.take(4, 1<<20)
	r.settle(b)
	r.abandon()
	r.open()
	lost := r.ledger.Read().Lost()
	if lost == 0 || r.Stats().Entries+lost != 440-4 {
		t.Errorf("%d are lost, %+v", lost, r.Stats())
	}
	r.ship()
	r.close()
}

// Whatever is wrong with the disk: the spool says so once, loses nothing, and
// goes back when it can.
func TestDiskTrouble(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	for _, test := range []struct {
		name    string
		trouble func(t *testing.T, r *rig) (undo func())
		err     string
	}{
		{"a segment on a full device", func(t *testing.T, r *rig) func() {
			path := r.dir.segmentName(events.ClassBulk, r.bulk.end)
			writeFile(t, path, nil)
			return bind(t, "/dev/full", path)
		}, "no space left on device"},
		{"a segment that gives input/output errors", func(t *testing.T, r *rig) func() {
			path := r.dir.segmentName(events.ClassBulk, r.bulk.end)
			writeFile(t, path, nil)
			return bind(t, "/proc/self/mem", path)
		}, "input/output error"},
		{"read-only", func(t *testing.T, r *rig) func() {
			undo := bind(t, r.Dir, r.Dir)
			if err := unix.Mount("", r.Dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
				t.Fatal(err)
			}
			return undo
		}, "read-only file system"},
	} {
		for _, sync := range []Sync{SyncNever, SyncBatch} {
			t.Run(test.name+", sync "+string(sync), func(t *testing.T) {
				t.Parallel() // each waits for the next attempt
				r := newRig(t, func(o *Options) { o.MaxBytes, o.Sync = 8<<20, sync })
				r.add(critical, 10, 1000)
				undo := test.trouble(t, r)
				for range 3 {
					r.add(bulk, 300, 1000)
				}
				r.said(saidTrouble, 1)
				r.said(test.err, 1)
				b, list := r.take(100, 1<<20)
				r.settle(b)
				if r.Stats().OnDisk {
					t.Error("it says that it is on disk")
				}
				undo()
				r.awaitDisk()
				r.said(saidMended, 1)
				r.add(bulk, 300, 1000)
				r.abandon()
				r.open()
				if st := r.Stats(); st.Damaged > 0 || st.Entries != uint64(r.next-len(list)) {
					t.Errorf("%+v", st)
				}
				r.ship()
				r.once(numbers(0, r.next)...)
				r.close()
			})
		}
	}
}

// The state cannot be written: what comes is kept in memory too, and nothing is lost.
func TestStateTrouble(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	for _, device := range []string{"/dev/full", "/proc/self/mem"} {
		r := newRig(t, nil)
		r.add(bulk, 30, 1000)
		r.close()
		r.open()
		undo := bind(t, device, r.state.path)
		r.Spool.mu.Lock()
		r.state.file.Close()
		r.state.file = nil
		r.Spool.unlock()
		r.add(bulk, 30, 1000)
		b, _ := r.take(40, 1<<20)
		r.settle(b)
		r.said(saidTrouble, 1)
		undo()
		r.awaitDisk()
		r.abandon()
		r.open()
		r.ship()
		r.once(numbers(0, 60)...)
		r.close()
	}
}

// What fsync could not write is written again.
func TestSyncTrouble(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	r := newRig(t, func(o *Options) { o.Sync = SyncBatch })
	r.add(critical, 10, 1000)
	path := r.dir.segmentName(events.ClassBulk, r.bulk.end)
	writeFile(t, path, nil)
	undo := bind(t, "/dev/null", path) // which takes everything, but knows no fsync
	r.add(bulk, 10, 1000)
	if !strings.Contains(r.log.String(), "sync spool") {
		t.Error("it does not say that it could not sync")
	}
	undo()
	r.add(bulk, 10, 1000)
	r.awaitDisk()
	r.abandon()
	r.open()
	r.ship()
	r.once(numbers(0, 30)...)
	r.want(map[string]uint64{})
	r.close()
}

// A disk that has lost a block costs what was in it.
func TestSalvage(t *testing.T) {
	b := make([]byte, 3*blockBytes+100)
	for i := range b {
		b[i] = byte(i%255 + 1)
	}
	for _, broken := range []int{0, 1, 2, 3} {
		want := slices.Clone(b)
		clear(want[broken*blockBytes : min(len(b), (broken+1)*blockBytes)])
		got := slices.Repeat([]byte{9}, len(b))
		if err := readAll(brokenReader{b, broken}, slices.Clone(got), false); err != unix.EIO {
			t.Errorf("with block %d broken, got error %v", broken, err)
		}
		if err := readAll(brokenReader{b, broken}, got, true); err != nil || !bytes.Equal(got, want) {
			t.Errorf("with block %d broken, something else was read, error %v", broken, err)
		}
	}
	if err := readAll(brokenReader{b[:10], 0}, make([]byte, 10), true); err != unix.EIO { // nothing is left to keep
		t.Errorf("got error %v", err)
	}
	got := bytes.Repeat([]byte{9}, len(b)+5000)
	if err := readAll(bytes.NewReader(b), got, false); err != nil || !bytes.Equal(got, append(b, make([]byte, 5000)...)) {
		t.Errorf("of a file that was cut something else was read, error %v", err)
	}
}

// A brokenReader cannot read one block.
type brokenReader struct {
	b      []byte
	broken int
}

func (r brokenReader) ReadAt(p []byte, offset int64) (n int, err error) {
	for n < len(p) && int(offset)+n < len(r.b) {
		if (int(offset)+n)/blockBytes == r.broken {
			return n, unix.EIO
		}
		p[n] = r.b[int(offset)+n]
		n++
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// A disk that is full when the first run begins is like one that becomes full later.
func TestFullFromTheStart(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	dir := mount(t, "1m,nr_inodes=1")
	r := newRig(t, func(o *Options) { o.Dir = filepath.Join(dir, "spool") })
	r.add(bulk, 10, 1000)
	if r.Stats().OnDisk {
		t.Error("it says that it is on disk")
	}
	r.close()
	r.want(map[string]uint64{"shutdown connect": 10})
	r.open()
	n := r.add(bulk, 10, 1000)
	remount(t, dir, 0, "1m,nr_inodes=10")
	r.awaitDisk()
	r.abandon()
	r.open()
	r.ship()
	r.once(numbers(n, n+10)...)
	r.close()
}

// A trouble that was said is no error at the end, too.
func TestClosedInTrouble(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	r := newRig(t, nil)
	r.add(bulk, 30, 1000)
	undo := bind(t, "/dev/full", r.state.path)
	r.Spool.mu.Lock()
	r.state.discard()
	r.Spool.unlock()
	b, _ := r.take(10, 1<<20)
	r.settle(b)
	r.said(saidTrouble, 1)
	r.close() // checks that it returns no error
	r.said("is closed while its disk is in trouble", 1)
	undo()
	r.open()
	r.want(map[string]uint64{})
	if n := len(r.ship()); n < 20 {
		t.Errorf("%d came", n)
	}
	r.close()
}
