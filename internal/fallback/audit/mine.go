// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// mine knows the records of what the sensor itself has done: they are nobody's events.
type mine struct {
	pid string
	// The key of the rules, as text and, beside another key, in hexadecimal digits.
	keys [2]string
	// changes of settings, as records say them
	changes []string
}

func newMine(self owner) mine {
	key := self.String()
	return mine{
		pid:  fmt.Sprintf(" pid=%d ", self.pid),
		keys: [2]string{`"` + key + `"`, strings.ToUpper(hex.EncodeToString([]byte(key)))},
	}
}

// expect names what changing the settings, and changing them back, makes the kernel say.
func (m *mine) expect(s *settings, pid int) {
	m.changes = []string{fmt.Sprintf("audit_pid=%d ", pid), fmt.Sprintf("audit_pid=0 old=%d ", pid)}
	if s == nil {
		return
	}
	for _, change := range []struct {
		name         string
		before, ours uint32
	}{
		{"audit_enabled", s.Before.Enabled, s.Ours.Enabled},
		{"audit_failure", s.Before.Failure, s.Ours.Failure},
		{"audit_backlog_limit", s.Before.BacklogLimit, s.Ours.BacklogLimit},
		{"audit_backlog_wait_time", s.Before.BacklogWaitTime, s.Ours.BacklogWaitTime},
	} {
		m.changes = append(m.changes,
			fmt.Sprintf("%s=%d old=%d ", change.name, change.ours, change.before),
			fmt.Sprintf("%s=%d old=%d ", change.name, change.before, change.ours))
	}
}

// made reports whether the sensor did what the records of one event tell.
func (m *mine) made(records []*auparse.AuditMessage) bool {
	for _, r := range records {
		switch r.RecordType {
		case auparse.AUDIT_SYSCALL, auparse.AUDIT_URINGOP:
			return strings.Contains(r.RawData, m.pid)
		}
	}
	switch records[0].RecordType {
	case auparse.AUDIT_CONFIG_CHANGE:
		return m.changed(records[0].RawData)
	case eventListener:
		return strings.Contains(records[0].RawData, m.pid)
	}
	return false
}

// eventListener is AUDIT_EVENT_LISTENER: somebody begins or ends to read along.
const eventListener = 1335

// changed reports whether the sensor made this change of the configuration. A
// process that is older than the first rule of the host has no context, and so
// its calls no record that says whose it is.
func (m *mine) changed(text string) bool {
	if strings.Contains(text, m.keys[0]) || strings.Contains(text, m.keys[1]) {
		return true
	}
	for _, change := range m.changes {
		if strings.Contains(text, change) {
			return true
		}
	}
	return false
}
