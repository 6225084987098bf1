/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The system calls that change names or attributes, and io_uring's requests: where file_ctimes.h begins and ends. */
#ifndef SENSOR_FILE_NAME_CALLS
#define SENSOR_FILE_NAME_CALLS

#define CALL(call, kind, dir, path, new_dir, new_path)				\
	SEC("tracepoint/syscalls/sys_enter_" #call)				\
	int call##_enter(struct syscall_enter *ctx)				\
	{									\
		return call_begins(ctx, kind, dir, path, new_dir, new_path);	\
	}									\
	SEC("tracepoint/syscalls/sys_exit_" #call)				\
	int call##_exit(struct syscall_exit *ctx)				\
	{									\
		return call_ended(ctx, kind);					\
	}

CALL(mkdir, KIND_FILE_CREATE, -1, 0, -1, -1)
CALL(mkdirat, KIND_FILE_CREATE, 0, 1, -1, -1)
CALL(mknod, KIND_FILE_CREATE, -1, 0, -1, -1)
CALL(mknodat, KIND_FILE_CREATE, 0, 1, -1, -1)
CALL(symlink, KIND_FILE_CREATE, -1, 1, -1, -1)
CALL(symlinkat, KIND_FILE_CREATE, 1, 2, -1, -1)
CALL(link, KIND_FILE_CREATE, -1, 1, -1, -1)
CALL(linkat, KIND_FILE_CREATE, 2, 3, -1, -1)
CALL(unlink, KIND_FILE_DELETE, -1, 0, -1, -1)
CALL(unlinkat, KIND_FILE_DELETE, 0, 1, -1, -1)
CALL(rmdir, KIND_FILE_DELETE, -1, 0, -1, -1)
CALL(rename, KIND_FILE_RENAME, -1, 0, -1, 1)
CALL(renameat, KIND_FILE_RENAME, 0, 1, 2, 3)

SEC("tracepoint/syscalls/sys_enter_renameat2")
int renameat2_enter(struct syscall_enter *ctx)
{
	struct names *call;

	call_begins(ctx, KIND_FILE_RENAME, 0, 1, 2, 3);
	call = current_call();
	if (call)
		call->exchange = (ctx->args[4] & RENAME_EXCHANGE) != 0;
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_renameat2")
int renameat2_exit(struct syscall_exit *ctx)
{
	return call_ended(ctx, KIND_FILE_RENAME);
}

CALL(truncate, KIND_FILE_WRITE, -1, 0, -1, -1)
CALL(chmod, KIND_FILE_ATTRIBUTES, -1, 0, -1, -1)
CALL(fchmod, KIND_FILE_ATTRIBUTES, 0, -1, -1, -1)
CALL(fchmodat, KIND_FILE_ATTRIBUTES, 0, 1, -1, -1)
CALL(fchmodat2, KIND_FILE_ATTRIBUTES, 0, 1, -1, -1)
CALL(chown, KIND_FILE_ATTRIBUTES, -1, 0, -1, -1)
CALL(lchown, KIND_FILE_ATTRIBUTES, -1, 0, -1, -1)
CALL(fchown, KIND_FILE_ATTRIBUTES, 0, -1, -1, -1)
CALL(fchownat, KIND_FILE_ATTRIBUTES, 0, 1, -1, -1)
CALL(setxattr, KIND_FILE_ATTRIBUTES, -1, 0, -1, -1)
CALL(lsetxattr, KIND_FILE_ATTRIBUTES, -1, 0, -1, -1)
CALL(fsetxattr, KIND_FILE_ATTRIBUTES, 0, -1, -1, -1)
CALL(setxattrat, KIND_FILE_ATTRIBUTES, 0, 1, -1, -1)
CALL(removexattr, KIND_FILE_ATTRIBUTES, -1, 0, -1, -1)
CALL(lremovexattr, KIND_FILE_ATTRIBUTES, -1, 0, -1, -1)
CALL(fremovexattr, KIND_FILE_ATTRIBUTES, 0, -1, -1, -1)
CALL(removexattrat, KIND_FILE_ATTRIBUTES, 0, 1, -1, -1)

/* enum io_uring_op, part of the kernel's ABI */
enum {
	IORING_OP_OPENAT = 18,
	IORING_OP_FALLOCATE = 17,
	IORING_OP_OPENAT2 = 28,
	IORING_OP_SPLICE = 30,
	IORING_OP_RENAMEAT = 35,
	IORING_OP_UNLINKAT = 36,
	IORING_OP_MKDIRAT = 37,
	IORING_OP_SYMLINKAT = 38,
	IORING_OP_LINKAT = 39,
	IORING_OP_FTRUNCATE = 55,
};

static __noinline int uring_names(struct names *call, __u8 opcode)
{
	switch (opcode) {
	case IORING_OP_UNLINKAT:
		return wants(KIND_FILE_DELETE) ? deletion_ended(call) : 0;
	case IORING_OP_RENAMEAT:
		return wants(KIND_FILE_RENAME) ? rename_ended(call) : 0;
	case IORING_OP_MKDIRAT:
	case IORING_OP_SYMLINKAT:
	case IORING_OP_LINKAT:
		return wants(KIND_FILE_CREATE) ? creation_ended(call) : 0;
	}
	return 0;
}

/*
 * io_uring_complete(ctx, req, cqe), since Linux 6.16: a request has ended, in the
 * worker that did it or in a thread of its owner.
 */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(uring_completed, void *ring, struct io_kiocb *req, void *cqe)
{
	struct names *call = current_call();
	__u8 opcode = BPF_CORE_READ(req, opcode);
	__s32 result = BPF_CORE_READ((struct io_uring_cqe *)cqe, res);
	struct file *file;

	if (stopped || actor_tgid() == self_tgid)
		return 0;
	if (call && call->kind == KINDS_MAX) {
		if (!result)
			uring_names(call, opcode);
		call->kind = 0;
	}
	if (result < 0)
		return 0;
	if (uring_writes(opcode))
		return result ? file_changed(BPF_CORE_READ(req, file), result, 1, 0) : 0;
	if (opcode == IORING_OP_FALLOCATE || opcode == IORING_OP_FTRUNCATE)
		return file_changed(BPF_CORE_READ(req, file), 0, 0, 0);
	if (opcode == IORING_OP_SPLICE && result)
		return file_changed(BPF_CORE_READ(req, file), result, 1, 0);
	if ((opcode == IORING_OP_OPENAT || opcode == IORING_OP_OPENAT2) && wants(KIND_FILE_CREATE)) {
		file = file_at(result);
		if (file && BPF_CORE_READ(file, f_mode) & FMODE_CREATED && BPF_CORE_READ(file, f_inode, i_nlink))
			return created(BPF_CORE_READ(file, f_path.mnt), BPF_CORE_READ(file, f_path.dentry));
	}
	return 0;
}

#endif
