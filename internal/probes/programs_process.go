// SPDX-License-Identifier: Apache-2.0

package probes

// processTable are the programs of bpf/process.bpf.c.
func processTable() []program {
	return []program{
		{
			name: "process_exec", typ: "tp_btf", hook: "sched_process_exec",
			args:  []string{"struct task_struct *", "pid_t", "struct linux_binprm *"},
			since: "5.8", why: "after the point of no return: every way to exec ends here, and the arguments are the kernel's copy",
		},
		{
			name: "process_fork", typ: "tp_btf", hook: "sched_process_fork",
			args:  []string{"struct task_struct *", "struct task_struct *"},
			since: "5.8", why: "before the child runs, so its first event always follows",
		},
		{
			// Linux 6.16 added group_dead behind the task; it is not used, so both prototypes serve.
			name: "process_exit", typ: "tp_btf", hook: "sched_process_exit",
			args:  []string{"struct task_struct *", "..."},
			since: "5.8", why: "each thread passes; the last one speaks for the process",
		},
		{
			name: "execve_enter", typ: "tracepoint", hook: "syscalls/sys_enter_execve",
			since: "5.8", why: "where a failed exec finds its arguments again", notes: true,
		},
		{
			name: "execveat_enter", typ: "tracepoint", hook: "syscalls/sys_enter_execveat",
			since: "5.8", why: "likewise", notes: true,
		},
		{
			name: "execve_exit", typ: "tracepoint", hook: "syscalls/sys_exit_execve",
			since: "5.11", why: "no kernel structure keeps a failed exec; 5.11 for bpf_get_current_task_btf",
		},
		{
			name: "execveat_exit", typ: "tracepoint", hook: "syscalls/sys_exit_execveat",
			since: "5.11", why: "likewise",
		},
		{
			name: "process_snapshot", typ: "iter", hook: "task",
			since: "5.8", why: "what ran before the sensor, from the kernel's own structures and not from /proc",
		},
	}
}
