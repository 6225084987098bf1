// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// hostileFiles are made to cost the library much: with no limits each would take minutes, or end the process by its
// stack.
func hostileFiles() map[string]string {
	fill := func(unit string, size int) string { return strings.Repeat(unit, size/len(unit)) }
	lines := func(line string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, line, i)
		}
		return b.String()
	}
	var nest strings.Builder
	for i := range 1400 {
		nest.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	const size = maxBytes / 4 // enough for the limits to tell, and quick under -race
	return map[string]string{
		"too large":         fill("# \n", 2*maxBytes),
		"open brackets":     fill(fill("[", maxLine)+"\n", size),
		"open braces":       fill(fill("{a: ", maxLine)+"\n", size),
		"closing brackets":  fill(fill("]", maxLine)+"\n", size),
		"closed brackets":   strings.Repeat("[", 1000) + strings.Repeat("]", 1000),
		"list in list":      fill("- ", 2000),
		"block mappings":    nest.String(),
		"anchors":           fill("&a ", 2000),
		"tags":              fill("!!str ", 2000),
		"billion laughs":    "a: &a [x, x]\n" + lines("b%d: &b [*a, *a, *a, *a]\n", 1000),
		"keys":              lines("k%d:\n", maxTokens/2-1),
		"too many keys":     lines("k%d:\n", 100_000),
		"kinds":             "kinds: {" + lines("k%d: {},\n", 3000) + "}",
		"duplicates":        fill("host:\n", 6*maxTokens/2-6),
		"blank lines":       "a: |\n" + fill("\n", 1<<16),
		"folded blanks":     "a: >-\n" + fill(fill(" \n", 2*maxBlank)+"  x\n", size),
		"tabs in quotes":    fill(`- "`+fill("\ta", 2000)+"\"\n", size),
		"merge keys":        "a: {\n" + fill(fill("<", maxLine)+"\n", size),
		"open quotes":       fill("\"\n", size),
		"documents":         fill("---\na\n", size),
		"one line":          "a: " + fill("x", size),
		"comments":          fill("#\n", size),
		"long list":         "process: {env: [" + lines("E%d,\n", 9000) + "]}",
		"reserved":          fill("@ \n", size),
		"question marks":    fill("? \n", size),
		"block text, again": fill("a: |+\n", size),
	}
}

func TestHostileFiles(t *testing.T) {
	const limit = time.Minute // ten times the slowest, under -race
	for name, in := range hostileFiles() {
		done := make(chan error, 1)
		begin := time.Now()
		go func() {
			_, err := testSchema().Parse("sensor.yaml", []byte(in))
			done <- err
		}()
		select {
		case err := <-done:
			t.Logf("%s: %v, error: %.100v", name, time.Since(begin).Round(time.Millisecond), err)
			if err == nil && name != "comments" && name != "long list" {
				t.Errorf("%s: no error", name)
			}
		case <-time.After(limit):
			t.Fatalf("%s: not parsed within %v", name, limit)
		}
	}
}

func TestLimits(t *testing.T) {
	for in, want := range map[string]string{
		strings.Repeat("#", maxLine):                                  "",
		strings.Repeat("#", maxLine+1):                                "s:1:1: the line is longer than 2048 bytes",
		"host: {}" + strings.Repeat("\n", maxBlank+1):                 "",
		"host: {}" + strings.Repeat("\n", maxBlank+2):                 "s:102:1: more than 100 empty lines in a row",
		strings.Repeat("#\n", maxBytes/2):                             "",
		strings.Repeat("#\n", maxBytes/2) + "\n":                      "s: the file is larger than 1MiB",
		strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth): "s:1:1: a list is not a mapping",
		strings.Repeat("[", maxDepth+1):                               "s:1:33: nested deeper than 32 levels",
		strings.Repeat("- ", maxDepth+1):                              "s:1:65: nested deeper than 32 levels",
		"a:\n- [" + strings.Repeat("x,\n", maxTokens):                 "s:10000:1: the file has more than 20000 keys, values and brackets",
	} {
		_, err := testSchema().Parse("s", []byte(in))
		if got := fmt.Sprint(err); want == "" && err != nil || want != "" && got != want {
			t.Errorf("%.20q: got %v, want %s", in, err, want)
		}
	}
}
