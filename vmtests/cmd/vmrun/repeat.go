// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
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
	}
	args := append(testFlags(o.command[1:]), pkg)
	return env + "go test -count=1 -exec '" + run + "' " + strings.Join(quoteAll(args, '\''), " ")
}

// testPackage returns the import path of the package whose test binary is run.
func testPackage(o *options) (string, bool) {
	if !strings.HasSuffix(o.command[0], ".test") {
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

// testFlags turns a test binary's flags into go test's and leaves out those that go test adds itself.
func testFlags(args []string) []string {
	var flags []string
	for i, a := range args {
		f, ok := strings.CutPrefix(a, "-test.")
		if !ok {
			return append(append(flags, "-args"), args[i:]...)
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
	return flags
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
