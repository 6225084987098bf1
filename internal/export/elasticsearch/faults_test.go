// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sensor/internal/events"
	"sensor/internal/export/engine"
	"sensor/internal/export/enginetest"
)

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
		if w.log.Count("nobody listens there") == 0 {
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
		if got := e.Count(t, s.all(), ""); got != 1000 || w.log.Count("takes no events") != 1 || w.log.Count("401 Unauthorized") != 1 || w.log.Count("waiting=500") == 0 {
			t.Errorf("the engine has %d:\n%s", got, w.log)
		}
		if w.log.Count(secret) != 0 {
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
			if got := e.Count(t, s.all(), ""); got != 500 || w.log.Count(told) != 1 {
				t.Errorf("the engine has %d; want the log to say %q:\n%s", got, told, w.log)
			}
		}
	})
}
