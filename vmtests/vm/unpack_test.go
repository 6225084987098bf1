// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestUnpackStaysInside(t *testing.T) {
	for _, name := range []string{"../evil", "/evil", "a/../../evil"} {
		var buf bytes.Buffer
		tw := tar.NewWriter(&buf)
		tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: 1, Mode: 0o644})
		tw.Write([]byte("x"))
		tw.Close()
		dir := t.TempDir()
		if err := Unpack(buf.Bytes(), filepath.Join(dir, "out")); err == nil {
			t.Errorf("%s is no error", name)
		}
		if _, err := os.Stat(filepath.Join(dir, "evil")); err == nil {
			t.Errorf("%s was written", name)
		}
	}
}
