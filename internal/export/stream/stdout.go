// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Stdout opens standard output.
//
// A pipe or terminal is opened anew: a description of our own can be written to
// without blocking, so that a reader that has stopped reading cannot keep the
// sensor from ending, and nobody who shares the old one notices. Where that is
// refused (a socket, say) the write blocks, and Write gives up on it when its
// context ends.
func Stdout(encode Encode) *Sink { return inherited("stdout", os.Stdout, encode) }

// inherited makes a sink of a file that others may share.
func inherited(name string, shared *os.File, encode Encode) *Sink {
	var mode fs.FileMode
	if info, err := shared.Stat(); err == nil {
		mode = info.Mode()
	}
	s := &Sink{name: name, encode: encode}
	var opened bool
	s.file, opened = anew(shared, mode)
	switch {
	case s.file.SetWriteDeadline(time.Time{}) == nil:
		s.write = s.writeDeadline
	case mode.IsRegular() || opened: // such as /dev/null
		s.write = s.writePlain
	default:
		s.write = s.writeAbandon
	}
	return s
}

// anew opens the file anew if it may block, so that it does not, else gives a
// duplicate: EPIPE on descriptor 1 itself would end the program before it has
// accounted for what it could not write.
func anew(shared *os.File, mode fs.FileMode) (f *os.File, opened bool) {
	f = shared // if all else fails; the write will say what is wrong with it
	conn, err := shared.SyscallConn()
	if err != nil {
		return f, false
	}
	_ = conn.Control(func(fd uintptr) { // fails only on a closed file
		if mode&(fs.ModeNamedPipe|fs.ModeCharDevice) != 0 {
			if own, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", fd), os.O_WRONLY|nonblock, 0); err == nil {
				f, opened = own, true
				return
			}
		}
		if copied, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3); err == nil {
			f = os.NewFile(uintptr(copied), shared.Name())
		}
	})
	return f, opened
}
