/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What every record starts with, and how it is counted. Where it is assembled
 * and how it leaves the kernel: scratch.h and bulk.h. It is copied into its ring
 * in one step: one that is reserved and not yet committed would hold up every CPU.
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
	KIND_CONNECT,
	KIND_ACCEPT,
	KIND_CLOSE,
	KIND_BIND,
	KIND_LISTEN,
	KIND_UNIX_CONNECT,
	KIND_UNIX_ACCEPT,
	KIND_VSOCK_CONNECT,
	KIND_VSOCK_ACCEPT,
	KIND_FILE_CREATE,
	KIND_FILE_WRITE,
	KIND_FILE_RENAME,
	KIND_FILE_DELETE,
	KIND_FILE_ATTRIBUTES,
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

/* The loader sets max_entries, and puts one ring in place of every family's own. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} critical SEC(".maps");

struct counters {
	__u64 generated;
	__u64 dropped_ring_full;
	__u64 dropped_scratch_busy;
	__u64 dropped_map_full; /* nothing more could be remembered */
	__u64 aggregated;       /* told by an event that went before */
	__u64 filtered;
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

#endif
