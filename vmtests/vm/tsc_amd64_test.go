// SPDX-License-Identifier: Apache-2.0

package vm

import "testing"

func TestHostTSC(t *testing.T) {
	a, b := hostTSC(), hostTSC()
	if a < 100_000 || a > 100_000_000 {
		t.Errorf("%d kHz cannot be", a)
	}
	if d := a - b; d > a/500 || d < -a/500 {
		t.Errorf("two measurements differ: %d and %d kHz", a, b)
	}
}
