// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A deadLetter file holds what the engine refuses for good, one line of JSON for each event. It is for its owner alone.
// When it is full it takes the name path.1, in place of an older one. What cannot be kept holds up nothing: each letter is
// another attempt.
type deadLetter struct {
	log    *slog.Logger
	path   string // "": nothing is kept
	most   int64
	failed atomic.Uint64

	mu      sync.Mutex
	file    *os.File
	info    os.FileInfo // of file
	size    int64
	rotates time.Time // not before, for it has failed
	told    seldom
	untold  error // the last failure that the log knows nothing of
}

// rotateAgainAfter is how long after a rotation that has failed the next one is tried. Until then the file grows, to twice
// its size at most.
const rotateAgainAfter = time.Minute

var errNoRotation = errors.New("the file is full and cannot be renamed")

// newDeadLetter opens the file, so that the log tells at once if it cannot be.
func newDeadLetter(log *slog.Logger, path string, most int64) *deadLetter {
	d := &deadLetter{log: log, path: path, most: most, told: seldom{every: time.Minute}}
	if path != "" {
		d.tell(d.open())
	}
	return d
}

// open opens the file if it is not open, or is not where it was: somebody has moved or removed it.
func (d *deadLetter) open() error {
	if d.file != nil {
		if there, err := os.Lstat(d.path); err == nil && os.SameFile(there, d.info) {
			return nil
		}
		d.release()
	}
	if err := os.MkdirAll(filepath.Dir(d.path), 0o700); err != nil {
		return err
	}
	// Neither a FIFO's missing reader nor somebody else's link is to hold us up or lead us elsewhere.
	file, err := os.OpenFile(d.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil {
		err = d.check(info)
	}
	if err == nil {
		err = file.Chmod(0o600) // it may have been there, for all to read
	}
	if err != nil {
		file.Close()
		return err
	}
	d.file, d.info, d.size = file, info, info.Size()
	return nil
}

// check refuses what is no file of ours. Where anybody may make files, somebody else may have made this one, to read it.
func (d *deadLetter) check(info os.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", d.path)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != 0 && int(owner) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user, %d", d.path, owner)
	}
	return nil
}

// release gives the file up.
func (d *deadLetter) release() error {
	err := d.file.Close()
	d.file = nil
	return err
}

// write keeps one event, or tells the log, sooner or later, why it cannot.
func (d *deadLetter) write(status int, errorType, reason string, l letter) {
	if d.path == "" {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.append(status, errorType, reason, l)
	if err != nil {
		d.failed.Add(1)
	}
	d.tell(err)
}

// tell has the log know of a failure, once a minute at most.
func (d *deadLetter) tell(err error) {
	if err != nil {
		d.untold = err
	}
	if d.untold != nil && d.told.due() {
		d.log.Error("refused events cannot be kept in the dead letter file", "error", d.untold, "events", d.failed.Load())
		d.untold = nil
	}
}

func (d *deadLetter) append(status int, errorType, reason string, l letter) error {
	document := json.RawMessage(l.document)
	if !json.Valid(document) {
		document = nil
	}
	line, err := json.Marshal(struct {
		Time     time.Time       `json:"time"`
		Status   int             `json:"status,omitempty"`
		Type     string          `json:"type,omitempty"`
		Reason   string          `json:"reason,omitempty"`
		Index    string          `json:"index,omitempty"`
		ID       string          `json:"id,omitempty"`
		Document json.RawMessage `json:"document,omitempty"`
	}{time.Now().UTC(), status, errorType, reason, l.index, l.id, document})
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if err := d.open(); err != nil {
		return err
	}
	if d.size > 0 && d.size+int64(len(line)) > d.most {
		if err := d.rotate(int64(len(line))); err != nil {
			return err
		}
	}
	n, err := d.file.Write(line)
	d.size += int64(n)
	if err != nil {
		if n > 0 { // what is there of it would spoil the next line
			err = errors.Join(err, d.file.Truncate(d.size-int64(n)))
			d.size -= int64(n)
		}
		return err
	}
	return nil
}

// rotate makes room for so many bytes. err is non-nil if there is none.
func (d *deadLetter) rotate(bytes int64) error {
	var err error
	if now := time.Now(); !now.Before(d.rotates) {
		if err = os.Rename(d.path, d.path+".1"); err == nil {
			d.release()
			return d.open()
		}
		d.rotates = now.Add(rotateAgainAfter)
	}
	if d.size+bytes > 2*d.most {
		return errors.Join(errNoRotation, err)
	}
	return nil
}

func (d *deadLetter) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.untold != nil {
		d.told = seldom{}
		d.tell(nil)
	}
	if d.file == nil {
		return nil
	}
	return d.release()
}
