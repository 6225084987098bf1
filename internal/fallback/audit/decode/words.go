// SPDX-License-Identifier: Apache-2.0

package decode

import "sensor/internal/events"

// wordsOf are the ECS words for a call that is none of our kinds: the action as
// auditd and Auditbeat call it, else the name of the call itself.
func wordsOf(call string) *events.Words {
	if w, ok := actions[call]; ok {
		return &events.Words{Category: []string{w.category}, Type: []string{w.kind}, Action: w.action}
	}
	if call == "" { // an operation of io_uring
		call = "io_uring"
	}
	return &events.Words{Category: []string{"process"}, Type: []string{"info"}, Action: call}
}

// words of one action.
type words struct{ category, kind, action string }

var (
	opened      = words{"file", "info", "opened-file"}
	shortened   = words{"file", "change", "opened-file"}
	labelled    = words{"file", "change", "changed-file-attributes-of"}
	permitted   = words{"file", "change", "changed-file-permissions-of"}
	owned       = words{"file", "change", "changed-file-ownership-of"}
	timed       = words{"file", "change", "changed-timestamp-of"}
	renamed     = words{"file", "change", "renamed"}
	deleted     = words{"file", "deletion", "deleted"}
	linked      = words{"file", "creation", "linked"}
	symlinked   = words{"file", "creation", "symlinked"}
	madeFolder  = words{"file", "creation", "created-directory"}
	madeDevice  = words{"file", "creation", "make-device"}
	mounted     = words{"file", "creation", "mounted"}
	unmounted   = words{"file", "deletion", "unmounted"}
	looked      = words{"file", "info", "checked-metadata-of"}
	loaded      = words{"driver", "start", "loaded-kernel-module"}
	unloaded    = words{"driver", "end", "unloaded-kernel-module"}
	setClock    = words{"host", "change", "changed-system-time"}
	setHostName = words{"host", "change", "changed-system-name"}
	identified  = words{"process", "change", "changed-identity-of"}
	executed    = words{"process", "start", "executed"}
	killed      = words{"process", "end", "killed-pid"}
	sent        = words{"network", "info", "sent-to"}
	received    = words{"network", "info", "received-from"}
	connected   = words{"network", "start", "connected-to"}
	accepted    = words{"network", "start", "accepted-connection-from"}
	bound       = words{"network", "start", "bound-socket"}
	listening   = words{"network", "start", "listen-for-connections"}
)

var actions = map[string]words{
	"open": opened, "openat": opened, "openat2": opened, "open_by_handle_at": opened, "readlink": opened, "readlinkat": opened,
	"creat":    {"file", "creation", "opened-file"},
	"truncate": shortened, "truncate64": shortened, "ftruncate": shortened, "ftruncate64": shortened, "fallocate": shortened,
	"read": {"file", "info", "read-file"}, "write": {"file", "change", "wrote-to-file"},
	"setxattr": labelled, "lsetxattr": labelled, "fsetxattr": labelled, "setxattrat": labelled, "file_setattr": labelled,
	"removexattr": labelled, "lremovexattr": labelled, "fremovexattr": labelled, "removexattrat": labelled,
	"chmod": permitted, "fchmod": permitted, "fchmodat": permitted, "fchmodat2": permitted,
	"chown": owned, "fchown": owned, "lchown": owned, "fchownat": owned, "chown32": owned, "fchown32": owned, "lchown32": owned,
	"utime": timed, "utimes": timed, "futimesat": timed, "utimensat": timed, "utimensat_time64": timed,
	"rename": renamed, "renameat": renamed, "renameat2": renamed,
	"unlink": deleted, "unlinkat": deleted, "rmdir": deleted,
	"link": linked, "linkat": linked, "symlink": symlinked, "symlinkat": symlinked,
	"mkdir": madeFolder, "mkdirat": madeFolder, "mknod": madeDevice, "mknodat": madeDevice,
	"mount": mounted, "move_mount": mounted, "umount": unmounted, "umount2": unmounted,
	"access": looked, "faccessat": looked, "faccessat2": looked, "stat": looked, "lstat": looked, "fstat": looked,
	"newfstatat": looked, "stat64": looked, "lstat64": looked, "fstat64": looked, "fstatat64": looked, "statx": looked,
	"getxattr": looked, "lgetxattr": looked, "fgetxattr": looked, "getxattrat": looked,
	"init_module": loaded, "finit_module": loaded, "delete_module": unloaded,
	"settimeofday": setClock, "clock_settime": setClock, "clock_settime64": setClock, "stime": setClock,
	"adjtimex": setClock, "clock_adjtime": setClock, "clock_adjtime64": setClock,
	"sethostname": setHostName, "setdomainname": setHostName,
	"setuid": identified, "setreuid": identified, "setresuid": identified, "setfsuid": identified,
	"setgid": identified, "setregid": identified, "setresgid": identified, "setfsgid": identified, "setgroups": identified,
	"setuid32": identified, "setreuid32": identified, "setresuid32": identified, "setfsuid32": identified,
	"setgid32": identified, "setregid32": identified, "setresgid32": identified, "setfsgid32": identified, "setgroups32": identified,
	"execve": executed, "execveat": executed, "exit_group": {"process", "end", "end"},
	"kill": killed, "tkill": killed, "tgkill": killed, "pidfd_send_signal": killed,
	"send": sent, "sendto": sent, "sendmsg": sent, "sendmmsg": sent,
	"recv": received, "recvfrom": received, "recvmsg": received, "recvmmsg": received,
	"connect": connected, "accept": accepted, "accept4": accepted, "bind": bound, "listen": listening,
}
