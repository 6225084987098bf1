// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

var javaVersion = regexp.MustCompile(`(?m)^JAVA_VERSION="(?:1\.)?(\d+)`)

// findJava returns the directory of the oldest Java below root that is new enough and not too new; both ends are major versions.
func findJava(root string, oldest, newest int) (string, error) {
	releases, err := filepath.Glob(filepath.Join(root, "*", "release"))
	if err != nil {
		return "", fmt.Errorf("find Java: %w", err)
	}
	found, foundVersion := "", 0
	for _, release := range releases {
		text, err := os.ReadFile(release)
		if err != nil {
			continue
		}
		m := javaVersion.FindSubmatch(text)
		if m == nil {
			continue
		}
		version, err := strconv.Atoi(string(m[1]))
		dir := filepath.Dir(release)
		if err != nil || version < oldest || version > newest || found != "" && version >= foundVersion || !exists(filepath.Join(dir, "bin", "java")) {
			continue
		}
		found, foundVersion = dir, version
	}
	if found == "" {
		return "", fmt.Errorf("find Java: none of %d to %d in %s", oldest, newest, root)
	}
	return found, nil
}
