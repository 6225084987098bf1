// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParseOptions(t *testing.T) {
	for _, args := range []string{
		"-kernel 6.12 -cpus 4 -- bin -test.v",
		"-kernel 6.12 -cpus 4 bin -test.v",
		"-row 6.12-4cpus bin -test.v",
		"-cpus 4 -row 6.12-1cpu bin -test.v",
	} {
		o, err := parseOptions(strings.Fields(args))
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		if o.kernel != "6.12" || o.cpus != 4 || !slices.Equal(o.command, []string{"bin", "-test.v"}) {
			t.Errorf("%s: got %+v", args, o)
		}
	}
}

func TestParseOptionsErrors(t *testing.T) {
	for args, want := range map[string]string{
		"":                          "no binary",
		"-kernel 6.12 --":           "no binary",
		"bin":                       "no -kernel",
		"-row none bin":             "not one of 5.10, ",
		"-kernel 6.1 -cpus 0 bin":   "not positive",
		"-kernel 6.1 -cgroup 1 bin": "neither v1 nor v2",
		"-kernel 6.1 -file a bin":   "not SRC:DST",
		"-kernel 6.1 -timeout 0 b":  "not positive",
	} {
		if _, err := parseOptions(strings.Fields(args)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", args, err, want)
		}
	}
}

// A kernel image has no golden files: tests learn that from the row's name.
func TestImageRow(t *testing.T) {
	for args, want := range map[string]string{
		"-kernel 6.1 b":         "SENSOR_VM_ROW=6.1",
		"-row 6.1-lockdown b":   "SENSOR_VM_ROW=6.1-lockdown",
		"-kernel ./bzImage b":   "SENSOR_VM_ROW=unlisted",
		"-kernel /boot/linux b": "SENSOR_VM_ROW=unlisted",
	} {
		o, err := parseOptions(strings.Fields(args))
		if err != nil || !slices.Contains(o.environ(), want) {
			t.Errorf("%s: %v, no %s", args, err, want)
		}
	}
}

func TestRepeatCommand(t *testing.T) {
	root := t.TempDir()
	pkg := filepath.Join(root, "internal/probes")
	if err := os.MkdirAll(pkg, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "go.mod"), []byte("module example\n\ngo 1.26\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{
			[]string{"-kernel", "6.1", "-append", "a b", "--", "/bin/tool", "it is"},
			self + ` -kernel 6.1 -append "a b" -- /bin/tool 'it is'`,
		},
		{
			[]string{"-row", "6.1-lockdown", "/gone/probes.test", "-test.paniconexit0", "-test.v=test2json", "-test.run=^(TestA|TestB)$", "-test.timeout=10m0s", "rest"},
			`CGO_ENABLED=0 go test -count=1 -exec '` + self + ` -row 6.1-lockdown --' -v '-run=^(TestA|TestB)$' -timeout=10m0s example/internal/probes -args rest`,
		},
	} {
		o, err := parseOptions(tt.args)
		if err != nil {
			t.Fatal(err)
		}
		o.dir = pkg
		if got := repeatCommand(o); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}
