// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"runtime"
	"testing"
	"weak"

	"sensor/internal/events"
)

// Who keeps a process, as the process table does, does not keep its event:
// that one refers to relatives, whose events refer to theirs, without end.
func TestEventIsNotKept(t *testing.T) {
	type sample struct {
		decode decoder
		raw    []byte
	}
	samples := map[events.Kind]sample{}
	for _, kind := range kindsOf("process") {
		samples[kind] = sample{decodeProcess, fullRecord(kind).encode()}
	}
	for _, kind := range networkKinds() {
		r := fullNetwork(kind)
		samples[kind] = sample{decodeNetwork, encodeNetwork(&r)}
	}
	for _, kind := range localKinds() {
		r := fullLocal(kind)
		samples[kind] = sample{decodeLocal, encodeLocal(&r)}
	}
	for _, kind := range kindsOf("file") {
		samples[kind] = sample{decodeFile, fullFile(kind).encode()}
	}
	for kind, sample := range samples {
		e, _, err := sample.decode(sample.raw, testClock, nil)
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
