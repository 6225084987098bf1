// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// Temporary is the name beside path that Save writes to first.
func Temporary(path string) string { return path + ".new" }

// Save replaces the file at once by one with the given content, which is on the
// disk when it returns. Only its owner can read it. A directory that is missing is
// made, for its owner alone.
func Save(path string, content []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("save baseline: %w", err)
		}
	}()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temporary := Temporary(path)
	if err := os.Remove(temporary); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	if err := os.Rename(temporary, path); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return syncDirectory(filepath.Dir(path))
}

// syncDirectory makes sure that the name, too, outlives a crash.
func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Load reads the file. It believes none that another user could have written. If
// there is none, the error is [os.ErrNotExist].
func Load(path string) (content []byte, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("load baseline: %w", err)
		}
	}()
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", path)
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if owner != 0 && int(owner) != os.Geteuid() || info.Mode()&0o022 != 0 {
		return nil, fmt.Errorf("others can write %s", path)
	}
	return io.ReadAll(f)
}
