/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Where a record too large for the stack is assembled, before it is copied into
 * the ring of critical kinds in one step.
 */
#ifndef SENSOR_SCRATCH_H
#define SENSOR_SCRATCH_H

#include "record.h"

/*
 * Tails stand after the fixed part, in the order of their lengths. The longest
 * come last so that every position has a bound that the verifier can see.
 */
#define NAME_MAX_LEN 256
#define PATH_MAX_LEN 4096
#define ARGS_MAX_LEN 65536
#define ENV_MAX_LEN 32768
#define GROUPS_MAX 64

/*
 * Where the last path of a record may begin, and the arguments after it. A
 * family without arguments says RECORD_MAX_LEN and PATH_LAST_POS itself.
 */
#ifndef RECORD_MAX_LEN
#define PATH_LAST_POS 20480
#define ARGS_LAST_POS (PATH_LAST_POS + PATH_MAX_LEN + NAME_MAX_LEN)
#define RECORD_MAX_LEN (ARGS_LAST_POS + ARGS_MAX_LEN + ENV_MAX_LEN)
#endif

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
	    (__s64)(h->time - last_wake) >= (__s64)wake_interval) { /* negative if another CPU was quicker */
		last_wake = h->time;
		flags = BPF_RB_FORCE_WAKEUP;
	}
	if (len > RECORD_MAX_LEN || bpf_ringbuf_output(&critical, s->data, len, flags))
		count_drop(c, &c->dropped_ring_full);
	s->busy = 0;
	cpu_release();
}

#endif
