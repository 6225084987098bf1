// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"

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
	// A ring that a slow machine does not fill half: from there on long arguments are cut.
	s := start(t, "--kinds", "exec,fork,exit,already_running,exec_failed", "-c", configFile(t, "limits: {rings: {critical: 64MiB}}"))
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
			if !servesFailedExecs(t) {
				return
			}
			for _, err := range acts.CheckFailed(result, docs) {
				t.Error(err)
			}
		})
	}
}

// servesFailedExecs is false before Linux 5.11, the only kernels without the helper.
func servesFailedExecs(t *testing.T) bool {
	t.Helper()
	err := features.HaveProgramHelper(ebpf.TracePoint, asm.FnGetCurrentTaskBtf)
	if err != nil && !errors.Is(err, ebpf.ErrNotSupported) {
		t.Fatal(err)
	}
	return err == nil
}
