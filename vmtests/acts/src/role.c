// SPDX-License-Identifier: Apache-2.0
/* What a copy of this program does when an act runs it. */
#include "act.h"

#include <grp.h>
#include <linux/capability.h>
#include <time.h>

static const char *const capabilities[] = {
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
	"SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW",
	"IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
	"SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD",
	"LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
	"WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
};
#define CAPABILITIES (sizeof(capabilities) / sizeof(*capabilities))

static void tell_set(const char *field, const struct __user_cap_data_struct *data, bool effective)
{
	char *names[CAPABILITIES + 1];
	size_t n = 0;

	for (size_t i = 0; i < CAPABILITIES; i++) {
		const struct __user_cap_data_struct *word = &data[i / 32];

		if ((effective ? word->effective : word->permitted) >> i % 32 & 1)
			names[n++] = format("CAP_%s", capabilities[i]);
	}
	names[n] = NULL;
	if (n)
		strs(field, names);
	else
		no(field);
}

static void tell_capabilities(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		die("read own capabilities");
	tell_set("process.thread.capabilities.effective", data, true);
	tell_set("process.thread.capabilities.permitted", data, false);
}

static void tell_ids(void)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid, groups[64];
	int n;

	getresuid(&ruid, &euid, &suid);
	getresgid(&rgid, &egid, &sgid);
	id("user.id", euid);
	id("process.real_user.id", ruid);
	id("process.saved_user.id", suid);
	id("group.id", egid);
	id("process.real_group.id", rgid);
	id("process.saved_group.id", sgid);
	n = getgroups(64, groups);
	if (n > 0)
		ids("process.supplemental_groups", groups, n);
	else if (n == 0)
		no("process.supplemental_groups");
}

static void tell_namespaces(void)
{
	static const char *const names[] = { "mnt", "pid", "net", "user", "uts", "ipc", "cgroup", "time" };
	char path[64], field[64];
	struct stat st;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		snprintf(field, sizeof(field), "sensor.namespaces.%s", names[i]);
		if (stat(path, &st) == 0)
			num(field, st.st_ino);
	}
}

/* The controlling terminal, field 7 of stat; the name before it may hold anything but ends at the last ')'. */
static void tell_terminal(void)
{
	char *stat = read_setting("/proc/self/stat");
	unsigned tty;

	if (!stat || sscanf(strrchr(stat, ')'), ") %*c %*d %*d %*d %u", &tty) != 1)
		return;
	if (tty == 0) {
		no("process.tty.char_device.major");
		no("process.interactive");
		return;
	}
	num("process.tty.char_device.major", tty >> 8 & 0xfff);
	num("process.tty.char_device.minor", (tty & 0xff) | (tty >> 12 & 0xfff00));
	yes("process.interactive");
}

static long long clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/*
 * When the process began, field 22 of stat, in ticks of CLOCK_BOOTTIME. The
 * room is for the tick and for a machine that stops between two clocks.
 */
static void tell_start(void)
{
	char *stat = read_setting("/proc/self/stat");
	long long before, boot, after, ticks, start;

	if (!stat || sscanf(strrchr(stat, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %lld", &ticks) != 1)
		return;
	before = clock_ns(CLOCK_REALTIME);
	boot = clock_ns(CLOCK_BOOTTIME);
	after = clock_ns(CLOCK_REALTIME);
	start = ticks * (1000000000LL / sysconf(_SC_CLK_TCK)) - boot;
	between("process.start", start + before - 100000000, start + after + 100000000);
}

static void tell_login(void)
{
	char *uid = read_setting("/proc/self/loginuid"), *session = read_setting("/proc/self/sessionid");

	if (uid && strcmp(uid, "4294967295"))
		num("sensor.login.uid", atoll(uid));
	else if (uid)
		no("sensor.login.uid");
	if (session && strcmp(session, "4294967295"))
		num("sensor.login.session", atoll(session));
}

/* The v2 control group, unless it is relative to another root than the first process's. */
static void tell_control_group(void)
{
	char *groups = read_setting("/proc/self/cgroup"), *at = groups ? strstr(groups, "0::/") : NULL;
	struct stat own;

	/* The initial namespace's number is fixed: PROC_CGROUP_INIT_INO. */
	if (stat("/proc/self/ns/cgroup", &own) || own.st_ino != 0xEFFFFFFB)
		return;

	if (at && (at == groups || at[-1] == '\n')) {
		at[strcspn(at, "\n")] = 0;
		str("sensor.cgroup.path", at + 3);
	}
}

void tell(const char *action, pid_t pid)
{
	also(action, pid);
	tell_ids();
	tell_capabilities();
	tell_namespaces();
	tell_terminal();
	tell_login();
	tell_start();
	tell_control_group();
	if (pid == getpid()) { /* else in another pid namespace */
		num("process.vpid", pid);
		leader("process.group_leader.pid", getpgrp());
		leader("process.session_leader.pid", getsid(0));
	}
	said();
}

static bool is(const char *role, const char *name, const char **value)
{
	size_t n = strlen(name);

	if (strncmp(role, name, n) || (role[n] && role[n] != ':'))
		return false;
	*value = role[n] ? role + n + 1 : "";
	return true;
}

/* Says the arguments that the kernel gave this process. */
static int tell_args(char **argv)
{
	also("exec", getpid());
	strs("process.args", argv);
	num("process.args_count", count_strs(argv));
	said();
	return 0;
}

/* Replaces the arguments in place: what a sensor reports is what exec took. */
static int forge_args(int argc, char **argv)
{
	tell_args(argv);
	for (int i = 0; i < argc; i++)
		memset(argv[i], 'x', strlen(argv[i]));
	return 0;
}

/* Into the file "pid" beside this program: nobody else reads what it says. */
static int hand_out_pid(void)
{
	char *text = format("%d %d\n", getpid(), getppid()), *path = resolved("/proc/self/exe");
	int fd;

	strcpy(strrchr(path, '/') + 1, "pid");
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 || write(fd, text, strlen(text)) < 0;
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

/* Waits for the end of stdin, tells what it knows of itself, forks and ends. */
static int held(void)
{
	char c;

	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	tell("already_running", getpid());
	reap(child(nothing, NULL));
	return 3;
}

/* Runs itself until the number in its last argument is 0. */
static int count_down(char **argv)
{
	char *next[] = { argv[0], format("%d", atoi(argv[1]) - 1), NULL };

	if (atoi(argv[1]) == 0)
		return 9;
	execve(argv[0], next, environ);
	return 125;
}

static int log_in(void *path)
{
	char *argv[] = { "-shell", NULL };

	if (setsid() < 0)
		die("begin a session");
	execve(path, argv, role("forks:1"));
	die("exec %s", (char *)path);
}

/* As sshd does it: a session is entered by what it runs in it. */
static int serve_login(const char *path)
{
	char *argv[] = { "-shell", NULL };
	pid_t pid = child(log_in, (void *)path);

	expect_exec(pid, path, argv);
	num("process.entry_leader.pid", pid);
	str("process.entry_leader.entry_meta.type", "sshd");
	yes("process.entry_leader.same_as_process");
	num("process.entry_leader.parent.pid", getpid());
	said();
	reap(pid);
	return 0;
}

static int become(const char *path)
{
	char *argv[] = { "next", "-b", NULL };

	execve(path, argv, role("exit:5"));
	return 125;
}

int play(const char *part, int argc, char **argv)
{
	const char *value;

	if (is(part, "exit", &value)) { /* tells about itself, and exits with a code */
		tell("exec", getpid());
		return atoi(value);
	}
	if (is(part, "outer", &value)) { /* likewise in a pid namespace: the outer pid is on fd 3 */
		pid_t pid;

		if (read(3, &pid, sizeof(pid)) != sizeof(pid))
			return 125;
		tell("exec", pid);
		return atoi(value);
	}
	if (is(part, "quiet", &value))
		return atoi(value);
	if (is(part, "args", &value))
		return tell_args(argv);
	if (is(part, "forge", &value))
		return forge_args(argc, argv);
	if (is(part, "helper", &value))
		return hand_out_pid();
	if (is(part, "held", &value))
		return held();
	if (is(part, "count", &value))
		return count_down(argv);
	if (is(part, "become", &value))
		return become(value);
	if (is(part, "login", &value))
		return serve_login(value);
	if (is(part, "net", &value))
		return play_net(value);
	if (is(part, "file", &value))
		return play_file(value);
	if (is(part, "forks", &value)) {
		for (int n = atoi(value); n > 0; n--)
			reap(child(nothing, NULL));
		return 0;
	}
	if (is(part, "again", &value)) { /* runs this file once more */
		char *next[] = { argv[0], "again", NULL };
		char *env[] = { format("ACT_ROLE=%s", value), NULL };

		execve("/proc/self/exe", next, env);
	}
	return 125;
}
