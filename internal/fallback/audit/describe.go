// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"

	"sensor/internal/fallback/audit/netlink"
)

// Describe says in a few words how the host's audit system is set, and whose it is.
func Describe() string {
	control, err := netlink.OpenControl()
	if err != nil {
		return "unknown: " + explain(err).Error()
	}
	defer control.Close()
	status, err := control.Status()
	if err != nil {
		return "unknown: " + explain(err).Error()
	}
	rules, err := control.Rules()
	if err != nil {
		return "unknown: " + explain(err).Error()
	}
	state := map[uint32]string{0: "off", 1: "on", immutable: "on, locked until the next boot"}[status.Enabled]
	owner := "no daemon"
	if status.PID != 0 {
		owner = fmt.Sprintf("daemon %d", status.PID)
	}
	return fmt.Sprintf("%s, %s, %d rules, %d records lost since the boot", state, owner, len(rules), status.Lost)
}
