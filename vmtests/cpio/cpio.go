// SPDX-License-Identifier: Apache-2.0

// Package cpio writes the archive that the kernel unpacks as its initramfs ("newc", see
// Documentation/driver-api/early-userspace/buffer-format.rst in the kernel tree).
package cpio

import (
	"fmt"
	"io"
	"io/fs"
)

const (
	modeDir     = 0o040000
	modeFile    = 0o100000
	modeSymlink = 0o120000
)

// Writer writes entries in the order of the calls. The kernel creates no parent directories: write them first. Everything belongs to root
// and has time 0, so equal input gives equal bytes.
type Writer struct {
	w   io.Writer
	ino uint32
	off int64
	err error
}

func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Dir adds a directory. Names have no leading slash.
func (w *Writer) Dir(name string, perm fs.FileMode) error {
	w.header(name, modeDir|unixPerm(perm), 2, 0)
	return w.err
}

// Symlink adds a symbolic link.
func (w *Writer) Symlink(name, target string) error {
	w.header(name, modeSymlink|0o777, 1, int64(len(target)))
	w.write([]byte(target))
	w.pad()
	return w.err
}

// File adds a regular file of exactly size bytes; a body of another length is an error.
func (w *Writer) File(name string, perm fs.FileMode, size int64, body io.Reader) error {
	if size >= 1<<32 {
		return fmt.Errorf("write %s: %d bytes do not fit the format", name, size)
	}
	w.header(name, modeFile|unixPerm(perm), 1, size)
	if w.err != nil {
		return w.err
	}
	n, err := io.Copy(w.w, io.LimitReader(body, size+1))
	w.off += n
	if err == nil && n != size {
		err = fmt.Errorf("size is %d, announced %d", n, size)
	}
	if err != nil {
		w.err = fmt.Errorf("write %s: %w", name, err)
	}
	w.pad()
	return w.err
}

// Close writes the end of the archive; it does not close the writer below.
func (w *Writer) Close() error {
	w.ino = 0
	w.header("TRAILER!!!", 0, 1, 0)
	return w.err
}

func (w *Writer) header(name string, mode uint32, nlink int, size int64) {
	w.ino++ // distinct, or the kernel links files with equal numbers and nlink above 1
	w.write(fmt.Appendf(nil, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		w.ino, mode, 0, 0, nlink, 0, size, 0, 0, 0, 0, len(name)+1, 0, name))
	w.pad()
}

func (w *Writer) pad() {
	w.write(make([]byte, (4-w.off%4)%4))
}

func (w *Writer) write(b []byte) {
	if w.err != nil {
		return
	}
	n, err := w.w.Write(b)
	w.off += int64(n)
	w.err = err
}

func unixPerm(m fs.FileMode) uint32 {
	perm := uint32(m.Perm())
	if m&fs.ModeSetuid != 0 {
		perm |= 0o4000
	}
	if m&fs.ModeSetgid != 0 {
		perm |= 0o2000
	}
	if m&fs.ModeSticky != 0 {
		perm |= 0o1000
	}
	return perm
}
