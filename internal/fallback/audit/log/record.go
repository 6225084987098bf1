// SPDX-License-Identifier: Apache-2.0

package log

import (
	"strconv"
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"

	"sensor/internal/fallback/audit/decode"
)

// origin is the payload of a record that a log says more of than the kernel did.
type origin struct {
	node  string
	names string // what auditd has added: UID="root" AUID="alice"
}

// Node implements [assemble.Origin].
func (o *origin) Node() string { return o.node }

// parse reads one line:
//
//	[node=NAME ]type=SYSCALL msg=audit(1700000000.123:45): FIELDS[\x1dNAMES]
//	[SYSLOG ][node=NAME ]type=1300 [msg=]audit(1700000000.123:45): FIELDS
//
// It does not use ParseLogLine, which knows only the middle of the first.
func parse(line []byte) (*auparse.AuditMessage, Reason) {
	before, name, text, ok := split(string(line))
	if !ok {
		return nil, ReasonNoRecord
	}
	t, ok := typeOf(name)
	if !ok {
		return nil, ReasonType
	}
	var o origin
	text, o.names = cutNames(text, before)
	if i := strings.LastIndex(before, "node="); i >= 0 && (i == 0 || before[i-1] == ' ') {
		o.node, _, _ = strings.Cut(before[i+len("node="):], " ")
	}
	m, err := auparse.Parse(t, text)
	if err != nil || !plausible(m) {
		return nil, ReasonHeader
	}
	if o != (origin{}) {
		m.Payload = &o
	}
	return m, 0
}

// split finds the type and the text, which begins with audit(, and what stands
// before them. A program can make others of them only behind the first.
func split(line string) (before, name, text string, ok bool) {
	const key, start = "type=", "audit("
	begin := 0
	for {
		i := strings.Index(line[begin:], key)
		if i < 0 {
			return "", "", "", false
		}
		i += begin
		begin = i + len(key)
		if i > 0 && line[i-1] != ' ' {
			continue
		}
		name, text, _ = strings.Cut(line[begin:], " ")
		if text = strings.TrimPrefix(text, "msg="); strings.HasPrefix(text, start) {
			return line[:i], name, text, true
		}
	}
}

func typeOf(name string) (auparse.AuditMessageType, bool) {
	if n, err := strconv.ParseUint(name, 10, 16); err == nil {
		return auparse.AuditMessageType(n), true
	}
	t, err := auparse.GetAuditMessageType(name)
	return t, err == nil
}

// cutNames takes off what auditd adds. It would be read as more fields of the
// record. Of a control character rsyslog makes its octal number.
func cutNames(text, before string) (fields, names string) {
	if fields, names := decode.CutEnrichment(text); names != "" || strings.Contains(text, "\x1d") {
		return fields, names
	}
	const escaped = "#035"
	if i := strings.LastIndex(text, escaped); i >= 0 && before != "" && !strings.HasSuffix(text, "'") && upper(text[i+len(escaped):]) {
		return text[:i], text[i+len(escaped):]
	}
	return text, ""
}

// upper reports whether the text begins as names do that auditd adds.
func upper(text string) bool {
	key, _, ok := strings.Cut(text, "=")
	return ok && key != "" && strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-") == ""
}

// plausible keeps times out that no calendar has.
func plausible(m *auparse.AuditMessage) bool {
	const lastSecond = 253402300799 // of the year 9999
	seconds := m.Timestamp.Unix()
	return seconds >= 0 && seconds <= lastSecond && !strings.ContainsAny(m.RawData[:strings.IndexByte(m.RawData, ')')], "-+")
}
