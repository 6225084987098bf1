// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// stranger is neither root nor who runs the tests.
const stranger = 65534

// asRoot skips a test that gives files to others.
func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files to others")
	}
}

// linked makes a file for all to read and a link to it.
func linked(t *testing.T) (link, target string) {
	t.Helper()
	dir := t.TempDir()
	link, target = filepath.Join(dir, "link"), filepath.Join(dir, "target")
	if err := errors.Join(os.WriteFile(target, []byte("x\n"), 0o600), os.Chmod(target, 0o644), os.Symlink(target, link)); err != nil {
		t.Fatal(err)
	}
	return link, target
}

// stands wants the file to have the content and the mode.
func stands(t *testing.T, path, want string, mode fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := content(t, []string{path}); got != want || info.Mode() != mode {
		t.Errorf("%s holds %q with mode %v, want %q and %v", path, got, info.Mode(), want, mode)
	}
}

// A link of our own is followed; the file behind it keeps its mode, also when it is opened anew.
func TestLink(t *testing.T) {
	link, target := linked(t)
	s := opened(t, link, Rotation{}, &said{})
	writeAll(t, s, 0, 1, 5)
	stands(t, target, "x\n00000\n", 0o644)
	other := filepath.Join(filepath.Dir(link), "other")
	if err := errors.Join(os.WriteFile(other, nil, 0o600), os.Chmod(other, 0o640), os.Symlink(other, link+".new"), os.Rename(link+".new", link)); err != nil {
		t.Fatal(err)
	}
	writeAll(t, s, 1, 1, 5)
	stands(t, other, "00001\n", 0o640)
}

// A link that leads nowhere yet makes a file for its owner alone.
func TestLinkDangling(t *testing.T) {
	defer unix.Umask(unix.Umask(0))
	link, target := linked(t)
	if err := os.Remove(target); err != nil {
		t.Fatal(err)
	}
	writeAll(t, opened(t, link, Rotation{}, &said{}), 0, 1, 5)
	stands(t, target, "00000\n", 0o600)
}

// A link that somebody else planted is not followed, neither at first nor later.
func TestLinkOfStranger(t *testing.T) {
	asRoot(t)
	link, target := linked(t)
	if err := os.Lchown(link, stranger, stranger); err != nil {
		t.Fatal(err)
	}
	s, err := File(link, encode, Rotation{}, quiet())
	if err == nil {
		closing(t, s)
	}
	if !errors.Is(err, errLink) || !strings.Contains(err.Error(), link) {
		t.Errorf("got error %v", err)
	}
	stands(t, target, "x\n", 0o644)

	mine, before := linked(t)
	var said said
	s = opened(t, mine, Rotation{}, &said)
	if err := os.Rename(link, mine); err != nil {
		t.Fatal(err)
	}
	writeAll(t, s, 0, 1, 5)
	said.check(t, errLink.Error())
	stands(t, before, "x\n00000\n", 0o644)
	stands(t, target, "x\n", 0o644)
}

// The mode of a file is its owner's business.
func TestFileOfStranger(t *testing.T) {
	asRoot(t)
	_, target := linked(t)
	if err := os.Chown(target, stranger, stranger); err != nil {
		t.Fatal(err)
	}
	writeAll(t, opened(t, target, Rotation{}, &said{}), 0, 1, 5)
	stands(t, target, "x\n00000\n", 0o644)
}

// The kernel's links to what is open lead anywhere, also to what has no name.
func TestLinkOfKernel(t *testing.T) {
	r, w := pipe(t)
	for _, path := range []string{"/proc/self/fd/", "/dev/fd/"} {
		s := opened(t, path+fdOf(w), Rotation{}, &said{})
		writeAll(t, s, 0, 1, 5)
		if got := read(t, r, 6); string(got) != "00000\n" {
			t.Errorf("%s: got %q", path, got)
		}
	}
}

func fdOf(f *os.File) string { return strconv.Itoa(int(f.Fd())) }
