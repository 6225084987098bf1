// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The file family: created, written, renamed, deleted, attributes changed.
 *
 * A write is not an event. One map counts for each process and inode; its first
 * write is told, and one summary when the file is released. User space tells the
 * summaries of those that end otherwise, or not for long.
 */
#include "file.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "file_tell.h"
#include "file_writes.h"
#include "syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* For bpf2go, which finds only the types that something refers to. */
const struct record *unused_record __attribute__((unused));
const enum flag *unused_flag __attribute__((unused));
const enum tail *unused_tail __attribute__((unused));

/* ssize_t vfs_write(file, buf, count, pos): write and pwrite64. The most frequent hook: what it reads it reads directly. */
SEC("fexit/vfs_write")
int BPF_PROG(file_written, struct file *file, const char *buf, __u64 size, void *pos, __s64 result)
{
	struct write_key key;
	struct written *w;

	if (result <= 0 || stopped || (file->f_inode->i_mode & S_IFMT) != S_IFREG)
		return 0;
	key_read(&key, file->f_inode);
	w = bpf_map_lookup_elem(&writes, &key);
	if (!w)
		return file_changed(file, result, 1, 0);
	add(w, result, 1, 0);
	return 0;
}

/* ssize_t vfs_writev(file, vec, vlen, pos, flags): writev, pwritev, pwritev2. */
SEC("fexit/vfs_writev")
int BPF_PROG(written_vectors, struct file *file, void *vec, __u64 length, void *pos, int flags, __s64 result)
{
	if (result <= 0)
		return 0;
	return file_changed(file, result, 1, 0);
}

/* The threads that are in copy_file_range: what it writes by splicing counts there, as one. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64); /* pid_tgid */
	__type(value, __u8);
} copying SEC(".maps");

SEC("fentry/vfs_copy_file_range")
int BPF_PROG(copy_begins)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u8 one = 1;

	if (!stopped)
		bpf_map_update_elem(&copying, &id, &one, BPF_ANY);
	return 0;
}

SEC("fexit/vfs_copy_file_range")
int BPF_PROG(copied, struct file *in, __s64 pos_in, struct file *out, __s64 pos_out, __u64 size, unsigned int flags, __s64 result)
{
	__u64 id = bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&copying, &id);
	if (result <= 0)
		return 0;
	return file_changed(out, result, 1, 0);
}

/* ssize_t iter_file_splice_write(pipe, out, ppos, len, flags): splice and sendfile. */
SEC("fexit/iter_file_splice_write")
int BPF_PROG(spliced, void *pipe, struct file *out, void *pos, __u64 size, unsigned int flags, __s64 result)
{
	__u64 id = bpf_get_current_pid_tgid();

	if (result <= 0 || bpf_map_lookup_elem(&copying, &id))
		return 0;
	return file_changed(out, result, 1, 0);
}

/* loff_t vfs_clone_file_range(file_in, pos_in, file_out, pos_out, len, remap_flags): FICLONE and FICLONERANGE. */
SEC("fexit/vfs_clone_file_range")
int BPF_PROG(cloned, struct file *in, __s64 pos_in, struct file *out, __s64 pos_out, __s64 size, unsigned int flags, __s64 result)
{
	if (result <= 0)
		return 0;
	return file_changed(out, result, 1, 0);
}

/* int vfs_fallocate(file, mode, offset, len) */
SEC("fexit/vfs_fallocate")
int BPF_PROG(allocated, struct file *file, int mode, __s64 offset, __s64 size, int result)
{
	if (result)
		return 0;
	return file_changed(file, 0, 0, 0);
}

#define PROT_WRITE 2
#define MAP_TYPE 0xf
#define MAP_SHARED 1
#define MAP_SHARED_VALIDATE 3

/* Whether what is stored into such a mapping is stored into the file. */
static __always_inline bool stores_shared(__u64 prot, __u64 flags)
{
	__u64 type = flags & MAP_TYPE;

	return prot & PROT_WRITE && (type == MAP_SHARED || type == MAP_SHARED_VALIDATE);
}

/* int security_mmap_file(file, prot, flags): what is stored there later passes no hook. */
SEC("fexit/security_mmap_file")
int BPF_PROG(mapped, struct file *file, unsigned long prot, unsigned long flags, int result)
{
	if (result || !stores_shared(prot, flags))
		return 0;
	if (!file || !(BPF_CORE_READ(file, f_mode) & FMODE_WRITE))
		return 0;
	return file_changed(file, 0, 0, WRITES_UNSEEN);
}

#define VM_SHARED 8

/* int security_file_mprotect(vma, reqprot, prot): a mapping can be written from now on. */
SEC("fexit/security_file_mprotect")
int BPF_PROG(protected, struct vm_area_struct *vma, unsigned long asked, unsigned long prot, int result)
{
	struct file *file;

	if (result || !(prot & PROT_WRITE) || !(BPF_CORE_READ(vma, vm_flags) & VM_SHARED))
		return 0;
	file = BPF_CORE_READ(vma, vm_file);
	if (!file || !(BPF_CORE_READ(file, f_mode) & FMODE_WRITE))
		return 0;
	return file_changed(file, 0, 0, WRITES_UNSEEN);
}

/* vfs_truncate(path, length), which gives int or long: truncate(2). */
SEC("fexit/vfs_truncate")
int BPF_PROG(truncated_path, struct path *path, __s64 size, int result)
{
	struct dentry *dentry = BPF_CORE_READ(path, dentry);
	struct change ch = { .dentry = dentry };

	if (result)
		return 0;
	ch.mnt = BPF_CORE_READ(path, mnt);
	return changed(BPF_CORE_READ(dentry, d_inode), &ch);
}

/* int do_truncate(...): ftruncate, and open with O_TRUNC, which name a file. */
static __always_inline int file_truncated(struct file *file, int result)
{
	if (result || !file || BPF_CORE_READ(file, f_mode) & FMODE_CREATED)
		return 0;
	return file_changed(file, 0, 0, 0);
}

SEC("fexit/do_truncate")
int BPF_PROG(truncated_5_10, void *dentry, __s64 size, unsigned int attrs, struct file *file, int result)
{
	return file_truncated(file, result);
}

/* Linux 5.12 put an argument before the others. */
SEC("fexit/do_truncate")
int BPF_PROG(truncated, void *idmap, void *dentry, __s64 size, unsigned int attrs, struct file *file, int result)
{
	return file_truncated(file, result);
}

/* Adds to what the process has written to the file; its first write was told when it began. */
static __always_inline int ended_later(struct file *file, __u32 tgid, __s64 result)
{
	struct write_key key;
	struct written *w;

	if (result <= 0 || stopped)
		return 0;
	key_fill(&key, BPF_CORE_READ(file, f_inode));
	key.tgid = tgid;
	w = bpf_map_lookup_elem(&writes, &key);
	if (w)
		add(w, result, 1, 0);
	return 0;
}

/* The owners of asynchronous writes, by the address of their struct kiocb. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, __u32);
} asynchronous SEC(".maps");

SEC("fentry/aio_write")
int BPF_PROG(aio_begins, struct kiocb *request)
{
	struct file *file = BPF_CORE_READ(request, ki_filp);
	__u64 key = (__u64)request;
	__u32 tgid = actor_tgid();

	if (stopped || !(BPF_CORE_READ(file, f_mode) & FMODE_WRITE))
		return 0;
	bpf_map_update_elem(&asynchronous, &key, &tgid, BPF_ANY);
	return file_changed(file, 0, 0, 0);
}

SEC("fentry/aio_complete_rw")
int BPF_PROG(aio_ended, struct kiocb *request, long result)
{
	__u64 key = (__u64)request;
	__u32 *found, tgid;

	found = bpf_map_lookup_elem(&asynchronous, &key);
	if (!found)
		return 0;
	tgid = *found;
	bpf_map_delete_elem(&asynchronous, &key);
	return ended_later(BPF_CORE_READ(request, ki_filp), tgid, result);
}

/* int io_write(req, issue_flags): 0 when it has ended, -EIOCBQUEUED when io_complete_rw will say how. */
SEC("fexit/io_write")
int BPF_PROG(uring_written, struct io_kiocb *req, unsigned int flags, int result)
{
	struct io_kiocb___5_10 *old = (void *)req;
	struct file *file = BPF_CORE_READ(req, file);

	if (result == -EIOCBQUEUED)
		return file_changed(file, 0, 0, 0);
	if (result)
		return 0;
	if (bpf_core_field_exists(req->cqe.res))
		result = BPF_CORE_READ(req, cqe.res);
	else
		result = BPF_CORE_READ(old, result); /* what was asked for, if it has not ended yet */
	if (result <= 0)
		return 0;
	return file_changed(file, result, 1, 0);
}

/* enum io_uring_op, part of the kernel's ABI */
#define IORING_OP_WRITEV 2
#define IORING_OP_WRITE_FIXED 5
#define IORING_OP_WRITE 23

static __always_inline bool uring_writes(__u8 opcode)
{
	return opcode == IORING_OP_WRITE || opcode == IORING_OP_WRITEV || opcode == IORING_OP_WRITE_FIXED;
}

static __always_inline __u32 uring_owner(struct io_kiocb *req)
{
	struct io_kiocb___6_14 *later = (void *)req;

	if (bpf_core_field_exists(later->tctx))
		return BPF_CORE_READ(later, tctx, task, tgid);
	return BPF_CORE_READ(req, task, tgid);
}

/* The struct kiocb is what a struct io_kiocb begins with. */
SEC("fentry/io_complete_rw")
int BPF_PROG(uring_ended, struct kiocb *request, long result)
{
	struct io_kiocb *req = (void *)request;

	if (!bpf_core_field_exists(req->cqe.res) || !uring_writes(BPF_CORE_READ(req, opcode)))
		return 0;
	return ended_later(BPF_CORE_READ(request, ki_filp), uring_owner(req), result);
}

/* void __fput(file): the last reference is gone, also at the end of a process and of a mapping. */
SEC("fentry/__fput")
int BPF_PROG(file_released, struct file *file)
{
	if (stopped || !(file->f_mode & FMODE_WRITE) || (file->f_inode->i_mode & S_IFMT) != S_IFREG)
		return 0;
	return released(file);
}

#include "file_names.h"
#include "file_calls.h"
#include "file_ctimes.h"
#include "file_name_calls.h"

/* Run once by the sensor itself. */
SEC("raw_tp")
int self(void *ctx)
{
	self_tgid = actor_tgid();
	return 0;
}
