// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sensor/internal/events"
)

var (
	errDenied = errors.New("denied")
	errAbsent = errors.New("absent")
)

const (
	exec, fork, exit = events.KindExec, events.KindFork, events.KindExit
	iam              = events.KindIAM
)

func TestOpen(t *testing.T) {
	type kinds = []events.Kind
	for _, test := range []struct {
		name    string
		sources []*source
		want    string // kind:source
		open    string // sources of the plan
		asked   string // of each source
		closed  string
		reasons []error
	}{
		{"one serves all", []*source{{name: "a", takes: kinds{exec, fork, exit}}},
			"exec:a fork:a exit:a", "a", "[exec fork exit]", "0", nil},
		{"the second is not asked", []*source{{name: "a", takes: kinds{exec, fork, exit}}, {name: "b", takes: kinds{exec}}},
			"exec:a fork:a exit:a", "a", "[exec fork exit] []", "0 0", nil},
		{"the first that takes it", []*source{
			{name: "a", takes: kinds{fork}, reason: errDenied}, {name: "b", takes: kinds{exec, fork}}, {name: "c", takes: kinds{exit, exec}}},
			"exec:b fork:a exit:c", "a b c", "[exec fork exit] [exec exit] [exit]", "0 0 0", []error{errDenied}},
		{"one serves nothing", []*source{{name: "a", reason: errDenied}, {name: "b", takes: kinds{exec, fork}, reason: errAbsent}},
			"exec:b fork:b", "b", "[exec fork exit] [exec fork exit]", "1 0", []error{errDenied, errAbsent}},
		{"one serves nothing and says nothing", []*source{{name: "a"}}, "", "", "[exec fork exit]", "1", nil},
		{"none", nil, "", "", "", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var sources []events.Source
			for _, s := range test.sources {
				sources = append(sources, s)
			}
			want := kinds{exec, fork, exit}
			plan, err := Open(sources, Wish{Kinds: want})
			if err != nil {
				t.Error(err)
			}
			var open, asked, closed []string
			for _, s := range plan.Sources {
				open = append(open, s.Name())
			}
			for _, s := range test.sources {
				asked = append(asked, fmt.Sprint(s.asked))
				closed = append(closed, fmt.Sprint(s.closed))
			}
			if got := plan.served(); got != test.want {
				t.Errorf("served: got %q, want %q", got, test.want)
			}
			for _, list := range []struct {
				what string
				got  []string
				want string
			}{{"open", open, test.open}, {"asked", asked, test.asked}, {"closed", closed, test.closed}} {
				if got := strings.Join(list.got, " "); got != list.want {
					t.Errorf("%s: got %q, want %q", list.what, got, list.want)
				}
			}
			if fmt.Sprint(want) != "[exec fork exit]" {
				t.Errorf("the caller's list is now %v", want)
			}
			if len(plan.Reasons) != len(test.reasons) {
				t.Fatalf("got reasons %v, want %v", plan.Reasons, test.reasons)
			}
			for i, reason := range test.reasons {
				if !errors.Is(plan.Reasons[i], reason) || !strings.HasPrefix(plan.Reasons[i].Error(), "source ") {
					t.Errorf("got reason %v, want %v", plan.Reasons[i], reason)
				}
			}
		})
	}
}

// Every source is closed, whatever the others say.
func TestClose(t *testing.T) {
	a, b, c := &source{name: "a", fault: errDenied}, &source{name: "b"}, &source{name: "c", fault: errAbsent}
	err := (&Plan{Sources: []events.Source{a, b, c}}).Close()
	if !errors.Is(err, errDenied) || !errors.Is(err, errAbsent) || !strings.Contains(err.Error(), "close source a") {
		t.Errorf("got error %v", err)
	}
	if a.closed != 1 || b.closed != 1 || c.closed != 1 {
		t.Errorf("closed %d, %d and %d times", a.closed, b.closed, c.closed)
	}
	if err := (&Plan{}).Close(); err != nil {
		t.Error(err)
	}
}

// A source that serves nothing and cannot be closed does not keep the next from serving.
func TestOpenCloseFails(t *testing.T) {
	a, b := &source{name: "a", fault: errDenied}, &source{name: "b", takes: []events.Kind{exec}}
	plan, err := Open([]events.Source{a, b}, Wish{Kinds: []events.Kind{exec}})
	if !errors.Is(err, errDenied) || plan.Served[exec] != b {
		t.Errorf("got error %v, exec served by %v", err, plan.Served[exec])
	}
}

// A companion comes from a source that is open anyway, and opens none.
func TestOpenCompanions(t *testing.T) {
	for _, test := range []struct {
		name, want, open string
		sources          []*source
	}{
		{"of the first", "exec:a iam:a", "a", []*source{{name: "a", takes: []events.Kind{exec, iam}}, {name: "b", takes: []events.Kind{iam}}}},
		{"not of one that serves nothing else", "exec:b", "b", []*source{{name: "a", takes: []events.Kind{iam}}, {name: "b", takes: []events.Kind{exec}}}},
		{"not of one that is not needed", "exec:a", "a", []*source{{name: "a", takes: []events.Kind{exec}}, {name: "b", takes: []events.Kind{iam}}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var sources []events.Source
			for _, s := range test.sources {
				sources = append(sources, s)
			}
			plan, err := Open(sources, Wish{Kinds: []events.Kind{exec}, Companions: []events.Kind{iam}})
			if err != nil {
				t.Fatal(err)
			}
			if got := plan.served(); got != test.want || len(plan.Sources) != 1 || plan.Sources[0].Name() != test.open {
				t.Errorf("got %s from %d sources, want %s", got, len(plan.Sources), test.want)
			}
		})
	}
}

func (p *Plan) served() string {
	var served []string
	for _, k := range events.Kinds() {
		if s := p.Served[k]; s != nil {
			served = append(served, k.String()+":"+s.Name())
		}
	}
	return strings.Join(served, " ")
}
