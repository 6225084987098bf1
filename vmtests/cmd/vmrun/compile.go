// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// testBinary is a package's tests, compiled.
type testBinary struct {
	pkg  string // import path
	dir  string
	path string
}

// name is the package's name for files.
func (t testBinary) name() string { return strings.ReplaceAll(t.pkg, "/", "-") }

// compileTests compiles the tests of the packages for an architecture. A package without tests is an error: it was named to be run.
func compileTests(ctx context.Context, arch, dir string, patterns []string) ([]testBinary, error) {
	env := append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	list := exec.CommandContext(ctx, "go", append([]string{"list", "-f", "{{.ImportPath}}\t{{.Dir}}"}, patterns...)...)
	list.Env, list.Stderr = env, os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	var tests []testBinary
	for line := range strings.Lines(string(out)) {
		pkg, pkgDir, _ := strings.Cut(strings.TrimSpace(line), "\t")
		t := testBinary{pkg: pkg, dir: pkgDir}
		t.path = filepath.Join(dir, t.name()+".test")
		build := exec.CommandContext(ctx, "go", "test", "-c", "-o", t.path, pkg)
		build.Env = env
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("compile tests of %s for %s: %w\n%s", pkg, arch, err, out)
		}
		if _, err := os.Stat(t.path); errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("compile tests of %s: it has none", pkg)
		}
		tests = append(tests, t)
	}
	return tests, nil
}
