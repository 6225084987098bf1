// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"sensor/vmtests/vm"
)

const self = "go run sensor/vmtests/cmd/vmrun"

// repeatCommand returns the shell command that does the run again. The binary of a go test is gone by then, so the command builds it again.
func repeatCommand(o *options) string {
	run := self + " " + strings.Join(quoteAll(o.flags, '"'), " ") + " --"
	pkg, ok := testPackage(o)
	if !ok {
		return run + " " + strings.Join(quoteAll(o.command, '\''), " ")
	}
	env := "CGO_ENABLED=0 "
	if arch, err := vm.BinaryArch(o.command[0]); err == nil && arch != runtime.GOARCH {
		env += "GOARCH=" + arch + " "
		run = "env -u GOARCH " + run // vmrun itself runs here
	}
	flags, rest := testFlags(o.command[1:])
	args := append(flags, pkg)
	if len(rest) > 0 {
		args = append(append(args, "-args"), rest...)
	}
	return env + "go test -count=1 -exec '" + run + "' " + strings.Join(quoteAll(args, '\''), " ")
}

// byGoTest is a flag that go test gives to every test binary and nobody else has a use for.
const byGoTest = "-test.paniconexit0"

// testPackage returns the import path of the package whose tests go test runs in o.dir.
func testPackage(o *options) (string, bool) {
	if !slices.Contains(o.command, byGoTest) {
		return "", false
	}
	for root := o.dir; ; root = filepath.Dir(root) {
		mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
		if err == nil {
			m := regexp.MustCompile(`(?m)^module\s+(\S+)`).FindSubmatch(mod)
			rel, err := filepath.Rel(root, o.dir)
			if m == nil || err != nil {
				return "", false
			}
			return path.Join(string(m[1]), filepath.ToSlash(rel)), true
		}
		if root == filepath.Dir(root) {
			return "", false
		}
	}
}

// testFlags turns a test binary's flags into go test's, without those that go test adds itself, and returns the tests' own arguments.
func testFlags(args []string) (flags, rest []string) {
	for i, a := range args {
		f, ok := strings.CutPrefix(a, "-test.")
		if !ok {
			return flags, args[i:]
		}
		name, value, _ := strings.Cut(f, "=")
		switch name {
		case "paniconexit0", "testlogfile", "gocoverdir", "count":
		case "v":
			if value != "false" {
				flags = append(flags, "-v")
			}
		default:
			flags = append(flags, "-"+f)
		}
	}
	return flags, nil
}

func quoteAll(args []string, quote byte) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = a
		if a == "" || strings.ContainsAny(a, " \t\n\"'$&|;<>()*?[]#~`\\") {
			out[i] = string(quote) + a + string(quote)
		}
	}
	return out
}
