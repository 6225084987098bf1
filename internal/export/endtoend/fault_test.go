// SPDX-License-Identifier: Apache-2.0

package endtoend_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sensor/internal/events"
	"sensor/internal/export/engine"
	"sensor/internal/export/enginetest"
)

// ordeal is something that happens to the connection while events are delivered.
type ordeal struct {
	name    string
	timeout time.Duration // of a request; 0: so long that only faults end one
	script  func(t *testing.T, p *enginetest.Proxy)
	heal    func(t *testing.T, p *enginetest.Proxy) // once the events are written; nil: the script ends by itself
	faults  int                                     // requests that have to meet one
	doubles int                                     // documents that the engine has to be asked twice for, at least
	refused int                                     // events that it does not take
	told    string                                  // in the log
}

// next lets some requests fail.
func next(n int, f enginetest.Fault) func(*testing.T, *enginetest.Proxy) {
	return func(_ *testing.T, p *enginetest.Proxy) { p.FailNext(n, f) }
}

const noEvents = "the search engine takes no events"

func ordeals() []ordeal {
	const key = "id:good"
	return []ordeal{
		{name: "refused", script: func(t *testing.T, p *enginetest.Proxy) { p.Down(t) }, told: "connection refused",
			heal: func(t *testing.T, p *enginetest.Proxy) { p.Up(t) }},
		{name: "hang", timeout: time.Second, script: next(3, enginetest.Hang()), faults: 3, told: noEvents},
		{name: "reset", script: next(3, enginetest.Reset()), faults: 3, told: noEvents},
		{name: "lost answer", script: next(2, enginetest.LoseAnswer()), faults: 2, doubles: bulkEvents, told: noEvents},
		{name: "cut answer", script: next(2, enginetest.CutAnswer()), faults: 2, doubles: bulkEvents, told: noEvents},
		{name: "slow by 2 s", script: next(4, enginetest.Slow(2*time.Second)), faults: 4},
		{name: "answer after the time-out", timeout: time.Second, script: next(2, enginetest.Slow(4*time.Second)), faults: 2, doubles: bulkEvents, told: noEvents},
		{name: "429", script: next(3, enginetest.Status(429)), faults: 3, told: "429"},
		{name: "429 with Retry-After", script: next(2, enginetest.RetryAfter(429, "1")), faults: 2, told: "429"},
		{name: "503", script: next(3, enginetest.Status(503)), faults: 3, told: "503"},
		{name: "500", script: next(3, enginetest.Status(500)), faults: 3, told: "500"},
		{name: "413", script: next(-1, enginetest.TooLarge(40_000)), faults: 10},
		{name: "half 429", script: next(4, enginetest.RejectEverySecond(429)), faults: 4, told: "does not take some events now"},
		{name: "half 503", script: next(4, enginetest.RejectEverySecond(503)), faults: 4, told: "does not take some events now"},
		{name: "half 403", script: next(2, enginetest.RejectEverySecond(403)), faults: 2, told: "does not take some events now"},
		{name: "single 400", script: next(3, enginetest.Reject(400, func(n int, _ enginetest.Action) bool { return n == 1 })), faults: 3, refused: 3,
			told: "refuses events for good"},
		{name: "garbage", script: next(3, enginetest.Garbage()), faults: 3, told: "not that of a bulk endpoint"},
		{name: "403", script: next(3, enginetest.Status(403)), faults: 3, told: "403"},
		{name: "expired credentials", script: func(_ *testing.T, p *enginetest.Proxy) { p.Authorize(enginetest.APIKey("id:new")) }, told: "401",
			heal: func(t *testing.T, p *enginetest.Proxy) {
				p.Await(t, func(c enginetest.Counts) bool { return c.Refused >= 2 })
				p.Authorize(enginetest.APIKey(key))
			}},
	}
}

// TestFaults lets each ordeal come in turn: of a known count of events each is in the engine once, or among the refused.
func TestFaults(t *testing.T) {
	enginetest.All(t, func(t *testing.T, e *enginetest.Engine) {
		install(t, e)
		for _, o := range ordeals() {
			t.Run(o.name, func(t *testing.T) {
				t.Parallel() // most of it is waiting
				p := enginetest.NewProxy(t, e.URL)
				p.Authorize(enginetest.APIKey("id:good"))
				connection := engine.Options{Hosts: []string{p.URL}, APIKey: "id:good", Timeout: o.timeout}
				deliver(t, e, p, o, connection)
			})
		}
	})
}

// deliver writes events while the ordeal lasts, and looks what became of them.
func deliver(t *testing.T, e *enginetest.Engine, p *enginetest.Proxy, o ordeal, connection engine.Options) {
	t.Helper()
	const each = 100
	s := open(t, "faults-"+strings.ReplaceAll(strings.ToLower(o.name), " ", "-"), connection)
	o.script(t, p)
	var ids []string
	for range 2 {
		for _, kind := range []events.Kind{events.KindExec, events.KindConnect} {
			for _, event := range s.write(kind, each) {
				ids = append(ids, event.ID.String())
			}
		}
	}
	if o.heal != nil {
		for begin := time.Now(); o.told != "" && !strings.Contains(s.log.String(), o.told); time.Sleep(10 * time.Millisecond) {
			if time.Since(begin) > time.Minute {
				t.Fatalf("the log does not say %q:\n%s", o.told, s.log)
			}
		}
		o.heal(t, p)
	}
	balance := s.close()
	stats := s.sink.Stats()
	if delivered := balance.Delivered["exec"] + balance.Delivered["connect"]; delivered != uint64(len(ids)-o.refused) {
		t.Errorf("%d delivered, want %d: %s", delivered, len(ids)-o.refused, balance)
	}
	if lost := balance.Lost(); lost != uint64(o.refused) || s.refused() != o.refused {
		t.Errorf("%d lost and %d among the refused, want %d: %s", lost, s.refused(), o.refused, balance)
	}
	if c := p.Counts(); c.Faults < o.faults {
		t.Errorf("only %d requests met a fault, want %d: %+v", c.Faults, o.faults, c)
	}
	if stats.Duplicate < uint64(o.doubles) || o.doubles == 0 && o.timeout == 0 && stats.Duplicate > 0 {
		t.Errorf("the engine had %d already, want %d or more", stats.Duplicate, o.doubles)
	}
	if !strings.Contains(s.log.String(), o.told) {
		t.Errorf("the log does not say %q:\n%s", o.told, s.log)
	}
	if strings.Contains(s.log.String(), "id:good") {
		t.Errorf("the log has the key:\n%s", s.log)
	}
	var found []string
	for _, d := range e.Search(t, s.all(), "") {
		found = append(found, d.ID)
	}
	slices.Sort(found)
	slices.Sort(ids)
	if len(found) != len(ids)-o.refused || len(slices.Compact(slices.Clone(found))) != len(found) {
		t.Errorf("the engine has %d documents, want %d", len(found), len(ids)-o.refused)
	}
	for _, id := range found {
		if _, ok := slices.BinarySearch(ids, id); !ok {
			t.Errorf("the engine has %s, which was not sent", id)
		}
	}
}

// TestCertificates does the same with certificates that are wrong until they are right.
func TestCertificates(t *testing.T) {
	enginetest.All(t, func(t *testing.T, e *enginetest.Engine) {
		install(t, e)
		for _, tc := range []struct {
			name        string
			certificate enginetest.Certificate
			told        string
		}{
			{"of another host", enginetest.WrongName, "192.0.2.1"},
			{"expired", enginetest.Expired, "expired"},
			{"of an unknown authority", enginetest.UnknownAuthority, "unknown authority"},
		} {
			t.Run(tc.name, func(t *testing.T) {
				t.Parallel()
				p := enginetest.NewTLSProxy(t, e.URL, true)
				p.Use(t, tc.certificate)
				deliver(t, e, p.Proxy, ordeal{
					name:   "certificate " + tc.name,
					script: func(*testing.T, *enginetest.Proxy) {},
					heal:   func(t *testing.T, _ *enginetest.Proxy) { p.Use(t, enginetest.Good) },
					told:   tc.told,
				}, engine.Options{Hosts: []string{p.URL}, CAFile: p.CAFile, CertificateFile: p.CertificateFile, KeyFile: p.KeyFile})
			})
		}
	})
}
