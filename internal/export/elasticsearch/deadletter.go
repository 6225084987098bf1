// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A deadLetter file holds what the engine refuses for good, one line of JSON for each event. It is for its owner alone.
// When it is full it takes the name path.1, in place of an older one.
type deadLetter struct {
	path    string // "": nothing is kept
	most    int64
	written atomic.Uint64
	failed  atomic.Uint64

	mu   sync.Mutex
	file *os.File
	size int64
}

func openDeadLetter(path string, most int64) (*deadLetter, error) {
	d := &deadLetter{path: path, most: most}
	if path == "" {
		return d, nil
	}
	return d, d.open()
}

func (d *deadLetter) open() error {
	// Neither a FIFO's missing reader nor somebody else's link is to hold us up or lead us elsewhere.
	file, err := os.OpenFile(d.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", d.path)
	}
	if err == nil {
		err = file.Chmod(0o600) // it may have been there, for all to read
	}
	if err != nil {
		file.Close()
		return err
	}
	d.file, d.size = file, info.Size()
	return nil
}

// write keeps one event.
func (d *deadLetter) write(status int, errorType, reason string, l letter) error {
	if d.path == "" {
		return nil
	}
	if err := d.append(status, errorType, reason, l); err != nil {
		d.failed.Add(1)
		return fmt.Errorf("write dead letter file: %w", err)
	}
	d.written.Add(1)
	return nil
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
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file != nil && d.size > 0 && d.size+int64(len(line)) > d.most {
		if err := d.rotate(); err != nil {
			return err
		}
	}
	if d.file == nil { // the last attempt failed
		if err := d.open(); err != nil {
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

func (d *deadLetter) rotate() error {
	err := d.file.Close()
	d.file = nil
	return errors.Join(err, os.Rename(d.path, d.path+".1"))
}

func (d *deadLetter) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file == nil {
		return nil
	}
	err := d.file.Close()
	d.file = nil
	return err
}
