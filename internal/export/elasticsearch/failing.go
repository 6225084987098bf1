// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"net/http"
	"sync"
)

const (
	// mostErrors is how often the engine may fail at a document (500) while it takes requests: it may never get over it.
	mostErrors = 20
	// mostFailing is how many documents are remembered for that. If there are more, it is not they that are at fault.
	mostFailing = 4096
)

// failing counts the engine's failures by document.
type failing struct {
	mu     sync.Mutex
	counts map[string]int // by id
}

// tooOften reports whether a document, whose outcome has the given status, is to be given up.
func (f *failing) tooOften(status int, body []byte) bool {
	if status < 500 || status == http.StatusServiceUnavailable {
		return false
	}
	id := letterOf(body).id
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil || len(f.counts) >= mostFailing {
		f.counts = map[string]int{}
	}
	f.counts[id]++
	if f.counts[id] < mostErrors {
		return false
	}
	delete(f.counts, id)
	return true
}
