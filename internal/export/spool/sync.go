// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"fmt"
	"os"
)

// mostUnsynced is how many closed segments may wait for fsync.
const mostUnsynced = 16

// sync makes durable what is in the files. The caller does not hold mu: it takes long.
func (s *Spool) sync() {
	type file struct {
		*segment
		*os.File
		stored int
	}
	var files []file
	s.mu.Lock()
	for _, seg := range s.unsynced {
		if seg.file != nil {
			files = append(files, file{seg, seg.file, seg.stored})
		}
	}
	s.unsynced = nil
	for _, l := range s.logs() {
		if seg := l.open(); seg != nil && seg.file != nil && seg.stored > seg.synced {
			files = append(files, file{seg, seg.file, seg.stored})
		}
	}
	named := s.named
	s.named = false
	s.mu.Unlock()

	var failed error
	for _, f := range files {
		if err := f.Sync(); err != nil && !errors.Is(err, os.ErrClosed) { // closed: its records are settled or dropped
			failed = errors.Join(failed, err)
		}
	}
	if named {
		failed = errors.Join(failed, s.dir.sync())
	}

	s.mu.Lock()
	defer s.unlock()
	for _, f := range files {
		if failed != nil && f.data != nil {
			f.segment.stored = min(f.segment.stored, f.synced) // the kernel forgets what it could not write: to be written again
		} else if failed == nil && f.segment.file == f.File {
			f.synced = f.stored
		}
		if failed != nil || f.closed {
			f.release()
		}
	}
	if failed != nil {
		s.fail(fmt.Errorf("sync spool: %w", failed))
	}
}
