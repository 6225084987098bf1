// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// machine is what the processes of a host can be: audit's names of the
// architectures whose system calls it takes.
type machine struct {
	native string // of 64 bits
	compat string // of 32 bits beside it
}

var machines = map[string]machine{
	"amd64": {"x86_64", "i386"},
	"arm64": {"aarch64", "arm"},
}

func host() (machine, error) {
	m, ok := machines[runtime.GOARCH]
	if !ok {
		return machine{}, fmt.Errorf("no table of system calls for %s", runtime.GOARCH)
	}
	return m, nil
}

// aliases are what uname calls them.
var aliases = map[string]string{
	"i486": "i386", "i586": "i386", "i686": "i386",
	"armeb": "arm", "armv5tejl": "arm", "armv5tel": "arm", "armv6l": "arm", "armv7l": "arm",
	"armv8l": "aarch64",
}

// arch finds an architecture as rules name it.
func (m machine) arch(value string) (name string, id uint32, err error) {
	name = strings.ToLower(value)
	switch {
	case name == "b64":
		name = m.native
	case name == "b32":
		name = m.compat
	case aliases[name] != "":
		name = aliases[name]
	}
	base := 16
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		base = 0
	}
	number, numeric := strconv.ParseUint(name, base, 32)
	for arch, known := range auparse.AuditArchNames {
		if _, table := auparse.AuditSyscalls[known]; table && (known == name || numeric == nil && uint64(arch) == number) {
			return known, uint32(arch), nil
		}
	}
	return "", 0, errors.New("architecture is not known")
}

// later are the system calls that the library's tables do not have yet; they have the same number everywhere.
var later = map[string]uint32{
	"setxattrat": 463, "getxattrat": 464, "listxattrat": 465, "removexattrat": 466,
	"open_tree_attr": 467, "file_getattr": 468, "file_setattr": 469,
}

// numbers are the system calls of each architecture by name.
var numbers = sync.OnceValue(func() map[string]map[string]uint32 {
	numbers := map[string]map[string]uint32{}
	for arch, names := range auparse.AuditSyscalls {
		table := maps.Clone(later)
		for number, name := range names {
			table[name] = uint32(number)
		}
		numbers[arch] = table
	}
	numbers["i386"]["madvise"] = 219 // which the library calls madvise1
	return numbers
})

// call finds the number of a system call.
func call(arch, name string) (number uint32, ok bool) {
	number, ok = numbers()[arch][name]
	return number, ok
}

// operations of io_uring that are audited, as the kernel numbers them (enum io_uring_op).
var operations = map[string]uint32{
	"sendmsg": 9, "recvmsg": 10, "accept": 13, "connect": 16, "fallocate": 17, "openat": 18, "close": 19, "openat2": 28,
	"shutdown": 34, "renameat": 35, "unlinkat": 36, "mkdirat": 37, "symlinkat": 38, "linkat": 39, "msg_ring": 40,
	"fsetxattr": 41, "setxattr": 42, "fgetxattr": 43, "getxattr": 44, "socket": 45, "uring_cmd": 46, "send_zc": 47,
	"sendmsg_zc": 48, "waitid": 50, "futex_wait": 51, "futex_wake": 52, "futex_waitv": 53, "fixed_fd_install": 54,
	"ftruncate": 55, "bind": 56, "listen": 57,
}
