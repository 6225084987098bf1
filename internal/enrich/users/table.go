// SPDX-License-Identifier: Apache-2.0

package users

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"

	"sensor/internal/enrich/rootfs"
	"sensor/internal/events"
)

// What of a file is kept at most.
const (
	maxFile  = 4 << 20 // bytes
	maxNames = 1 << 16
	maxName  = 256 // bytes; useradd allows 32
)

// table holds the names of one file.
type table struct {
	root, name string
	minFields  int // of a line that counts

	names map[uint32]string
	seen  version
	err   error
}

// version tells one state of a file from another.
type version struct {
	device, inode     uint64
	size              int64
	modified, changed syscall.Timespec
}

func versionOf(info os.FileInfo) version {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return version{}
	}
	return version{device: uint64(st.Dev), inode: st.Ino, size: st.Size, modified: st.Mtim, changed: st.Ctim}
}

// refresh reads the file if it is not the one that was read last.
func (t *table) refresh() {
	f, err := rootfs.Open(t.root, t.name)
	if err != nil {
		t.err = err
		t.seen = version{}
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.err = err
		return
	}
	now := versionOf(info)
	if now == t.seen {
		return
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		t.err = err
		return
	}
	names, cut := parse(text, t.minFields)
	t.names, t.seen, t.err = names, now, nil
	if cut {
		t.err = fmt.Errorf("read %s: too large: names of the first %d ids are known", f.Name(), len(names))
	}
}

// parse reads lines of name:password:id:..., of which passwd(5) and group(5) are
// two kinds. Of two lines for an id the first counts, as for getpwuid(3). Lines
// that getpwuid skips are skipped: comments, NIS entries, and those with less
// than minFields fields or no number in the third and later of them. cut says
// that the text was not read to its end.
func parse(text []byte, minFields int) (names map[uint32]string, cut bool) {
	if len(text) > maxFile {
		text, cut = text[:bytes.LastIndexByte(text[:maxFile], '\n')+1], true
	}
	names = map[uint32]string{}
	for line := range bytes.Lines(text) {
		name, id, ok := parseLine(line, minFields)
		if !ok {
			continue
		}
		if _, known := names[id]; known {
			continue
		}
		if len(names) == maxNames {
			return names, true
		}
		names[id] = string(name)
	}
	return names, cut
}

func parseLine(line []byte, minFields int) (name []byte, id uint32, ok bool) {
	line = bytes.TrimRight(line, "\r\n")
	var fields [4][]byte
	n := 0
	for more := true; more && n < minFields; n++ {
		fields[n], line, more = bytes.Cut(line, []byte{':'})
	}
	name = bytes.TrimLeft(fields[0], " \t")
	if n < minFields || len(name) == 0 || len(name) > maxName || bytes.IndexByte([]byte("#+-"), name[0]) >= 0 {
		return nil, 0, false
	}
	for i := minFields - 1; i >= 2; i-- {
		number, err := strconv.ParseUint(string(fields[i]), 10, 32)
		if err != nil {
			return nil, 0, false
		}
		id = uint32(number)
	}
	return name, id, id != events.Unset
}
