// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"sensor/internal/config"
	"sensor/internal/events"
	"sensor/internal/process/snapshot"
)

// What the kernel does with its own threads is left out, but not what these do
// to flows and files.
func TestWanted(t *testing.T) {
	keep := wanted(config.Config{Kinds: map[string]config.Kind{
		"fork": {Enabled: true}, "connect": {Enabled: true}, "unix_connect": {Enabled: true}, "file_write": {Enabled: true},
	}}, self{pid: 9, namespace: snapshot.InitialPID})
	program := &events.Process{PID: 7}
	thread := &events.Process{PID: 2, KernelThread: true, NoMemory: true}
	helper := &events.Process{PID: 8, NoMemory: true}
	for _, test := range []struct {
		name  string
		event events.Event
		want  bool
	}{
		{"program", events.Event{Kind: events.KindFork, Process: program}, true},
		{"thread of the kernel", events.Event{Kind: events.KindFork, Process: thread}, false},
		{"helper of the kernel", events.Event{Kind: events.KindFork, Process: helper}, false},
		{"its flow", events.Event{Kind: events.KindConnect, Process: thread, Network: &events.Network{}}, true},
		{"the sensor's own flow", events.Event{Kind: events.KindConnect, Process: &events.Process{PID: 9}, Network: &events.Network{}}, false},
		{"flow of nobody", events.Event{Kind: events.KindConnect, Network: &events.Network{}}, true},
		{"its local flow", events.Event{Kind: events.KindUnixConnect, Process: helper, Local: &events.Local{}}, true},
		{"its file", events.Event{Kind: events.KindFileWrite, Process: thread, File: &events.File{}}, true},
		{"file of nobody", events.Event{Kind: events.KindFileWrite, File: &events.File{}}, true},
		{"kind that is off", events.Event{Kind: events.KindFileDelete, Process: program, File: &events.File{}}, false},
		{"about the sensor", events.Event{Kind: events.KindEventsLost, Loss: &events.Loss{}}, true},
	} {
		if got := keep(&test.event); got != test.want {
			t.Errorf("%s: kept: %v, want %v", test.name, got, test.want)
		}
	}
}

// In a pid namespace the sensor knows itself by the pid that it has there.
func TestSelf(t *testing.T) {
	own := self{pid: 9, namespace: 4026532000}
	for _, test := range []struct {
		process *events.Process
		want    bool
	}{
		{&events.Process{PID: 9, VPID: 9, Namespaces: events.Namespaces{PID: snapshot.InitialPID}}, false},
		{&events.Process{PID: 700, VPID: 9, Namespaces: events.Namespaces{PID: 4026532000}}, true},
		{&events.Process{PID: 701, VPID: 9, Namespaces: events.Namespaces{PID: 4026532001}}, false},
	} {
		if got := own.is(test.process); got != test.want {
			t.Errorf("pid %d, in its namespace %d: %v", test.process.PID, test.process.VPID, got)
		}
	}
	here, err := thisProcess()
	if err != nil || here.namespace == 0 {
		t.Errorf("%+v, %v", here, err)
	}
}
