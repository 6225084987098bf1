// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"runtime"
	"testing"
	"weak"
)

// Who keeps a process, as the process table does, does not keep its event:
// that one refers to relatives, whose events refer to theirs, without end.
func TestEventIsNotKept(t *testing.T) {
	for _, kind := range recordKinds() {
		e, _, err := decodeProcess(fullRecord(kind).encode(), testClock, nil)
		if err != nil {
			t.Fatal(err)
		}
		p := e.Process
		event := weak.Make(e)
		runtime.GC()
		if event.Value() != nil {
			t.Errorf("%s: the event is kept", kind)
		}
		runtime.KeepAlive(p)
	}
}
