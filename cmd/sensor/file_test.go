// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sensor/internal/events"
)

const (
	createAction = "creation"
	writeAction  = "modification"
	deleteAction = "deletion"
)

// startFor starts a sensor for a test of some kinds, and skips the test where one of them cannot be served.
func startFor(t *testing.T, kinds []string, args ...string) *sensor {
	t.Helper()
	needsPrograms(t)
	s := start(t, args...)
	for _, kind := range kinds {
		switch missing := strings.Contains(s.log.String(), `"kind is not available" kind=`+kind+"\n"); {
		case missing && row() == "host":
			t.Errorf("%s is not served", kind)
		case missing: // TestPlan knows the rows
			s.stop()
			t.Skipf("%s is not served on row %s", kind, row())
		}
	}
	return s
}

// noneLost wants that nothing was lost. What the kernel itself skips nobody can compare with what was done.
func noneLost(t *testing.T, balance events.Balance) {
	t.Helper()
	switch {
	case lost(balance) != 0:
		t.Errorf("%d events were lost: %v", balance.Lost(), balance.Dropped)
	case balance.Lost() != 0:
		t.Skipf("the kernel skipped programs: %v", balance.Dropped)
	}
}

// directory makes a directory for a test and gives its path as events have it.
func directory(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// A toll is what the documents tell of one file and, where it matters, of one process.
type toll struct{ created, deleted, first, summaries, writes, bytes int }

// A who is a process and a path.
type who struct{ pid, path string }

// addTo adds a document to what is told of the files below a directory, if it is about one.
func addTo(tolls map[who]toll, line []byte, dir string) bool {
	path := cut(line, `"file":{"path":"`, `"`)
	if !strings.HasPrefix(path, dir+"/") {
		return false
	}
	key := who{cut(line, `"process":{"pid":`, `,`), path}
	n := tolls[key]
	switch summary := bytes.Contains(line, []byte(`"summary":true`)); cut(line, `"action":"`, `"`) {
	case createAction:
		n.created++
	case deleteAction:
		n.deleted++
	case writeAction:
		if !summary {
			n.first++
			break
		}
		n.summaries++
		var size, count int
		if _, err := fmt.Sscanf(cut(line, `"write":{`, `}`), `"bytes":%d,"count":%d`, &size, &count); err != nil {
			n.writes = math.MinInt32 // never what is wanted
		}
		n.bytes += size
		n.writes += count
	}
	tolls[key] = n
	return true
}

// addNew adds what has come since, and says how many documents that were.
func addNew(t *testing.T, tolls map[who]toll, output *follower, dir string) int {
	t.Helper()
	n := 0
	output.read(t, func(line []byte) {
		if addTo(tolls, line, dir) {
			n++
		}
	})
	return n
}

// written is how many bytes a helper writes to one file.
func written(who, file, times int) int {
	sum := 0
	for i := range times {
		sum += sizeOf(who, file, i)
	}
	return sum
}

// compareTolls names the first few differences.
func compareTolls(t *testing.T, got, want map[who]toll) {
	t.Helper()
	if maps.Equal(got, want) {
		return
	}
	odd := 0
	differ := func(key who) {
		if odd++; odd <= 5 {
			t.Errorf("process %s, %s: told %+v, want %+v", key.pid, key.path, got[key], want[key])
		}
	}
	for key := range want {
		if got[key] != want[key] {
			differ(key)
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			differ(key)
		}
	}
	t.Errorf("%d of %d files differ", odd, len(want))
}

// TestNothingLostOfWrites has several processes write to the same files.
func TestNothingLostOfWrites(t *testing.T) {
	const processes = 4
	files, times := 200, 100
	if row() != "host" {
		files, times = 50, 20
	}
	dir := directory(t)
	for file := range files { // so that it does not matter who makes them
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(file)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := startFor(t, []string{"file_write"})
	output := follow(t, s)
	var writers []*helper
	want := map[who]toll{}
	for w := range processes {
		h := helpIn(t, dir, "write", strconv.Itoa(w), strconv.Itoa(files), strconv.Itoa(times))
		writers = append(writers, h)
		for file := range files {
			want[who{strconv.Itoa(h.pid()), filepath.Join(dir, strconv.Itoa(file))}] = toll{first: 1, summaries: 1, writes: times, bytes: written(w, file, times)}
		}
	}
	for _, h := range writers {
		h.said()
	}
	for _, h := range writers {
		h.finish()
	}
	noneLost(t, s.stop())
	tolls := map[who]toll{}
	addNew(t, tolls, output, dir)
	compareTolls(t, tolls, want)
}

// fileBurst bounds how far a storm of files runs ahead of the sensor, as rushBurst does.
const fileBurst = 500

// TestNothingLostOfNames makes and removes files by the thousand.
func TestNothingLostOfNames(t *testing.T) {
	size := scaled(10_000)
	dir := directory(t)
	s := startFor(t, []string{"file_create", "file_delete"})
	output := follow(t, s)
	h := helpIn(t, dir, "create-delete", strconv.Itoa(size), strconv.Itoa(fileBurst))
	tolls := map[who]toll{}
	seen, bursts := 0, 0
	waitFor(t, "all names are told", func() bool {
		seen += addNew(t, tolls, output, dir)
		for ; bursts*fileBurst < size && seen >= 2*fileBurst*(bursts-1); bursts++ {
			h.next()
		}
		return seen >= 2*size
	})
	h.finish()
	noneLost(t, s.stop())
	want := map[who]toll{}
	for i := range size {
		want[who{strconv.Itoa(h.pid()), filepath.Join(dir, strconv.Itoa(i))}] = toll{created: 1, deleted: 1}
	}
	addNew(t, tolls, output, dir)
	compareTolls(t, tolls, want)
}

// TestUntar unpacks a tree.
func TestUntar(t *testing.T) {
	program, err := exec.LookPath("tar")
	if err != nil {
		t.Skip("no tar: a virtual machine has none")
	}
	const files, perDirectory = 3000, 25
	dir := directory(t)
	s := startFor(t, []string{"file_create", "file_write"})
	output := follow(t, s)
	unpack := exec.Command(program, "-x", "-f", "-", "-C", dir)
	pipe, err := unpack.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := unpack.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unpack.Process.Kill(); unpack.Wait() })
	pid := strconv.Itoa(unpack.Process.Pid)
	archive := tar.NewWriter(pipe)
	want, tolls := map[who]toll{}, map[who]toll{}
	put := func(h *tar.Header, content []byte) {
		if err := archive.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	parent := "."
	for i := range files {
		if i%perDirectory == 0 {
			if parent = filepath.Join(parent, fmt.Sprintf("d%d", i)); i%(10*perDirectory) == 0 {
				parent = fmt.Sprintf("top%d", i)
			}
			put(&tar.Header{Typeflag: tar.TypeDir, Name: parent + "/", Mode: 0o755}, nil)
			want[who{pid, filepath.Join(dir, parent)}] = toll{created: 1}
		}
		name := filepath.Join(parent, fmt.Sprintf("f%d", i))
		size := i * 37 % 3000
		put(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(size)}, make([]byte, size))
		n := toll{created: 1, bytes: size}
		if size > 0 {
			n.first, n.summaries = 1, 1
		}
		want[who{pid, filepath.Join(dir, name)}] = n
		if i%fileBurst == 0 {
			waitFor(t, "the files but for the last burst are told", func() bool {
				addNew(t, tolls, output, dir)
				return len(tolls) >= i-fileBurst
			})
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	pipe.Close()
	if err := unpack.Wait(); err != nil {
		t.Fatal(err)
	}
	noneLost(t, s.stop())
	addNew(t, tolls, output, dir)
	for key, n := range tolls {
		n.writes = 0 // as many as tar likes
		tolls[key] = n
	}
	compareTolls(t, tolls, want)
}

// TestSummariesOfAnOpenFile has a process write to one file, which it never closes before the sensor ends.
func TestSummariesOfAnOpenFile(t *testing.T) {
	const rounds, each = 3, 100
	dir := directory(t)
	s := startFor(t, []string{"file_write"}, "-c", configFile(t, "file: {summary_interval: 1s}"))
	output := follow(t, s)
	h := helpIn(t, dir, "trickle")
	key := who{strconv.Itoa(h.pid()), filepath.Join(dir, "open")}
	want := toll{created: 1, first: 1}
	tolls := map[who]toll{}
	write := func() {
		h.next()
		n, err := strconv.Atoi(h.said())
		if err != nil {
			t.Fatal(err)
		}
		want.writes += each
		want.bytes += n
	}
	for range rounds {
		write()
		told := tolls[key].summaries
		waitFor(t, "what was written is told while the file is open", func() bool {
			addNew(t, tolls, output, dir)
			return tolls[key].writes >= want.writes
		})
		if tolls[key].summaries == told {
			t.Error("no summary while the file is open")
		}
	}
	write()
	noneLost(t, s.stop())
	h.finish()
	addNew(t, tolls, output, dir)
	want.summaries = tolls[key].summaries // at least one of each round and the rest
	if want.summaries <= rounds {
		t.Errorf("%d summaries, want more than %d", want.summaries, rounds)
	}
	compareTolls(t, tolls, map[who]toll{key: want})
}

// TestManyWrittenFiles has more files written than the sensor may remember: it loses those writes and counts them.
func TestManyWrittenFiles(t *testing.T) {
	const files, room, times = 100, 16, 50
	dir := directory(t)
	s := startFor(t, []string{"file_write"}, "-c", configFile(t, fmt.Sprintf("limits: {files: %d}", room)))
	output := follow(t, s)
	h := helpIn(t, dir, "write", "0", strconv.Itoa(files), strconv.Itoa(times))
	h.said()
	h.finish()
	balance := s.stop()
	tolls := map[who]toll{}
	addNew(t, tolls, output, dir)
	var first, writes int
	for key, n := range tolls {
		first += n.first
		writes += n.writes
		if n.first != n.summaries || n.first > 1 {
			t.Errorf("%s: told %+v, want a first write and a summary or neither", key.path, n)
		}
	}
	if first == 0 || first > room {
		t.Errorf("the first write of %d files was told, want at most %d", first, room)
	}
	// Others may be about on this host, whose writes are lost likewise.
	if dropped := int(balance.Dropped["map"]["file_write"]); writes+dropped < files*times {
		t.Errorf("%d writes were told and %d dropped, want %d", writes, dropped, files*times)
	} else if others := writes + dropped - files*times; others > 0 {
		t.Logf("%d writes of others were dropped", others)
	}
	told := map[string]uint64{}
	for _, doc := range s.documents() {
		if field(doc, "event.action") == "events_lost" && field(doc, "sensor.loss.stage") == "map" {
			told[field(doc, "sensor.loss.kind").(string)] += numberAt(t, doc, "sensor.loss.count")
		}
	}
	if !maps.Equal(told, balance.Dropped["map"]) {
		t.Errorf("events_lost tells of %v, the ledger of %v", told, balance.Dropped["map"])
	}
}

// TestDeniedPaths leaves out what is below a directory, but for one below that.
func TestDeniedPaths(t *testing.T) {
	const files, times = 20, 3
	root := directory(t)
	denied := filepath.Join(root, "denied")
	allowed, beside := filepath.Join(denied, "allowed"), filepath.Join(root, "denied-not")
	for _, dir := range []string{denied, allowed, beside} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s := startFor(t, []string{"file_create", "file_write", "file_delete"}, "-c", configFile(t, fmt.Sprintf("filters: {paths: {deny: [%s], allow: [%s]}}", denied, allowed)))
	output := follow(t, s)
	want := map[who]toll{}
	for _, dir := range []string{denied, allowed, beside} {
		remove := helpIn(t, dir, "create-delete", strconv.Itoa(files), strconv.Itoa(files))
		remove.next()
		remove.finish()
		write := helpIn(t, dir, "write", "0", strconv.Itoa(files), strconv.Itoa(times))
		write.said()
		write.finish()
		if dir == denied {
			continue
		}
		for file := range files {
			path := filepath.Join(dir, strconv.Itoa(file))
			want[who{strconv.Itoa(remove.pid()), path}] = toll{created: 1, deleted: 1}
			want[who{strconv.Itoa(write.pid()), path}] = toll{created: 1, first: 1, summaries: 1, writes: times, bytes: written(0, file, times)}
		}
	}
	balance := s.stop()
	noneLost(t, balance)
	tolls := map[who]toll{}
	addNew(t, tolls, output, root)
	compareTolls(t, tolls, want)
	// What is written to a file that is left out has no summary.
	for kind, want := range map[string]uint64{"file_create": 2 * files, "file_write": files, "file_delete": files} {
		if n := balance.Filtered[kind]; n != want {
			t.Errorf("%d %s events were filtered, want %d", n, kind, want)
		}
	}
}
