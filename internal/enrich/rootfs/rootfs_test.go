// SPDX-License-Identifier: Apache-2.0

package rootfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRead(t *testing.T) {
	outside := t.TempDir()
	root := filepath.Join(outside, "root")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(root, "etc", "dir"), 0o700))
	must(os.WriteFile(filepath.Join(outside, "secret"), []byte("outside"), 0o600))
	must(os.WriteFile(filepath.Join(root, "secret"), []byte("inside"), 0o600))
	must(os.WriteFile(filepath.Join(root, "etc", "file"), []byte("0123456789"), 0o600))
	must(os.WriteFile(filepath.Join(root, "etc", "empty"), nil, 0o600))
	must(os.Symlink("/secret", filepath.Join(root, "etc", "absolute")))
	must(os.Symlink("../../../secret", filepath.Join(root, "etc", "relative")))
	must(os.Symlink("loop", filepath.Join(root, "etc", "loop")))
	must(os.Symlink("/proc/self/exe", filepath.Join(root, "etc", "magic")))
	must(unix.Mkfifo(filepath.Join(root, "etc", "fifo"), 0o600))

	for name, want := range map[string]string{
		"etc/file":     "01234567",
		"/etc/file":    "01234567",
		"etc/empty":    "",
		"etc/absolute": "inside",
		"etc/relative": "inside",
		"../secret":    "inside",
	} {
		if got, err := Read(root, name, 8); err != nil || string(got) != want {
			t.Errorf("Read %s = %q, %v; want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"etc/none", "etc/magic", "none/file"} {
		if got, err := Read(root, name, 8); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Read %s = %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"etc/dir", "etc/fifo", "etc/loop", ""} {
		if got, err := Read(root, name, 8); err == nil {
			t.Errorf("Read %q = %q", name, got)
		}
	}
	if got, err := Read(filepath.Join(outside, "no root"), "etc/file", 8); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read below a root that is none = %q, %v", got, err)
	}
	if got, err := Read("", filepath.Join(root, "etc/file"), 8); err != nil || string(got) != "01234567" {
		t.Errorf("Read below / = %q, %v", got, err)
	}
}
