// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// fileScript is a mixed run of ordinary programs: shell redirections, copies by
// copy_file_range, temporary files that take another's name, links, archives.
const fileScript = `mkdir a a/b; echo one >a/x; echo two >>a/x; cp a/x a/b/y; cp -r a c; mv a/x a/z; mv a/z c/x; ln -s x c/l; ln c/x c/h
sed -i s/one/three/ c/h; dd if=/dev/zero of=big bs=1000 count=20 status=none; tar -cf t.tar c; gzip t.tar; sort -o c/h c/h; truncate -s 7 big
cat big c/x >all; rm -r a c`

// TestStraceAgrees compares what the sensor says of one mixed run with what strace does.
func TestStraceAgrees(t *testing.T) {
	if row() != "host" {
		t.Skip("a virtual machine has no strace")
	}
	program, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("no strace (Debian: apt-get install strace)")
	}
	dir := directory(t)
	trace := filepath.Join(t.TempDir(), "trace")
	s := start(t)
	output := follow(t, s)
	run := exec.Command(program, "-f", "-y", "-qq", "-s", "0", "-o", trace, "-e", "signal=none", "-e", "trace=open,openat,creat,mkdir,mkdirat,mknod,mknodat,"+
		"rename,renameat,renameat2,unlink,unlinkat,rmdir,link,linkat,symlink,symlinkat,write,pwrite64,writev,copy_file_range,sendfile", "sh", "-c", fileScript)
	run.Dir = dir
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	noneLost(t, s.stop())
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	want, got := fileActsOf(t, string(text), dir), map[string]int{}
	output.read(t, func(line []byte) {
		path, from := cut(line, `"file":{"path":"`, `"`), cut(line, `"original":{"path":"`, `"`)
		if !strings.HasPrefix(path, dir+"/") {
			return
		}
		act := cut(line, `"process":{"pid":`, `,`) + " " + cut(line, `"action":"`, `"`) + " " + path
		if from != "" {
			act += " from " + from
		}
		if written := cut(line, `"write":{"bytes":`, `,`); written != "" {
			n, err := strconv.Atoi(written)
			if err != nil {
				t.Fatal(err)
			}
			got[act] += n
		} else if !strings.Contains(act, " "+writeAction+" ") {
			got[act]++
		}
	})
	maps.DeleteFunc(got, func(_ string, n int) bool { return n == 0 }) // only truncated
	if len(want) < 30 {
		t.Errorf("strace shows only %d acts", len(want))
	}
	for _, act := range slices.Sorted(maps.Keys(want)) {
		if got[act] != want[act] {
			t.Errorf("%s: %d, strace shows %d", act, got[act], want[act])
		}
	}
	for _, act := range slices.Sorted(maps.Keys(got)) {
		if want[act] == 0 {
			t.Errorf("%s: %d, strace shows none", act, got[act])
		}
	}
}

var (
	tracedCall = regexp.MustCompile(`^(\d+) +(\w+)\((.*)\) += (\d+)`)
	tracedPath = regexp.MustCompile(`(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"([^"]*)"`)
	tracedFile = regexp.MustCompile(`\b\d+<([^>]*)>`)
)

// fileActsOf reads a trace: how often something was done to a name, and how many bytes were written to a file.
func fileActsOf(t *testing.T, trace, dir string) map[string]int {
	t.Helper()
	acts, exists := map[string]int{}, map[string]bool{}
	for line := range strings.Lines(trace) {
		if strings.Contains(line, "unfinished") || strings.Contains(line, "resumed") {
			t.Fatalf("two processes at once: %s", line)
		}
		call := tracedCall.FindStringSubmatch(line)
		if call == nil { // it failed
			continue
		}
		pid, name, args := call[1], call[2], call[3]
		var paths []string
		for _, m := range tracedPath.FindAllStringSubmatch(args, -1) {
			from, path := m[1], m[2]
			switch {
			case filepath.IsAbs(path):
			case from == "": // a call without a directory's descriptor; no program of the script changes its own
				path = filepath.Join(dir, path)
			default:
				path = filepath.Join(from, path)
			}
			paths = append(paths, path)
		}
		act := func(action, path, more string, n int) {
			if strings.HasPrefix(path, dir+"/") {
				acts[pid+" "+action+" "+path+more] += n
			}
		}
		create := func(path string) {
			if !exists[path] {
				exists[path] = true
				act(createAction, path, "", 1)
			}
		}
		files := tracedFile.FindAllStringSubmatch(args, -1)
		switch name {
		case "open", "openat", "creat":
			if name == "creat" || strings.Contains(args, "O_CREAT") {
				create(paths[0])
			}
		case "mkdir", "mkdirat", "mknod", "mknodat", "link", "linkat", "symlink", "symlinkat":
			create(paths[len(paths)-1])
		case "unlink", "unlinkat", "rmdir":
			delete(exists, paths[0])
			act(deleteAction, paths[0], "", 1)
		case "rename", "renameat", "renameat2":
			delete(exists, paths[0])
			exists[paths[1]] = true
			act("rename", paths[1], " from "+paths[0], 1)
		default:
			if len(files) == 0 {
				continue
			}
			to := files[0]
			if name == "copy_file_range" {
				to = files[1]
			}
			n, err := strconv.Atoi(call[4])
			if err != nil {
				t.Fatal(err)
			}
			if n > 0 {
				act(writeAction, to[1], "", n)
			}
		}
	}
	return acts
}
