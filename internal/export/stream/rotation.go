// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Rotation says when a file gives way to a new one, between two lines. The old
// file is renamed to PATH.TIME, which is when that happened in UTC: it keeps
// that name for as long as it is there, and the names sort by age.
type Rotation struct {
	Bytes int64         // before it gets larger, unless one line alone is; 0: however large
	Age   time.Duration // when a line comes so long after the first one; 0: however old
	Keep  int           // how many old files stay; 0: all
}

func (r Rotation) on() bool { return r.Bytes > 0 || r.Age > 0 }

// stamp is the layout of TIME.
const stamp = "20060102T150405.000000Z"

// retryAfter is how long a rotation that has failed is left alone.
const retryAfter = 10 * time.Second

// mostBuffered is how many bytes are encoded at once: not much more than a file takes.
func (p *place) mostBuffered() int {
	if p == nil || p.rotation.Bytes == 0 {
		return mostBuffered
	}
	return int(min(mostBuffered, p.rotation.Bytes))
}

// rotateIfDue rotates a file of the given size if it has no room for a line of
// so many bytes or is too old, and gives the room that there is then. If it
// cannot be rotated, writing goes on in it.
func (s *Sink) rotateIfDue(size, line int64) (room int64) {
	p := s.place
	limit := p.rotation.Bytes
	if limit == 0 {
		limit = math.MaxInt64
	}
	tooLarge := line > limit-size
	tooOld := p.rotation.Age > 0 && time.Since(p.begun) >= p.rotation.Age
	if size == 0 || !tooLarge && !tooOld {
		return max(limit-size, line)
	}
	if time.Now().Before(p.retry) {
		return math.MaxInt64
	}
	err := s.rotate()
	switch {
	case err == nil:
		p.retry = time.Time{}
		p.recovered()
		return max(limit, line)
	case errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, fs.ErrNotExist): // somebody else does it, or has
	default:
		p.retry = time.Now().Add(retryAfter)
		p.failed("the output file was not rotated; writing goes on in it", err)
	}
	return math.MaxInt64
}

// rotate renames the file and makes a new one. If it is killed in between, the
// next writer makes it.
func (s *Sink) rotate() error {
	// Others that write to the file may want to rotate it too. The lock ends with
	// the description. Where the file system has no locks, one alone is to write.
	fd := int(s.file.Fd())
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("lock: %w", err)
	}
	next, err := s.moveAway()
	if err != nil {
		return errors.Join(err, unix.Flock(fd, unix.LOCK_UN))
	}
	s.replace(next, false)
	s.place.begun = time.Now()
	return nil
}

func (s *Sink) moveAway() (next *os.File, err error) {
	p := s.place
	if _, named, err := s.compare(); err != nil || !named {
		return nil, errors.Join(err, fs.ErrNotExist)
	}
	old, err := p.old()
	if err != nil {
		return nil, err
	}
	at := time.Now().Truncate(time.Microsecond)
	if len(old) > 0 {
		// The clock may have been set back; the order of the names is that of the lines.
		if newest := timeOf(p.path, old[len(old)-1]); !newest.Before(at) {
			at = newest.Add(time.Microsecond)
		}
	}
	if s.torn { // if there is no room for the newline, then so be it
		_, _ = s.file.Write([]byte{'\n'})
	}
	name := p.path + "." + at.UTC().Format(stamp)
	if err := os.Rename(p.path, name); err != nil {
		return nil, err
	}
	next, _, err = p.reopen()
	if err != nil {
		return nil, err
	}
	p.prune(append(old, name))
	return next, nil
}

// old lists the files that have had the name before, the oldest first.
func (p *place) old() ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(p.path))
	if err != nil {
		return nil, err
	}
	var old []string
	for _, entry := range entries { // in the order of their names
		path := filepath.Join(filepath.Dir(p.path), entry.Name())
		if entry.Type().IsRegular() && !timeOf(p.path, path).IsZero() {
			old = append(old, path)
		}
	}
	return old, nil
}

// timeOf is when the file was rotated; zero if it is none that was.
func timeOf(path, old string) time.Time {
	suffix, ok := strings.CutPrefix(filepath.Base(old), filepath.Base(path)+".")
	at, err := time.Parse(stamp, suffix)
	if !ok || err != nil {
		return time.Time{}
	}
	return at
}

// prune removes the oldest files. What stays is tried again the next time.
func (p *place) prune(old []string) {
	if p.rotation.Keep == 0 || len(old) <= p.rotation.Keep {
		return
	}
	for _, path := range old[:len(old)-p.rotation.Keep] {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			p.log.Warn("an old output file was not removed", "error", err)
		}
	}
}
