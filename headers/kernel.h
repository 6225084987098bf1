/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The kernel structures that the programs read, and of each only the fields
 * that they read. preserve_access_index makes every access a CO-RE relocation,
 * so offsets come from the running kernel's BTF and the order of fields here
 * means nothing.
 */
#ifndef SENSOR_KERNEL_H
#define SENSOR_KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_EXIST = 2,
	BPF_F_NO_PREALLOC = 1,
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
	BPF_RB_AVAIL_DATA = 0,
	BPF_RB_RING_SIZE = 1,
};

#define PF_KTHREAD 0x00200000
#define PF_IO_WORKER 0x00000010

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFLNK 0120000
#define S_IFREG 0100000
#define S_IFDIR 0040000

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	__u32 val;
} kuid_t;
typedef struct {
	__u32 val;
} kgid_t;
typedef struct {
	int counter;
} atomic_t;

struct ns_common {
	__u32 inum;
};
struct uts_namespace {
	struct ns_common ns;
};
struct ipc_namespace {
	struct ns_common ns;
};
struct mnt_namespace {
	struct ns_common ns;
};
struct pid_namespace {
	struct ns_common ns;
};
struct user_namespace {
	struct ns_common ns;
};
struct cgroup_namespace {
	struct ns_common ns;
};
struct time_namespace {
	struct ns_common ns;
};
struct net {
	struct ns_common ns;
};

struct nsproxy {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct net *net_ns;
	struct time_namespace *time_ns;
	struct cgroup_namespace *cgroup_ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};
struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct qstr {
	__u64 hash_len;
	const unsigned char *name;
};
struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};
struct timespec64 {
	__s64 tv_sec;
	long tv_nsec;
};
struct super_block {
	unsigned int s_dev;
	unsigned long s_flags, s_magic;
};
struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
	unsigned int i_nlink;
	unsigned int i_generation;
	kuid_t i_uid;
	kgid_t i_gid;
	__s64 i_size;
	struct super_block *i_sb;
	char *i_link;
	struct timespec64 i_mtime, i_ctime;
};
/* Linux 6.6 (13bc24457850) hid the times behind functions, 6.11 (3aa63a569c64) took their padding out. */
struct inode___6_6 {
	struct timespec64 i_mtime, __i_ctime;
};
struct inode___6_7 {
	struct timespec64 __i_mtime;
};
struct inode___6_11 {
	__s64 i_mtime_sec, i_ctime_sec;
	__u32 i_mtime_nsec, i_ctime_nsec;
};
struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
};
struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
};
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns;
};
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};
struct file {
	struct path f_path;
	struct inode *f_inode;
	unsigned int f_mode;
	void *private_data;
};
struct vm_area_struct {
	unsigned long vm_flags;
	struct file *vm_file;
};
struct kiocb {
	struct file *ki_filp;
};
struct io_uring_cqe {
	__s32 res;
};
struct io_cqe {
	__s32 res;
};
struct io_kiocb {
	struct file *file;
	__u8 opcode;
	struct io_cqe cqe; /* since Linux 5.19 */
	struct task_struct *task;
};
struct io_kiocb___5_10 {
	__s32 result;
};
/* Linux 6.14 (f03baece0802) replaced the task. */
struct io_uring_task {
	struct task_struct *task;
};
struct io_kiocb___6_14 {
	struct io_uring_task *tctx;
};
struct renamedata {
	struct dentry *old_dentry, *new_dentry;
};
struct fs_struct {
	struct path root;
	struct path pwd;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};
struct files_struct {
	struct fdtable *fdt;
};

struct task_struct;
struct mm_struct {
	unsigned long arg_start, arg_end, env_start, env_end;
	struct task_struct *owner; /* CONFIG_MEMCG */
	struct file *exe_file;
};

struct group_info {
	int ngroups;
	kgid_t gid[0];
};
/* Linux 6.3 (f122a08b197d) made kernel_cap_t one u64; before it was u32[2]. Both are 8 bytes. */
typedef struct {
	__u64 val;
} kernel_cap_t;
struct cred {
	kuid_t uid, suid, euid, fsuid;
	kgid_t gid, sgid, egid, fsgid;
	kernel_cap_t cap_inheritable, cap_permitted, cap_effective, cap_bset, cap_ambient;
	struct user_namespace *user_ns;
	struct group_info *group_info;
};

struct tty_driver {
	int major;
	int minor_start;
	int num;
};
struct tty_struct {
	int index;
	struct tty_driver *driver;
};

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
	struct pid *pids[4];
	struct tty_struct *tty;
};
/* enum pid_type, since Linux 4.19 (6883f81aac6f) */
enum { PIDTYPE_TGID = 1, PIDTYPE_PGID = 2, PIDTYPE_SID = 3 };
#define SIGNAL_GROUP_EXIT 0x00000004

struct kernfs_node {
	struct kernfs_node *parent;
	const char *name;
	__u64 id;
};
/* Linux 6.15 (633488947ef6) renamed parent, an RCU pointer since. */
struct kernfs_node___6_15 {
	struct kernfs_node *__parent;
};
struct cgroup {
	struct kernfs_node *kn;
};
struct css_set {
	struct cgroup *dfl_cgrp;
};

typedef struct {
	unsigned long sig[1];
} sigset_t;
struct sigpending {
	sigset_t signal;
};

struct task_struct {
	unsigned int flags;
	int pid, tgid;
	int exit_code;
	__u64 start_boottime;
	__u64 self_exec_id;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct mm_struct *mm;
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	const struct cred *cred;
	const struct cred *real_cred;
	struct css_set *cgroups;
	kuid_t loginuid;
	unsigned int sessionid;
	struct sigpending pending;
	char comm[16];
};

struct linux_binprm {
	int argc;
	const char *filename;
	const char *interp;
};

struct seq_file {
	void *private;
};
struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#pragma clang attribute pop

#endif
