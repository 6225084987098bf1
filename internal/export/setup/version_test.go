// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// unreleased marks the version whose resources may still change. Whoever releases a sensor takes the mark away.
const unreleased = " unreleased"

// checkVersion holds the sum of all golden files to the one that testdata/versions.txt has for [Version].
func checkVersion(t *testing.T, sum string) {
	const file = "testdata/versions.txt"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	known := lines(text)
	if *update {
		known = withVersion(known, Version, sum)
		if err := os.WriteFile(file, []byte(strings.Join(known, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := holds(known, Version, sum); err != nil {
		t.Errorf("%s: %v", file, err)
	}
}

// withVersion gives a version its sum, unless it is released.
func withVersion(known []string, version int, sum string) []string {
	line := versionLine(version, sum) + unreleased
	at := indexVersion(known, version)
	if at < 0 {
		return append(known, line)
	}
	if strings.HasSuffix(known[at], unreleased) {
		known[at] = line
	}
	return known
}

func holds(known []string, version int, sum string) error {
	at := indexVersion(known, version)
	if at < 0 {
		return fmt.Errorf("it has no version %d: go test -update adds it", version)
	}
	line, open := strings.CutSuffix(known[at], unreleased)
	switch {
	case line == versionLine(version, sum):
		return nil
	case open:
		return errors.New("the golden files have changed: go test -update notes it")
	}
	return fmt.Errorf("the golden files have changed since version %d was released: Version has to grow", version)
}

func versionLine(version int, sum string) string { return strconv.Itoa(version) + " " + sum }

func indexVersion(known []string, version int) int {
	return slices.IndexFunc(known, func(line string) bool { return strings.HasPrefix(line, versionLine(version, "")) })
}

// TestVersion: what is released stays as it is.
func TestVersion(t *testing.T) {
	for name, test := range map[string]struct {
		known   string
		version int
		sum     string
		updated string // "": refused
	}{
		"the same":                {"1 a", 1, "a", "1 a"},
		"unreleased, the same":    {"1 a unreleased", 1, "a", "1 a unreleased"},
		"unreleased and changed":  {"1 a unreleased", 1, "b", "1 b unreleased"},
		"released and changed":    {"1 a", 1, "b", ""},
		"a new version":           {"1 a", 2, "b", "1 a\n2 b unreleased"},
		"a version of two digits": {"1 a", 11, "b", "1 a\n11 b unreleased"},
	} {
		t.Run(name, func(t *testing.T) {
			known := strings.Split(test.known, "\n")
			changed := test.updated != test.known
			if err := holds(known, test.version, test.sum); (err != nil) != changed {
				t.Errorf("before the update: %v", err)
			}
			known = withVersion(known, test.version, test.sum)
			if err := holds(known, test.version, test.sum); (err != nil) != (test.updated == "") {
				t.Errorf("after the update: %v", err)
			}
			if got := strings.Join(known, "\n"); test.updated != "" && got != test.updated {
				t.Errorf("got %q", got)
			}
		})
	}
}
