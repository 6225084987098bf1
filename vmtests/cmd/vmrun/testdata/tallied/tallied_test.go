// SPDX-License-Identifier: Apache-2.0

package tallied

import (
	"fmt"
	"testing"
)

func TestPasses(t *testing.T) {
	fmt.Print("unfinished line")
	t.Run("sub", func(t *testing.T) { fmt.Println("--- FAIL: TestNone (0.00s)") })
}

func TestPassesToo(t *testing.T) { fmt.Println("plan: a exec") }

func TestFails(t *testing.T) {
	t.Run("sub", func(t *testing.T) { t.Error("on purpose") })
}

func TestSkips(t *testing.T) { t.Skip("on purpose") }
