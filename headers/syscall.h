/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What tracepoints on system calls are given, and what a descriptor of the current task stands for. */
#ifndef SENSOR_SYSCALL_H
#define SENSOR_SYSCALL_H

#include "kernel.h"

#include <bpf/bpf_core_read.h>

/* Layout from tracefs, events/syscalls/NAME/format: stable since 2.6. */
struct syscall_exit {
	__u64 common;
	__u64 number;
	__s64 result;
};
struct syscall_enter {
	__u64 common;
	__u64 number;
	__u64 args[6];
};

/* The file of a descriptor of the current task; NULL if there is none (any more). */
static __always_inline struct file *file_at(__u32 descriptor)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **slot, *file = NULL;

	if (descriptor >= BPF_CORE_READ(table, max_fds))
		return NULL;
	slot = BPF_CORE_READ(table, fd) + descriptor;
	bpf_probe_read_kernel(&file, sizeof(file), slot);
	return file;
}

#endif
