// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	known := []string{"exec", "exec_failed", "exit", "fork", "already_running", "to", "id"}
	for name, want := range map[string]string{
		"exce":                     "exec", // swapped
		"exc":                      "exec", // left out
		"exeec":                    "exec", // put in
		"exet":                     "exec", // replaced; the first of two as near
		"EXEC":                     "exec",
		"exec-failed":              "exec_failed",
		"execfaild":                "exec_failed", // two slips in a long name
		"alredy_runing":            "already_running",
		"frk":                      "fork",
		"fo":                       "to",
		"":                         "",
		"xy":                       "",
		"connect":                  "",
		"exex_":                    "", // two slips in a short name
		"execfailure":              "",
		strings.Repeat("x", 1<<20): "", // and at once
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("%.20s: got %q, want %q", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "ab", 2}, {"ab", "", 2}, {"ab", "ab", 0}, {"ab", "ba", 1}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q, %q: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
