// SPDX-License-Identifier: Apache-2.0

package snapshot

import "fmt"

// PIDs lists the processes that there are now, by tgid.
func (r *Reader) PIDs() ([]uint32, error) {
	procs, err := r.fs.AllProcs()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	pids := make([]uint32, len(procs))
	for i, proc := range procs {
		pids[i] = uint32(proc.PID)
	}
	return pids, nil
}
