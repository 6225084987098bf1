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

#include "actor.h"
#include "bulk.h"
#include "errno.h"
#include "path.h"
#include "syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* For bpf2go, which finds only the types that something refers to. */
const struct record *unused_record __attribute__((unused));
const enum flag *unused_flag __attribute__((unused));
const enum tail *unused_tail __attribute__((unused));

/* Set by the loader before it sets stopped to 0. */
volatile __u32 wanted = 0; /* bit for each kind */
#define wants(kind) (wanted & 1U << (kind))
const volatile bool count_writes = true; /* else only that there are any, where that is cheaper */
volatile __u32 self_tgid = 0; /* the sensor: what it writes is not told */

/* Linux's internal names of how a file was opened, the same since 4.20. */
#define FMODE_WRITE 0x2
#define FMODE_CREATED 0x100000
#define FMODE_NOACCOUNT 0x20000000 /* a file system's own, below another one */

struct write_key {
	__u64 inode;
	__u32 device, generation;
	__u32 tgid;
	__u32 pad;
};

enum writes_flag {
	WRITES_UNSEEN = 1,  /* some of it cannot be counted: a shared mapping */
	WRITES_UNCOUNTED = 2, /* nor how often */
};

/* What a process has written to an inode since its first write was told. */
struct written {
	struct header header; /* of who wrote first, for those that user space tells */
	__u64 count, bytes;
	__u64 since; /* CLOCK_BOOTTIME, ns */
	__u64 root_mount, root_dentry; /* of the process: as addresses only, it may have ended */
	__u32 flags;
	__u32 pad;
};
const struct written *unused_written __attribute__((unused));
const struct write_key *unused_write_key __attribute__((unused));
const enum writes_flag *unused_writes_flag __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); /* set by the loader */
	__type(key, struct write_key);
	__type(value, struct written);
} writes SEC(".maps");

/* What a record is about. */
struct subject {
	struct stat stat;
	struct vfsmount *mnt, *root_mnt;
	struct dentry *dentry, *root_dentry;
	/* rename: where it was */
	struct vfsmount *original_mnt;
	struct dentry *original_dir;
	const char *original_name;
	const char *name;   /* below dentry, if it is not the dentry's own */
	const char *said, *original_said; /* what the process called them, in its memory, or NULL */
	/* where that begins, unless at the root */
	struct vfsmount *base_mnt, *original_base_mnt;
	struct dentry *base, *original_base;
	const char *target; /* of a symbolic link, in the kernel's memory */
	__u64 since, bytes, count; /* of a summary */
	__u32 kind;
	__u32 flags;
};

static __always_inline struct task_struct *current_task(void)
{
	return (void *)bpf_get_current_task();
}

static __always_inline void root_fill(struct subject *what)
{
	struct task_struct *task = current_task();

	what->root_mnt = BPF_CORE_READ(task, fs, root.mnt);
	what->root_dentry = BPF_CORE_READ(task, fs, root.dentry);
}

static __always_inline __u32 string_append(struct scratch *s, __u32 max, const char *text)
{
	__u32 position = s->position;
	long n;

	if (position > SAID_LAST_POS)
		return 0;
	n = bpf_probe_read_kernel_str(&s->data[position], max, text);
	if (n <= 0)
		return 0;
	s->position = position + n;
	return n;
}

static __always_inline __u32 user_string_append(struct scratch *s, const char *text)
{
	__u32 position = s->position;
	long n;

	if (position > SAID_LAST_POS)
		return 0;
	n = bpf_probe_read_user_str(&s->data[position], PATH_MAX_LEN, text);
	if (n <= 0)
		return 0;
	s->position = position + n;
	return n;
}

/* Sends one record. Counts it as generated, and as dropped if it cannot be sent. */
static __noinline int tell(struct subject *what)
{
	struct counters *c;
	struct scratch *s;
	struct record *r;
	__u32 slot, length;

	s = record_begin(what->kind, &slot, &c);
	if (!s)
		return 0;
	r = (void *)s->data;
	__builtin_memset(r, 0, sizeof(*r));
	s->position = sizeof(*r);
	r->header.kind = what->kind;
	actor_fill(&r->header, current_task());
	r->stat = what->stat;
	r->flags = what->flags;
	if (what->stat.mode)
		r->flags |= FLAG_STAT;
	r->since = what->since;
	r->bytes = what->bytes;
	r->count = what->count;
	length = what->name ? string_append(s, NAME_MAX_LEN, what->name) : 0;
	length += path_append_from(s, slot, what->mnt, what->dentry, what->root_mnt, what->root_dentry, &r->path_marks);
	r->tails[TAIL_PATH] = length;
	if (what->original_dir) {
		length = string_append(s, NAME_MAX_LEN, what->original_name);
		length += path_append_from(s, slot, what->original_mnt, what->original_dir, what->root_mnt, what->root_dentry,
					   &r->original_marks);
		r->tails[TAIL_ORIGINAL] = length;
	}
	if (what->base)
		r->tails[TAIL_BASE] = path_append_from(s, slot, what->base_mnt, what->base, what->root_mnt, what->root_dentry,
						       &r->base_marks);
	if (what->original_base)
		r->tails[TAIL_ORIGINAL_BASE] = path_append_from(s, slot, what->original_base_mnt, what->original_base, what->root_mnt,
								what->root_dentry, &r->original_base_marks);
	if (what->said)
		r->tails[TAIL_SAID] = user_string_append(s, what->said);
	if (what->original_said)
		r->tails[TAIL_ORIGINAL_SAID] = user_string_append(s, what->original_said);
	if (what->target)
		r->tails[TAIL_TARGET] = string_append(s, PATH_MAX_LEN, what->target);
	length = s->position;
	if (length <= RECORD_MAX_LEN)
		bulk_output(&r->header, length, c);
	s->busy = 0;
	cpu_release();
	return 0;
}

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	return (void *)mnt - bpf_core_field_offset(struct mount, mnt);
}

/*
 * Whether it is to be told: storage, not the sensor itself, and not what a file
 * system does in the one below it, through a mount of its own (MNT_NS_INTERNAL).
 */
static __always_inline bool in_scope_at(struct vfsmount *mnt)
{
	if (stopped || bpf_get_current_pid_tgid() >> 32 == self_tgid)
		return false;
	if (BPF_CORE_READ(mount_of(mnt), mnt_ns) == (void *)(long)-EINVAL)
		return false;
	return is_storage(BPF_CORE_READ(mnt, mnt_sb));
}

static __always_inline bool in_scope(struct vfsmount *mnt, struct inode *inode)
{
	return inode && is_kept(BPF_CORE_READ(inode, i_mode)) && in_scope_at(mnt);
}

/* The tgid that a record made now is of. */
static __always_inline __u32 actor_tgid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}

/* A change of a file's content. */
struct change {
	struct vfsmount *mnt;
	struct dentry *dentry; /* the name that was used */
	__u64 bytes;
	__u32 count; /* of writes: none for a truncation and the like */
	__u32 flags; /* enum writes_flag */
};

static __always_inline void add(struct written *w, __u64 bytes, __u32 count, __u32 flags)
{
	if (bytes)
		__sync_fetch_and_add(&w->bytes, bytes);
	if (count)
		__sync_fetch_and_add(&w->count, count);
	if (flags)
		w->flags |= flags;
}

static __always_inline void key_fill(struct write_key *key, struct inode *inode)
{
	key->inode = BPF_CORE_READ(inode, i_ino);
	key->device = BPF_CORE_READ(inode, i_sb, s_dev);
	key->generation = BPF_CORE_READ(inode, i_generation);
	key->tgid = actor_tgid();
	key->pad = 0;
}

/* Nothing written yet: too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct written);
} nothing_written SEC(".maps");

/* The first write of a process to an inode. */
static __noinline int wrote_first(struct write_key *key, struct change *ch)
{
	struct subject what = { .kind = KIND_FILE_WRITE, .mnt = ch->mnt, .dentry = ch->dentry };
	struct dentry *dentry = ch->dentry;
	struct inode *inode = BPF_CORE_READ(dentry, d_inode);
	struct written *w;
	struct counters *c;
	__u32 zero = 0;
	int error;

	if (!in_scope(ch->mnt, inode))
		return 0;
	w = bpf_map_lookup_elem(&nothing_written, &zero);
	if (!w)
		return 0;
	error = bpf_map_update_elem(&writes, key, w, BPF_NOEXIST);
	w = bpf_map_lookup_elem(&writes, key);
	if (w)
		add(w, ch->bytes, ch->count, ch->flags);
	if (error && !w) {
		c = counters_of(KIND_FILE_WRITE);
		if (c) {
			count(c->generated);
			count_drop(c, &c->dropped_map_full);
		}
	}
	if (error || !w) /* another thread was quicker to begin, or to end it */
		return 0;
	root_fill(&what);
	w->since = bpf_ktime_get_boot_ns();
	w->root_mount = (__u64)what.root_mnt;
	w->root_dentry = (__u64)what.root_dentry;
	actor_fill(&w->header, current_task());
	stat_fill(&what.stat, inode);
	return tell(&what);
}

/* Adds a change to what the process has written, or tells the first. */
static __always_inline int changed(struct inode *inode, struct change *ch)
{
	struct write_key key;
	struct written *w;

	if (stopped || !wants(KIND_FILE_WRITE) || (BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFREG)
		return 0;
	key_fill(&key, inode);
	w = bpf_map_lookup_elem(&writes, &key);
	if (w) {
		add(w, ch->bytes, ch->count, ch->flags);
		return 0;
	}
	return wrote_first(&key, ch);
}

/* A change through an open file. */
static __always_inline int file_changed(struct file *file, __u64 bytes, __u32 number, __u32 flags)
{
	struct change ch = { .bytes = bytes, .count = number, .flags = flags };

	if (BPF_CORE_READ(file, f_mode) & FMODE_NOACCOUNT)
		return 0;
	ch.mnt = BPF_CORE_READ(file, f_path.mnt);
	ch.dentry = BPF_CORE_READ(file, f_path.dentry);
	return changed(BPF_CORE_READ(file, f_inode), &ch);
}

/* The last sight of a file that is open for writing: what was written is told. */
static __noinline int released(struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct subject what = { .kind = KIND_FILE_WRITE };
	struct write_key key;
	struct written *w;

	key_fill(&key, inode);
	w = bpf_map_lookup_elem(&writes, &key);
	if (!w)
		return 0;
	what.since = w->since;
	what.bytes = w->bytes;
	what.count = w->count;
	/* At the end of a process its root is gone already. */
	what.root_mnt = (void *)w->root_mount;
	what.root_dentry = (void *)w->root_dentry;
	what.flags = FLAG_SUMMARY;
	if (!(w->flags & WRITES_UNCOUNTED))
		what.flags |= FLAG_COUNT;
	if (!(w->flags & WRITES_UNSEEN))
		what.flags |= FLAG_BYTES;
	if ((int)bpf_map_delete_elem(&writes, &key))
		return 0; /* another thread, or user space, was quicker and tells it */
	what.mnt = BPF_CORE_READ(file, f_path.mnt);
	what.dentry = BPF_CORE_READ(file, f_path.dentry);
	stat_fill(&what.stat, inode);
	return tell(&what);
}

/* A name that has come to be, whatever it names. */
static __noinline int created(struct vfsmount *mnt, struct dentry *dentry)
{
	struct inode *inode = BPF_CORE_READ(dentry, d_inode);
	struct subject what = { .kind = KIND_FILE_CREATE, .mnt = mnt, .dentry = dentry };

	if (!wants(KIND_FILE_CREATE) || !in_scope(mnt, inode))
		return 0;
	root_fill(&what);
	stat_fill(&what.stat, inode);
	if ((what.stat.mode & S_IFMT) == S_IFLNK)
		what.target = BPF_CORE_READ(inode, i_link);
	return tell(&what);
}

/* ssize_t vfs_write(file, buf, count, pos): write and pwrite64. The most frequent hook: what it reads it reads directly. */
SEC("fexit/vfs_write")
int BPF_PROG(file_written, struct file *file, const char *buf, __u64 size, void *pos, __s64 result)
{
	struct write_key key;
	struct written *w;

	if (result <= 0 || stopped || (file->f_inode->i_mode & S_IFMT) != S_IFREG)
		return 0;
	key.inode = file->f_inode->i_ino;
	key.device = file->f_inode->i_sb->s_dev;
	key.generation = file->f_inode->i_generation;
	key.tgid = actor_tgid();
	key.pad = 0;
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

/* int security_mmap_file(file, prot, flags): what is stored there later passes no hook. */
SEC("fexit/security_mmap_file")
int BPF_PROG(mapped, struct file *file, unsigned long prot, unsigned long flags, int result)
{
	unsigned long type = flags & MAP_TYPE;

	if (result || !(prot & PROT_WRITE) || (type != MAP_SHARED && type != MAP_SHARED_VALIDATE))
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

/* ---- asynchronous writes: begun by the owner, ended anywhere ---- */

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

/* ---- names that go or change: remembered before, told if it succeeds ---- */

enum pending_call { CREATES = 1, REMOVES, RENAMES, SETS };

struct pending {
	struct stat stat; /* of what is deleted, before */
	__u64 mnt, dir, dentry;
	__u64 new_mnt, new_dir, new_dentry; /* of a rename */
	__u32 flags;
	__u8 does; /* enum pending_call */
	__u8 told, replaced, pad;
	__u8 name[NAME_MAX_LEN], new_name[NAME_MAX_LEN];
};

/* What a thread is about to remove or to rename. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64); /* pid_tgid */
	__type(value, struct pending);
} pendings SEC(".maps");

/* An empty one: too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pending);
} nothing_pending SEC(".maps");

static __always_inline struct pending *pending_begin(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct pending *empty;
	__u32 zero = 0;

	empty = bpf_map_lookup_elem(&nothing_pending, &zero);
	if (!empty || (int)bpf_map_update_elem(&pendings, &id, empty, BPF_ANY))
		return NULL;
	return bpf_map_lookup_elem(&pendings, &id);
}

/* What the thread has pending for the dentry: a file system's calls to the one below it are of others. */
static __always_inline struct pending *pending_of(void *dentry)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct pending *p = bpf_map_lookup_elem(&pendings, &id);

	return p && p->dentry == (__u64)dentry ? p : NULL;
}

static __always_inline void pending_end(void)
{
	__u64 id = bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&pendings, &id);
}

static __always_inline int removing(const struct path *dir, struct dentry *dentry)
{
	struct inode *inode = BPF_CORE_READ(dentry, d_inode);
	struct vfsmount *mnt = BPF_CORE_READ(dir, mnt);
	struct pending *p;

	if (!wants(KIND_FILE_DELETE) || !in_scope(mnt, inode))
		return 0;
	p = pending_begin();
	if (!p)
		return 0;
	p->does = REMOVES;
	p->mnt = (__u64)mnt;
	p->dentry = (__u64)dentry;
	stat_fill(&p->stat, inode);
	return 0;
}

/* mkdir, mknod, symlink, link */
static __always_inline int creating(const struct path *dir, struct dentry *dentry)
{
	struct pending *p;

	if (stopped || !wants(KIND_FILE_CREATE))
		return 0;
	p = pending_begin();
	if (!p)
		return 0;
	p->mnt = (__u64)BPF_CORE_READ(dir, mnt);
	p->dentry = (__u64)dentry;
	p->does = CREATES;
	return 0;
}

SEC("fentry/security_path_mkdir")
int BPF_PROG(mkdir_begins, const struct path *dir, struct dentry *dentry)
{
	return creating(dir, dentry);
}

SEC("fentry/security_path_mknod")
int BPF_PROG(mknod_begins, const struct path *dir, struct dentry *dentry)
{
	return creating(dir, dentry);
}

SEC("fentry/security_path_symlink")
int BPF_PROG(symlink_begins, const struct path *dir, struct dentry *dentry)
{
	return creating(dir, dentry);
}

SEC("fentry/security_path_link")
int BPF_PROG(link_begins, struct dentry *old_dentry, const struct path *dir, struct dentry *dentry)
{
	return creating(dir, dentry);
}

static __noinline int attributes_changed(struct vfsmount *mnt, struct dentry *dentry)
{
	struct inode *inode = BPF_CORE_READ(dentry, d_inode);
	struct subject what = { .kind = KIND_FILE_ATTRIBUTES, .mnt = mnt, .dentry = dentry };

	if (!wants(KIND_FILE_ATTRIBUTES) || !in_scope(mnt, inode))
		return 0;
	root_fill(&what);
	stat_fill(&what.stat, inode);
	return tell(&what);
}

/* The thread's write access to the mount ends: what it has pending is done, or has failed. */
static __always_inline int access_ended(struct vfsmount *mnt)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct pending *p = bpf_map_lookup_elem(&pendings, &id);
	struct dentry *dentry;
	__u8 does;

	if (!p || stopped)
		return 0;
	does = p->does;
	dentry = (void *)p->dentry;
	if (does == CREATES && p->mnt == (__u64)mnt) {
		p->does = 0;
		if (!BPF_CORE_READ(dentry, d_inode))
			return 0;
		p->told = 1;
		return created(mnt, dentry);
	}
	if (does == SETS && p->mnt == (__u64)BPF_CORE_READ(mnt, mnt_sb)) {
		p->does = 0;
		return attributes_changed(mnt, dentry);
	}
	return 0;
}

/*
 * void mnt_drop_write(mnt): all four end with it, also failed, and so do changes of
 * extended attributes. Nearer to the four there is done_path_create, which
 * compilers put into its callers.
 */
SEC("fentry/mnt_drop_write")
int BPF_PROG(creation_ends, struct vfsmount *mnt)
{
	return access_ended(mnt);
}

/* void mnt_drop_write_file(file): likewise, of fsetxattr and fremovexattr. */
SEC("fentry/mnt_drop_write_file")
int BPF_PROG(file_access_ends, struct file *file)
{
	return access_ended(BPF_CORE_READ(file, f_path.mnt));
}

static __always_inline int attribute_set(struct dentry *dentry)
{
	struct pending *p;

	if (stopped || !wants(KIND_FILE_ATTRIBUTES))
		return 0;
	p = pending_begin();
	if (!p)
		return 0;
	p->does = SETS;
	p->dentry = (__u64)dentry;
	p->mnt = (__u64)BPF_CORE_READ(dentry, d_sb); /* the mount is known when the access ends */
	return 0;
}

/* void security_inode_post_setxattr(dentry, name, ...): it has succeeded. */
SEC("fentry/security_inode_post_setxattr")
int BPF_PROG(xattr_set, struct dentry *dentry)
{
	return attribute_set(dentry);
}

/* void security_inode_post_removexattr(dentry, name), since Linux 6.9 */
SEC("fentry/security_inode_post_removexattr")
int BPF_PROG(xattr_removed, struct dentry *dentry)
{
	return attribute_set(dentry);
}

/*
 * int security_file_open(file): every open, of whatever call. The file is created
 * by then, by the file system's own open or before it: then the above has told it.
 */
SEC("fentry/security_file_open")
int BPF_PROG(file_opened, struct file *file)
{
	struct pending *p;
	bool told;

	/* O_TMPFILE has no name yet. */
	if (stopped || !(file->f_mode & FMODE_CREATED) || !file->f_inode->i_nlink)
		return 0;
	p = pending_of(file->f_path.dentry);
	told = p && p->told;
	if (p)
		pending_end();
	if (told)
		return 0;
	return created(file->f_path.mnt, file->f_path.dentry);
}

SEC("fentry/security_path_unlink")
int BPF_PROG(unlink_begins, const struct path *dir, struct dentry *dentry)
{
	return removing(dir, dentry);
}

SEC("fentry/security_path_rmdir")
int BPF_PROG(rmdir_begins, const struct path *dir, struct dentry *dentry)
{
	return removing(dir, dentry);
}

/*
 * void d_delete(dentry): unlink and rmdir have succeeded, by whatever call. Nearer
 * to them there are vfs_unlink and vfs_rmdir, whose arguments changed in 5.12 and
 * 6.19, and which compilers put into their callers.
 */
SEC("fentry/d_delete")
int BPF_PROG(removed, struct dentry *dentry)
{
	struct subject what = { .kind = KIND_FILE_DELETE, .dentry = dentry };
	struct pending *p = pending_of(dentry);

	if (!p || p->does != REMOVES)
		return 0;
	what.stat = p->stat;
	what.mnt = (void *)p->mnt;
	pending_end();
	if (stopped)
		return 0;
	root_fill(&what);
	return tell(&what);
}

#define RENAME_EXCHANGE 2

SEC("fentry/security_path_rename")
int BPF_PROG(rename_begins, const struct path *old_dir, struct dentry *old_dentry, const struct path *new_dir,
	     struct dentry *new_dentry, unsigned int flags)
{
	struct vfsmount *mnt = BPF_CORE_READ(old_dir, mnt);
	struct pending *p;

	if (!wants(KIND_FILE_RENAME) || !in_scope(mnt, BPF_CORE_READ(old_dentry, d_inode)))
		return 0;
	if (BPF_CORE_READ(old_dentry, d_inode) == BPF_CORE_READ(new_dentry, d_inode))
		return 0; /* two names of one file: Linux does nothing and calls it success */
	p = pending_begin();
	if (!p)
		return 0;
	p->does = RENAMES;
	p->flags = flags;
	p->mnt = (__u64)mnt;
	p->dir = (__u64)BPF_CORE_READ(old_dir, dentry);
	p->dentry = (__u64)old_dentry;
	p->new_mnt = (__u64)BPF_CORE_READ(new_dir, mnt);
	p->new_dir = (__u64)BPF_CORE_READ(new_dir, dentry);
	p->new_dentry = (__u64)new_dentry;
	p->replaced = BPF_CORE_READ(new_dentry, d_inode) != NULL;
	bpf_probe_read_kernel_str(p->name, sizeof(p->name), BPF_CORE_READ(old_dentry, d_name.name));
	bpf_probe_read_kernel_str(p->new_name, sizeof(p->new_name), BPF_CORE_READ(new_dentry, d_name.name));
	return 0;
}

static __always_inline int renamed_to(struct subject *what, __u64 mnt, __u64 dentry)
{
	struct inode *inode = BPF_CORE_READ((struct dentry *)dentry, d_inode);

	what->mnt = (void *)mnt;
	what->dentry = (void *)dentry;
	if (!in_scope(what->mnt, inode))
		return 0;
	stat_fill(&what->stat, inode);
	return tell(what);
}

/* int vfs_rename(struct renamedata *): the dentries have their new places by now. */
SEC("fexit/vfs_rename")
int BPF_PROG(renamed, struct renamedata *rd, int result)
{
	struct pending *p = pending_of(BPF_CORE_READ(rd, old_dentry));
	struct subject what = { .kind = KIND_FILE_RENAME };

	if (!p || p->does != RENAMES)
		return 0;
	if (!result) {
		root_fill(&what);
		what.original_mnt = (void *)p->mnt;
		what.original_dir = (void *)p->dir;
		what.original_name = (void *)p->name;
		if (p->flags & RENAME_EXCHANGE)
			what.flags = FLAG_EXCHANGED;
		else if (p->replaced)
			what.flags = FLAG_REPLACED;
		renamed_to(&what, p->new_mnt, p->dentry);
		if (p->flags & RENAME_EXCHANGE) {
			what.original_mnt = (void *)p->new_mnt;
			what.original_dir = (void *)p->new_dir;
			what.original_name = (void *)p->new_name;
			renamed_to(&what, p->mnt, p->new_dentry);
		}
	}
	pending_end();
	return 0;
}

/* ---- attributes ---- */

/* int chmod_common(path, mode), int chown_common(path, user, group): every call ends in them. */
SEC("fexit/chmod_common")
int BPF_PROG(mode_changed, const struct path *path, __u16 mode, int result)
{
	if (result)
		return 0;
	return attributes_changed(BPF_CORE_READ(path, mnt), BPF_CORE_READ(path, dentry));
}

SEC("fexit/chown_common")
int BPF_PROG(owner_changed, const struct path *path, __u32 user, __u32 group, int result)
{
	if (result)
		return 0;
	return attributes_changed(BPF_CORE_READ(path, mnt), BPF_CORE_READ(path, dentry));
}

#include "file_calls.h"

/* Run once by the sensor itself. */
SEC("raw_tp")
int self(void *ctx)
{
	self_tgid = actor_tgid();
	return 0;
}
