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

// open opens a file of the spool to read it.
const open = os.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK

// A directory holds a spool.
type directory struct {
	path   string
	lock   *os.File
	signed bool // it says which format it has
}

// openDirectory makes the directory if need be, and takes it for this process alone.
func openDirectory(path string) (*directory, error) {
	d := &directory{path: path}
	return d, d.open()
}

func (d *directory) open() error {
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return err
	}
	if err := d.check(); err != nil {
		return err
	}
	names, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	has := func(e os.DirEntry) bool { return e.Name() == formatName }
	foreign := slices.ContainsFunc(names, func(e os.DirEntry) bool { return !ours(e.Name()) })
	if foreign && !slices.ContainsFunc(names, has) {
		return ErrForeign
	}
	lock, err := os.OpenFile(filepath.Join(d.path, formatName), create, 0o600)
	if err != nil {
		return err
	}
	signed, err := take(lock)
	switch {
	case err != nil:
	case foreign && !signed:
		err = ErrForeign
	default:
		err = os.Chmod(d.path, 0o700)
	}
	if err != nil {
		lock.Close()
		return err
	}
	d.close()
	d.lock, d.signed = lock, signed
	return nil
}

// close lets others have the directory.
func (d *directory) close() error {
	if d.lock == nil {
		return nil
	}
	err := d.lock.Close()
	d.lock = nil
	return err
}

// lostAndFound is in a directory that is a file system of its own.
const lostAndFound = "lost+found"

func isFile(e os.DirEntry) bool { return e.Name() != lostAndFound }

// ours reports whether a spool may have a file of that name.
func ours(name string) bool {
	if name == formatName || name == stateName || name == lostAndFound {
		return true
	}
	class, _, _ := strings.Cut(name, "-")
	_, ok := segmentNumber(name, events.Class(class))
	return ok && (class == string(events.ClassCritical) || class == string(events.ClassBulk))
}

// take locks a directory by its format, and reports whether that is written there. It may
// not be yet: then nothing is, or the beginning, or zeros after a power loss.
func take(lock *os.File) (signed bool, err error) {
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return false, ErrInUse
	} else if err != nil {
		return false, fmt.Errorf("lock: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(lock, mostFormat))
	if err != nil {
		return false, err
	}
	begun := strings.Trim(string(text), "\x00")
	var have uint64
	if _, err := fmt.Sscanf(begun, formatText, &have); err == nil && have > format {
		return false, fmt.Errorf("%w: it is %d, this one reads up to %d", ErrFormat, have, format)
	}
	if have != format && !strings.HasPrefix(fmt.Sprintf(formatText, format), begun) {
		return false, fmt.Errorf("%w: its file %s is not that of a spool", ErrForeign, formatName)
	}
	return have == format, nil
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
		if first, ok := segmentNumber(e.Name(), class); ok {
			list = append(list, first)
		}
	}
	slices.Sort(list)
	return list, nil
}

func segmentNumber(name string, class events.Class) (first uint64, ok bool) {
	number, ok := strings.CutPrefix(name, string(class)+"-")
	first, err := strconv.ParseUint(number, 10, 64)
	return first, ok && err == nil && len(number) == 20 && first <= mostSequence
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
