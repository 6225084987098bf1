// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"strconv"
	"strings"
	"syscall"

	"github.com/elastic/go-libaudit/v2/auparse"
	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// audit are the record's own fields.
func (s *statement) audit() *events.Audit {
	a := &events.Audit{Type: strings.ToLower(s.record.RecordType.String()), Serial: s.record.Sequence}
	if session, ok := s.id("ses"); ok {
		a.Session = strconv.FormatUint(uint64(session), 10)
	}
	switch s.outcome() {
	case events.OutcomeSuccess:
		a.Result = "success"
	case events.OutcomeFailure:
		a.Result = "fail"
	}
	if key, ok := s.find("key"); ok {
		a.Keys = keysOf(key)
	}
	values := map[string]string{}
	for _, parts := range [...][]part{s.inner, s.outer} { // what the kernel says counts
		for _, p := range parts {
			values[p.name] = s.show(p)
		}
	}
	for _, elsewhere := range [...]string{"comm", "cwd", "exe", "key", "pid", "ppid", "res", "result", "ses", "success"} {
		delete(values, elsewhere)
	}
	a.Data = events.AuditFields(values)
	return a
}

// show is a field's value in words, as far as Auditbeat has them.
func (s *statement) show(p part) string {
	switch p.name {
	case "auid", "old-auid", "new-auid", "old-ses", "new-ses":
		if n, ok := id(p.value); ok && n == events.Unset {
			return "unset"
		}
	case "sig":
		if n, err := strconv.Atoi(p.value); err == nil {
			if name := unix.SignalName(syscall.Signal(n)); name != "" {
				return name
			}
		}
	case "arch":
		if n, ok := number(p.value, 16, 32); ok {
			return auparse.AuditArch(n).String()
		}
	case "syscall":
		arch, known := number(s.get("arch"), 16, 32)
		if n, ok := number(p.value, 10, 31); ok && known {
			return callName(auparse.AuditArch(arch), int(n))
		}
	case "proctitle":
		return strings.ReplaceAll(meaning(p.name, p.value), "\x00", " ")
	}
	return meaning(p.name, p.value)
}
