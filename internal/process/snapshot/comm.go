// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"strings"

	"github.com/prometheus/procfs"
)

// Of include/linux/sched.h.
const (
	pfWorker   = 0x20 // PF_WQ_WORKER
	maxCommLen = 15   // TASK_COMM_LEN without its NUL
)

// threadName is task_struct.comm. For kernel threads /proc shows more than that:
// of long names the rest, and of workers also what they last worked on
// ("kworker/0:1-events", "kworker/u4:2+flush-8:0").
func threadName(s procfs.ProcStat) string {
	name := s.Comm
	if s.Flags&pfKthread == 0 {
		return name
	}
	// A rescuer has its queue's name, with kworker/R- before it in newer kernels.
	if s.Flags&pfWorker != 0 && strings.HasPrefix(name, "kworker/") && !strings.HasPrefix(name, "kworker/R-") {
		if i := strings.IndexAny(name, "+-"); i >= 0 {
			name = name[:i]
		}
	}
	return name[:min(len(name), maxCommLen)]
}
