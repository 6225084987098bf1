// SPDX-License-Identifier: Apache-2.0

package decode

import "sensor/internal/events"

// argument is the number of an argument of a call.
type argument int8

// none: the call has no such argument.
const none argument = -1

// way is how a system call is told: by what, and where it has its arguments.
type way struct {
	does  func(*deed, *way)
	kind  events.Kind
	at    argument // what a relative name is relative to
	from  argument // rename: likewise of the name before
	flags argument // open: how
	mode  argument // attributes: the new mode
	owner argument // attributes: the new owner, and then the group
	acl   bool     // attributes: the mode may have changed with them
}

// ways of the system calls that make events of our kinds.
var ways = map[string]way{
	"execve":     {does: (*deed).exec},
	"execveat":   {does: (*deed).exec},
	"exit_group": {does: (*deed).exit},

	"connect": {does: (*deed).connect},
	"accept":  {does: (*deed).accept},
	"accept4": {does: (*deed).accept},
	"bind":    {does: (*deed).bind},
	"listen":  {does: (*deed).listen},

	"open":    {does: (*deed).open, at: none, flags: 1},
	"creat":   {does: (*deed).open, at: none, flags: none},
	"openat":  {does: (*deed).open, at: 0, flags: 2},
	"openat2": {does: (*deed).open, at: 0, flags: none},

	// Of an open file no record has the name, and for ftruncate and fallocate none
	// has even the inode, up to Linux 7: these are told where io_uring or a later kernel says more.
	"truncate":    {does: (*deed).changed, kind: events.KindFileWrite, at: none},
	"truncate64":  {does: (*deed).changed, kind: events.KindFileWrite, at: none},
	"ftruncate":   {does: (*deed).changed, kind: events.KindFileWrite, at: none},
	"ftruncate64": {does: (*deed).changed, kind: events.KindFileWrite, at: none},
	"fallocate":   {does: (*deed).changed, kind: events.KindFileWrite, at: none},

	"mknod":     {does: (*deed).create, at: none},
	"mknodat":   {does: (*deed).create, at: 0},
	"mkdir":     {does: (*deed).create, at: none},
	"mkdirat":   {does: (*deed).create, at: 0},
	"link":      {does: (*deed).create, at: none},
	"linkat":    {does: (*deed).create, at: 2},
	"symlink":   {does: (*deed).create, at: none},
	"symlinkat": {does: (*deed).create, at: 1},
	"rename":    {does: (*deed).rename, from: none, at: none},
	"renameat":  {does: (*deed).rename, from: 0, at: 2},
	"renameat2": {does: (*deed).rename, from: 0, at: 2},
	"unlink":    {does: (*deed).remove, at: none},
	"unlinkat":  {does: (*deed).remove, at: 0},
	"rmdir":     {does: (*deed).remove, at: none},

	"chmod":     attributes(none, 1, none, false),
	"fchmod":    attributes(none, 1, none, false),
	"fchmodat":  attributes(0, 2, none, false),
	"fchmodat2": attributes(0, 2, none, false),
	"chown":     attributes(none, none, 1, false),
	"chown32":   attributes(none, none, 1, false),
	"fchown":    attributes(none, none, 1, false),
	"fchown32":  attributes(none, none, 1, false),
	"lchown":    attributes(none, none, 1, false),
	"lchown32":  attributes(none, none, 1, false),
	"fchownat":  attributes(0, none, 2, false),

	"utime":            attributes(none, none, none, false),
	"utimes":           attributes(none, none, none, false),
	"futimesat":        attributes(0, none, none, false),
	"utimensat":        attributes(0, none, none, false),
	"utimensat_time64": attributes(0, none, none, false),

	"setxattr":      attributes(none, none, none, true),
	"lsetxattr":     attributes(none, none, none, true),
	"fsetxattr":     attributes(none, none, none, true),
	"setxattrat":    attributes(0, none, none, true),
	"removexattr":   attributes(none, none, none, true),
	"lremovexattr":  attributes(none, none, none, true),
	"fremovexattr":  attributes(none, none, none, true),
	"removexattrat": attributes(0, none, none, true),
	"file_setattr":  attributes(0, none, none, false),

	"setuid":      identity(events.KindUIDChange),
	"setuid32":    identity(events.KindUIDChange),
	"setreuid":    identity(events.KindUIDChange),
	"setreuid32":  identity(events.KindUIDChange),
	"setresuid":   identity(events.KindUIDChange),
	"setresuid32": identity(events.KindUIDChange),
	"setfsuid":    identity(events.KindUIDChange),
	"setfsuid32":  identity(events.KindUIDChange),
	"setgid":      identity(events.KindGIDChange),
	"setgid32":    identity(events.KindGIDChange),
	"setregid":    identity(events.KindGIDChange),
	"setregid32":  identity(events.KindGIDChange),
	"setresgid":   identity(events.KindGIDChange),
	"setresgid32": identity(events.KindGIDChange),
	"setfsgid":    identity(events.KindGIDChange),
	"setfsgid32":  identity(events.KindGIDChange),
	"setsid":      {does: (*deed).session},
}

func attributes(at, mode, owner argument, acl bool) way {
	return way{does: (*deed).changed, kind: events.KindFileAttributes, at: at, mode: mode, owner: owner, acl: acl}
}

func identity(kind events.Kind) way { return way{does: (*deed).identify, kind: kind} }
