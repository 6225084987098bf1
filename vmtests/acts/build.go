// SPDX-License-Identifier: Apache-2.0

package acts

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Dir is the variable that names a directory with compiled acts, for hosts
// without a compiler.
const Dir = "SENSOR_ACTS"

// Build returns the directory with the programs acts and, where it could be
// built, acts32. It compiles them, with $CC or cc, once for each state of the
// sources and keeps them in the user's cache directory.
func Build(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv(Dir); dir != "" {
		return dir
	}
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = filepath.Join(os.TempDir(), fmt.Sprint("sensor-cache-", os.Getuid()))
	}
	dir := filepath.Join(cache, "sensor", "acts-"+state(t, cc))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatalf("make cache: %v", err)
	}
	temporary, err := os.MkdirTemp(filepath.Dir(dir), "building-")
	if err != nil {
		t.Fatalf("make cache: %v", err)
	}
	defer os.RemoveAll(temporary)
	if err := Compile(temporary, cc); err != nil {
		t.Fatalf("build acts (Debian: apt-get install gcc libc6-dev, and gcc-12-multilib for 32-bit acts): %v", err)
	}
	if err := os.Rename(temporary, dir); err != nil {
		if _, exists := os.Stat(dir); exists != nil { // another test was not first either
			t.Fatalf("keep acts: %v", err)
		}
	}
	return dir
}

// Compile builds the acts into dir with a C compiler, which may be one for
// another machine. It leaves acts32 out where the compiler makes no 32-bit
// programs.
func Compile(dir, cc string) error {
	source := filepath.Join(dir, "src")
	if err := os.CopyFS(dir, sources); err != nil {
		return fmt.Errorf("unpack sources: %w", err)
	}
	defer os.RemoveAll(source)
	files, err := filepath.Glob(filepath.Join(source, "*.c"))
	if err != nil {
		return fmt.Errorf("list sources: %w", err)
	}
	if err := compile(filepath.Join(dir, "acts"), cc, files); err != nil {
		return err
	}
	// The kernel's headers are one set for both: Debian's gcc-multilib only links to them, and excludes cross compilers.
	if err := compile(filepath.Join(dir, "acts32"), cc, files, "-m32", "-idirafter", "/usr/include/x86_64-linux-gnu"); err != nil {
		os.Remove(filepath.Join(dir, "acts32"))
	}
	return os.Chmod(dir, 0o755)
}

func compile(program, cc string, files []string, flags ...string) error {
	args := slices.Concat(flags, []string{"-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-static", "-pthread", "-o", program}, files)
	out, err := exec.Command(cc, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("compile %s: %w\n%s", filepath.Base(program), err, out)
	}
	return nil
}

// state names a state of sources and compiler.
func state(t testing.TB, cc string) string {
	h := sha256.New()
	fmt.Fprintln(h, runtime.GOARCH, cc)
	err := fs.WalkDir(sources, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := sources.ReadFile(path)
		fmt.Fprintln(h, path, len(text))
		h.Write(text)
		return err
	})
	if err != nil {
		t.Fatalf("read sources: %v", err)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// List names all acts, in the order of the table.
func List(t testing.TB) []Act {
	t.Helper()
	out, err := exec.Command(filepath.Join(Build(t), "acts"), "list").Output()
	if err != nil {
		t.Fatalf("list acts: %v", err)
	}
	var acts []Act
	for line := range strings.Lines(string(out)) {
		var row struct{ Name, Shows, Needs string }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("list acts: %v in %s", err, line)
		}
		needs := strings.Fields(row.Needs)
		acts = append(acts, Act{
			Name: row.Name, Shows: row.Shows, Needs: needs,
			Older: slices.Contains(needs, "older"),
		})
	}
	return acts
}
