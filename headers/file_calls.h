/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Content, where the kernel has no trampolines: at the end of a system call its
 * descriptor leads to the file.
 */
#ifndef SENSOR_FILE_CALLS_H
#define SENSOR_FILE_CALLS_H

struct pt_regs___x86 {
	unsigned long di, si, dx, r10, r8, orig_ax;
} __attribute__((preserve_access_index));
struct pt_regs___arm64 {
	__u64 regs[31];
	__u64 orig_x0;
	__s32 syscallno;
} __attribute__((preserve_access_index));

/* The registers are followed directly, which costs a fraction of a call for each. */
static __always_inline void *registers(void)
{
	return (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
}

/* write, pwrite64, writev, pwritev, pwritev2 by their numbers on x86-64 and on arm64 */
static __always_inline bool in_write(void)
{
	struct pt_regs___arm64 *arm64 = registers();
	struct pt_regs___x86 *x86 = registers();
	__u64 number;

	if (bpf_core_field_exists(arm64->orig_x0)) {
		number = arm64->syscallno;
		return number == 64 || number == 68 || number == 66 || number == 70 || number == 287;
	}
	number = x86->orig_ax;
	return number == 1 || number == 18 || number == 20 || number == 296 || number == 328;
}

/* The n-th argument of the current system call, from 0. */
static __always_inline __u64 argument(int n)
{
	struct pt_regs___arm64 *arm64 = registers();
	struct pt_regs___x86 *x86 = registers();

	if (bpf_core_field_exists(arm64->orig_x0))
		return n ? arm64->regs[n] : arm64->orig_x0;
	switch (n) {
	case 0:
		return x86->di;
	case 1:
		return x86->si;
	case 2:
		return x86->dx;
	case 3:
		return x86->r10;
	}
	return x86->r8;
}

/* Since Linux 6.2 a pointer can be given its type, and be followed without a call for each step. */
extern void *bpf_rdonly_cast(const void *pointer, __u32 type) __weak __ksym;

/* A place in a table of pointers: any structure of the kernel that begins with one serves to follow it. */
struct callback_head {
	struct callback_head *next;
} __attribute__((preserve_access_index));

/* As file_at, for the most frequent calls. */
static __always_inline struct file *file_at_once(__u32 descriptor)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *table = task->files->fdt;
	struct callback_head *slot = (void *)(table->fd + descriptor);
	struct file *file = NULL;

	if (descriptor >= table->max_fds)
		return NULL;
	if (bpf_rdonly_cast) {
		slot = bpf_rdonly_cast(slot, bpf_core_type_id_kernel(struct callback_head));
		return (void *)slot->next;
	}
	bpf_probe_read_kernel(&file, sizeof(file), slot);
	return file;
}

/* What the current task has written through a descriptor. */
static __always_inline int descriptor_changed(__u32 descriptor, __s64 bytes, __u32 number)
{
	struct file *file;
	struct write_key key;
	struct written *w;

	if (stopped || bytes < 0)
		return 0;
	file = file_at_once(descriptor);
	if (!file)
		return 0;
	if (bpf_rdonly_cast) {
		file = bpf_rdonly_cast(file, bpf_core_type_id_kernel(struct file));
		if ((file->f_inode->i_mode & S_IFMT) != S_IFREG)
			return 0;
		key_read(&key, file->f_inode);
		w = bpf_map_lookup_elem(&writes, &key);
		if (w) {
			add(w, bytes, number, 0);
			return 0;
		}
	}
	return file_changed(file, bytes, number, 0);
}

#define WRITES(name, call, descriptor)							\
	SEC("tracepoint/syscalls/sys_exit_" #call)					\
	int name(struct syscall_exit *ctx)						\
	{										\
		if (ctx->result <= 0)							\
			return 0;							\
		return descriptor_changed(argument(descriptor), ctx->result, 1);	\
	}

WRITES(write_exit, write, 0)
WRITES(pwrite_exit, pwrite64, 0)
WRITES(writev_exit, writev, 0)
WRITES(pwritev_exit, pwritev, 0)
WRITES(pwritev2_exit, pwritev2, 0)
WRITES(sendfile_exit, sendfile64, 0)
WRITES(splice_exit, splice, 2)
WRITES(copy_exit, copy_file_range, 2)

SEC("tracepoint/syscalls/sys_exit_ftruncate")
int ftruncate_exit(struct syscall_exit *ctx)
{
	return ctx->result ? 0 : descriptor_changed(argument(0), 0, 0);
}

SEC("tracepoint/syscalls/sys_exit_fallocate")
int fallocate_exit(struct syscall_exit *ctx)
{
	return ctx->result ? 0 : descriptor_changed(argument(0), 0, 0);
}

#define MAP_ANONYMOUS 0x20

SEC("tracepoint/syscalls/sys_exit_mmap")
int mmap_exit(struct syscall_exit *ctx)
{
	struct file *file;

	if (stopped || (__u64)ctx->result > -4096UL || argument(3) & MAP_ANONYMOUS || !stores_shared(argument(2), argument(3)))
		return 0;
	file = file_at(argument(4));
	if (!file || !(BPF_CORE_READ(file, f_mode) & FMODE_WRITE))
		return 0;
	return file_changed(file, 0, 0, WRITES_UNSEEN);
}

/* _IOW(0x94, 9, int) and _IOW(0x94, 13, struct file_clone_range), part of the kernel's ABI */
#define FICLONE 0x40049409
#define FICLONERANGE 0x4020940d

SEC("tracepoint/syscalls/sys_exit_ioctl")
int ioctl_exit(struct syscall_exit *ctx)
{
	__u32 command = argument(1);
	struct file *file;

	if (ctx->result || (command != FICLONE && command != FICLONERANGE) || stopped)
		return 0;
	file = file_at(argument(0));
	return file ? file_changed(file, 0, 1, WRITES_UNSEEN) : 0;
}

/* Linux 6.13 (08ef26ea9ab3) counts references in another way. */
struct file_ref {
	struct {
		__s64 counter;
	} refcnt;
} __attribute__((preserve_access_index));
struct file___6_13 {
	struct file_ref f_ref;
} __attribute__((preserve_access_index));
struct file___5_10 {
	struct {
		__s64 counter;
	} f_count;
} __attribute__((preserve_access_index));

static __always_inline bool last_reference(struct file *file)
{
	struct file___6_13 *later = (void *)file;
	struct file___5_10 *earlier = (void *)file;

	if (bpf_core_field_exists(later->f_ref))
		return BPF_CORE_READ(later, f_ref.refcnt.counter) == 0;
	return BPF_CORE_READ(earlier, f_count.counter) == 1;
}

/* The descriptor is about to be closed. */
static __always_inline int descriptor_ends(__u32 descriptor)
{
	struct file *file;

	if (stopped)
		return 0;
	file = file_at(descriptor);
	if (!file || !(BPF_CORE_READ(file, f_mode) & FMODE_WRITE) || !last_reference(file))
		return 0;
	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFREG)
		return 0;
	return released(file);
}

/* What is closed otherwise (close_range, exec) user space tells later. */
SEC("tracepoint/syscalls/sys_enter_close")
int close_enter(struct syscall_enter *ctx)
{
	return descriptor_ends(ctx->args[0]);
}

/* What shells do to end a redirection. */
SEC("tracepoint/syscalls/sys_enter_dup2")
int dup2_enter(struct syscall_enter *ctx)
{
	return ctx->args[0] == ctx->args[1] ? 0 : descriptor_ends(ctx->args[1]);
}

SEC("tracepoint/syscalls/sys_enter_dup3")
int dup3_enter(struct syscall_enter *ctx)
{
	return descriptor_ends(ctx->args[1]);
}

#define O_TRUNC 01000
#define FMODE_PATH 0x4000

static __always_inline int open_ended(struct syscall_exit *ctx, __u64 flags)
{
	struct file *file;

	if (stopped || ctx->result < 0)
		return 0;
	file = file_at(ctx->result);
	if (!file)
		return 0;
	if (BPF_CORE_READ(file, f_mode) & FMODE_CREATED) {
		if (!BPF_CORE_READ(file, f_inode, i_nlink)) /* O_TMPFILE has no name yet */
			return 0;
		return created(BPF_CORE_READ(file, f_path.mnt), BPF_CORE_READ(file, f_path.dentry));
	}
	if (flags & O_TRUNC && !(BPF_CORE_READ(file, f_mode) & FMODE_PATH))
		return file_changed(file, 0, 0, 0);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_open")
int open_exit(struct syscall_exit *ctx)
{
	return open_ended(ctx, argument(1));
}

SEC("tracepoint/syscalls/sys_exit_openat")
int openat_exit(struct syscall_exit *ctx)
{
	return open_ended(ctx, argument(2));
}

SEC("tracepoint/syscalls/sys_exit_openat2")
int openat2_exit(struct syscall_exit *ctx)
{
	__u64 flags = 0;

	bpf_probe_read_user(&flags, sizeof(flags), (void *)argument(2)); /* struct open_how begins with it */
	return open_ended(ctx, flags);
}

SEC("tracepoint/syscalls/sys_exit_creat")
int creat_exit(struct syscall_exit *ctx)
{
	return open_ended(ctx, O_TRUNC);
}

SEC("tracepoint/syscalls/sys_exit_open_by_handle_at")
int open_by_handle_exit(struct syscall_exit *ctx)
{
	return open_ended(ctx, argument(2));
}

#endif
