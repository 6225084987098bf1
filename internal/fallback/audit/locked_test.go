// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/elastic/go-libaudit/v2"

	"sensor/internal/events"
	"sensor/internal/fallback/audit/audittest"
)

// What auditctl -e 2 locks is locked until the next boot, so this test comes
// after those in whose files the audit system is changed, and only in virtual machines.
func TestLockedUntilBoot(t *testing.T) {
	if os.Getenv("SENSOR_VM") == "" {
		t.Skip("not in a virtual machine")
	}
	control := audittest.Lock(t)
	addRule(t, control, execRules)
	l := open(t, []events.Kind{events.KindExec}, nil)
	l.run()
	if err := control.Set(libaudit.AuditStatus{Mask: libaudit.AuditStatusEnabled, Enabled: immutable}); err != nil {
		t.Fatal(err)
	}
	l.said("locked until the next boot")
	act(t, "locked")
	l.wait("an exec", execOf("locked"))
	l.stop()
	if err := <-l.ended; err == nil {
		t.Error("nothing is said about the rules that cannot be removed")
	}
	l.Close() // likewise

	// Started anew, it takes what the rules that are there serve.
	o := options(t, &events.Ledger{}, &lines{})
	s := New(o)
	defer s.Close()
	got, err := s.Open([]events.Kind{events.KindExec, events.KindBind, events.KindSession})
	if want := []events.Kind{events.KindExec, events.KindSession}; !slices.Equal(got, want) {
		t.Errorf("serves %v, want %v", got, want)
	}
	if err == nil || !strings.Contains(err.Error(), "serve bind: audit rules are locked until the next boot (auditctl -e 2)") {
		t.Errorf("reason: %v", err)
	}
}
