/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Files: their record, and what of an inode it holds. */
#ifndef SENSOR_FILE_H
#define SENSOR_FILE_H

/* Two paths, what they were called and from where, and what a link points to, each up to PATH_MAX_LEN. */
#define PATH_LAST_POS 16384
#define SAID_LAST_POS 28672
#define RECORD_MAX_LEN 36864

#include "kernel.h"

#include <bpf/bpf_core_read.h>

#include "scratch.h"

enum tail {
	TAIL_PATH,     /* a path walk: the last component first, each with its NUL */
	TAIL_ORIGINAL, /* likewise: a rename's path before */
	TAIL_BASE,     /* a path walk: what said is relative to */
	TAIL_ORIGINAL_BASE,
	TAIL_SAID,     /* what the system call was given, where several mounts show the path */
	TAIL_ORIGINAL_SAID,
	TAIL_TARGET, /* of a symbolic link */
	TAILS,
};

enum flag {
	FLAG_STAT = 1,       /* what stat(2) says is known */
	FLAG_SUMMARY = 2,    /* of writes; without it the first one */
	FLAG_BYTES = 4,      /* the number of bytes is known */
	FLAG_COUNT = 8,	     /* the number of writes is known */
	FLAG_EXCHANGED = 16,
	FLAG_REPLACED = 32,
	FLAG_NAMED = 64, /* the path is of the directory; the name in it is the last one that was said */
};

/* What stat(2) says. Times are CLOCK_REALTIME. */
struct stat {
	__u64 inode;
	__u64 size;
	__s64 modified, changed;	/* s */
	__u32 modified_ns, changed_ns;
	__u32 device; /* major << 20 | minor */
	__u32 generation;
	__u32 links;
	__u32 uid, gid;
	__u32 mode; /* with the type; 0 if nothing is known */
};

struct record {
	struct header header;
	struct stat stat;
	__u64 since;	/* of the first write, CLOCK_BOOTTIME, ns */
	__u64 bytes, count;
	__u16 tails[TAILS]; /* lengths */
	__u16 flags;
	__u8 path_marks, original_marks;
	__u8 base_marks, original_base_marks;
};

/* Linux 6.13 (4e40eff0b573) keeps a flag there. */
#define CTIME_QUERIED 0x80000000

/* Not inline: out of a loop a compiler would move the offsets of fields that are not there. */
static __noinline int times_fill(struct stat *st, struct inode *inode)
{
	struct inode___6_11 *flat = (void *)inode;
	struct inode___6_7 *hidden = (void *)inode;
	struct inode___6_6 *half = (void *)inode;

	if (bpf_core_field_exists(flat->i_mtime_sec)) {
		st->modified = BPF_CORE_READ(flat, i_mtime_sec);
		st->modified_ns = BPF_CORE_READ(flat, i_mtime_nsec);
		st->changed = BPF_CORE_READ(flat, i_ctime_sec);
		st->changed_ns = BPF_CORE_READ(flat, i_ctime_nsec) & ~CTIME_QUERIED;
		return 0;
	}
	if (bpf_core_field_exists(hidden->__i_mtime)) {
		st->modified = BPF_CORE_READ(hidden, __i_mtime.tv_sec);
		st->modified_ns = BPF_CORE_READ(hidden, __i_mtime.tv_nsec);
	} else {
		st->modified = BPF_CORE_READ(inode, i_mtime.tv_sec);
		st->modified_ns = BPF_CORE_READ(inode, i_mtime.tv_nsec);
	}
	if (bpf_core_field_exists(half->__i_ctime)) {
		st->changed = BPF_CORE_READ(half, __i_ctime.tv_sec);
		st->changed_ns = BPF_CORE_READ(half, __i_ctime.tv_nsec);
	} else {
		st->changed = BPF_CORE_READ(inode, i_ctime.tv_sec);
		st->changed_ns = BPF_CORE_READ(inode, i_ctime.tv_nsec);
	}
	return 0;
}

static __always_inline void stat_fill(struct stat *st, struct inode *inode)
{
	st->inode = BPF_CORE_READ(inode, i_ino);
	st->size = BPF_CORE_READ(inode, i_size);
	st->device = BPF_CORE_READ(inode, i_sb, s_dev);
	st->generation = BPF_CORE_READ(inode, i_generation);
	st->links = BPF_CORE_READ(inode, i_nlink);
	st->uid = BPF_CORE_READ(inode, i_uid.val);
	st->gid = BPF_CORE_READ(inode, i_gid.val);
	st->mode = BPF_CORE_READ(inode, i_mode);
	times_fill(st, inode);
}

#define SB_KERNMOUNT (1 << 22)

/*
 * Whether files of this file system are files to people. What the kernel mounts
 * for itself (pipes, memfd, System V memory) and what only looks into it is not.
 * Numbers from include/uapi/linux/magic.h.
 */
static __always_inline bool is_storage(struct super_block *sb)
{
	if (BPF_CORE_READ(sb, s_flags) & SB_KERNMOUNT)
		return false;
	switch ((__u32)BPF_CORE_READ(sb, s_magic)) {
	case 0x9fa0:	 /* proc */
	case 0x62656572: /* sysfs */
	case 0x0027e0eb: /* cgroup */
	case 0x63677270: /* cgroup2 */
	case 0x64626720: /* debugfs */
	case 0x74726163: /* tracefs */
	case 0x73636673: /* securityfs */
	case 0xf97cff8c: /* selinuxfs */
	case 0x43415d53: /* smackfs */
	case 0x5a3c69f0: /* apparmorfs */
	case 0x62656570: /* configfs */
	case 0xcafe4a11: /* bpf */
	case 0x1cd1:	 /* devpts */
	case 0x50495045: /* pipefs */
	case 0x534f434b: /* sockfs */
	case 0x09041934: /* anonymous inodes */
	case 0x19800202: /* mqueue */
	case 0x6e736673: /* nsfs */
	case 0x65735543: /* fusectl */
	case 0x42494e4d: /* binfmt_misc */
	case 0x6165676c: /* pstore */
	case 0xde5e81e4: /* efivarfs */
	case 0x67596969: /* rpc_pipefs */
	case 0x958458f6: /* hugetlbfs */
		return false;
	}
	return true;
}

/* Regular files, directories and symbolic links. */
static __always_inline bool is_kept(__u32 mode)
{
	mode &= S_IFMT;
	return mode == S_IFREG || mode == S_IFDIR || mode == S_IFLNK;
}

#endif
