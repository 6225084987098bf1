// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"
)

// TestHoldCPU names the kernels that let programs turn preemption off: from
// Linux 7.0 on they have to, or records mix.
func TestHoldCPU(t *testing.T) {
	if err := rlimit.RemoveMemlock(); err != nil {
		t.Fatal(err)
	}
	spec, err := loadProcess()
	if err != nil {
		t.Fatal(err)
	}
	can := canHoldCPU(spec, btf.NewCache())
	t.Logf("on row %s: %v", row(), can)
	if strings.HasPrefix(row(), "7.") && !can {
		t.Error("programs cannot turn preemption off")
	}
	if strings.HasPrefix(row(), "5.10") && can {
		t.Error("programs can turn preemption off where there is no such function")
	}
}
