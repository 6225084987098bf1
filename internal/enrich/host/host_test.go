// SPDX-License-Identifier: Apache-2.0

package host

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The golden files hold what the host's files say; the rest is this machine's.
func TestFixtures(t *testing.T) {
	golden, err := filepath.Glob("testdata/*.golden.json")
	if err != nil || len(golden) < 7 {
		t.Fatalf("find golden files: %q, %v", golden, err)
	}
	for _, path := range golden {
		root := strings.TrimSuffix(path, ".golden.json")
		t.Run(filepath.Base(root), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			h, err := Read(Options{Root: root})
			if errors.Is(err, ErrNoID) != (h.ID == "") {
				t.Errorf("Read: id %q, error %v", h.ID, err)
			}
			h.Name, h.Hostname, h.Architecture, h.OS.Kernel, h.BootID, h.IP, h.MAC = "", "", "", "", "", nil, nil
			got, err := json.MarshalIndent(h, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			if string(got)+"\n" != string(text) {
				t.Errorf("got %s\nwant %s", got, text)
			}
		})
	}
}

func TestNoID(t *testing.T) {
	h, err := Read(Options{Root: "testdata/alpine", Name: "configured"})
	if !errors.Is(err, ErrNoID) {
		t.Fatalf("Read = %v", err)
	}
	for _, part := range []string{"host.id", "testdata/alpine/etc/machine-id", "testdata/alpine/var/lib/dbus/machine-id"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not name %s: %v", part, err)
		}
	}
	if h.Name != "configured" || h.Hostname == "" || h.AgentID() != "" {
		t.Errorf("Read = %+v, agent %q", h, h.AgentID())
	}
	h, err = Read(Options{Root: "testdata/alpine", ID: "from the configuration"})
	if errors.Is(err, ErrNoID) || h.ID != "from the configuration" {
		t.Errorf("with an id: %q, %v", h.ID, err)
	}
}

func TestMissingFiles(t *testing.T) {
	h, err := Read(Options{Root: t.TempDir(), Proc: t.TempDir(), ID: "id"})
	if !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNoID) {
		t.Fatalf("Read = %v", err)
	}
	for _, part := range []string{"boot_id", "usr/lib/os-release"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not name %s: %v", part, err)
		}
	}
	if h.BootID != "" || h.Hostname == "" || h.Architecture == "" || h.OS.Kernel == "" || h.OS.Type != "linux" || h.OS.Name != "" {
		t.Errorf("Read = %+v", h)
	}
}

func TestThisMachine(t *testing.T) {
	h, err := Read(Options{})
	t.Logf("%+v, %v", h, err)
	for option, got := range map[string]string{"-n": h.Hostname, "-m": h.Architecture, "-r": h.OS.Kernel} {
		out, err := exec.Command("uname", option).Output()
		if err != nil {
			t.Skip(err)
		}
		if want := strings.TrimSpace(string(out)); got != want {
			t.Errorf("uname %s says %q, Read %q", option, want, got)
		}
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Skip(err)
	}
	if h.BootID != strings.TrimSpace(string(boot)) || h.BootID == "" || h.Name != h.Hostname {
		t.Errorf("Read = %+v", h)
	}
	again, _ := Read(Options{})
	if strings.Join(again.IP, " ") != strings.Join(h.IP, " ") || strings.Join(again.MAC, " ") != strings.Join(h.MAC, " ") {
		t.Errorf("addresses change: %v %v, then %v %v", h.IP, h.MAC, again.IP, again.MAC)
	}
}

func TestMachineIDs(t *testing.T) {
	const good = "0123456789abcdef0123456789abcdef"
	for text, want := range map[string]string{
		good:                        good,
		good + "\n":                 good,
		strings.ToUpper(good):       good,
		"":                          "",
		"\n":                        "",
		"uninitialized\n":           "",
		good[1:]:                    "",
		good + "0":                  "",
		good + "\n\n":               "",
		" " + good[1:]:              "",
		good[1:] + "g":              "",
		strings.Repeat("0", 32):     "",
		strings.Repeat("0", 33):     "",
		strings.Repeat(good, 1<<10): "",
	} {
		root := t.TempDir()
		if err := os.Mkdir(filepath.Join(root, "etc"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "etc", "machine-id"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := machineID(root)
		if got != want || errors.Is(err, ErrNoID) != (want == "") {
			t.Errorf("machine-id %.50q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestBootIDs(t *testing.T) {
	const good = "0f4f3c1e-7d7b-4d0b-9d5e-1d2f6c7a9b10"
	for text, want := range map[string]string{good + "\n": good, good: good, "": "", good[1:]: "", good[1:] + "|": ""} {
		proc := t.TempDir()
		name := filepath.Join(proc, "sys/kernel/random/boot_id")
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := bootID(proc); got != want || (err == nil) != (want != "") {
			t.Errorf("boot id %q: %q, %v; want %q", text, got, err, want)
		}
	}
}

// The id of an agent never changes: it must not in a later version either.
func TestAgentID(t *testing.T) {
	a, b := Host{ID: "5b0f6f0f4c0e4c2b9d1e7a1f2b3c4d5e"}.AgentID(), Host{ID: "5b0f6f0f4c0e4c2b9d1e7a1f2b3c4d5f"}.AgentID()
	for _, id := range []string{a, b} {
		if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) {
			t.Errorf("%s is no UUID of version 8", id)
		}
	}
	if a == b {
		t.Errorf("two hosts share %s", a)
	}
	const want = "f15c0424-0eb7-8dee-908f-9c4655f39830"
	if a != want {
		t.Errorf("AgentID = %s, want %s", a, want)
	}
}

func TestRoot(t *testing.T) {
	switch root := Root(); root {
	case "/":
	case "/proc/1/root":
		if _, err := os.ReadDir(root + "/etc"); err != nil {
			t.Errorf("Root = %s: %v", root, err)
		}
	default:
		t.Errorf("Root = %s", root)
	}
}
