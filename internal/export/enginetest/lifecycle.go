// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

//go:embed policy/LifecycleCheck.java
var lifecycleCheck []byte

// CheckLifecycle asks Elasticsearch's own programs whether they would take a body of a request to _ilm/policy, for the engine here
// has no ILM. It also wants the phases to follow each other in time. It does not ask whether a snapshot repository exists. Like
// Start, it skips the test if Elasticsearch cannot be had.
func CheckLifecycle(t testing.TB, body []byte) error {
	t.Helper()
	s := shared[Elasticsearch]
	if err := s.install(); err != nil {
		t.Skipf("%s %s cannot be had: %v", s.product.name, s.product.version, err)
	}
	if !exists(filepath.Join(s.home.java, "bin", "javac")) {
		t.Skipf("%s has no compiler", s.home.java)
	}
	source := filepath.Join(t.TempDir(), "LifecycleCheck.java")
	if err := os.WriteFile(source, lifecycleCheck, 0o600); err != nil {
		t.Fatal(err)
	}
	programs := filepath.Join(s.home.dir, "lib", "*") + ":" + filepath.Join(s.home.dir, "modules", "x-pack-core", "*")
	cmd := exec.Command(filepath.Join(s.home.java, "bin", "java"), append(slices.Clone(smallJVM), "-cp", programs, source)...)
	cmd.Stdin = bytes.NewReader(body)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("check lifecycle policy: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
