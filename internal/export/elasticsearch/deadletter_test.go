// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}

// The file is its owner's, also if it was there before, and stays within its size; one older one is kept.
func TestDeadLetterRotates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dead")
	if err := os.WriteFile(path, []byte("{}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d, err := openDeadLetter(path, 4096)
	if err != nil {
		t.Fatal(err)
	}
	if got := mode(t, path); got != 0o600 {
		t.Errorf("its mode is %v", got)
	}
	for i := range 1000 {
		if err := d.write(400, "type", "reason", letter{index: "index", id: fmt.Sprint(i), document: []byte(`{"a":1}`)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	now, old := letters(t, path), letters(t, path+".1")
	if len(now)+len(old) < 20 || now[len(now)-1]["id"] != "999" || fmt.Sprint(old[len(old)-1]["id"]) >= fmt.Sprint(now[0]["id"]) {
		t.Errorf("%d and %d letters, the last is %v", len(now), len(old), now[len(now)-1])
	}
	for _, p := range []string{path, path + ".1"} {
		info, err := os.Stat(p)
		if err != nil || info.Size() > 4096 || info.Mode() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
	}
	if list, err := os.ReadDir(filepath.Dir(path)); err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
	if d.written.Load() != 1000 || d.failed.Load() != 0 {
		t.Errorf("written %d, failed %d", d.written.Load(), d.failed.Load())
	}
}

// One letter that is larger than the file may be is kept all the same.
func TestDeadLetterHuge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dead")
	d, err := openDeadLetter(path, 100)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if err := d.write(413, "", strings.Repeat("x", 1000), letter{}); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path + ".1"); (err == nil) != (n > 0) {
			t.Errorf("after letter %d: %v", n+1, err)
		}
	}
	if now, old := letters(t, path), letters(t, path+".1"); len(now) != 1 || len(old) != 1 {
		t.Errorf("%d and %d letters", len(now), len(old))
	}
}

// What is no JSON does not spoil the file.
func TestDeadLetterOfGarbage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dead")
	d, err := openDeadLetter(path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.write(0, "\xff\n", "\x00", letter{index: "\n", id: "\xff", document: []byte("{\n")}); err != nil {
		t.Fatal(err)
	}
	if list := letters(t, path); len(list) != 1 || list[0]["document"] != nil {
		t.Errorf("%v", list)
	}
}

func TestDeadLetterRefuses(t *testing.T) {
	dir := t.TempDir()
	fifo, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "link")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, link, dir, "/dev/full", filepath.Join(dir, "none", "dead")} {
		if d, err := openDeadLetter(path, 1); err == nil {
			t.Errorf("%s: got %v", path, d)
		}
	}
	if mode(t, "/dev/full")&0o777 == 0o600 {
		t.Error("/dev/full has lost its mode")
	}
}

// A disk that is full takes no half letters, and the next one is whole again once there is room.
func TestDeadLetterOnFullDisk(t *testing.T) {
	dir := t.TempDir()
	runtime.LockOSThread() // for good: the thread has mounts of its own
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Skipf("only root can mount: %v", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("test", dir, "tmpfs", 0, "size=16k"); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	path := filepath.Join(dir, "dead")
	d, err := openDeadLetter(path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for d.failed.Load() < 3 {
		if d.write(400, "", strings.Repeat("x", 1000), letter{}) == nil {
			kept++
		}
	}
	if list := letters(t, path); kept < 10 || len(list) != kept {
		t.Errorf("%d letters of %d", len(list), kept)
	}
	if err := unix.Mount("test", dir, "tmpfs", unix.MS_REMOUNT, "size=64k"); err != nil {
		t.Fatal(err)
	}
	if err := d.write(400, "", "", letter{}); err != nil {
		t.Error(err)
	}
	if list := letters(t, path); len(list) != kept+1 {
		t.Errorf("%d letters of %d", len(list), kept+1)
	}
	if err := d.close(); err != nil {
		t.Error(err)
	}
}

// A dead letter file that cannot be written to is told of and counted. It holds up nothing.
func TestDeadLetterFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "dir")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "dead")
		w := newWorld(t, &fakeEngine{outcome: func(*request, document) int { return 400 }}, func(o *Options) { o.DeadLetter, o.DeadLetterBytes = path, 300 })
		w.write(events.KindExec, 1)
		synctest.Wait()
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		w.write(events.KindExec, 5)
		time.Sleep(2 * time.Minute)
		w.write(events.KindExec, 4)
		synctest.Wait()
		stats := w.sink.Stats()
		if stats.DeadLetters != 1 || stats.DeadLetterFailure != 9 || stats.Rejected != 10 {
			t.Errorf("%+v", stats)
		}
		if told := w.log.count("refused events cannot be kept"); told != 1 && told != 2 {
			t.Errorf("told %d times: %s", told, w.log)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		w.write(events.KindExec, 1)
		w.close(time.Hour)
		if list := letters(t, path); len(list) != 1 || w.ledger.Read().Dropped["rejected"]["exec"] != 11 {
			t.Errorf("%v; %s", list, w.ledger.Read())
		}
	})
}
