/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Who did it: the part of a record's header that names a process. */
#ifndef SENSOR_ACTOR_H
#define SENSOR_ACTOR_H

#include "kernel.h"

#include <bpf/bpf_core_read.h>

#include "record.h"

static __always_inline void actor_fill(struct header *h, struct task_struct *task)
{
	struct task_struct *owner = NULL;

	/* io_uring's threads before Linux 5.12: of the kernel, with the memory of whom they work for. */
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD) {
		if (bpf_core_field_exists(((struct mm_struct *)0)->owner))
			owner = BPF_CORE_READ(task, mm, owner);
		if (owner)
			task = owner;
	}
	h->start = BPF_CORE_READ(task, group_leader, start_boottime);
	h->exec_id = BPF_CORE_READ(task, self_exec_id);
	h->cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	h->tgid = BPF_CORE_READ(task, tgid);
	h->tid = BPF_CORE_READ(task, pid);
	h->euid = BPF_CORE_READ(task, cred, euid.val);
	h->egid = BPF_CORE_READ(task, cred, egid.val);
	bpf_core_read(h->comm, sizeof(h->comm), &task->comm);
}

#endif
