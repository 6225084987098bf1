/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A write is not an event: what a process writes to an inode is counted, the first
 * write is told, and a summary when the file is released.
 */
#ifndef SENSOR_FILE_WRITES
#define SENSOR_FILE_WRITES

#include "file_tell.h"

struct write_key {
	__u64 inode;
	__u32 device, generation;
	__u32 tgid;
	__u32 pad;
};

enum writes_flag {
	WRITES_UNSEEN = 1,  /* some of it cannot be counted: a shared mapping */
	WRITES_UNCOUNTED = 2, /* nor how often */
	WRITES_FILTERED = 4,  /* the path is left out */
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

/* Likewise, for the most frequent hooks: of an inode that the verifier knows as one, read without calls. */
static __always_inline void key_read(struct write_key *key, struct inode *inode)
{
	key->inode = inode->i_ino;
	key->device = inode->i_sb->s_dev;
	key->generation = inode->i_generation;
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
	error = try_to_tell(&what);
	w = bpf_map_lookup_elem(&writes, key);
	if (error == FILTERED && w)
		w->flags |= WRITES_FILTERED;
	else if (error == TOLD_NOT) /* user space does not know of it: the next write tries again */
		bpf_map_delete_elem(&writes, key);
	return 0;
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
	bool filtered;

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
	filtered = w->flags & WRITES_FILTERED;
	if ((int)bpf_map_delete_elem(&writes, &key) || filtered)
		return 0; /* another thread, or user space, was quicker and tells it */
	what.mnt = BPF_CORE_READ(file, f_path.mnt);
	what.dentry = BPF_CORE_READ(file, f_path.dentry);
	stat_fill(&what.stat, inode);
	return tell(&what);
}

#endif
