// SPDX-License-Identifier: Apache-2.0

package inotify

import (
	"os"
	"path"
	"slices"
	"strings"
)

// readMounts lists the mounts where something is watched. Nothing else tells when
// one comes or goes.
func (s *Source) readMounts() (mounts []string) {
	content, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		if point := unescape(fields[4]); s.scope.looks(point) || s.scope.looks(path.Dir(point)) && s.scope.tells(point) {
			mounts = append(mounts, fields[0]+" "+point)
		}
	}
	slices.Sort(mounts)
	return mounts
}

// unescape undoes how the kernel writes white space in names: \040.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
