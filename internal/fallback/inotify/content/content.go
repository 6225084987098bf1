// SPDX-License-Identifier: Apache-2.0

// Package content reads files to compute the hashes of what they hold: regular
// files alone, no faster than is allowed, and without a trace in their times of
// access where that is possible.
package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
	"sensor/internal/fallback/inotify/hashes"
	"sensor/internal/fallback/inotify/tree"
)

// Why a file has no hashes.
var (
	ErrLarge    = errors.New("the file is too large")
	ErrReplaced = errors.New("another file has the name")
	ErrChanging = errors.New("the file changes while it is read")
)

// Reader computes hashes. It is for one goroutine.
type Reader struct {
	set   *hashes.Set
	most  int64
	pace  pace
	piece []byte
}

// New makes a reader: of files of at most so many bytes, and of at most rate
// bytes/s; 0 is without bound.
func New(set *hashes.Set, most, rate int64) *Reader {
	return &Reader{set: set, most: most, pace: pace{rate: rate}, piece: make([]byte, 128<<10)}
}

// attempts is how often a file is read that changes meanwhile.
const attempts = 3

// Sum reads the file at the path if it still is the one with the given status. It
// returns the hashes, and the status that the file had both before and after.
func (r *Reader) Sum(ctx context.Context, path string, want tree.Status) (string, tree.Status, error) {
	f, err := open(path, want)
	if err != nil {
		return "", tree.Status{}, fmt.Errorf("read %s: %w", path, err)
	}
	defer f.Close()
	for range attempts {
		sum, st, err := r.once(ctx, f)
		if errors.Is(err, ErrChanging) {
			continue
		}
		if err != nil {
			return "", tree.Status{}, fmt.Errorf("read %s: %w", path, err)
		}
		return sum, st, nil
	}
	return "", tree.Status{}, fmt.Errorf("read %s: %w", path, ErrChanging)
}

// open opens a regular file and nothing else: a FIFO or a device would notice. So
// the name is first turned into a file without opening that.
func open(path string, want tree.Status) (*os.File, error) {
	place, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(place)
	st, err := tree.StatOpen(place)
	if err != nil {
		return nil, err
	}
	if st.Type() != events.FileTypeRegular || !st.Same(want) {
		return nil, ErrReplaced
	}
	const flags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_CLOEXEC
	name := "/proc/self/fd/" + strconv.Itoa(place)
	fd, err := unix.Open(name, flags|unix.O_NOATIME, 0)
	if errors.Is(err, unix.EPERM) { // not its owner, and without CAP_FOWNER
		fd, err = unix.Open(name, flags, 0)
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

func (r *Reader) once(ctx context.Context, f *os.File) (string, tree.Status, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", tree.Status{}, err
	}
	before, err := tree.StatOpen(int(f.Fd()))
	if err != nil {
		return "", tree.Status{}, err
	}
	if r.most > 0 && before.Size > uint64(r.most) {
		return "", tree.Status{}, ErrLarge
	}
	r.set.Reset()
	var total uint64
	for {
		n, err := f.Read(r.piece)
		r.set.Write(r.piece[:n])
		if total += uint64(n); total > before.Size { // it grows, and may do so for ever
			return "", tree.Status{}, ErrChanging
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", tree.Status{}, err
		}
		if err := r.pace.take(ctx, n); err != nil {
			return "", tree.Status{}, err
		}
	}
	after, err := tree.StatOpen(int(f.Fd()))
	if err != nil {
		return "", tree.Status{}, err
	}
	if before.Changed != after.Changed || !before.Untouched(after) {
		return "", tree.Status{}, ErrChanging
	}
	return r.set.Sum(), after, nil
}

// pace spreads what is read over time.
type pace struct {
	rate int64     // bytes/s; 0 is without bound
	next time.Time // when all that was taken so far has been paid for
}

// slack is how far ahead of its time reading may be: sleeping for less is not worth it.
const slack = 20 * time.Millisecond

// take waits until n more bytes were allowed.
func (p *pace) take(ctx context.Context, n int) error {
	if p.rate <= 0 {
		return ctx.Err()
	}
	now := time.Now()
	if p.next.Before(now) { // what was not used is gone
		p.next = now
	}
	p.next = p.next.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
	ahead := p.next.Sub(now)
	if ahead < slack {
		return ctx.Err()
	}
	timer := time.NewTimer(ahead)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
