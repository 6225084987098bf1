// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"strconv"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// x32 marks the calls of programs of x86-64 with short pointers. They have the
// kernel's architecture, and from 512 on numbers of their own.
const x32 = 1 << 30

// callName is the name of a system call, or its number where it has none here.
func callName(arch auparse.AuditArch, number int) string {
	table := number
	if arch == auparse.AUDIT_ARCH_X86_64 && number&x32 != 0 {
		table &^= x32
		if name, ok := x32Calls[table]; ok {
			return name
		}
	}
	if name, ok := auparse.AuditSyscalls[arch.String()][table]; ok {
		return name
	}
	if name, ok := newCalls[table]; ok {
		return name
	}
	return strconv.Itoa(number)
}

// newCalls are those that auparse does not know yet. Since Linux 5.1 a new call
// has one number on every architecture.
var newCalls = map[int]string{
	463: "setxattrat", 464: "getxattrat", 465: "listxattrat", 466: "removexattrat",
	467: "open_tree_attr", 468: "file_getattr", 469: "file_setattr",
}

var x32Calls = map[int]string{
	512: "rt_sigaction", 513: "rt_sigreturn", 514: "ioctl", 515: "readv", 516: "writev", 517: "recvfrom",
	518: "sendmsg", 519: "recvmsg", 520: "execve", 521: "ptrace", 522: "rt_sigpending", 523: "rt_sigtimedwait",
	524: "rt_sigqueueinfo", 525: "sigaltstack", 526: "timer_create", 527: "mq_notify", 528: "kexec_load",
	529: "waitid", 530: "set_robust_list", 531: "get_robust_list", 532: "vmsplice", 533: "move_pages",
	534: "preadv", 535: "pwritev", 536: "rt_tgsigqueueinfo", 537: "recvmmsg", 538: "sendmmsg",
	539: "process_vm_readv", 540: "process_vm_writev", 541: "setsockopt", 542: "getsockopt", 543: "io_setup",
	544: "io_submit", 545: "execveat", 546: "preadv2", 547: "pwritev2",
}

// socketCalls are what i386 does by its one call socketcall(2), by their number there.
var socketCalls = map[uint64]string{
	1: "socket", 2: "bind", 3: "connect", 4: "listen", 5: "accept", 6: "getsockname", 7: "getpeername",
	8: "socketpair", 9: "send", 10: "recv", 11: "sendto", 12: "recvfrom", 13: "shutdown", 14: "setsockopt",
	15: "getsockopt", 16: "sendmsg", 17: "recvmsg", 18: "accept4", 19: "recvmmsg", 20: "sendmmsg",
}

// ringCalls are what io_uring's operations do, by the names of the calls that do the same.
var ringCalls = map[int]string{
	13: "accept", 16: "connect", 17: "fallocate", 18: "openat", 28: "openat2", 35: "renameat2", 36: "unlinkat",
	37: "mkdirat", 38: "symlinkat", 39: "linkat", 41: "fsetxattr", 42: "setxattr", 55: "ftruncate", 56: "bind",
	57: "listen",
}
