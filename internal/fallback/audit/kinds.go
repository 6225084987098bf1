// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"fmt"
	"slices"

	"sensor/internal/events"
	"sensor/internal/fallback/audit/rules"
)

// told are the kinds that programs and the kernel tell by themselves, without rules.
func told(k events.Kind) bool {
	switch k {
	case events.KindAuthentication, events.KindSession, events.KindIAM, events.KindConfiguration, events.KindAudit:
		return true
	}
	return false
}

func known(k events.Kind) bool {
	return told(k) || k == events.KindAlreadyRunning || slices.Contains(rules.Serves(), k)
}

// reasons say why kinds are not served. added is whether our rules are there or would be.
func (s *Source) reasons(want []events.Kind, added bool) (map[events.Kind]error, error) {
	reasons := map[events.Kind]error{}
	if s.procErr != nil {
		reasons[events.KindAlreadyRunning] = s.procErr
	}
	if added {
		return reasons, nil
	}
	status, err := s.control.Status()
	if err != nil {
		return nil, err
	}
	loaded, err := s.control.Rules()
	if err != nil {
		return nil, err
	}
	if len(s.options.Rules) > 0 {
		s.options.Log.Warn("the files with audit rules are not loaded", "reason", whyNoRules(status.Enabled, status.PID))
	}
	for _, k := range want {
		if told(k) || k == events.KindAlreadyRunning {
			continue
		}
		if status.Enabled == 0 {
			reasons[k] = errors.New("the audit daemon has switched audit off")
			continue
		}
		ok, why := rules.Covers(loaded, k)
		switch {
		case !ok:
			reasons[k] = fmt.Errorf("%s, and the rules that are loaded do not serve it: %s", whyNoRules(status.Enabled, status.PID), why)
		case why != "":
			s.options.Log.Info("the loaded audit rules serve a kind in part", "kind", k, "missed", why)
		}
	}
	return reasons, nil
}

func whyNoRules(enabled, daemon uint32) string {
	if enabled == immutable {
		return "audit rules are locked until the next boot (auditctl -e 2)"
	}
	return fmt.Sprintf("another audit daemon, process %d, receives the records, and without audit.beside no rules are added", daemon)
}

// hooks are what a kind hangs on.
func hooks(k events.Kind) []string {
	switch {
	case told(k):
		return []string{"audit/user"}
	case k == events.KindAlreadyRunning:
		return []string{"/proc"}
	}
	var hooks []string
	for _, call := range rules.Calls(k) {
		hooks = append(hooks, "audit/"+call)
	}
	return hooks
}
