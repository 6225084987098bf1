// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The process family: exec, fork, exit, and the snapshot of what already ran.
 * All four send the same record, so that a process is described alike from its
 * first event to its last.
 */
#include "kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "errno.h"
#include "scratch.h"
#include "path.h"
#include "syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Tails of a process record, in the order in which they follow it. */
enum tail {
	TAIL_EXECUTABLE,        /* path components, last first */
	TAIL_WORKING_DIRECTORY, /* likewise */
	TAIL_CGROUP,            /* likewise, on the default hierarchy */
	TAIL_GROUPS,            /* supplementary gids, __u32 each */
	TAIL_FILENAME,          /* what execve was given, with NUL */
	TAIL_INTERPRETER,       /* of a script, with NUL; empty otherwise */
	TAIL_ARGS,              /* argument strings, each with NUL */
	TAIL_ENV,               /* environment strings, each with NUL */
	TAILS_MAX,
};

enum flag {
	FLAG_KTHREAD = 1,
	FLAG_NO_MM = 2, /* no user memory: kernel threads, and helpers before their exec */
	FLAG_ARGS_CUT = 4,
	FLAG_ARGS_FAULT = 8, /* the arguments could not be read: paged out */
	FLAG_ENV_CUT = 16,
	FLAG_ENV_FAULT = 32,
	FLAG_GROUPS_CUT = 64,
	FLAG_TTY = 128,
};

struct record {
	struct header header;
	__u64 parent_start;  /* real_parent's group leader, as header.start */
	__u64 creator_start; /* fork: who called; differs from the parent with CLONE_PARENT */
	__u64 cap_inheritable, cap_permitted, cap_effective, cap_bounding, cap_ambient;
	__u64 args_size; /* bytes of the whole argument area, cut or not */
	__u32 parent_tgid, creator_tgid;
	__u32 pgid, sid; /* pids of the group's and the session's leader */
	__u32 vpid;      /* tgid in the process's own pid namespace */
	__u32 uid, euid, suid, fsuid;
	__u32 gid, egid, sgid, fsgid;
	__u32 loginuid, sessionid; /* audit's; ~0 if unset */
	__u32 tty_major, tty_minor;
	__u32 ns_mnt, ns_pid, ns_net, ns_user, ns_uts, ns_ipc, ns_cgroup, ns_time;
	__u32 argc;
	__u32 exit_code; /* as wait(2) gives it; exec_failed: the errno */
	__u32 flags;
	__u32 tails[TAILS_MAX]; /* bytes */
	__u8 executable_marks, working_directory_marks, cgroup_marks;
	__u8 pad[5];
};

/* For bpf2go, which finds only the types that something refers to. */
const struct record *unused_record __attribute__((unused));
const enum tail *unused_tail __attribute__((unused));
const enum flag *unused_flag __attribute__((unused));
const enum path_mark *unused_mark __attribute__((unused));
const enum kind *unused_kind __attribute__((unused));

/* Set by the loader before load. */
const volatile __u32 iter_slot = 0;    /* the scratch slot behind those of the CPUs */
const volatile bool capture_env = false;
const volatile __u32 critical_bytes = 0; /* size of the ring */

/*
 * Written by user space, shortly before the time that it names: who starts from
 * then on is a fork, who started before is in the snapshot, and nobody is both.
 */
volatile __u64 live_since = 0; /* CLOCK_BOOTTIME, ns */

/* The reader's own tgid in the initial pid namespace, learnt by the iterator. */
__u32 self_tgid = 0;

/* Processes whose exit was reported: the last two threads may both see no thread live. */
struct exited {
	__u64 start;
	__u32 tgid;
	__u32 pad;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct exited);
	__type(value, __u8);
} exited SEC(".maps");

static __always_inline __u32 pid_in_own_namespace(struct pid *pid)
{
	struct upid upid = {};
	__u32 level = BPF_CORE_READ(pid, level);

	bpf_core_read(&upid.nr, sizeof(upid.nr),
		      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
			      level * bpf_core_type_size(struct upid) +
			      bpf_core_field_offset(struct upid, nr));
	return upid.nr;
}

static __always_inline __u32 leader_of(struct signal_struct *signal, int type)
{
	struct pid *pid = BPF_CORE_READ(signal, pids[type]);

	return BPF_CORE_READ(pid, numbers[0].nr);
}

static __always_inline void credentials_fill(struct record *e, struct task_struct *task)
{
	const struct cred *cred = task->real_cred;

	e->uid = cred->uid.val;
	e->euid = cred->euid.val;
	e->suid = cred->suid.val;
	e->fsuid = cred->fsuid.val;
	e->gid = cred->gid.val;
	e->egid = cred->egid.val;
	e->sgid = cred->sgid.val;
	e->fsgid = cred->fsgid.val;
	bpf_core_read(&e->cap_inheritable, 8, &cred->cap_inheritable);
	bpf_core_read(&e->cap_permitted, 8, &cred->cap_permitted);
	bpf_core_read(&e->cap_effective, 8, &cred->cap_effective);
	bpf_core_read(&e->cap_bounding, 8, &cred->cap_bset);
	bpf_core_read(&e->cap_ambient, 8, &cred->cap_ambient);
	e->ns_user = cred->user_ns->ns.inum;
	e->loginuid = e->sessionid = ~0U;
	if (bpf_core_field_exists(task->loginuid)) { /* CONFIG_AUDIT */
		e->loginuid = task->loginuid.val;
		e->sessionid = task->sessionid;
	}
}

static __always_inline void groups_append(struct scratch *s, struct record *e, struct task_struct *task)
{
	struct group_info *groups = task->real_cred->group_info;
	__u32 n = BPF_CORE_READ(groups, ngroups);
	__u32 position = s->position;

	e->tails[TAIL_GROUPS] = 0;
	if (n > GROUPS_MAX) {
		n = GROUPS_MAX;
		e->flags |= FLAG_GROUPS_CUT;
	}
	if (n == 0 || position > PATH_LAST_POS)
		return;
	n *= sizeof(__u32);
	if (bpf_probe_read_kernel(&s->data[position], n, (void *)groups + bpf_core_field_offset(struct group_info, gid)))
		return;
	e->tails[TAIL_GROUPS] = n;
	s->position = position + n;
}

static __always_inline void namespaces_fill(struct record *e, struct task_struct *task)
{
	struct nsproxy *ns = task->nsproxy; /* NULL once the task has left its namespaces */

	e->ns_mnt = ns->mnt_ns->ns.inum;
	e->ns_net = ns->net_ns->ns.inum;
	e->ns_uts = ns->uts_ns->ns.inum;
	e->ns_ipc = ns->ipc_ns->ns.inum;
	e->ns_cgroup = ns->cgroup_ns->ns.inum;
	e->ns_time = ns->time_ns->ns.inum;
}

/* The pid namespace a task lives in, which may not be nsproxy's: that one is for its children. */
static __always_inline __u32 pid_namespace_of(struct pid *pid)
{
	struct pid_namespace *ns = NULL;
	__u32 level = BPF_CORE_READ(pid, level);

	bpf_core_read(&ns, sizeof(ns),
		      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
			      level * bpf_core_type_size(struct upid) +
			      bpf_core_field_offset(struct upid, ns));
	return BPF_CORE_READ(ns, ns.inum);
}

__noinline int cgroup_step(__u32 slot)
{
	struct scratch *s = bpf_map_lookup_elem(&scratch, &slot);
	struct kernfs_node *node, *parent;
	__u32 position;
	long n;

	if (!s)
		return 1;
	node = (void *)s->walk.dentry;
	if (bpf_core_field_exists(node->parent))
		parent = BPF_CORE_READ(node, parent);
	else
		parent = BPF_CORE_READ((struct kernfs_node___6_15 *)node, __parent);
	if (!parent)
		return 1;
	position = s->position;
	if (position >= s->walk.limit || position > PATH_LAST_POS + PATH_MAX_LEN) {
		s->walk.marks |= PATH_CUT;
		return 1;
	}
	n = bpf_probe_read_kernel_str(&s->data[position], NAME_MAX_LEN, BPF_CORE_READ(node, name));
	if (n <= 0)
		return 1;
	s->position = position + n;
	s->walk.dentry = (__u64)parent;
	return 0;
}

static __always_inline void cgroup_append(struct scratch *s, __u32 slot, struct record *e,
					  struct task_struct *task)
{
	__u32 before = s->position;
	int i;

	s->walk.dentry = (__u64)BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
	s->walk.limit = before + PATH_MAX_LEN;
	s->walk.marks = PATH_KNOWN;
	for (i = 0; i < 64; i++)
		if (cgroup_step(slot))
			break;
	e->cgroup_marks = s->walk.marks;
	e->tails[TAIL_CGROUP] = s->position - before;
}

/* Fills what every process record has, up to the cgroup and groups tails. */
static __always_inline struct record *process_fill(struct scratch *s, __u32 kind, __u32 slot,
							   struct task_struct *task)
{
	struct record *e = (void *)s->data;
	struct task_struct *parent = task->real_parent->group_leader;
	struct signal_struct *signal = task->signal;
	struct tty_struct *tty = signal->tty;
	/* Read as a number: before Linux 6.2 the verifier allows no arithmetic on a typed pointer. */
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	struct file *exe;

	header_fill(&e->header, s, kind, slot, task);
	e->parent_tgid = parent->tgid;
	e->parent_start = parent->start_boottime;
	e->creator_tgid = 0;
	e->creator_start = 0;
	e->pgid = leader_of(signal, PIDTYPE_PGID);
	e->sid = leader_of(signal, PIDTYPE_SID);
	e->vpid = pid_in_own_namespace(pid);
	e->ns_pid = pid_namespace_of(pid);
	e->args_size = 0;
	e->argc = 0;
	e->exit_code = 0;
	e->flags = 0;
	if (task->flags & PF_KTHREAD)
		e->flags |= FLAG_KTHREAD;
	if (!task->mm)
		e->flags |= FLAG_NO_MM;
	e->tty_major = e->tty_minor = 0;
	if (tty) {
		e->flags |= FLAG_TTY;
		e->tty_major = tty->driver->major;
		e->tty_minor = tty->driver->minor_start + tty->index;
	}
	credentials_fill(e, task);
	namespaces_fill(e, task);

	s->position = sizeof(*e);
	e->tails[TAIL_FILENAME] = 0;
	e->tails[TAIL_INTERPRETER] = 0;
	e->tails[TAIL_ARGS] = 0;
	e->tails[TAIL_ENV] = 0;
	e->executable_marks = 0;
	e->tails[TAIL_EXECUTABLE] = 0;
	exe = BPF_CORE_READ(task, mm, exe_file);
	if (exe)
		e->tails[TAIL_EXECUTABLE] =
			path_append(s, slot, &exe->f_path, &task->fs->root, &e->executable_marks);
	e->working_directory_marks = 0;
	e->tails[TAIL_WORKING_DIRECTORY] =
		path_append(s, slot, &task->fs->pwd, &task->fs->root, &e->working_directory_marks);
	cgroup_append(s, slot, e, task);
	groups_append(s, e, task);
	return e;
}

static __always_inline void filename_append(struct scratch *s, struct record *e, enum tail tail, const char *name)
{
	__u32 position = s->position;
	long n;

	if (position > PATH_LAST_POS)
		return;
	n = bpf_probe_read_kernel_str(&s->data[position], PATH_MAX_LEN, name);
	if (n <= 0)
		return;
	e->tails[tail] = n;
	s->position = position + n;
}

/* Half full, the ring takes only this much of each argument vector: large ones must not crowd out small ones. */
#define ARGS_SHED_LEN 4096

static __always_inline void args_append(struct scratch *s, struct record *e, struct mm_struct *mm,
					struct counters *c)
{
	__u64 start = mm->arg_start;
	__u64 len = mm->arg_end - start;
	__u64 limit = ARGS_MAX_LEN;
	__u32 position = s->position;

	e->args_size = len;
	if (len > ARGS_SHED_LEN && bpf_ringbuf_query(&critical, BPF_RB_AVAIL_DATA) > critical_bytes / 2) {
		limit = ARGS_SHED_LEN;
		count(c->truncated);
	}
	if (len > limit) {
		len = limit;
		e->flags |= FLAG_ARGS_CUT;
	}
	barrier_var(len);
	if (position > ARGS_LAST_POS || len > ARGS_MAX_LEN)
		return;
	if (bpf_probe_read_user(&s->data[position], len, (void *)start)) {
		e->flags |= FLAG_ARGS_FAULT;
		return;
	}
	e->tails[TAIL_ARGS] = len;
	s->position = position + len;
}

static __always_inline void env_append(struct scratch *s, struct record *e, struct mm_struct *mm)
{
	__u64 start = mm->env_start;
	__u64 len = mm->env_end - start;
	__u32 position = s->position;

	if (len > ENV_MAX_LEN) {
		len = ENV_MAX_LEN;
		e->flags |= FLAG_ENV_CUT;
	}
	barrier_var(len);
	if (position > ARGS_LAST_POS + ARGS_MAX_LEN || len > ENV_MAX_LEN)
		return;
	if (bpf_probe_read_user(&s->data[position], len, (void *)start)) {
		e->flags |= FLAG_ENV_FAULT;
		return;
	}
	e->tails[TAIL_ENV] = len;
	s->position = position + len;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct record *e;
	struct counters *c;
	struct scratch *s;
	__u32 slot;

	s = record_begin(KIND_EXEC, &slot, &c);
	if (!s)
		return 0;
	e = process_fill(s, KIND_EXEC, slot, task);
	e->argc = bprm->argc;
	filename_append(s, e, TAIL_FILENAME, bprm->filename);
	if (bprm->interp != bprm->filename)
		filename_append(s, e, TAIL_INTERPRETER, bprm->interp);
	args_append(s, e, task->mm, c);
	if (capture_env)
		env_append(s, e, task->mm);
	record_end(s, c);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *creator, struct task_struct *child)
{
	struct record *e;
	struct counters *c;
	struct scratch *s;
	__u32 slot;

	if (child->pid != child->tgid)
		return 0; /* a thread */
	if (child->start_boottime < live_since)
		return 0;
	s = record_begin(KIND_FORK, &slot, &c);
	if (!s)
		return 0;
	e = process_fill(s, KIND_FORK, slot, child);
	e->creator_tgid = creator->tgid;
	e->creator_start = creator->group_leader->start_boottime;
	record_end(s, c);
	return 0;
}

static __always_inline bool is_first(struct task_struct *task)
{
	struct exited key = { .start = task->group_leader->start_boottime, .tgid = task->tgid };
	__u8 one = 1;
	/* An int: before Linux 6.4 (d7ba4cc900bf) the call is replaced by one that leaves the upper half undefined. */
	int result = bpf_map_update_elem(&exited, &key, &one, BPF_NOEXIST);

	/* Only this error says that somebody was before us; any other must not cost the event. */
	return result != -EEXIST;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	struct record *e;
	struct counters *c;
	struct scratch *s;
	__u32 slot;

	if (task->signal->live.counter != 0 || stopped)
		return 0; /* other threads live on */
	cpu_hold();
	s = is_first(task) ? record_begin(KIND_EXIT, &slot, &c) : NULL;
	cpu_release(); /* record_begin holds it too */
	if (!s)
		return 0;
	e = process_fill(s, KIND_EXIT, slot, task);
	/* What wait(2) will say: the group's code if one was set, else the leader's. */
	if (task->signal->flags & SIGNAL_GROUP_EXIT)
		e->exit_code = task->signal->group_exit_code;
	else
		e->exit_code = task->group_leader->exit_code;
	record_end(s, c);
	return 0;
}

/* Runs in the reader, which may be preempted: it has a slot of its own. */
SEC("iter/task")
int process_snapshot(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	__u32 slot = iter_slot;
	struct record *e;
	struct scratch *s;

	if (!task || task->signal->live.counter == 0)
		return 0;
	if (task->pid == task->tgid) {
		/* A leader that has ended before its threads has no memory: they stand for it, user space takes one. */
		if (!task->mm && !(task->flags & PF_KTHREAD))
			return 0;
	} else if (task->group_leader->mm || !task->mm) {
		return 0;
	}
	self_tgid = bpf_get_current_pid_tgid() >> 32;
	s = bpf_map_lookup_elem(&scratch, &slot);
	if (!s)
		return 0;
	e = process_fill(s, KIND_ALREADY_RUNNING, slot, task);
	e->header.length = s->position;
	if (s->position <= RECORD_MAX_LEN)
		bpf_seq_write(ctx->meta->seq, s->data, s->position);
	return 0;
}

/*
 * Failed execs. Nothing in the kernel keeps what a failed exec was asked for:
 * it is read from user memory after the fact, and says so. The system call
 * tracepoints cost only these two system calls.
 */
struct attempt {
	__u64 filename, argv;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64); /* pid_tgid */
	__type(value, struct attempt);
} attempts SEC(".maps");

static __always_inline int attempt_begin(__u64 filename, __u64 argv)
{
	struct attempt a = { .filename = filename, .argv = argv };
	__u64 id = bpf_get_current_pid_tgid();

	if (!stopped)
		bpf_map_update_elem(&attempts, &id, &a, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_execve")
int execve_enter(struct syscall_enter *ctx)
{
	return attempt_begin(ctx->args[0], ctx->args[1]);
}

SEC("tracepoint/syscalls/sys_enter_execveat")
int execveat_enter(struct syscall_enter *ctx)
{
	return attempt_begin(ctx->args[1], ctx->args[2]);
}

#define ATTEMPT_ARGS 1024
#define MAX_USER_ERRNO 511
#define SIGKILL 9

/* Appends one argument; walk.dentry is where its pointer stands. */
__noinline int attempt_step(__u32 slot)
{
	struct scratch *s = bpf_map_lookup_elem(&scratch, &slot);
	__u32 position;
	__u64 arg = 0;
	long n;

	if (!s || bpf_probe_read_user(&arg, sizeof(arg), (void *)s->walk.dentry) || !arg)
		return 1;
	position = s->position;
	if (position >= s->walk.limit || position > ARGS_LAST_POS + ARGS_MAX_LEN) {
		s->walk.marks |= PATH_CUT;
		return 1;
	}
	n = bpf_probe_read_user_str(&s->data[position], PATH_MAX_LEN, (void *)arg);
	if (n <= 0) {
		s->walk.marks |= PATH_CUT;
		return 1;
	}
	s->position = position + n;
	s->walk.dentry += sizeof(arg);
	return 0;
}

static __always_inline int attempt_end(struct syscall_exit *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct attempt *found, attempt = {}; /* without the note the event still counts, and lacks what it was asked for */
	struct task_struct *task;
	struct record *e;
	struct counters *c;
	struct scratch *s;
	__u32 slot, position;
	long n;
	int i;

	found = bpf_map_lookup_elem(&attempts, &id);
	if (found) {
		attempt = *found;
		bpf_map_delete_elem(&attempts, &id);
	}
	/* Beyond the errors of user space are the kernel's own: to be restarted, or killed by a sibling's exec. */
	if (ctx->result >= 0 || ctx->result < -MAX_USER_ERRNO)
		return 0;
	/* Killed in the middle of it, by a sibling's exec for one: that is no failure, and nobody sees it. */
	task = bpf_get_current_task_btf();
	if (task->pending.signal.sig[0] & (1UL << (SIGKILL - 1)))
		return 0;
	s = record_begin(KIND_EXEC_FAILED, &slot, &c);
	if (!s)
		return 0;
	e = process_fill(s, KIND_EXEC_FAILED, slot, task);
	e->exit_code = -ctx->result;
	position = s->position;
	if (position <= PATH_LAST_POS) {
		n = bpf_probe_read_user_str(&s->data[position], PATH_MAX_LEN, (void *)attempt.filename);
		if (n > 0) {
			e->tails[TAIL_FILENAME] = n;
			s->position = position + n;
		}
	}
	position = s->position;
	s->walk.dentry = attempt.argv;
	s->walk.limit = position + ARGS_MAX_LEN;
	s->walk.marks = 0;
	for (i = 0; i < ATTEMPT_ARGS; i++)
		if (attempt_step(slot))
			break;
	if (i == ATTEMPT_ARGS || s->walk.marks || !attempt.argv)
		e->flags |= FLAG_ARGS_CUT;
	e->tails[TAIL_ARGS] = s->position - position;
	record_end(s, c);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_execve")
int execve_exit(struct syscall_exit *ctx)
{
	return attempt_end(ctx);
}

SEC("tracepoint/syscalls/sys_exit_execveat")
int execveat_exit(struct syscall_exit *ctx)
{
	return attempt_end(ctx);
}
