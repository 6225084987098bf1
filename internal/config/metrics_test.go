// SPDX-License-Identifier: Apache-2.0

package config

import "testing"

// Only who names another place is heard beyond this host.
func TestAddress(t *testing.T) {
	for listen, want := range map[string]string{
		":9478": "localhost:9478", "[]:9478": "localhost:9478", "localhost:9478": "localhost:9478", "[::]:9478": "[::]:9478", "0.0.0.0:9478": "0.0.0.0:9478",
	} {
		if got := (Metrics{Listen: listen}).Address(); got != want {
			t.Errorf("%s: %s, want %s", listen, got, want)
		}
	}
}
