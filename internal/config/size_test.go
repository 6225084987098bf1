// SPDX-License-Identifier: Apache-2.0

package config

import "testing"

func TestSize(t *testing.T) {
	for text, want := range map[string]struct {
		size Size
		neat string
	}{
		"0":             {0, "0"},
		"1":             {1, "1"},
		"1023":          {1023, "1023"},
		"1024":          {KiB, "1KiB"},
		"1536KiB":       {1536 * KiB, "1536KiB"},
		"1024KiB":       {MiB, "1MiB"},
		"8MiB":          {8 * MiB, "8MiB"},
		"8388608":       {8 * MiB, "8MiB"},
		"64GiB":         {64 * GiB, "64GiB"},
		"8589934591GiB": {8589934591 * GiB, "8589934591GiB"},
	} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want.size || s.String() != want.neat {
			t.Errorf("%s: got %d, %q, error %v", text, s, s, err)
		}
	}
}

func TestNoSize(t *testing.T) {
	for text, want := range map[string]string{
		"":                    `"" is not a size (want e.g. 8MiB)`,
		"MiB":                 `"MiB" is not a size (want e.g. 8MiB)`,
		"8M":                  `"8M" is not a size (want e.g. 8MiB)`,
		"8MB":                 `"8MB" is not a size (want e.g. 8MiB)`,
		"8mib":                `"8mib" is not a size (want e.g. 8MiB)`,
		"8 MiB":               `"8 MiB" is not a size (want e.g. 8MiB)`,
		"8MiBMiB":             `"8MiBMiB" is not a size (want e.g. 8MiB)`,
		"1.5MiB":              `"1.5MiB" is not a size (want e.g. 8MiB)`,
		"-1":                  `"-1" is not a size (want e.g. 8MiB)`,
		"+1":                  `"+1" is not a size (want e.g. 8MiB)`,
		"010":                 `"010" is not a size (want e.g. 8MiB)`,
		"0x10":                `"0x10" is not a size (want e.g. 8MiB)`,
		"1_000":               `"1_000" is not a size (want e.g. 8MiB)`,
		"٣":                   `"٣" is not a size (want e.g. 8MiB)`,
		"8589934592GiB":       `"8589934592GiB" is too large for a size`,
		"9223372036854775808": `"9223372036854775808" is too large for a size`,
	} {
		s := Size(7)
		if err := s.UnmarshalText([]byte(text)); err == nil || err.Error() != want || s != 7 {
			t.Errorf("%s: got %d, %v", text, s, err)
		}
	}
}
