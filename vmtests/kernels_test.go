// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"strings"
	"testing"
)

const sum = "fb4a1229952d892138532c1d9f40a7fd0bd408e4dcf969c12e4524b6a89fdcb8"

func TestParseKernels(t *testing.T) {
	got, err := ParseKernels("# comment\n\n 6.1 amd64 bookworm linux-6.1-x 6.1-2 " + sum + " tcg linux-6.*-x # why\n")
	want := Kernel{"6.1", "amd64", "bookworm", "linux-6.1-x", "6.1-2", sum, "tcg", "linux-6.*-x"}
	if err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestParseKernelsErrors(t *testing.T) {
	good := "6.1 amd64 bookworm linux-6.1-x 6.1-2 " + sum + " tcg linux-6.*-x"
	for name, text := range map[string]string{
		"line 2: 3 fields":               "\n6.1 amd64 bookworm",
		"unknown architecture \"s390x\"": strings.Replace(good, "amd64", "s390x", 1),
		"bad sha256":                     strings.Replace(good, "fb4a", "fb4", 1),
		"bad sha256 \"FB4A":              strings.Replace(good, "fb4a", "FB4A", 1),
		"is not tcg":                     strings.Replace(good, "tcg", "kvm", 1),
		"does not fit":                   strings.Replace(good, "linux-6.*-x", "linux-7.*-x", 1),
		"line 2: 6.1/amd64 is listed":    good + "\n" + good,
	} {
		if _, err := ParseKernels(text); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("parse %q: %v, want an error with %q", text, err, name)
		}
	}
	_, err := ParseKernels("a\nb\n")
	if err == nil || strings.Count(err.Error(), "line ") != 2 {
		t.Errorf("%v, want both errors", err)
	}
}

// The lists themselves: every row has a kernel, and the four series that we promise are there.
func TestLists(t *testing.T) {
	kernels, err := Kernels()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := Rows()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.Flags[0] != "-kernel" {
			t.Errorf("row %s does not start with its kernel", r.Name)
			continue
		}
		if _, err := FindKernel(kernels, r.Flags[1], r.Arch); err != nil {
			t.Errorf("row %s: %v", r.Name, err)
		}
	}
	for _, series := range []string{"5.10", "6.1", "6.12", "7.x"} {
		if _, err := FindRow(rows, series); err != nil {
			t.Error(err)
		}
	}
}

func TestParseRowsErrors(t *testing.T) {
	for want, text := range map[string]string{
		"line 1: 2 fields":          "a amd64",
		"line 2: a is listed twice": "a amd64 -kernel 1\na amd64 -kernel 2",
	} {
		if _, err := ParseRows(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parse %q: %v, want an error with %q", text, err, want)
		}
	}
}
