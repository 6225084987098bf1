// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestBinaryArch(t *testing.T) {
	dir := t.TempDir()
	src := filepath.Join(dir, "main.go")
	if err := os.WriteFile(src, []byte("package main\nfunc main() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		bin := filepath.Join(dir, arch)
		cmd := exec.Command("go", "build", "-o", bin, src)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
		if got, err := BinaryArch(bin); got != arch || err != nil {
			t.Errorf("got %q, %v, want %s", got, err, arch)
		}
	}
	if _, err := BinaryArch(src); err == nil {
		t.Error("a text file is no error")
	}
	if _, err := BinaryArch("/bin/sh"); runtime.GOOS == "linux" && (err == nil || !strings.Contains(err.Error(), "dynamically linked")) {
		t.Errorf("a dynamically linked executable: %v", err)
	}
}
