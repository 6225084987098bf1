/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The ring of the bulk kinds, which cannot crowd out the critical ones. Records
 * of the network are small and assembled on the stack: no slot, nothing to be busy.
 */
#ifndef SENSOR_BULK_H
#define SENSOR_BULK_H

#include "record.h"

/* The loader sets max_entries, and puts one ring in place of every family's own. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} bulk SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sequences SEC(".maps");

/* A full ring wakes the reader at most this often. */
#define BULK_WAKE_AGAIN (1000 * 1000) /* ns */

/*
 * Unique among the records of one CPU: an interrupt's record may find the same
 * count as the one that it interrupted, but not at the same time.
 */
static __always_inline __u64 sequence_next(__u64 now)
{
	__u32 zero = 0;
	__u64 *sequence = bpf_map_lookup_elem(&sequences, &zero);

	if (!sequence)
		return now << 4;
	__sync_fetch_and_add(sequence, 1);
	return now << 4 | (*sequence & 15);
}

/*
 * Hands the record to the ring, or counts it as dropped and returns false. The reader waits for
 * the critical ring alone, so a few empty bytes there wake it.
 */
static __always_inline bool bulk_output(struct header *h, __u32 length, struct counters *c)
{
	__u64 now = bpf_ktime_get_boot_ns(), nothing = 0;
	__s64 waits; /* negative if another CPU was quicker */
	bool sent = true;

	h->time = now;
	h->sequence = sequence_next(now);
	h->length = length;
	h->cpu = h->slot = bpf_get_smp_processor_id();
	if (bpf_ringbuf_output(&bulk, h, length, BPF_RB_NO_WAKEUP)) {
		count_drop(c, &c->dropped_ring_full);
		sent = false;
	}
	waits = now - last_wake;
	if (waits >= (__s64)wake_interval ||
	    (waits >= BULK_WAKE_AGAIN && bpf_ringbuf_query(&bulk, BPF_RB_AVAIL_DATA) >= wake_bytes)) {
		last_wake = now;
		bpf_ringbuf_output(&critical, &nothing, sizeof(nothing), BPF_RB_FORCE_WAKEUP);
	}
	return sent;
}

/* Counts one event of the kind as generated and sends the record. */
static __always_inline void bulk_send(struct header *h, __u32 kind, __u32 length)
{
	struct counters *c = counters_of(kind);

	if (!c)
		return;
	count(c->generated);
	h->kind = kind;
	bulk_output(h, length, c);
}

#endif
