// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"sensor/vmtests/acts"
)

// TestActs runs every act under one sensor and compares what the acts say they
// did with what the sensor saw.
func TestActs(t *testing.T) {
	list := acts.List(t)
	older := map[string]*acts.Running{}
	for _, act := range list {
		if act.Older {
			older[act.Name] = acts.Start(t, act.Name)
		}
	}
	s := start(t, "--kinds", "exec,fork,exit,already_running,exec_failed")
	results := map[string]acts.Result{}
	for _, act := range list {
		if running, ok := older[act.Name]; ok {
			results[act.Name] = running.Finish()
		} else {
			results[act.Name] = acts.Run(t, act.Name)
		}
	}
	balance := s.stop()
	docs := s.documents()
	if lost := balance.Lost(); lost != 0 {
		t.Errorf("%d events were lost: %v", lost, balance.Dropped)
	}
	for _, act := range list {
		t.Run(act.Name, func(t *testing.T) {
			result := results[act.Name]
			if result.Skip != "" {
				t.Skip(result.Skip)
			}
			for _, err := range acts.Check(result, docs) {
				t.Error(err)
			}
			for _, err := range acts.CheckFailed(result, docs) {
				t.Error(err)
			}
		})
	}
}
