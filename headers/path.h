/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Path walk: from a dentry up to the task's root, through mounts.
 *
 * The names are appended to the record as they are met, the last component
 * first, each with its NUL; user space turns them round. One step is a global
 * function, which the verifier checks once and not once for each round: so one
 * walk serves every kernel, with a plain loop (bpf_loop came with Linux 5.17,
 * and the same loop in line exceeds a million instructions).
 */
#ifndef SENSOR_PATH_H
#define SENSOR_PATH_H

#include <bpf/bpf_core_read.h>

#include "scratch.h"

/* Marks: one path's are a byte of the record. */
enum path_mark {
	PATH_CUT = 1,      /* longer than PATH_MAX_LEN or PATH_STEPS: the front is missing */
	PATH_DETACHED = 2, /* ends above the task's root or in a mount that is not attached */
	PATH_DELETED = 4,  /* the name was unlinked */
	PATH_KNOWN = 128,  /* the path was read; without it the tail is empty because nothing is known, not because it is / */
};

/* PATH_MAX_LEN holds no more components, and some are mounts. */
#define PATH_STEPS 2200

__noinline int path_step(__u32 slot)
{
	struct scratch *s = bpf_map_lookup_elem(&scratch, &slot);
	struct dentry *dentry, *parent;
	struct mount *mount, *above;
	const unsigned char *name;
	__u32 position;
	long n;

	if (!s)
		return 1;
	dentry = (void *)s->walk.dentry;
	if (s->walk.dentry == s->walk.root_dentry && s->walk.mount == s->walk.root_mount)
		return 1;
	if (s->walk.dentry == s->walk.mount_root) {
		mount = (void *)s->walk.mount;
		above = BPF_CORE_READ(mount, mnt_parent);
		if (above == mount || !above) {
			s->walk.marks |= PATH_DETACHED;
			return 1;
		}
		s->walk.dentry = (__u64)BPF_CORE_READ(mount, mnt_mountpoint);
		s->walk.mount = (__u64)above;
		s->walk.mount_root = (__u64)BPF_CORE_READ(above, mnt.mnt_root);
		return 0;
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	position = s->position;
	if (position >= s->walk.limit || position > PATH_LAST_POS + PATH_MAX_LEN) {
		s->walk.marks |= PATH_CUT;
		return 1;
	}
	name = BPF_CORE_READ(dentry, d_name.name);
	n = bpf_probe_read_kernel_str(&s->data[position], NAME_MAX_LEN, name);
	if (n <= 0) {
		s->walk.marks |= PATH_CUT;
		return 1;
	}
	s->position = position + n;
	/* A root that is nobody's mount root: memfd and its like. */
	if (parent == dentry || !parent) {
		s->walk.marks |= PATH_DETACHED;
		return 1;
	}
	s->walk.dentry = (__u64)parent;
	return 0;
}

__noinline int path_walk(__u32 slot)
{
	struct scratch *s;
	int i;

	for (i = 0; i < PATH_STEPS; i++)
		if (path_step(slot))
			return 0;
	s = bpf_map_lookup_elem(&scratch, &slot);
	if (s)
		s->walk.marks |= PATH_CUT;
	return 0;
}

/*
 * Appends the path of the dentry in the mount as a tail, sets its marks, and
 * returns its length. It ends at the given root, of which only the addresses count.
 */
static __always_inline __u32 path_append_from(struct scratch *s, __u32 slot, struct vfsmount *mnt, struct dentry *dentry,
					      struct vfsmount *root_mnt, struct dentry *root_dentry, __u8 *marks)
{
	__u32 before = s->position;
	__u64 offset = bpf_core_field_offset(struct mount, mnt);

	if (!dentry || before > PATH_LAST_POS)
		return 0;
	s->walk.dentry = (__u64)dentry;
	s->walk.mount = (__u64)mnt - offset;
	s->walk.mount_root = (__u64)BPF_CORE_READ(mnt, mnt_root);
	s->walk.root_dentry = (__u64)root_dentry;
	s->walk.root_mount = (__u64)root_mnt - offset;
	s->walk.limit = before + PATH_MAX_LEN;
	s->walk.marks = PATH_KNOWN;
	if (!BPF_CORE_READ(dentry, d_hash.pprev) && BPF_CORE_READ(dentry, d_parent) != dentry)
		s->walk.marks |= PATH_DELETED;
	path_walk(slot);
	*marks = s->walk.marks;
	return s->position - before;
}

/* Likewise, of a struct path. */
static __always_inline __u32 path_append(struct scratch *s, __u32 slot, const struct path *path,
					 const struct path *root, __u8 *marks)
{
	return path_append_from(s, slot, BPF_CORE_READ(path, mnt), BPF_CORE_READ(path, dentry),
				BPF_CORE_READ(root, mnt), BPF_CORE_READ(root, dentry), marks);
}

#endif
