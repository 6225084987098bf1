// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"slices"
	"strings"
)

// fileTable are the programs of bpf/file.bpf.c.
func fileTable() []program {
	const idmap = "struct user_namespace *|struct mnt_idmap *"
	fileRange := []string{"struct file *", "loff_t", "struct file *", "loff_t", "loff_t|size_t", "unsigned int"}
	table := []program{
		{
			name: "file_opened", typ: "fentry", hook: "security_file_open", args: []string{"struct file *"},
			since: "5.8", why: "every open, also io_uring's and by handle; the kernel says whether it has created the file",
		},
		{
			name: "mkdir_begins", typ: "fentry", hook: "security_path_mkdir", args: []string{"const struct path *", "struct dentry *", "..."},
			since: "5.8", why: "the mount and the name; not called by a file system below another one",
		},
		{
			name: "mknod_begins", typ: "fentry", hook: "security_path_mknod", args: []string{"const struct path *", "struct dentry *", "..."},
			since: "5.8", why: "likewise",
		},
		{
			name: "symlink_begins", typ: "fentry", hook: "security_path_symlink", args: []string{"const struct path *", "struct dentry *", "..."},
			since: "5.8", why: "likewise",
		},
		{
			name: "link_begins", typ: "fentry", hook: "security_path_link", args: []string{"struct dentry *", "const struct path *", "struct dentry *"},
			since: "5.8", why: "likewise",
		},
		{
			name: "creation_ends", typ: "fentry", hook: "mnt_drop_write", args: []string{"struct vfsmount *"},
			since: "5.8", why: "these four end with it, and then the name has an inode if they succeeded",
		},
		{
			name: "file_access_ends", typ: "fentry", hook: "mnt_drop_write_file", args: []string{"struct file *"},
			since: "5.8", why: "fsetxattr and fremovexattr end with it",
		},
		{
			name: "xattr_set", typ: "fentry", hook: "security_inode_post_setxattr", args: []string{"struct dentry *", "..."},
			since: "5.8", why: "every setxattr that has succeeded",
		},
		{
			name: "xattr_removed", typ: "fentry", hook: "security_inode_post_removexattr", args: []string{"struct dentry *", "const char *"},
			since: "6.9", why: "likewise removexattr; before there is no hook behind it with the same arguments on every kernel",
		},
		{
			name: "acl_set", typ: "fentry", hook: "security_inode_post_set_acl", args: []string{"struct dentry *", "const char *", "..."},
			since: "6.9", why: "likewise setfacl",
		},
		{
			name: "acl_removed", typ: "fentry", hook: "security_inode_post_remove_acl", args: []string{idmap, "struct dentry *", "const char *"},
			since: "6.9", why: "likewise",
		},
		{
			name: "file_written", typ: "fexit", hook: "vfs_write", args: []string{"struct file *", "const char *", "size_t", "loff_t *"},
			since: "5.8", why: "write and pwrite64, with what was written",
		},
		{
			name: "written_vectors", typ: "fexit", hook: "vfs_writev",
			args:  []string{"struct file *", "const struct iovec *", "long unsigned int", "loff_t *", "rwf_t"},
			since: "5.8", why: "writev, pwritev, pwritev2",
		},
		{
			name: "copy_begins", typ: "fentry", hook: "vfs_copy_file_range", args: fileRange,
			since: "5.8", why: "what copy_file_range does by splicing is not counted twice", notes: true,
		},
		{
			name: "copied", typ: "fexit", hook: "vfs_copy_file_range", args: fileRange,
			since: "5.8", why: "copy_file_range, also where the file system shares blocks",
		},
		{
			name: "spliced", typ: "fexit", hook: "iter_file_splice_write",
			args:  []string{"struct pipe_inode_info *", "struct file *", "loff_t *", "size_t", "unsigned int"},
			since: "5.8", why: "splice and sendfile, one for each pipe full",
		},
		{
			name: "cloned", typ: "fexit", hook: "vfs_clone_file_range", args: fileRange,
			since: "5.8", why: "FICLONE and FICLONERANGE",
		},
		{
			name: "allocated", typ: "fexit", hook: "vfs_fallocate", args: []string{"struct file *", "int", "loff_t", "loff_t"},
			since: "5.8", why: "fallocate, which can also punch holes",
		},
		{
			name: "mapped", typ: "fexit", hook: "security_mmap_file", args: []string{"struct file *", "long unsigned int", "long unsigned int"},
			since: "5.8", why: "a shared mapping that can be written: stores there pass no hook",
		},
		{
			name: "protected", typ: "fexit", hook: "security_file_mprotect",
			args:  []string{"struct vm_area_struct *", "long unsigned int", "long unsigned int"},
			since: "5.8", why: "a shared mapping that can be written from now on",
		},
		{
			name: "truncated_path", typ: "fexit", hook: "vfs_truncate", args: []string{"const struct path *", "loff_t"},
			since: "5.8", why: "truncate",
		},
		{
			name: "truncated_5_10", typ: "fexit", hook: "do_truncate",
			args:  []string{"struct dentry *", "loff_t", "unsigned int", "struct file *"},
			since: "5.8", why: "ftruncate and O_TRUNC",
		},
		{
			name: "truncated", typ: "fexit", hook: "do_truncate",
			args:  []string{idmap, "struct dentry *", "loff_t", "unsigned int", "struct file *"},
			since: "5.12", why: "likewise",
		},
		{
			name: "aio_begins", typ: "fentry", hook: "aio_write", args: []string{"struct kiocb *", "const struct iocb *", "bool", "bool"},
			since: "5.8", why: "who asks for an asynchronous write: its end may come in an interrupt",
		},
		{
			name: "aio_ended", typ: "fentry", hook: "aio_complete_rw", args: []string{"struct kiocb *", "long int", "..."},
			since: "5.8", why: "how much was written", notes: true,
		},
		{
			name: "uring_written", typ: "fexit", hook: "io_write", args: []string{"struct io_kiocb *", "unsigned int"},
			since: "5.8", why: "io_uring's writes, of every opcode, in a thread of the owner",
		},
		{
			name: "uring_ended", typ: "fentry", hook: "io_complete_rw", args: []string{"struct kiocb *", "long int", "..."},
			since: "5.8", why: "those that ended later", notes: true,
		},
		{
			name: "file_released", typ: "fentry", hook: "__fput", args: []string{"struct file *"},
			since: "5.8", why: "the last reference to an open file is gone, also at the end of a process or of a mapping", notes: true, // user space tells what it misses
		},
		{
			name: "unlink_begins", typ: "fentry", hook: "security_path_unlink", args: []string{"const struct path *", "struct dentry *"},
			since: "5.8", why: "the mount and what is about to go; not called by a file system below another one",
		},
		{
			name: "rmdir_begins", typ: "fentry", hook: "security_path_rmdir", args: []string{"const struct path *", "struct dentry *"},
			since: "5.8", why: "likewise",
		},
		{
			name: "removed", typ: "fentry", hook: "d_delete", args: []string{"struct dentry *"},
			since: "5.8", why: "both have succeeded; vfs_unlink and vfs_rmdir changed in 5.12 and 6.19, and may be part of their callers",
		},
		{
			name: "rename_begins", typ: "fentry", hook: "security_path_rename",
			args:  []string{"const struct path *", "struct dentry *", "const struct path *", "struct dentry *", "unsigned int"},
			since: "5.8", why: "the mounts and both names before",
		},
		{
			name: "renamed", typ: "fexit", hook: "vfs_rename", args: []string{"struct renamedata *"},
			since: "5.10", why: "whether it succeeded, and what it is called now",
		},
		{
			name: "mode_changed", typ: "fexit", hook: "chmod_common", args: []string{"const struct path *", "umode_t"},
			since: "5.8", why: "every chmod",
		},
		{
			name: "owner_changed", typ: "fexit", hook: "chown_common", args: []string{"const struct path *", "uid_t", "gid_t"},
			since: "5.8", why: "every chown",
		},
		{
			name: "ctime_changed", typ: "tp_btf", hook: "ctime_ns_xchg", args: []string{"struct inode *", "..."},
			since: "6.13", why: "which inodes a call changes: every file system sets their ctimes here",
		},
		{
			name: "ctime_same", typ: "tp_btf", hook: "ctime_xchg_skip", args: []string{"struct inode *", "..."},
			since: "6.13", why: "likewise, for the second time in a clock tick",
		},
		{
			name: "ctime_given", typ: "tp_btf", hook: "inode_set_ctime_to_ts", args: []string{"struct inode *", "..."},
			since: "6.13", why: "likewise, where the file system has coarse times",
		},
		{
			name: "uring_completed", typ: "tp_btf", hook: "io_uring_complete", args: []string{"struct io_ring_ctx *", "void *", "struct io_uring_cqe *"},
			since: "6.16", why: "what io_uring has done, with the file; for names together with the above, in its workers",
		},
		{
			name: "close_enter", typ: "tracepoint", hook: "syscalls/sys_enter_close",
			since: "5.11", why: "the last descriptor of a file is closed",
		},
		{
			name: "dup2_enter", typ: "tracepoint", hook: "syscalls/sys_enter_dup2",
			since: "5.11", why: "likewise: so shells end a redirection", notes: true, // user space tells what it misses
		},
		{
			name: "dup3_enter", typ: "tracepoint", hook: "syscalls/sys_enter_dup3",
			since: "5.11", why: "likewise", notes: true,
		},
	}
	for _, call := range []struct{ program, call, why string }{
		{"open_exit", "open", "the kernel says of the opened file whether it has created it"},
		{"openat_exit", "openat", "likewise"},
		{"openat2_exit", "openat2", "likewise"},
		{"creat_exit", "creat", "likewise"},
		{"open_by_handle_exit", "open_by_handle_at", "likewise"},
		{"write_exit", "write", "how much was written, to the file of the descriptor"},
		{"pwrite_exit", "pwrite64", "likewise"},
		{"writev_exit", "writev", "likewise"},
		{"pwritev_exit", "pwritev", "likewise"},
		{"pwritev2_exit", "pwritev2", "likewise"},
		{"sendfile_exit", "sendfile64", "likewise"},
		{"splice_exit", "splice", "likewise"},
		{"copy_exit", "copy_file_range", "likewise"},
		{"ftruncate_exit", "ftruncate", "likewise"},
		{"fallocate_exit", "fallocate", "likewise"},
		{"mmap_exit", "mmap", "a shared mapping that can be written: stores there pass no hook"},
		{"ioctl_exit", "ioctl", "FICLONE and FICLONERANGE"},
	} {
		table = append(table, program{name: call.program, counts: strings.HasPrefix(call.call, "write") || strings.HasPrefix(call.call, "pwrite"), typ: "tracepoint", hook: "syscalls/sys_exit_" + call.call, since: "5.15", why: call.why})
	}
	for _, call := range nameCalls() {
		table = append(table,
			program{name: call + "_enter", typ: "tracepoint", hook: "syscalls/sys_enter_" + call, since: "5.15", why: "the call begins: what is changed in it are names"},
			program{name: call + "_exit", typ: "tracepoint", hook: "syscalls/sys_exit_" + call, since: "5.15", why: "it has succeeded: what is another name now"})
	}
	return table
}

// nameCalls are the system calls that change names. Where an architecture has
// only the newer of two, the program of the older one is not needed.
func nameCalls() []string {
	return slices.Concat(creatingCalls(), deletingCalls(), renamingCalls(), truncatingCalls(), attributeCalls())
}

func creatingCalls() []string {
	return []string{"mkdir", "mkdirat", "mknod", "mknodat", "symlink", "symlinkat", "link", "linkat"}
}

func deletingCalls() []string { return []string{"unlink", "unlinkat", "rmdir"} }

func renamingCalls() []string { return []string{"rename", "renameat", "renameat2"} }

func truncatingCalls() []string { return []string{"truncate"} } // by name

func attributeCalls() []string {
	return []string{"chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat",
		"setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr", "removexattrat"}
}

// ctimes are the tracepoints that say which inodes a call changes.
func ctimes() []string { return []string{"ctime_changed", "ctime_same", "ctime_given"} }

// everywhere are those of them that every architecture has: where their hooks are
// missing, the kernel hides all system calls, and what needs them sees nothing.
func everywhere() []string {
	return []string{"mkdirat", "mknodat", "symlinkat", "linkat", "unlinkat", "renameat2", "truncate", "fchmodat", "fchownat", "setxattr", "removexattr"}
}

// aroundCalls are the programs at the begin and the end of each call that the architecture has.
func aroundCalls(calls []string) []string {
	var steps []string
	for _, call := range calls {
		without := "|"
		if slices.Contains(everywhere(), call) {
			without = ""
		}
		steps = append(steps, call+"_exit"+without, call+"_enter"+without) // the end first: without it a begin would wait
	}
	return steps
}
