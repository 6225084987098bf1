// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sensor/internal/events"
)

// planner is a fake source that says how it serves.
type planner struct {
	*source
	plan []events.Service
}

func (p *planner) Plan() []events.Service { return p.plan }

// The stream says who serves what, at the start and after a fall.
func TestServing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a := &planner{&source{name: "a", takes: []events.Kind{exec, fork}, run: func(ctx context.Context, _ func(*events.Event)) error {
			time.Sleep(time.Minute)
			return errDied
		}}, []events.Service{{Kind: exec, Variant: "best", Err: errDied}, {Kind: exec, Variant: "next"}}}
		b := &source{name: "b", takes: []events.Kind{exec}, run: r.until()}
		plan, err := Open([]events.Source{a, b}, Wish{Kinds: []events.Kind{exec, fork, exit}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := New(r.Options).Run(ctx, plan, &r.sink); err == nil {
			t.Error("nobody has taken fork over, and it is no error")
		}
		var told []string
		for _, e := range r.sink.got {
			if s := e.Serving; s != nil {
				told = append(told, fmt.Sprintf("%v %v %s", s.By, s.Not, s.Cause))
			}
		}
		want := []string{
			"[{exec a next} {fork a }] [exit] ",
			"[{exec b }] [fork exit] run source a: died",
		}
		if strings.Join(told, "\n") != strings.Join(want, "\n") {
			t.Errorf("got  %q\nwant %q", told, want)
		}
		r.check()
	})
}
