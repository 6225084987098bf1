// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sensor/internal/events"
)

var errDied = errors.New("died")

// until emits one event of each kind and waits for the end.
func (r *rig) until(kinds ...events.Kind) func(ctx context.Context, emit func(*events.Event)) error {
	return func(ctx context.Context, emit func(*events.Event)) error {
		for _, k := range kinds {
			r.ledger.Generated(k, 1)
			emit(&events.Event{Kind: k})
		}
		<-ctx.Done()
		return nil
	}
}

func dies(context.Context, func(*events.Event)) error { return errDied }

// What a source served that has failed, others take over while the rest goes on.
func TestFall(t *testing.T) {
	all := []events.Kind{exec, fork, exit}
	for _, test := range []struct {
		name     string
		sources  func(r *rig) []*source
		required []events.Kind
		served   string
		lasts    time.Duration
		errs     []error
	}{
		{"one takes over all", func(r *rig) []*source {
			return []*source{{name: "a", takes: all, run: dies}, {name: "b", takes: all, run: r.until(exec)}}
		}, all, "exec:b fork:b exit:b", time.Hour, nil},
		{"two take over", func(r *rig) []*source {
			return []*source{{name: "a", takes: all, run: dies}, {name: "b", takes: all[:1], run: r.until(exec)}, {name: "c", takes: all[1:], run: r.until(fork)}}
		}, all, "exec:b fork:c exit:c", time.Hour, nil},
		{"an heir dies too, and who is open is not asked again", func(r *rig) []*source {
			return []*source{{name: "a", takes: all, run: dies}, {name: "b", takes: all[:1], run: dies}, {name: "c", takes: all, run: r.until()}}
		}, nil, "fork:c exit:c", time.Hour, []error{errDied}},
		{"the others go on", func(r *rig) []*source {
			return []*source{{name: "a", takes: all[:1], run: dies}, {name: "b", takes: all[1:], run: r.until(fork)}}
		}, all[1:], "fork:b exit:b", time.Hour, []error{errDied}},
		{"a required kind is lost", func(r *rig) []*source {
			return []*source{{name: "a", takes: all[:1], run: dies}, {name: "b", takes: all[1:], run: r.until(fork)}}
		}, all[:1], "fork:b exit:b", 0, []error{errDied, errRequired}},
		{"nothing is left", func(r *rig) []*source {
			return []*source{{name: "a", takes: all, run: dies}}
		}, nil, "", 0, []error{errDied}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.Required = test.required
				sources := test.sources(r)
				var list []events.Source
				for _, s := range sources {
					list = append(list, s)
				}
				plan, err := Open(list, Wish{Kinds: all})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				err = New(r.Options).Run(ctx, plan, &r.sink)
				if lasted := time.Since(r.start); lasted != test.lasts {
					t.Errorf("it ended after %v, want %v", lasted, test.lasts)
				}
				for _, want := range test.errs {
					if !errors.Is(err, want) {
						t.Errorf("got error %v, want %v", err, want)
					}
				}
				if len(test.errs) == 0 && err != nil {
					t.Error(err)
				}
				if got := plan.served(); got != test.served {
					t.Errorf("served at the end: %s, want %s", got, test.served)
				}
				if sources[0].closed != 1 {
					t.Errorf("what failed was closed %d times", sources[0].closed)
				}
				if !strings.Contains(r.log.String(), "source=a") || !strings.Contains(r.log.String(), "died") {
					t.Errorf("nothing was said: %s", r.log.String())
				}
				r.check()
			})
		})
	}
}
