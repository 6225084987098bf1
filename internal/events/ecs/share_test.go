// SPDX-License-Identifier: Apache-2.0

package ecs

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"sensor/internal/events"
)

// Encoders of several sinks write the same events at the same time, and share
// what they keep with the processes.
func TestEncodersShareProcesses(t *testing.T) {
	kinds := events.Kinds()
	var want [][]byte
	for _, kind := range kinds {
		want = append(want, NewEncoder(fullOptions()).Append(nil, full(kind)))
	}
	for range 20 {
		shared := make([]*events.Event, len(kinds))
		for i, kind := range kinds {
			shared[i] = full(kind)
			if shared[0].Process != nil && shared[i].Process != nil {
				shared[i].Family.Parent = shared[0].Family.Parent
			}
		}
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				e := NewEncoder(fullOptions())
				var line []byte
				for range 3 {
					for i, ev := range shared {
						if line = e.Append(line[:0], ev); !bytes.Equal(line, want[i]) {
							t.Errorf("%s:\n%s\nwant\n%s", kinds[i], line, want[i])
						}
					}
				}
			})
		}
		group.Wait()
	}
}

// What is kept with a process fits in what the process table counts for it.
func TestFragmentsFitInTheCount(t *testing.T) {
	tests := map[string]struct {
		args string
		kept bool
	}{
		"none":                  {"", true},
		"ordinary":              {strings.Repeat("--option=value\x00", 4000), true},
		"six bytes for each":    {strings.Repeat("\x01", 64<<10), false},
		"short, six bytes each": {strings.Repeat("\x01", 16), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := NewEncoder(fullOptions())
			ev := full(events.KindExec)
			ev.Process.Args.Packed = test.args
			first := e.Append(nil, ev)
			f, ok := ev.Process.Fragment().(*fragment)
			if !ok {
				t.Fatal("the process is not marked as written")
			}
			if kept := f.members != nil; kept != test.kept {
				t.Errorf("kept: %v, want %v", kept, test.kept)
			}
			if n, most := len(f.members)+len(f.commandLine), ev.Process.Size()+3*len(test.args); n > most {
				t.Errorf("%d bytes are kept, want at most %d", n, most)
			}
			if again := e.Append(nil, ev); !bytes.Equal(again, first) {
				t.Errorf("again:\n%s\nwant\n%s", again, first)
			}
		})
	}
}

// Writing an event whose fragments are there costs no memory.
func TestAppendAllocatesNothing(t *testing.T) {
	for _, kind := range events.Kinds() {
		e := NewEncoder(fullOptions())
		ev := full(kind)
		line := e.Append(nil, ev)
		if n := testing.AllocsPerRun(100, func() { line = e.Append(line[:0], ev) }); n > 0 {
			t.Errorf("%s: %v allocations", kind, n)
		}
	}
}
