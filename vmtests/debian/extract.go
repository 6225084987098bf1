// SPDX-License-Identifier: Apache-2.0

package debian

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// extractImage writes the kernel image of a package to dst, whole or not at all.
func extractImage(ctx context.Context, deb, dst string) error {
	ctx, cancel := context.WithCancel(ctx) // dpkg-deb would block on the rest of the archive
	defer cancel()
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("extract kernel: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("extract kernel: %w", err)
	}
	err = saveImage(tar.NewReader(out), dst)
	cancel()
	cmd.Wait() // killed in most cases
	if err != nil {
		return fmt.Errorf("extract kernel: %w", err)
	}
	return nil
}

// saveImage looks for /boot/vmlinuz-VERSION, or /usr/lib/modules/VERSION/vmlinuz where Debian has it since 7.x.
func saveImage(tr *tar.Reader, dst string) error {
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return errors.New("no vmlinuz in the package")
		}
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeReg && strings.HasPrefix(path.Base(h.Name), "vmlinuz") {
			return writeWhole(dst, tr)
		}
	}
}

func writeWhole(dst string, r io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(dst), "part-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := io.Copy(f, r); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), dst)
}
