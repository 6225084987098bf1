// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import "sync/atomic"

// A size is how many bytes a request may have before compression. It follows what the way to the engine takes (413), so
// that not every batch is sent in vain before it is split.
type size struct {
	bound, least int64
	now          atomic.Int64
}

// leastSize is under what it does not fall: all that one event needs, mostly.
const leastSize = 64 << 10

func newSize(bound int) *size {
	s := &size{bound: int64(bound), least: int64(min(bound, leastSize))}
	s.now.Store(s.bound)
	return s
}

func (s *size) most() int { return int(s.now.Load()) }

// tooLarge tells that so many bytes were too many.
func (s *size) tooLarge(bytes int) {
	s.now.Store(max(s.least, min(s.now.Load(), int64(bytes)/2)))
}

// passed tells that so many bytes were taken. The next request may have a little more.
func (s *size) passed(bytes int) {
	if now := s.now.Load(); now < s.bound && int64(bytes) > now/2 {
		s.now.Store(min(s.bound, now+now/32))
	}
}
