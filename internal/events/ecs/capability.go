// SPDX-License-Identifier: Apache-2.0

package ecs

import "strconv"

// capabilityList keeps the last set that was written out: most processes of a
// host have the same one, and it is up to 700 bytes long.
type capabilityList struct {
	set  uint64
	text []byte
}

// put writes a set of capabilities (bits as in linux/capability.h) by name.
func (l *capabilityList) put(w *writer, name string, set uint64) {
	if set == 0 {
		return
	}
	w.key(name)
	if l.text == nil || l.set != set {
		begin := len(w.b)
		capabilities(w, set)
		l.set, l.text = set, append(l.text[:0], w.b[begin:]...)
		return
	}
	w.b = append(w.b, l.text...)
}

func capabilities(w *writer, set uint64) {
	w.b = append(w.b, '[')
	for bit := range 64 {
		if set>>bit&1 == 0 {
			continue
		}
		w.comma()
		w.b = append(w.b, '"')
		if bit < len(capabilityNames) {
			w.b = append(w.b, "CAP_"...)
			w.b = append(w.b, capabilityNames[bit]...)
		} else { // newer than this table
			w.b = append(w.b, "CAP_"...)
			w.b = strconv.AppendInt(w.b, int64(bit), 10)
		}
		w.b = append(w.b, '"')
	}
	w.b = append(w.b, ']')
}

var capabilityNames = [...]string{
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
	"SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW",
	"IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
	"SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD",
	"LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
	"WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
}
