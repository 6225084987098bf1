// SPDX-License-Identifier: Apache-2.0

// Package rootfs reads files below another process's root directory, such as
// the host's seen from a container.
package rootfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// The kernel gives up with EAGAIN a lookup that goes through ".." while
// something on the host is being renamed or mounted.
const attempts = 100

// Open opens a regular file for reading. root is a directory, "" is "/"; name is
// looked up as a process whose root directory it is would do it, so that an
// absolute symbolic link leads to where it leads there. It waits for no FIFO and
// no device.
func Open(root, name string) (*os.File, error) {
	if root == "" {
		root = "/"
	}
	path := filepath.Join(root, name)
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", root, err)
	}
	defer unix.Close(dir)
	how := unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	}
	fd := -1
	for range attempts {
		fd, err = unix.Openat2(dir, strings.TrimPrefix(name, "/"), &how)
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: not a regular file", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Read reads the first limit bytes of a regular file; see [Open].
func Read(root, name string, limit int64) ([]byte, error) {
	f, err := Open(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}
