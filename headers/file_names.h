/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Names that come, go or change, and attributes, where the kernel has trampolines:
 * what a call is about is remembered before, and told if it succeeds.
 */
#ifndef SENSOR_FILE_NAMES
#define SENSOR_FILE_NAMES

#include "file_tell.h"

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

/* void security_inode_post_set_acl(dentry, name, acl): since Linux 6.2 lists are no extended attributes inside. */
SEC("fentry/security_inode_post_set_acl")
int BPF_PROG(acl_set, struct dentry *dentry)
{
	return attribute_set(dentry);
}

SEC("fentry/security_inode_post_remove_acl")
int BPF_PROG(acl_removed, void *idmap, struct dentry *dentry)
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

	if (!p || p->does != REMOVES || p->stat.inode != BPF_CORE_READ(dentry, d_inode, i_ino))
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

#endif
