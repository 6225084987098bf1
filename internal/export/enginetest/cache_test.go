// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestInstallOnce(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cache")
	var fetched atomic.Int32
	fetch := func([]artifact, string) (string, error) {
		fetched.Add(1)
		return "lib", nil
	}
	p := product{name: "x", version: "1", lay: func(lib, home string) error {
		return os.WriteFile(filepath.Join(home, "file"), []byte(lib), 0o600)
	}}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			dir, err := p.installIn(cache, fetch)
			if err != nil {
				t.Error(err)
			}
			if text, err := os.ReadFile(filepath.Join(dir, "file")); err != nil || string(text) != "lib" {
				t.Errorf("%s %v", text, err)
			}
		})
	}
	all.Wait()
	if n := fetched.Load(); n != 1 {
		t.Errorf("fetched %d times", n)
	}
}

func TestHalfAnEngineIsNone(t *testing.T) {
	cache := t.TempDir()
	left := filepath.Join(cache, "x-1-0.part", "home", "half") // of a binary that was killed
	if err := os.MkdirAll(left, 0o755); err != nil {
		t.Fatal(err)
	}
	fine := func(string, string) error { return nil }
	for name, p := range map[string]struct {
		lay   func(lib, home string) error
		fetch error
	}{
		"fetch": {fine, errors.New("no network")},
		"lay":   {func(string, string) error { return errors.New("no space") }, nil},
	} {
		_, err := product{name: "x", version: "1", lay: p.lay}.installIn(cache, func([]artifact, string) (string, error) { return "", p.fetch })
		if err == nil || !strings.HasPrefix(err.Error(), "install x: no ") {
			t.Errorf("%s: error is %v", name, err)
		}
		if entries, err := os.ReadDir(cache); err != nil || len(entries) != 1 || entries[0].Name() != "x-1-0.lock" {
			t.Errorf("%s: left are %v, %v", name, entries, err)
		}
	}
	dir, err := product{name: "x", version: "1", lay: fine}.installIn(cache, func([]artifact, string) (string, error) { return "", nil })
	if err != nil || !exists(dir) || exists(left) {
		t.Errorf("%s: %v", dir, err)
	}
}
