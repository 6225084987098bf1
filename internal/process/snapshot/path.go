// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"strings"

	"sensor/internal/events"
)

// deletedMark is what the kernel adds to the target of a link in /proc whose
// name was unlinked. A file whose real name ends in it looks the same: only the
// kernel's own walk (internal/probes) can tell them apart.
const deletedMark = " (deleted)"

// pathOf turns the target of /proc/PID/exe or cwd, which starts at this
// process's root, into a path as the other process sees it. root is the target
// of its /proc/PID/root, "" if unknown.
func pathOf(target, root string) events.Path {
	if target == "" {
		return events.Path{}
	}
	var p events.Path
	p.Name, p.Deleted = strings.CutSuffix(target, deletedMark)
	root = strings.TrimSuffix(strings.TrimSuffix(root, deletedMark), "/")
	below, ok := strings.CutPrefix(p.Name, root)
	switch {
	case ok && strings.HasPrefix(below, "/"):
		p.Name = below
	case ok && below == "":
		p.Name = "/"
	default:
		p.Detached = true
	}
	return p
}
