/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What is told of files: whether it is, and how its record is made. */
#ifndef SENSOR_FILE_TELL
#define SENSOR_FILE_TELL

#include "file.h"
#include "actor.h"
#include "bulk.h"
#include "errno.h"
#include "file_filter.h"
#include "path.h"

/* Set by the loader before it sets stopped to 0. */
volatile __u32 wanted = 0; /* bit for each kind */
#define wants(kind) (wanted & 1U << (kind))
const volatile bool count_writes = true; /* else only that there are any, where that is cheaper */
volatile __u32 self_tgid = 0; /* the sensor: what it writes is not told */

/* Linux's internal names of how a file was opened, the same since 4.20. */
#define FMODE_WRITE 0x2
#define FMODE_CREATED 0x100000
#define FMODE_NOACCOUNT 0x20000000 /* a file system's own, below another one */

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

/* A rename is left out if both of its paths are. */
static __always_inline bool is_filtered(struct subject *what, struct record *r, __u32 slot)
{
	const __u8 unsure = PATH_CUT | PATH_DETACHED;

	if (!filters_listed || what->said || what->original_said || (r->path_marks | r->original_marks) & unsure)
		return false;
	if (!path_denied(slot, sizeof(*r), r->tails[TAIL_PATH]))
		return false;
	return !what->original_dir || path_denied(slot, sizeof(*r) + r->tails[TAIL_PATH], r->tails[TAIL_ORIGINAL]);
}

enum told { TOLD, TOLD_NOT, FILTERED };

/* Sends one record. Counts it as generated, and as dropped if it cannot be sent. */
static __noinline int try_to_tell(struct subject *what)
{
	struct counters *c;
	struct scratch *s;
	struct record *r;
	__u32 slot, length;
	enum told told = TOLD;

	s = record_begin(what->kind, &slot, &c);
	if (!s)
		return TOLD_NOT;
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
	if (is_filtered(what, r, slot)) {
		count(c->filtered);
		told = FILTERED;
	} else if (length > RECORD_MAX_LEN || !bulk_output(&r->header, length, c)) {
		told = TOLD_NOT;
	}
	s->busy = 0;
	cpu_release();
	return told;
}

/* Likewise; 0 is what programs on functions have to return. */
static __always_inline int tell(struct subject *what)
{
	try_to_tell(what);
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

#endif
