/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Paths that are left out. A path's components are hashed one by one, and from the
 * root on together: each directory above a file has a number, and of those that are
 * listed the deepest decides. User space filters by the text once more, so what is
 * given up here (64 components, paths that are cut) is left to it.
 */
#ifndef SENSOR_FILE_FILTER_H
#define SENSOR_FILE_FILTER_H

#include "file.h"

#define COMPONENTS_MAX 64

/* Set by the loader: how many paths are listed, and whether / is left out. */
const volatile __u32 filters_listed = 0;
const volatile bool root_denied = false;

enum verdict { VERDICT_DENY = 1, VERDICT_ALLOW = 2 };

/* By the number of a directory or file: enum verdict. The loader sets max_entries and fills it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u32);
} filters SEC(".maps");

struct filtering {
	__u32 at, end; /* in the scratch slot: what is left of the path, the last component first */
	__u32 n;
	__u32 denied;
	__u64 hash; /* of the components so far, from the root */
	__u64 component[COMPONENTS_MAX];
	__u8 name[NAME_MAX_LEN]; /* too large for the stack */
};

/* One for each scratch slot; the loader sets max_entries. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct filtering);
} filterings SEC(".maps");

/* FNV-1a, as in internal/probes/filters.go */
#define FNV_BASIS 0xcbf29ce484222325ULL
#define FNV_PRIME 0x100000001b3ULL

/* Takes the next component in. 1 when there is none. Global, as the step of a path walk is. */
__noinline int filter_component(__u32 slot)
{
	struct filtering *f = bpf_map_lookup_elem(&filterings, &slot);
	struct scratch *s = bpf_map_lookup_elem(&scratch, &slot);
	__u64 hash = FNV_BASIS;
	__u32 at, n, i;
	long length;

	if (!f || !s)
		return 1;
	at = f->at;
	n = f->n;
	if (at >= f->end || n >= COMPONENTS_MAX)
		return 1;
	if (at > RECORD_MAX_LEN - NAME_MAX_LEN)
		return 1;
	length = bpf_probe_read_kernel_str(f->name, sizeof(f->name), &s->data[at]);
	if (length <= 0)
		return 1;
	for (i = 0; i < NAME_MAX_LEN && f->name[i]; i++)
		hash = (hash ^ f->name[i]) * FNV_PRIME;
	f->component[n] = hash;
	f->n = n + 1;
	f->at = at + length;
	return 0;
}

/* Goes one component down from the root. 1 at the end. */
__noinline int filter_down(__u32 slot)
{
	struct filtering *f = bpf_map_lookup_elem(&filterings, &slot);
	__u32 *verdict, n;
	__u64 hash;

	if (!f)
		return 1;
	n = f->n - 1;
	if (n >= COMPONENTS_MAX)
		return 1;
	hash = (f->hash ^ f->component[n]) * FNV_PRIME;
	f->hash = hash;
	f->n = n;
	verdict = bpf_map_lookup_elem(&filters, &hash);
	if (verdict)
		f->denied = *verdict == VERDICT_DENY;
	return 0;
}

/* Whether the path that lies in the slot from position on, length bytes, is left out. */
__noinline int path_denied(__u32 slot, __u32 position, __u32 length)
{
	struct filtering *f = bpf_map_lookup_elem(&filterings, &slot);
	int i;

	if (!f)
		return 0;
	f->at = position;
	f->end = position + length;
	f->n = 0;
	f->hash = FNV_BASIS;
	f->denied = root_denied;
	for (i = 0; i <= COMPONENTS_MAX; i++)
		if (filter_component(slot))
			break;
	if (f->at < f->end)
		return 0; /* deeper than we look */
	for (i = 0; i <= COMPONENTS_MAX; i++)
		if (filter_down(slot))
			break;
	return f->denied;
}

#endif
