// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

var (
	// ErrInUse says that another process has the spool open.
	ErrInUse = errors.New("another sensor uses it")
	// ErrFormat says that a newer version of the sensor has written the spool.
	ErrFormat = errors.New("its format is newer than this sensor")
	// ErrForeign says that the directory is not a spool's.
	ErrForeign = errors.New("it holds files of something else")
)

// format is the version of all files. Its file is locked while the spool is open.
const (
	format     = 1
	formatName = "format"
	formatText = "sensor spool %d\n"
	mostFormat = 64 // bytes of the file that are read
)

// create opens a file of the spool to write to it.
const create = os.O_RDWR | os.O_CREATE | unix.O_NOFOLLOW

// A directory holds a spool.
type directory struct {
	path   string
	lock   *os.File
	signed bool // it says which format it has
}

// openDirectory makes the directory if need be, and takes it for this process alone.
func openDirectory(path string) (*directory, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	names, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	foreign := func(e os.DirEntry) bool { return e.Name() != "lost+found" }
	ours := func(e os.DirEntry) bool { return e.Name() == formatName }
	if slices.ContainsFunc(names, foreign) && !slices.ContainsFunc(names, ours) {
		return nil, ErrForeign
	}
	lock, err := os.OpenFile(filepath.Join(path, formatName), create, 0o600)
	if err != nil {
		return nil, err
	}
	d := &directory{path: path, lock: lock}
	if err := d.take(); err != nil {
		lock.Close()
		return nil, err
	}
	return d, nil
}

// take locks the directory and checks whose it is.
func (d *directory) take() error {
	if err := unix.Flock(int(d.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return ErrInUse
	} else if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(d.lock, mostFormat))
	if err != nil {
		return err
	}
	var have uint64
	if _, err := fmt.Sscanf(string(text), formatText, &have); err == nil && have > format {
		return fmt.Errorf("%w: it is %d, this one reads up to %d", ErrFormat, have, format)
	}
	d.signed = have == format
	return os.Chmod(d.path, 0o700)
}

// sign writes which format the directory has, unless it says so. A file that
// does not is one whose writer was killed, or was damaged.
func (d *directory) sign() error {
	if d.signed {
		return nil
	}
	if err := d.lock.Truncate(0); err != nil {
		return fmt.Errorf("sign spool: %w", err)
	}
	if _, err := d.lock.WriteAt(fmt.Appendf(nil, formatText, format), 0); err != nil {
		return fmt.Errorf("sign spool: %w", err)
	}
	d.signed = true
	return nil
}

// segmentName is the name of the file of the segment that begins with a number.
func (d *directory) segmentName(class events.Class, first uint64) string {
	return filepath.Join(d.path, fmt.Sprintf("%s-%020d", class, first))
}

// segments lists the segments of a class in order: the number in each name. A
// number beyond mostSequence is none of ours.
func (d *directory) segments(class events.Class) ([]uint64, error) {
	names, err := os.ReadDir(d.path)
	if err != nil {
		return nil, err
	}
	var list []uint64
	for _, e := range names {
		number, ok := strings.CutPrefix(e.Name(), string(class)+"-")
		if first, err := strconv.ParseUint(number, 10, 64); ok && err == nil && len(number) == 20 && first <= mostSequence {
			list = append(list, first)
		}
	}
	slices.Sort(list)
	return list, nil
}

// mostSequence leaves room to count on from whatever a damaged name says.
const mostSequence = 1 << 62

func (d *directory) sync() error {
	f, err := os.Open(d.path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
