/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Names, where the kernel has no trampolines: system calls say that a thread is
 * about to change names, the tracepoints at which every file system sets a ctime
 * (Linux 6.13) say of which inodes, and when the call has succeeded their dentries
 * say what has changed. So names are the kernel's here, too.
 */
#ifndef SENSOR_FILE_CTIMES
#define SENSOR_FILE_CTIMES

#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#define ALIASES_LOOKED_AT 64 /* of an inode with several names */
#define SEEN_MAX 16

/* A name of an inode whose ctime was set in the call, as it was then. */
struct seen {
	__u64 inode, dentry, parent; /* dentry is 0 if it had no name yet */
	__u64 hash;
	__u32 overlay;
	__u32 pad;
	struct stat stat;
	__u8 name[NAME_MAX_LEN];
};

/* How many threads are in a call that changes names, or more: a thread may have died in one. */
__u64 in_calls = 0;

/* A thread's call that changes names. */
struct names {
	__u32 kind; /* 0 outside of a call */
	__u32 exchange;
	__u32 n;
	__u64 path, new_path;	/* as they lie in the thread's memory */
	__u64 mnt, new_mnt;	/* of the directory that they are relative to; 0 if they need not be */
	__u64 dir, new_dir;	/* its dentry */
	__u64 place, said, search, elsewhere; /* see find_place */
	__u32 several;
	__u32 overlay; /* some are of an overlay: the others are of what lies below */
	struct seen seen[SEEN_MAX];
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 512);
	__type(key, __u64); /* pid_tgid */
	__type(value, struct names);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct names);
} no_names SEC(".maps");

#define AT_FDCWD -100

/* The directory that a call was given. */
static __always_inline void directory_at(int descriptor, __u64 *mnt, __u64 *dentry)
{
	struct task_struct *task = current_task();
	struct file *file;

	if (descriptor == AT_FDCWD) {
		*mnt = (__u64)BPF_CORE_READ(task, fs, pwd.mnt);
		*dentry = (__u64)BPF_CORE_READ(task, fs, pwd.dentry);
		return;
	}
	file = file_at(descriptor);
	if (!file)
		return;
	*mnt = (__u64)BPF_CORE_READ(file, f_path.mnt);
	*dentry = (__u64)BPF_CORE_READ(file, f_path.dentry);
}

static __always_inline struct names *current_call(void)
{
	__u64 id = bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&calls, &id);
}

static __always_inline struct names *call_new(__u32 kind)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct names *call;
	__u32 zero = 0;

	call = bpf_map_lookup_elem(&calls, &id);
	if (!call) {
		call = bpf_map_lookup_elem(&no_names, &zero);
		if (!call || bpf_map_update_elem(&calls, &id, call, BPF_ANY))
			return NULL;
		call = bpf_map_lookup_elem(&calls, &id);
		if (!call)
			return NULL;
	}
	call->kind = kind;
	call->overlay = call->n = call->exchange = 0;
	call->path = call->new_path = call->mnt = call->new_mnt = call->dir = call->new_dir = 0;
	return call;
}

/* Of what a call is given: where in its arguments a directory and a path stand; -1 if they do not. */
static __always_inline int call_begins(struct syscall_enter *ctx, __u32 kind, int dir, int path, int new_dir, int new_path)
{
	struct names *call;

	if (stopped || !wants(kind) || actor_tgid() == self_tgid)
		return 0;
	call = call_new(kind);
	if (!call)
		return 0;
	__sync_fetch_and_add(&in_calls, 1);
	if (path >= 0) {
		call->path = ctx->args[path];
		directory_at(dir >= 0 ? (int)ctx->args[dir] : AT_FDCWD, &call->mnt, &call->dir);
	} else if (dir >= 0) {
		directory_at(ctx->args[dir], &call->mnt, &call->dir);
	}
	if (new_path >= 0) {
		call->new_path = ctx->args[new_path];
		directory_at(new_dir >= 0 ? (int)ctx->args[new_dir] : AT_FDCWD, &call->new_mnt, &call->new_dir);
	}
	return 0;
}

struct hlist_node {
	struct hlist_node *next;
} __attribute__((preserve_access_index));
struct inode___names {
	struct {
		struct hlist_node *first;
	} i_dentry;
} __attribute__((preserve_access_index));
struct dentry___alias {
	struct hlist_node d_alias;
} __attribute__((preserve_access_index));
struct dentry___alias_7_1 {
	union {
		struct hlist_node d_alias;
	} d_u;
} __attribute__((preserve_access_index));

struct dentry___lockref {
	struct {
		int count;
	} d_lockref;
} __attribute__((preserve_access_index));

static __always_inline struct dentry *dentry_of(struct hlist_node *alias)
{
	if (!alias)
		return NULL;
	if (bpf_core_field_exists(((struct dentry___alias_7_1 *)0)->d_u))
		return (void *)alias - bpf_core_field_offset(struct dentry___alias_7_1, d_u.d_alias);
	return (void *)alias - bpf_core_field_offset(struct dentry___alias, d_alias);
}

static __always_inline struct hlist_node *first_alias(struct inode *inode)
{
	return BPF_CORE_READ((struct inode___names *)inode, i_dentry.first);
}

static __always_inline void see(struct names *call, struct inode *inode, struct dentry *dentry, bool overlay)
{
	struct seen *s;
	__u32 n = call->n;

	if (n >= SEEN_MAX)
		return;
	s = &call->seen[n];
	s->inode = (__u64)inode;
	s->dentry = (__u64)dentry;
	s->overlay = overlay;
	stat_fill(&s->stat, inode);
	if (dentry) {
		s->parent = (__u64)BPF_CORE_READ(dentry, d_parent);
		s->hash = BPF_CORE_READ(dentry, d_name.hash_len);
		bpf_probe_read_kernel_str(s->name, sizeof(s->name), BPF_CORE_READ(dentry, d_name.name));
	}
	call->n = n + 1;
}

/* Without counting, a write is seen when it is the first in a clock tick. */
static __noinline int write_seen(struct inode *inode)
{
	struct write_key key = { .tgid = actor_tgid() };
	struct file *file;

	if (!wants(KIND_FILE_WRITE) || (inode->i_mode & S_IFMT) != S_IFREG)
		return 0;
	key.inode = inode->i_ino;
	key.device = inode->i_sb->s_dev;
	key.generation = inode->i_generation;
	if (bpf_map_lookup_elem(&writes, &key) || !in_write())
		return 0;
	file = file_at(argument(0));
	if (!file || BPF_CORE_READ(file, f_inode) != inode) /* below an overlay: it says so itself */
		return 0;
	return file_changed(file, 0, 0, WRITES_UNSEEN | WRITES_UNCOUNTED);
}

/* An inode's ctime is set: in a call that changes names, it is of what is named, of what was, or of a directory. */
static __noinline int ctime_noted(struct inode *inode)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct names *call = bpf_map_lookup_elem(&calls, &id);
	struct hlist_node *alias;
	struct dentry *dentry;
	bool overlay;
	int i;

	if (stopped)
		return 0;
	if (!call || !call->kind) {
		/* io_uring changes names in its workers; what they were at is known at the end. */
		if (!(BPF_CORE_READ(current_task(), flags) & PF_IO_WORKER))
			return 0;
		call = call_new(KINDS_MAX);
		if (!call)
			return 0;
	}
	for (i = 0; i < SEEN_MAX; i++)
		if (i < call->n && call->seen[i].inode == (__u64)inode && call->seen[i].dentry)
			return 0;
	if (!is_storage(BPF_CORE_READ(inode, i_sb))) /* /proc/self/fd on the way */
		return 0;
	overlay = BPF_CORE_READ(inode, i_sb, s_magic) == OVERLAYFS_SUPER_MAGIC;
	if (overlay)
		call->overlay = 1;
	alias = first_alias(inode);
	if (!alias) { /* new, or only now read from the disk: the latest of them is the new one */
		for (i = 0; i < SEEN_MAX; i++)
			if (i < call->n && !call->seen[i].dentry && call->seen[i].overlay == overlay) {
				call->seen[i].inode = (__u64)inode;
				stat_fill(&call->seen[i].stat, inode);
				return 0;
			}
		see(call, inode, NULL, overlay);
		return 0;
	}
	for (i = 0; i < ALIASES_LOOKED_AT && alias; i++) {
		dentry = dentry_of(alias);
		if (BPF_CORE_READ((struct dentry___lockref *)dentry, d_lockref.count) > 0) /* the call has looked it up */
			see(call, inode, dentry, overlay);
		alias = BPF_CORE_READ(alias, next);
	}
	return 0;
}

/* Most are of writes, by threads that are in no such call. */
static __always_inline int ctime_set(struct inode *inode)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (!count_writes)
		write_seen(inode);
	if (!in_calls && !(task->flags & PF_IO_WORKER))
		return 0;
	return ctime_noted(inode);
}

SEC("tp_btf/ctime_ns_xchg")
int BPF_PROG(ctime_changed, struct inode *inode)
{
	return ctime_set(inode);
}

SEC("tp_btf/ctime_xchg_skip")
int BPF_PROG(ctime_same, struct inode *inode)
{
	return ctime_set(inode);
}

SEC("tp_btf/inode_set_ctime_to_ts")
int BPF_PROG(ctime_given, struct inode *inode)
{
	return ctime_set(inode);
}

/* A mount of a file system: Linux 6.18 (cef2be3ed4ab) keeps them in another list. */
struct super_block___mounts {
	struct mount *s_mounts;
} __attribute__((preserve_access_index));
struct mount___6_18 {
	struct mount *mnt_next_for_sb;
} __attribute__((preserve_access_index));
struct list_head {
	struct list_head *next;
} __attribute__((preserve_access_index));
struct super_block___6_13 {
	struct list_head s_mounts;
} __attribute__((preserve_access_index));
struct mount___6_13 {
	struct list_head mnt_instance;
} __attribute__((preserve_access_index));

/* Not inline: see times_fill. */
static __noinline struct mount *next_mount(struct super_block *sb, struct mount *after)
{
	struct list_head *node;

	if (bpf_core_field_exists(((struct mount___6_18 *)0)->mnt_next_for_sb)) {
		if (after)
			return BPF_CORE_READ((struct mount___6_18 *)after, mnt_next_for_sb);
		return BPF_CORE_READ((struct super_block___mounts *)sb, s_mounts);
	}
	if (after)
		node = BPF_CORE_READ((struct mount___6_13 *)after, mnt_instance.next);
	else
		node = BPF_CORE_READ((struct super_block___6_13 *)sb, s_mounts.next);
	if (node == (void *)sb + bpf_core_field_offset(struct super_block___6_13, s_mounts))
		return NULL;
	return (void *)node - bpf_core_field_offset(struct mount___6_13, mnt_instance);
}

struct climb {
	struct dentry *dentry, *top;
	bool found;
};

static long climb_step(__u32 step, void *data)
{
	struct climb *c = data;
	struct dentry *dentry = c->dentry, *parent;

	if (dentry == c->top) {
		c->found = true;
		return 1;
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	c->dentry = parent;
	return parent == dentry;
}

/* Whether the dentry lies below what the mount shows. Global, so that the verifier checks it on its own. */
__noinline int shows(__u64 mount, __u64 dentry)
{
	struct mount *m = (void *)mount;
	struct climb c = { .dentry = (void *)dentry, .top = BPF_CORE_READ(m, mnt.mnt_root) };
	struct dentry *top = c.top;

	if (BPF_CORE_READ(top, d_parent) == top)
		return true;
	bpf_loop(4096, climb_step, &c, 0);
	return c.found;
}

/* The next mount after that of the call's search: 1 at the end. Global, as the step of a path walk is. */
__noinline int search_step(__u64 dentry)
{
	struct names *call = current_call();
	struct task_struct *task = current_task();
	struct mount *m;

	if (!call)
		return 1;
	m = next_mount(BPF_CORE_READ((struct dentry *)dentry, d_sb), (void *)call->search);
	call->search = (__u64)m;
	if (!m)
		return 1;
	if (!shows((__u64)m, dentry))
		return 0;
	if (BPF_CORE_READ(m, mnt_ns) != BPF_CORE_READ(task, nsproxy, mnt_ns)) {
		/* /proc/PID/root: seen through a mount of another namespace */
		if (!call->elsewhere && BPF_CORE_READ(m, mnt_ns) != (void *)(long)-EINVAL)
			call->elsewhere = (__u64)m + bpf_core_field_offset(struct mount, mnt);
		return 0;
	}
	if (call->place)
		call->several = 1;
	else
		call->place = (__u64)m + bpf_core_field_offset(struct mount, mnt);
	return call->several;
}

/*
 * The mount through which the thread sees the dentry: that of the directory that
 * it named if it can be, or of its root, else the first in its namespace; it goes
 * into the call's place. If several mounts show it, what the thread called it
 * goes into said. Global, so that the verifier checks it on its own.
 */
__noinline int find_place(__u64 name, __u64 preferred, __u64 path)
{
	struct dentry *dentry = (void *)name;
	struct task_struct *task = current_task();
	struct names *call = current_call();
	struct vfsmount *mnt;
	struct super_block *sb = BPF_CORE_READ(dentry, d_sb);
	int i;

	if (!call)
		return 0;
	call->place = call->said = call->search = call->elsewhere = call->several = 0;
	for (i = 0; i < 1024; i++)
		if (search_step(name))
			break;
	if (call->several)
		call->said = path;
	mnt = (void *)preferred;
	if (mnt && BPF_CORE_READ(mnt, mnt_sb) == sb && shows((__u64)mount_of(mnt), name)) {
		call->place = preferred;
		return 0;
	}
	mnt = BPF_CORE_READ(task, fs, root.mnt);
	if (BPF_CORE_READ(mnt, mnt_sb) == sb && shows((__u64)mount_of(mnt), name))
		call->place = (__u64)mnt;
	if (!call->place)
		call->place = call->elsewhere;
	return 0;
}

/* Enters where the thread sees the dentry that it has named. False if it does not see it. */
static __always_inline bool place(struct subject *what, struct names *call, __u64 dentry, bool new)
{
	find_place(dentry, new ? call->new_mnt : call->mnt, new ? call->new_path : call->path);
	what->mnt = (void *)call->place;
	what->said = (void *)call->said;
	if (call->said) {
		what->base_mnt = (void *)(new ? call->new_mnt : call->mnt);
		what->base = (void *)(new ? call->new_dir : call->dir);
	}
	return what->mnt;
}

/* The root of a file system is never hashed. */
static __always_inline bool is_gone(struct dentry *dentry, __u64 inode)
{
	if (BPF_CORE_READ(dentry, d_parent) == dentry)
		return false;
	/* Another inode: the name was made again since. */
	return !BPF_CORE_READ(dentry, d_hash.pprev) || (__u64)BPF_CORE_READ(dentry, d_inode) != inode;
}

/* Whether the name that was seen is another one now. The hash is of the name and its directory. */
static __always_inline bool has_moved(struct seen *s)
{
	struct dentry *dentry = (void *)s->dentry;

	return dentry && !is_gone(dentry, s->inode) && BPF_CORE_READ(dentry, d_name.hash_len) != s->hash;
}

enum change_of_name { NAME_CAME, NAME_WENT, NAME_MOVED };

/*
 * The next name of the current call, from the given one on, of which that is true;
 * SEEN_MAX if there is none. Global, so that the verifier checks it on its own.
 */
__noinline __u32 find_name(__u32 from, __u32 change)
{
	struct names *call = current_call();
	struct dentry *dentry;
	struct seen *s;
	__u32 i;

	if (!call)
		return SEEN_MAX;
	for (i = 0; i < SEEN_MAX; i++) {
		if (i < from || i >= call->n)
			continue;
		s = &call->seen[i];
		if (s->overlay != call->overlay)
			continue;
		switch (change) {
		case NAME_CAME: /* not that of the directory, nor another name of a link */
			dentry = dentry_of(first_alias((void *)s->inode));
			if (dentry && (__u64)dentry != s->dentry)
				return i;
			break;
		case NAME_WENT:
			if (s->dentry && is_gone((void *)s->dentry, s->inode))
				return i;
			break;
		case NAME_MOVED:
			if (has_moved(s))
				return i;
			break;
		}
	}
	return SEEN_MAX;
}

/* The directories of the call that the process sees, the first and the last. */
static __always_inline struct seen *directory_of(struct names *call, bool last)
{
	struct seen *found = NULL;
	__u32 i;

	for (i = 0; i < SEEN_MAX; i++) {
		if (i >= call->n || call->seen[i].overlay != call->overlay || !call->seen[i].dentry)
			continue;
		if ((call->seen[i].stat.mode & S_IFMT) != S_IFDIR)
			continue;
		if (last || !found)
			found = &call->seen[i];
	}
	return found;
}

static __always_inline int creation_ended(struct names *call)
{
	struct subject what = { .kind = KIND_FILE_CREATE };
	__u32 i = find_name(0, NAME_CAME);
	struct inode *inode;

	if (i >= SEEN_MAX)
		return 0;
	inode = (void *)call->seen[i].inode;
	what.dentry = dentry_of(first_alias(inode));
	if (!place(&what, call, (__u64)what.dentry, false) || !in_scope(what.mnt, inode))
		return 0;
	root_fill(&what);
	stat_fill(&what.stat, inode);
	if ((what.stat.mode & S_IFMT) == S_IFLNK)
		what.target = BPF_CORE_READ(inode, i_link);
	return tell(&what);
}

static __always_inline int deletion_ended(struct names *call)
{
	struct subject what = { .kind = KIND_FILE_DELETE };
	__u32 i = find_name(0, NAME_WENT);
	struct seen *s;

	if (i < SEEN_MAX) {
		s = &call->seen[i];
		what.stat = s->stat;
		what.name = (void *)s->name; /* the dentry may be of another by now */
		if (!is_kept(what.stat.mode) || !place(&what, call, s->parent, false))
			return 0;
		what.dentry = (void *)s->parent;
	} else { /* an overlay says nothing of what it only hides */
		s = directory_of(call, false);
		if (!s || !call->overlay || !place(&what, call, s->dentry, false))
			return 0;
		what.dentry = (void *)s->dentry;
		what.said = (void *)call->path;
		what.flags = FLAG_NAMED;
	}
	if (!in_scope_at(what.mnt))
		return 0;
	root_fill(&what);
	return tell(&what);
}

static __noinline int moved(struct names *call, __u32 i, __u32 flags, bool back)
{
	struct subject what = { .kind = KIND_FILE_RENAME, .flags = flags };
	struct seen *s;

	if (i >= SEEN_MAX)
		return 0;
	s = &call->seen[i];
	if (!place(&what, call, s->parent, back))
		return 0;
	what.original_mnt = what.mnt;
	what.original_said = what.said;
	what.original_base = what.base;
	what.original_base_mnt = what.base_mnt;
	what.dentry = (void *)s->dentry;
	what.base = NULL;
	if (!place(&what, call, s->dentry, !back) || !in_scope(what.mnt, (void *)s->inode))
		return 0;
	what.original_dir = (void *)s->parent;
	what.original_name = (void *)s->name;
	stat_fill(&what.stat, (void *)s->inode);
	root_fill(&what);
	return tell(&what);
}

/* An overlay says nothing of what it has only now copied up. */
static __noinline int moved_unseen(struct names *call)
{
	struct subject what = { .kind = KIND_FILE_RENAME, .flags = FLAG_NAMED };
	struct seen *s = directory_of(call, false);

	if (!s || !place(&what, call, s->dentry, false))
		return 0;
	what.original_mnt = what.mnt;
	what.original_dir = (void *)s->dentry;
	what.original_said = (void *)call->path;
	what.original_base = what.base;
	what.original_base_mnt = what.base_mnt;
	what.base = NULL;
	s = directory_of(call, true);
	if (!s || !place(&what, call, s->dentry, true) || !in_scope_at(what.mnt))
		return 0;
	what.dentry = (void *)s->dentry;
	what.said = (void *)call->new_path;
	root_fill(&what);
	return tell(&what);
}

static __always_inline int rename_ended(struct names *call)
{
	__u32 i = find_name(0, NAME_MOVED), other, flags = 0;

	if (i >= SEEN_MAX)
		return call->overlay ? moved_unseen(call) : 0;
	other = call->exchange ? find_name(i + 1, NAME_MOVED) : SEEN_MAX;
	if (other < SEEN_MAX)
		flags = FLAG_EXCHANGED;
	else if (find_name(0, NAME_WENT) < SEEN_MAX)
		flags = FLAG_REPLACED;
	moved(call, i, flags, false);
	if (other < SEEN_MAX)
		moved(call, other, flags, true);
	return 0;
}

/* What a call on one inode was about: the first that it changed, as the process sees it. */
static __always_inline struct seen *subject_of(struct names *call)
{
	__u32 i;

	for (i = 0; i < SEEN_MAX; i++)
		if (i < call->n && call->seen[i].overlay == call->overlay && call->seen[i].dentry)
			return &call->seen[i];
	return NULL;
}

static __always_inline int content_ended(struct names *call)
{
	struct seen *s = subject_of(call);
	struct change ch = {};

	if (!s)
		return 0;
	ch.dentry = (void *)s->dentry;
	find_place(s->dentry, call->mnt, 0);
	ch.mnt = (void *)call->place;
	return ch.mnt ? changed((void *)s->inode, &ch) : 0;
}

static __always_inline int attributes_ended(struct names *call)
{
	struct subject what = { .kind = KIND_FILE_ATTRIBUTES };
	struct seen *s = subject_of(call);
	struct inode *inode;

	if (!s)
		return 0;
	what.dentry = (void *)s->dentry;
	inode = (void *)s->inode;
	if (!place(&what, call, s->dentry, false) || !in_scope(what.mnt, inode))
		return 0;
	root_fill(&what);
	stat_fill(&what.stat, inode);
	return tell(&what);
}

static __always_inline int call_ended(struct syscall_exit *ctx, __u32 kind)
{
	struct names *call = current_call();
	struct counters *c;

	if (!call && !stopped && !ctx->result && wants(kind) && actor_tgid() != self_tgid) {
		c = counters_of(kind); /* too many threads were in such calls */
		if (c) {
			count(c->generated);
			count_drop(c, &c->dropped_map_full);
		}
	}
	if (!call || call->kind != kind)
		return 0;
	if (!stopped && !ctx->result) {
		if (kind == KIND_FILE_CREATE)
			creation_ended(call);
		else if (kind == KIND_FILE_DELETE)
			deletion_ended(call);
		else if (kind == KIND_FILE_RENAME)
			rename_ended(call);
		else if (kind == KIND_FILE_WRITE)
			content_ended(call);
		else
			attributes_ended(call);
	}
	call->kind = 0; /* kept for the thread's next call */
	__sync_fetch_and_add(&in_calls, -1);
	return 0;
}

#endif
