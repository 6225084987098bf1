// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// nonblock opens what may block, such as a FIFO, so that it does not, and
// leaves a terminal to whose it is.
const nonblock = unix.O_NONBLOCK | unix.O_NOCTTY

// File opens path to append to, and makes it if need be, for its owner alone.
//
// If a regular file is moved away, removed or truncated, as logrotate does, the
// next line goes into the file that has the name then; it is made if there is
// none. The sink itself rotates the file if it is told to. What is no regular
// file, or is reached by a symbolic link such as /dev/stdout, is not rotated.
// A link that another user made is not followed, unless that is root.
func File(path string, encode Encode, rotation Rotation, log *slog.Logger) (*Sink, error) {
	f, err := open(path, true)
	if err != nil {
		return nil, fmt.Errorf("open output: %w", err)
	}
	s := &Sink{name: "file", file: f, encode: encode}
	s.write = s.writePlain
	if f.SetWriteDeadline(time.Time{}) == nil { // a FIFO or terminal
		s.write = s.writeDeadline
	}
	if s.place, s.torn, err = placed(f, rotation, log); err != nil {
		f.Close()
		return nil, fmt.Errorf("open output: %w", err)
	}
	if rotation.on() && (s.place == nil || !s.place.rotation.on()) {
		log.Warn("the output is not rotated: it is not a regular file of that name", "path", path)
	}
	return s, nil
}

// placed is nil for what is no regular file.
func placed(f *os.File, rotation Rotation, log *slog.Logger) (p *place, torn bool, err error) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, false, err
	}
	p = &place{path: f.Name(), follow: true, log: log, begun: born(f)}
	if named, err := os.Lstat(p.path); err == nil && named.Mode().IsRegular() {
		p.rotation, p.follow = rotation, false
	}
	torn, err = endsInLine(f)
	return p, torn, err
}

// open opens path to append to. If it is a regular file of ours, it is for us alone from
// then on. A symbolic link is followed only if follow says so; what it leads to stays as it is.
func open(path string, follow bool) (*os.File, error) {
	f, err := os.OpenFile(path, appending|unix.O_NOFOLLOW, 0o600)
	if follow && errors.Is(err, unix.ELOOP) {
		return openLinked(path)
	}
	if err != nil {
		return nil, err
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err == nil && stat.Mode&unix.S_IFMT == unix.S_IFREG && int(stat.Uid) == os.Geteuid() {
		if err := f.Chmod(0o600); err != nil { // it may have been there, for all to read
			f.Close()
			return nil, err
		}
	}
	return f, nil
}

const appending = os.O_WRONLY | os.O_CREATE | os.O_APPEND | nonblock

// errLink says that a symbolic link may lead wherever somebody else wants.
var errLink = errors.New("it is a symbolic link that another user made")

// openLinked opens what the symbolic link leads to. Where others cannot remove a link of ours
// nobody can put another one there meanwhile: in a directory that is ours, or is sticky.
func openLinked(path string) (*os.File, error) {
	var link unix.Stat_t
	if err := unix.Lstat(path, &link); err != nil {
		return nil, &os.PathError{Op: "lstat", Path: path, Err: err}
	}
	if link.Uid != 0 && int(link.Uid) != os.Geteuid() {
		return nil, &os.PathError{Op: "open", Path: path, Err: errLink}
	}
	return os.OpenFile(path, appending, 0o600)
}

// endsInLine reports whether the regular file ends in the middle of a line, as
// one whose writer was killed may. If another writer has not ended its line yet,
// an empty line will follow, which is better than two lines in one.
func endsInLine(written *os.File) (bool, error) {
	info, err := written.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	// Another file may have its name by now.
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", written.Fd()))
	if err != nil {
		return false, err
	}
	defer f.Close()
	var last [1]byte
	if n, err := f.ReadAt(last[:], info.Size()-1); n == 0 {
		if errors.Is(err, io.EOF) { // truncated meanwhile
			err = nil
		}
		return false, err
	}
	return last[0] != '\n', nil
}

// A place is the name under which a regular file was opened.
type place struct {
	path     string
	follow   bool // a symbolic link that has the name
	rotation Rotation
	log      *slog.Logger
	begun    time.Time // since when there are lines in the file, as far as is known
	retry    time.Time // rotating has failed; not to be tried before then
	failing  bool      // which is said
}

// prepare sees to it that the next line goes where it is to go: into the file
// that has the name now, and if this has no room for so many bytes, or is too
// old, into a new one. room is how many bytes may follow there.
func (s *Sink) prepare(line int64) (room int64, err error) {
	if s.place == nil {
		return math.MaxInt64, nil
	}
	size, err := s.follow()
	if err != nil {
		return 0, err
	}
	return s.rotateIfDue(size, line), nil
}

// follow opens the file anew if another one has its name now, or none, and gives its size.
func (s *Sink) follow() (size int64, err error) {
	own, named, err := s.compare()
	if err != nil {
		return 0, err
	}
	if !named {
		next, torn, err := s.place.reopen()
		switch {
		case err == nil:
			s.replace(next, torn)
			if own, _, err = s.compare(); err != nil {
				return 0, err
			}
			s.place.begun, s.place.retry = born(next), time.Time{}
			s.place.recovered()
		case own.Nlink == 0: // nobody would find there what is written
			return 0, err
		default:
			s.place.failed("the output file was moved away and cannot be made anew; writing goes on where it is", err)
		}
	}
	if own.Size == 0 { // new, or truncated
		s.place.begun, s.torn = time.Now(), false
	}
	return own.Size, nil
}

// compare looks at the open file, and says whether it has the name.
func (s *Sink) compare() (own unix.Stat_t, named bool, err error) {
	if err := unix.Fstat(int(s.file.Fd()), &own); err != nil {
		return own, false, fmt.Errorf("stat: %w", err)
	}
	var there unix.Stat_t
	err = unix.Stat(s.place.path, &there)
	return own, err == nil && own.Dev == there.Dev && own.Ino == there.Ino, nil
}

// errNotRegular says that something else has the name now.
var errNotRegular = errors.New("not a regular file any more")

func (p *place) reopen() (f *os.File, torn bool, err error) {
	f, err = open(p.path, p.follow)
	if err != nil {
		return nil, false, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: %w", p.path, errNotRegular)
	}
	if err == nil {
		torn, err = endsInLine(f)
	}
	if err != nil {
		f.Close()
		return nil, false, err
	}
	return f, torn, nil
}

// replace goes on with another file.
func (s *Sink) replace(next *os.File, torn bool) {
	if err := s.file.Close(); err != nil {
		s.place.log.Warn("the old output file did not close well", "error", err)
	}
	s.file, s.torn = next, torn
}

// failed says once what goes wrong.
func (p *place) failed(what string, err error) {
	if !p.failing {
		p.log.Error(what, "path", p.path, "error", err)
	}
	p.failing = true
}

func (p *place) recovered() {
	if p.failing {
		p.log.Info("the output file is a new one again", "path", p.path)
	}
	p.failing = false
}

// born is when the file was made, or now where the file system does not know.
func born(f *os.File) time.Time {
	now := time.Now()
	var stat unix.Statx_t
	if err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &stat); err != nil || stat.Mask&unix.STATX_BTIME == 0 {
		return now
	}
	if birth := time.Unix(stat.Btime.Sec, int64(stat.Btime.Nsec)); birth.Before(now) {
		return birth
	}
	return now // the clock was set back
}
