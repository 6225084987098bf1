/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What every record starts with, where it is assembled, how it leaves the
 * kernel, and how it is counted.
 *
 * A record is assembled in a scratch slot and copied into the ring in one step:
 * a record that is reserved and not yet committed would hold up every CPU.
 */
#ifndef SENSOR_RECORD_H
#define SENSOR_RECORD_H

#include <bpf/bpf_helpers.h>

/* The order is the ABI between the programs and internal/probes; generated into Go. */
enum kind {
	KIND_NONE,
	KIND_EXEC,
	KIND_FORK,
	KIND_EXIT,
	KIND_ALREADY_RUNNING,
	KIND_EXEC_FAILED,
	KINDS_MAX = 32,
};

struct header {
	__u64 time;      /* CLOCK_BOOTTIME, ns */
	__u64 sequence;  /* counts the records of this slot */
	__u64 start;     /* start of the thread group leader, CLOCK_BOOTTIME, ns */
	__u64 exec_id;   /* task_struct.self_exec_id: how many times this image was replaced */
	__u64 cgroup_id; /* on the default (v2) hierarchy */
	__u32 length;    /* of the whole record */
	__u32 tgid;      /* in the initial pid namespace, as all pids here */
	__u32 tid;
	__u32 euid;
	__u32 egid;
	__u16 kind;
	__u16 slot; /* the scratch slot: slot and sequence together are unique while the map lives */
	__u16 cpu;
	__u16 pad[3];
	char comm[16];
};

/*
 * Tails stand after the fixed part, in the order of their lengths. The longest
 * come last so that every position has a bound that the verifier can see.
 */
#define NAME_MAX_LEN 256
#define PATH_MAX_LEN 4096
#define ARGS_MAX_LEN 65536
#define ENV_MAX_LEN 32768
#define GROUPS_MAX 64

/* Where the last path of a record may begin, and the arguments after it. */
#define PATH_LAST_POS 20480
#define ARGS_LAST_POS (PATH_LAST_POS + PATH_MAX_LEN + NAME_MAX_LEN)
#define RECORD_MAX_LEN (ARGS_LAST_POS + ARGS_MAX_LEN + ENV_MAX_LEN)

struct scratch {
	__u32 busy;
	__u32 position; /* where the next tail goes in data */
	__u64 sequence;
	struct {
		__u64 mount, mount_root, dentry;
		__u64 root_mount, root_dentry;
		__u32 limit; /* position at which the walk is cut */
		__u32 marks;
	} walk;
	__u8 data[RECORD_MAX_LEN];
};

/* One slot for each CPU; the loader sets max_entries. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratch SEC(".maps");

/* The loader sets max_entries, and puts one ring in place of every family's own. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} critical SEC(".maps");

struct counters {
	__u64 generated;
	__u64 dropped_ring_full;
	__u64 dropped_scratch_busy;
	__u64 truncated;  /* delivered, with arguments cut short because the ring was filling */
	__u64 first_drop; /* of this epoch, CLOCK_BOOTTIME, ns */
	__u64 last_drop;
	__u32 epoch;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, KINDS_MAX);
	__type(key, __u32);
	__type(value, struct counters);
} counts SEC(".maps");

/* Written by user space: the programs do nothing until all of them are attached, and after the end. */
volatile __u32 stopped = 1;
/* Written by user space at each reading of the counters; they themselves begin with 0. */
volatile __u32 epoch = 1;
/* When the reader was last woken. A race loses nothing: user space looks at least once a second. */
__u64 last_wake = 0;

/* A record wakes the reader when this much waits, or when it was last woken this long ago. */
const volatile __u32 wake_bytes = 256 * 1024;
const volatile __u64 wake_interval = 200 * 1000 * 1000; /* ns */

#define count(counter) __sync_fetch_and_add(&(counter), 1)

static __always_inline void count_drop(struct counters *c, __u64 *reason)
{
	__u64 now = bpf_ktime_get_boot_ns();

	if (c->epoch != epoch) {
		c->epoch = epoch;
		c->first_drop = now;
	}
	c->last_drop = now;
	__sync_fetch_and_add(reason, 1);
}

static __always_inline struct counters *counters_of(__u32 kind)
{
	return bpf_map_lookup_elem(&counts, &kind);
}

/*
 * Since Linux 7.0 programs on tracepoints can be preempted. Then another task on
 * the CPU would find its slot taken, or worse, take it half way, and the kernel
 * would skip the program for it. Set by the loader where the kernel takes it;
 * before 7.0 tracepoints themselves run with preemption off.
 */
const volatile bool hold_cpu = false;
extern void bpf_preempt_disable(void) __weak __ksym;
extern void bpf_preempt_enable(void) __weak __ksym;

static __always_inline void cpu_hold(void)
{
	if (hold_cpu)
		bpf_preempt_disable();
}

static __always_inline void cpu_release(void)
{
	if (hold_cpu)
		bpf_preempt_enable();
}

/*
 * Counts one event of the kind as generated and hands out this CPU's slot, or
 * NULL after counting it as dropped. The slot is free unless a program of the
 * same family was interrupted half way: an interrupt's program runs to its end
 * before the interrupted one goes on, so plain loads and stores suffice. Until
 * record_end the task stays on its CPU.
 */
static __always_inline struct scratch *record_begin(__u32 kind, __u32 *slot, struct counters **c)
{
	struct scratch *s;

	cpu_hold();
	if (stopped)
		goto out;
	*c = counters_of(kind);
	if (!*c)
		goto out;
	count((*c)->generated);
	*slot = bpf_get_smp_processor_id();
	s = bpf_map_lookup_elem(&scratch, slot);
	if (!s || s->busy) {
		count_drop(*c, &(*c)->dropped_scratch_busy);
		goto out;
	}
	s->busy = 1;
	return s;
out:
	cpu_release();
	return NULL;
}

static __always_inline void header_fill(struct header *h, struct scratch *s, __u32 kind, __u32 slot,
					struct task_struct *task)
{
	h->time = bpf_ktime_get_boot_ns();
	h->sequence = ++s->sequence;
	h->start = task->group_leader->start_boottime;
	h->exec_id = task->self_exec_id;
	h->cgroup_id = task->cgroups->dfl_cgrp->kn->id;
	h->tgid = task->tgid;
	h->tid = task->pid;
	h->euid = task->cred->euid.val;
	h->egid = task->cred->egid.val;
	h->kind = kind;
	h->slot = slot;
	h->cpu = bpf_get_smp_processor_id();
	bpf_probe_read_kernel(h->comm, sizeof(h->comm), &task->comm);
}

/* Hands the record to the ring, or counts it as dropped, and frees the slot. */
static __always_inline void record_end(struct scratch *s, struct counters *c)
{
	struct header *h = (void *)s->data;
	__u32 len = s->position;
	__u64 flags = BPF_RB_NO_WAKEUP;

	h->length = len;
	if (bpf_ringbuf_query(&critical, BPF_RB_AVAIL_DATA) >= wake_bytes ||
	    h->time - last_wake >= wake_interval) {
		last_wake = h->time;
		flags = BPF_RB_FORCE_WAKEUP;
	}
	if (len > RECORD_MAX_LEN || bpf_ringbuf_output(&critical, s->data, len, flags))
		count_drop(c, &c->dropped_ring_full);
	s->busy = 0;
	cpu_release();
}

#endif
