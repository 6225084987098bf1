// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"crypto/rand"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sensor/internal/events"
	"sensor/internal/export/engine"
	"sensor/internal/export/enginetest"
)

// fault is something that goes wrong between the sensor and a real engine for some requests.
type fault struct {
	fault    enginetest.Fault
	requests int    // that it is for
	told     string // in the log, as the outage's cause; "" if there is none
	status   int    // of which there are requests then; -1: none is looked for
	rejected int    // of 2,000 events
}

func faults() map[string]fault {
	second := func(status int) enginetest.Fault { return enginetest.RejectEverySecond(status) }
	return map[string]fault{
		"hang":                  {enginetest.Hang(), 2, "no answer within 3s", 0, 0},
		"reset":                 {enginetest.Reset(), 3, "it hung up", 0, 0},
		"lost answer":           {enginetest.LoseAnswer(), 3, "it hung up", 0, 0},
		"cut in the answer":     {enginetest.CutAnswer(), 3, "it hung up", 0, 0},
		"429":                   {enginetest.Status(429), 3, "429 Too Many Requests", 429, 0},
		"429 with Retry-After":  {enginetest.RetryAfter(429, "1"), 2, "429 Too Many Requests", 429, 0},
		"503":                   {enginetest.Status(503), 3, "503 Service Unavailable", 503, 0},
		"503 with a date":       {enginetest.RetryAfter(503, time.Now().UTC().Format(http.TimeFormat)), 3, "503 Service Unavailable", 503, 0},
		"413":                   {enginetest.TooLarge(20_000), 1000, "", 413, 0},
		"slow by 2 s":           {enginetest.Slow(2 * time.Second), 2, "", 200, 0},
		"page of a proxy":       {enginetest.Garbage(), 3, errNoBulkAnswer.Error(), 200, 0},
		"half 429":              {second(429), 4, "", 200, 0},
		"half 503":              {second(503), 4, "", 200, 0},
		"half 403":              {second(403), 4, "", 200, 0},
		"half 400 in the first": {second(400), 1, "", 200, 250},
	}
}

// TestFaults: whatever goes wrong in between, a real engine has each event once, but for those that it refuses, which are
// in the dead letter file.
func TestFaults(t *testing.T) {
	enginetest.All(t, func(t *testing.T, e *enginetest.Engine) {
		for name, test := range faults() {
			t.Run(name, func(t *testing.T) {
				s := newSite(t, e, "fault_"+strings.ToLower(rand.Text()))
				proxy := enginetest.NewProxy(t, e.URL)
				proxy.FailNext(test.requests, test.fault)
				w := s.sensor(t.TempDir(), engine.Options{Hosts: []string{proxy.URL}, Timeout: 3 * time.Second}, nil)
				ids := events.NewIDs("boot", "ebpf")
				w.writeNew(&ids, events.KindExec, 1000)
				w.writeNew(&ids, events.KindConnect, 1000)
				w.close(2 * time.Minute)
				stats := w.sink.Stats()
				if got := e.Count(t, s.all(), ""); got != 2000-test.rejected || int(stats.Rejected) != test.rejected || w.delivered() != got {
					t.Errorf("the engine has %d: %+v", got, stats)
				}
				if test.rejected > 0 {
					if list := letters(t, w.dead); len(list) != test.rejected {
						t.Errorf("%d letters", len(list))
					}
				}
				if began, ended := w.log.count("takes no events"), w.log.count("takes events again"); began != ended || (began == 1) != (test.told != "") || w.log.count(test.told) == 0 {
					t.Errorf("%s", w.log)
				}
				if stats.Requests[test.status] == 0 || proxy.Counts().Faults == 0 {
					t.Errorf("%v, %+v", stats.Requests, proxy.Counts())
				}
			})
		}
	})
}

// TestDownAndUp: nobody listens, then the engine does; then it is gone again, and back.
func TestDownAndUp(t *testing.T) {
	enginetest.All(t, func(t *testing.T, e *enginetest.Engine) {
		s := newSite(t, e, "down")
		proxy := enginetest.NewProxy(t, e.URL)
		proxy.Down(t)
		w := s.sensor(t.TempDir(), engine.Options{Hosts: []string{proxy.URL}}, nil)
		ids := events.NewIDs("boot", "ebpf")
		for range 3 {
			w.writeNew(&ids, events.KindExec, 700)
			for w.sink.Stats().Outage == nil {
				time.Sleep(time.Millisecond)
			}
			proxy.Up(t)
			for w.sink.Stats().Outage != nil {
				time.Sleep(time.Millisecond)
			}
			proxy.Down(t)
		}
		proxy.Up(t)
		w.close(2 * time.Minute)
		if got := e.Count(t, s.all(), ""); got != 2100 {
			t.Errorf("the engine has %d: %+v\n%s", got, w.sink.Stats(), w.log)
		}
		if w.log.count("nobody listens there") == 0 {
			t.Errorf("%s", w.log)
		}
	})
}

// TestExpiredCredentials: nothing is dropped while they are refused, and the new ones are found without a restart.
func TestExpiredCredentials(t *testing.T) {
	enginetest.All(t, func(t *testing.T, e *enginetest.Engine) {
		s := newSite(t, e, "expired")
		proxy := enginetest.NewProxy(t, e.URL)
		old, renewed := "id:old-"+secret, "id:new-"+secret
		proxy.Authorize(enginetest.APIKey(old))
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
			t.Fatal(err)
		}
		w := s.sensor(t.TempDir(), engine.Options{Hosts: []string{proxy.URL}, APIKeyFile: path}, nil)
		ids := events.NewIDs("boot", "ebpf")
		w.writeNew(&ids, events.KindExec, 500)
		for w.delivered() < 500 {
			time.Sleep(time.Millisecond)
		}
		proxy.Authorize(enginetest.APIKey(renewed))
		w.writeNew(&ids, events.KindExec, 500)
		proxy.Await(t, func(c enginetest.Counts) bool { return c.Refused >= 3 })
		if stats := w.sink.Stats(); stats.Outage == nil || stats.Rejected != 0 {
			t.Errorf("%+v", stats)
		}
		if err := os.WriteFile(path, []byte(renewed), 0o600); err != nil {
			t.Fatal(err)
		}
		w.close(2 * time.Minute)
		if got := e.Count(t, s.all(), ""); got != 1000 || w.log.count("takes no events") != 1 || w.log.count("401 Unauthorized") != 1 || w.log.count("waiting=500") == 0 {
			t.Errorf("the engine has %d:\n%s", got, w.log)
		}
		if w.log.count(secret) != 0 {
			t.Errorf("the log has a secret:\n%s", w.log)
		}
	})
}

// TestWrongCertificate: each is told for what it is, and once the certificate is good all events arrive.
func TestWrongCertificate(t *testing.T) {
	enginetest.All(t, func(t *testing.T, e *enginetest.Engine) {
		for certificate, told := range map[enginetest.Certificate]string{
			enginetest.WrongName: "its certificate is for another name", enginetest.Expired: "its certificate is not valid now",
			enginetest.UnknownAuthority: "the authority that signed its certificate is not known here",
		} {
			s := newSite(t, e, "certificate_"+strings.ToLower(rand.Text()))
			proxy := enginetest.NewTLSProxy(t, e.URL, true)
			proxy.Use(t, certificate)
			w := s.sensor(t.TempDir(), engine.Options{Hosts: []string{proxy.URL}, CAFile: proxy.CAFile, CertificateFile: proxy.CertificateFile, KeyFile: proxy.KeyFile}, nil)
			ids := events.NewIDs("boot", "ebpf")
			w.writeNew(&ids, events.KindExec, 500)
			for w.sink.Stats().Requests[0] < 3 {
				time.Sleep(time.Millisecond)
			}
			proxy.Use(t, enginetest.Good)
			w.close(2 * time.Minute)
			if got := e.Count(t, s.all(), ""); got != 500 || w.log.count(told) != 1 {
				t.Errorf("the engine has %d; want the log to say %q:\n%s", got, told, w.log)
			}
		}
	})
}
