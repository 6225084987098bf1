// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestDifference(t *testing.T) {
	lines := strings.Fields("a b c d e f g h i j k l m n o p q r s t u v w x y z")
	for name, test := range map[string]struct {
		before, after []string
		want          string
	}{
		"alike":    {lines, lines, ""},
		"nothing":  {nil, nil, ""},
		"all new":  {nil, []string{"a", "b"}, "@@ -0,0 +1,2 @@\n+a\n+b\n"},
		"all gone": {[]string{"a", "b"}, nil, "@@ -1,2 +0,0 @@\n-a\n-b\n"},
		"in the middle": {lines, replaced(lines, "m", "M"),
			"@@ -10,7 +10,7 @@\n j\n k\n l\n-m\n+M\n n\n o\n p\n"},
		"two that are near": {lines, replaced(replaced(lines, "g", "G"), "n", "N"),
			"@@ -4,14 +4,14 @@\n d\n e\n f\n-g\n+G\n h\n i\n j\n k\n l\n m\n-n\n+N\n o\n p\n q\n"},
		"two that are far": {lines, replaced(replaced(lines, "b", "B"), "z", "Z"),
			"@@ -1,5 +1,5 @@\n a\n-b\n+B\n c\n d\n e\n@@ -23,4 +23,4 @@\n w\n x\n y\n-z\n+Z\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := difference(test.before, test.after); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
		})
	}
}

func replaced(lines []string, old, new string) []string {
	return strings.Fields(strings.Replace(strings.Join(lines, " "), old, new, 1))
}

// TestDifferenceIsAPatch has patch(1) make after of before.
func TestDifferenceIsAPatch(t *testing.T) {
	if _, err := exec.LookPath("patch"); err != nil {
		t.Skip("no patch(1)")
	}
	random := rand.New(rand.NewPCG(1, 2))
	lines := func() (list []string) {
		for range random.IntN(60) {
			list = append(list, fmt.Sprint(random.IntN(8)))
		}
		return list
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	join := func(list []string) string { return strings.Join(append(list, ""), "\n") }
	for range 50 {
		before, after := lines(), lines()
		patch := difference(before, after)
		if patch == "" {
			continue
		}
		file := write("file", join(before))
		out, err := exec.Command("patch", "--quiet", "--no-backup-if-mismatch", "--fuzz=0", file, write("patch", "--- a\n+++ b\n"+patch)).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s\n%s", err, out, patch)
		}
		got, err := os.ReadFile(file)
		if err != nil && len(after) > 0 {
			t.Fatal(err)
		}
		if string(got) != join(after) && len(after) > 0 {
			t.Fatalf("got %q, want %q by\n%s", got, join(after), patch)
		}
	}
}
