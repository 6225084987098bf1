// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
	"sensor/internal/logtest"
)

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}

func deadLetterAt(path string, most int64) (*deadLetter, *logtest.Buffer) {
	log := &logtest.Buffer{}
	return newDeadLetter(slog.New(slog.NewTextHandler(log, nil)), path, most), log
}

// The file is its owner's, also if it was there before, and stays within its size; one older one is kept.
func TestDeadLetterRotates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dead")
	if err := os.WriteFile(path, []byte("{}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d, log := deadLetterAt(path, 4096)
	if got := mode(t, path); got != 0o600 {
		t.Errorf("its mode is %v", got)
	}
	for i := range 1000 {
		d.write(400, "type", "reason", letter{index: "index", id: fmt.Sprint(i), document: []byte(`{"a":1}`)})
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
	if d.failed.Load() != 0 || log.String() != "" {
		t.Errorf("failed %d: %s", d.failed.Load(), log)
	}
}

// One letter that is larger than the file may be is kept all the same.
func TestDeadLetterHuge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dead")
	d, _ := deadLetterAt(path, 100)
	for n := range 3 {
		d.write(413, "", strings.Repeat("x", 1000), letter{})
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
	d, _ := deadLetterAt(path, 1<<20)
	d.write(0, "\xff\n", "\x00", letter{index: "\n", id: "\xff", document: []byte("{\n")})
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
	foreign := filepath.Join(dir, "foreign")
	if err := os.WriteFile(foreign, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(foreign, 4242, -1); err != nil {
		t.Skipf("only root can give a file away: %v", err)
	}
	for path, want := range map[string]string{
		fifo: "", link: "", dir: "is a directory", "/dev/full": "not a regular file", filepath.Join(fifo, "dead"): "not a directory",
		foreign: "belongs to another user, 4242",
	} {
		d, log := deadLetterAt(path, 1)
		if log.Count("cannot be kept") != 1 || log.Count(want) == 0 {
			t.Errorf("%s: the log has %s", path, log)
		}
		if d.write(400, "", "", letter{}); d.failed.Load() != 1 {
			t.Errorf("%s: it is written to", path)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "elsewhere")); err == nil {
		t.Error("the link has led elsewhere")
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
	d, _ := deadLetterAt(path, 1<<20)
	kept := -3
	for ; d.failed.Load() < 3; kept++ {
		d.write(400, "", strings.Repeat("x", 1000), letter{})
	}
	if list := letters(t, path); kept < 10 || len(list) != kept {
		t.Errorf("%d letters of %d", len(list), kept)
	}
	if err := unix.Mount("test", dir, "tmpfs", unix.MS_REMOUNT, "size=64k"); err != nil {
		t.Fatal(err)
	}
	d.write(400, "", "", letter{})
	if list := letters(t, path); len(list) != kept+1 {
		t.Errorf("%d letters of %d", len(list), kept+1)
	}
	if err := d.close(); err != nil {
		t.Error(err)
	}
}

// A file that somebody has moved or removed is made anew, with its directory.
func TestDeadLetterIsMoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(dir, "dead")
	d, log := deadLetterAt(path, 1<<20)
	if got := mode(t, dir); got.Perm() != 0o700 {
		t.Errorf("the directory's mode is %v", got)
	}
	write := func(id string) { d.write(400, "", "", letter{id: id}) }
	write("1")
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	write("2")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	write("3")
	write("4")
	if list := letters(t, path); len(list) != 2 || list[0]["id"] != "3" || d.failed.Load() != 0 || log.String() != "" {
		t.Errorf("%v\n%s", list, log)
	}
}

// If it cannot be renamed it is written on, to twice its size, and renamed once that can be done.
func TestDeadLetterCannotRotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "dead")
		d, log := deadLetterAt(path, 4096)
		if err := os.MkdirAll(filepath.Join(path+".1", "in the way"), 0o700); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			d.write(400, "", strings.Repeat("x", 100), letter{})
		}
		info, err := os.Stat(path)
		if err != nil || info.Size() < 2*4096-300 || info.Size() > 2*4096 {
			t.Errorf("%v, %v", info, err)
		}
		kept := len(letters(t, path))
		if d.failed.Load() != uint64(100-kept) || log.Count("cannot be renamed") != 1 {
			t.Errorf("%d letters, %d failed\n%s", kept, d.failed.Load(), log)
		}
		if err := os.RemoveAll(path + ".1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(rotateAgainAfter)
		d.write(400, "", "", letter{})
		if now, old := letters(t, path), letters(t, path+".1"); len(now) != 1 || len(old) != kept {
			t.Errorf("%d and %d letters", len(now), len(old))
		}
	})
}

// A dead letter file that cannot be written to is told of and counted. It holds up nothing, at the start neither.
func TestDeadLetterFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "dead")
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, &fakeEngine{outcome: func(*request, document) int { return 400 }}, func(o *Options) { o.DeadLetter = path })
		told := func() int { return w.log.Count("cannot be kept") }
		if told() != 1 {
			t.Errorf("at the start: %s", w.log)
		}
		w.write(events.KindExec, 5)
		synctest.Wait()
		if told() != 1 {
			t.Errorf("at once again: %s", w.log)
		}
		time.Sleep(time.Minute)
		w.write(events.KindExec, 4)
		synctest.Wait()
		if stats := w.sink.Stats(); told() != 2 || stats.DeadLetterFailure != 9 || stats.Rejected != 9 {
			t.Errorf("%+v\n%s", stats, w.log)
		}
		w.write(events.KindExec, 1)
		synctest.Wait()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		w.write(events.KindExec, 1)
		w.close(time.Hour)
		if list := letters(t, path); len(list) != 1 || w.ledger.Read().Dropped["rejected"]["exec"] != 11 {
			t.Errorf("%v; %s", list, w.ledger.Read())
		}
		if told() != 3 {
			t.Errorf("what failed last is not told: %s", w.log)
		}
	})
}
