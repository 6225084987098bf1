// SPDX-License-Identifier: Apache-2.0

package acts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every act does what it says by its own account, and leaves nothing behind.
func TestActs(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("acts need root")
	}
	settings := []string{"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe"}
	before := hostState(t, settings)
	names := map[string]bool{}
	for _, act := range List(t) {
		if names[act.Name] || act.Shows == "" {
			t.Errorf("act %s: named twice or without a text", act.Name)
		}
		names[act.Name] = true
		t.Run(act.Name, func(t *testing.T) {
			r := Run(t, act.Name)
			if r.Skip != "" {
				t.Skip(r.Skip)
			}
			if len(r.Expect)+len(r.Never)+len(r.Failed) <= 3 { // the act's own process has three
				t.Error("it expects nothing")
			}
			if errs := Check(r, nil); len(errs) == 0 {
				t.Error("it is content without any document")
			}
			if len(r.Files) > 0 {
				checkObeyed(t, r)
			}
		})
	}
	if after := hostState(t, settings); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
}

// hostState is what acts may change of a host.
func hostState(t *testing.T, settings []string) string {
	var b strings.Builder
	for _, path := range settings {
		text, err := os.ReadFile(path)
		if err != nil {
			text = []byte(err.Error())
		}
		b.WriteString(path + " " + string(text) + "\n")
	}
	for _, pattern := range []string{"/proc/sys/fs/binfmt_misc/act*", filepath.Join(os.TempDir(), "act*.*")} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(strings.Join(found, "\n") + "\n")
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	b.Write(mounts)
	return b.String()
}

// An act that nobody finishes ends with its test, and all its processes do.
func TestUnfinished(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("acts need root")
	}
	var dir string
	t.Run("started", func(t *testing.T) { dir = Start(t, "older-parent").dir })
	if dir == "" {
		t.Fatal("not started")
	}
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("%s is left", dir)
	}
	images, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range images {
		if path, err := os.Readlink(image); err == nil && strings.HasPrefix(path, dir) {
			t.Errorf("%s runs on as %s", path, image)
		}
	}
}
