// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sensor/internal/events"
)

func TestFirstOf(t *testing.T) {
	rejected := errors.New("rejected")
	gone := fmt.Errorf("attach: %w: %w", errNoHook, os.ErrNotExist)
	tests := map[string]struct {
		step     string
		attached string // program that is at its hook already
		errs     map[string]error
		name     string // that firstOf gives
		fresh    bool
		err      error
		tried    []string
	}{
		"one":                        {step: "a", name: "a", fresh: true, tried: []string{"a"}},
		"one that is there already":  {step: "a", attached: "a", name: "a"},
		"one that is rejected":       {step: "a", errs: map[string]error{"a": rejected}, name: "a", err: rejected, tried: []string{"a"}},
		"one without a hook":         {step: "a", errs: map[string]error{"a": gone}, name: "a", err: errNoHook, tried: []string{"a"}},
		"the first of two":           {step: "a|b", name: "a", fresh: true, tried: []string{"a"}},
		"the second of two":          {step: "a|b", errs: map[string]error{"a": rejected}, name: "b", fresh: true, tried: []string{"a", "b"}},
		"the second is there":        {step: "a|b", attached: "b", errs: map[string]error{"a": rejected}, name: "b", tried: []string{"a"}},
		"none of two":                {step: "a|b", errs: map[string]error{"a": gone, "b": rejected}, name: "b", err: rejected, tried: []string{"a", "b"}},
		"one that may be missing":    {step: "a|", name: "a", fresh: true, tried: []string{"a"}},
		"one that is missing":        {step: "a|", errs: map[string]error{"a": gone}, tried: []string{"a"}},
		"rejected, though it may go": {step: "a|", errs: map[string]error{"a": rejected}, name: "a", err: rejected, tried: []string{"a"}},
		// /sys is not there: that says nothing of the hook.
		"a file that is missing":      {step: "a|", errs: map[string]error{"a": os.ErrNotExist}, name: "a", err: os.ErrNotExist, tried: []string{"a"}},
		"two that are missing":        {step: "a|b|", errs: map[string]error{"a": gone, "b": gone}, tried: []string{"a", "b"}},
		"one missing, one rejected":   {step: "a|b|", errs: map[string]error{"a": gone, "b": rejected}, name: "b", err: rejected, tried: []string{"a", "b"}},
		"may be missing, but is here": {step: "a|", attached: "a", name: "a"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var tried []string
			name, fresh, err := firstOf(alternatives(test.step), func(name string) bool { return name == test.attached }, func(name string) error {
				tried = append(tried, name)
				return test.errs[name]
			})
			if name != test.name || fresh != test.fresh || !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
				t.Errorf("got %q, fresh %v, error %v", name, fresh, err)
			}
			if !slices.Equal(tried, test.tried) {
				t.Errorf("tried %q, want %q", tried, test.tried)
			}
		})
	}
}

// TestMissingTracepoint serves a kind on this kernel, by a variant one of whose
// hooks no kernel has.
func TestMissingTracepoint(t *testing.T) {
	needsPrograms(t)
	s := New(Options{
		Log: slog.New(slog.DiscardHandler), Ledger: &events.Ledger{}, IDs: events.NewIDs("boot", Name), CriticalRing: 1 << 20,
		Proc: func(uint32, func(uint64) time.Time) (Proc, error) { return nil, errors.New("not used") },
	})
	if _, err := s.Open([]events.Kind{events.KindFork}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	known := programsByName()
	nowhere := known["execve_enter"]
	nowhere.hook = "syscalls/sys_enter_nothing"
	known[nowhere.name] = nowhere
	row := func(programs ...string) kindRow {
		return kindRow{events.KindExecFailed, decodeProcess, []variant{{"tracepoint", programs}}}
	}
	if err := s.serve(row("execveat_enter", "execve_enter"), known); !errors.Is(err, errNoHook) {
		t.Errorf("error %v", err)
	}
	if s.attached("execveat_enter") {
		t.Error("of a variant that does not serve a program is left")
	}
	if err := s.serve(row("execveat_enter", "execve_enter|"), known); err != nil {
		t.Error(err)
	}
	if !s.attached("execveat_enter") || s.attached("execve_enter") {
		t.Error("the variant serves with other programs")
	}
	nowhere.counts = true
	known[nowhere.name] = nowhere
	for _, counts := range []bool{true, false} {
		s.options.FileCounts = counts
		if err := s.serve(row("execveat_enter", "execve_enter"), known); (err != nil) != counts {
			t.Errorf("writes are counted: %v, error %v", counts, err)
		}
	}
	plan := s.Plan()
	if last := plan[len(plan)-1]; strings.Join(last.Hooks, " ") != "tracepoint/syscalls/sys_enter_execveat" || last.Err != nil {
		t.Errorf("plan %+v", last)
	}
}

// A variant around system calls needs a call that every architecture has: where
// the kernel hides them all, it would serve and see nothing.
func TestAroundCalls(t *testing.T) {
	for _, calls := range [][]string{creatingCalls(), deletingCalls(), renamingCalls(), truncatingCalls(), attributeCalls()} {
		required := 0
		for _, step := range aroundCalls(calls) {
			if !strings.HasSuffix(step, "|") {
				required++
			}
		}
		if required < 2 {
			t.Errorf("around %q nothing is required", calls)
		}
	}
	for _, call := range everywhere() {
		if !slices.Contains(nameCalls(), call) {
			t.Errorf("%s is none of the calls", call)
		}
	}
}
