// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// ErrUntrusted says that others than this user and root may have put into the spool what is in it.
var ErrUntrusted = errors.New("others may have written to it")

// check refuses a directory in which others may have made files, or that is a link
// of theirs. One that is empty is made this user's alone.
func (d *directory) check() error {
	link, err := os.Lstat(d.path)
	if err != nil {
		return err
	}
	info, err := os.Stat(d.path)
	if err != nil {
		return err
	}
	if err := errors.Join(trusted(d.path, link), trusted(d.path, info)); err != nil {
		return err
	}
	names, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	if loose := info.Mode().Perm() & 0o022; loose != 0 && !slices.ContainsFunc(names, isFile) {
		if err := os.Chmod(d.path, 0o700); err != nil {
			return err
		}
		if names, err = os.ReadDir(d.path); err != nil {
			return err
		}
		if slices.ContainsFunc(names, isFile) {
			return fmt.Errorf("%w: files appeared in %s", ErrUntrusted, d.path)
		}
	} else if loose != 0 {
		return fmt.Errorf("%w: the mode of %s is %v", ErrUntrusted, d.path, info.Mode().Perm())
	}
	for _, e := range names {
		if !ours(e.Name()) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = trusted(filepath.Join(d.path, e.Name()), info)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// trusted refuses what belongs to neither this user nor root.
func trusted(path string, info fs.FileInfo) error {
	if uid := int(info.Sys().(*syscall.Stat_t).Uid); uid != 0 && uid != os.Geteuid() {
		return fmt.Errorf("%w: %s belongs to user %d", ErrUntrusted, path, uid)
	}
	return nil
}
