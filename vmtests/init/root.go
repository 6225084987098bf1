// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// enterRoot makes the root a mount of its own above the initramfs. pivot_root refuses to leave the initramfs itself, so
// without it no container could start in the VM.
func enterRoot() error {
	const dir = "/.root"
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("make root: %w", err)
	}
	if err := unix.Mount("/", dir, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind root: %w", err)
	}
	if err := unix.Chdir(dir); err != nil {
		return fmt.Errorf("enter root: %w", err)
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("change root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("enter root: %w", err)
	}
	if err := os.Remove(dir); err != nil {
		return fmt.Errorf("remove old root: %w", err)
	}
	return nil
}
