// SPDX-License-Identifier: Apache-2.0

package debian

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sensor/vmtests"
)

func TestParsePackages(t *testing.T) {
	got := parsePackages("Package: a\nVersion: 1-1\nDescription: x\n Package: no\nSHA256: 0a\n\nPackage: b\nVersion: 1:2~rc1-1\nSHA256: 0b\n\n")
	want := []pkg{{"a", "1-1", "0a"}, {"b", "1:2~rc1-1", "0b"}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestChoose(t *testing.T) {
	pinned := pkg{"linux-2", "6.1.2-1", "ours"}
	got, err := choose(t.Context(), []pkg{{"linux-10", "6.1.10-1", "a"}, {"linux-2", "6.1.2-1", "theirs"}}, pinned)
	if got != pinned || err != nil {
		t.Errorf("offered: got %v, %v, want the pin with its own checksum", got, err)
	}
	got, err = choose(t.Context(), []pkg{{"linux-9", "6.1.9-1", "b"}, {"linux-10", "6.1.10-1", "a"}, {"linux-2", "6.1.2-2", "c"}}, pinned)
	if want := (pkg{"linux-10", "6.1.10-1", "a"}); got != want || err != nil {
		t.Errorf("gone: got %v, %v, want the highest version %v", got, err, want)
	}
	if _, err := choose(t.Context(), nil, pinned); err == nil {
		t.Error("an empty suite is no error")
	}
}

// A pin that is in the cache, and one that has moved, need no network.
func TestCached(t *testing.T) {
	k := vmtests.Kernel{Series: "6.1", Arch: "amd64", Suite: "none", Package: "linux-2", Version: "2-1"}
	var log bytes.Buffer
	c := Cache{Dir: t.TempDir(), Log: &log}
	put := func(p pkg) {
		path := c.path(p, k.Arch)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	current := pkg{name: "linux-3", version: "3-1"}
	put(current)
	if err := c.remember(k, current); err != nil {
		t.Fatal(err)
	}
	img, err := c.Kernel(t.Context(), k)
	if err != nil || !img.Moved || img.Version != "3-1" {
		t.Errorf("moved: got %+v, %v", img, err)
	}
	if want := "pinned 2-1 has left the archive, running 3-1"; !strings.Contains(log.String(), want) {
		t.Errorf("said %q, want %q", &log, want)
	}
	put(pkg{name: "linux-2", version: "2-1"})
	if img, err := c.Kernel(t.Context(), k); err != nil || img.Moved || img.Version != "2-1" {
		t.Errorf("pinned: got %+v, %v", img, err)
	}
	k.Version = "2-2"
	if _, ok := c.moved(k); ok {
		t.Error("another pin still follows the old move")
	}
}

func TestCheckSum(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deb")
	if err := os.WriteFile(path, []byte("abc"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := checkSum(path, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"); err != nil {
		t.Error(err)
	}
	if err := checkSum(path, strings.Repeat("0", 64)); err == nil {
		t.Error("a wrong checksum passed")
	}
}

func TestSaveImage(t *testing.T) {
	archive := func(names ...string) *tar.Reader {
		var buf bytes.Buffer
		tw := tar.NewWriter(&buf)
		for _, n := range names {
			tw.WriteHeader(&tar.Header{Name: n, Typeflag: tar.TypeReg, Size: int64(len(n)), Mode: 0o644})
			tw.Write([]byte(n))
		}
		tw.Close()
		return tar.NewReader(&buf)
	}
	for _, name := range []string{"./boot/vmlinuz-6.1.0", "./usr/lib/modules/7.2/vmlinuz"} {
		dst := filepath.Join(t.TempDir(), "new/vmlinuz")
		if err := saveImage(archive("./boot/config-6.1.0", name), dst); err != nil {
			t.Error(err)
		}
		if b, _ := os.ReadFile(dst); string(b) != name {
			t.Errorf("saved %q, want %q", b, name)
		}
	}
	if err := saveImage(archive("./boot/config"), filepath.Join(t.TempDir(), "vmlinuz")); err == nil {
		t.Error("a package without an image is no error")
	}
}
