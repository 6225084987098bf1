// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"
)

// kernelLog reads what the kernel says after it was opened; what it says while it boots is the same each time.
type kernelLog struct{ fd int }

func openKernelLog() (*kernelLog, error) {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open kernel log: %w", err)
	}
	if _, err := unix.Seek(fd, 0, io.SeekEnd); err != nil {
		return nil, fmt.Errorf("open kernel log: %w", err)
	}
	return &kernelLog{fd}, nil
}

// last returns the last n lines, oldest first.
func (k *kernelLog) last(n int) ([]string, error) {
	var lines []string
	buf := make([]byte, 8192) // a shorter one makes read fail on a long record
	for {
		got, err := unix.Read(k.fd, buf)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return lines[max(0, len(lines)-n):], nil
		case errors.Is(err, unix.EPIPE), errors.Is(err, unix.EINTR): // EPIPE: overwritten meanwhile, the next read goes on behind
			continue
		case err != nil:
			return nil, fmt.Errorf("read kernel log: %w", err)
		}
		lines = append(lines, formatRecord(string(buf[:got])))
	}
}

// formatRecord makes a line of a record "priority,sequence,microseconds,flags;text\n KEY=value...".
func formatRecord(record string) string {
	meta, text, _ := strings.Cut(record, ";")
	text, _, _ = strings.Cut(text, "\n")
	if f := strings.Split(meta, ","); len(f) > 2 {
		return fmt.Sprintf("[%9s us] %s", f[2], text)
	}
	return text
}
