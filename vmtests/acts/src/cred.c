// SPDX-License-Identifier: Apache-2.0
/* Users, groups and capabilities. */
#include "act.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/xattr.h>

#define NOBODY 65533 /* an id that no user database names */

static char *const true_argv[] = { "true", "-a", NULL };

struct image {
	const char *path;
	char **env;
};

static void become(struct image *image)
{
	execve(image->path, true_argv, image->env);
	die("exec %s", image->path);
}

static void become_nobody(void)
{
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
		die("become nobody");
}

static int as_nobody(void *image)
{
	become_nobody();
	become(image);
	return 1;
}

static void unprivileged(void)
{
	struct image image = { copy_self("true", 0755), role("exit:0") };
	pid_t pid = child(as_nobody, &image);

	expect_exec(pid, image.path, true_argv);
	id("user.id", NOBODY);
	id("process.real_user.id", NOBODY);
	no("process.thread.capabilities.effective");
	said();
	reap(pid);
}

/* The act itself is left with its mounts: the rest is done by a child in its own namespace. */
static void apart(int (*fn)(void *))
{
	reap(child(fn, NULL));
}

static int set_id(void *arg)
{
	struct image image = { NULL, role("exit:0") };
	pid_t pid;

	(void)arg;
	private_tmpfs();
	image.path = copy_self("setuid", 04755);
	pid = child(as_nobody, &image);
	expect_exec(pid, image.path, true_argv);
	id("user.id", 0);
	id("process.real_user.id", NOBODY);
	id("process.saved_user.id", 0);
	id("group.id", NOBODY);
	said();
	reap(pid);

	image.path = copy_self("setgid", 0755);
	if (chown(image.path, 0, 4) || chmod(image.path, 02755))
		die("make %s setgid", image.path);
	pid = child(as_nobody, &image);
	expect_exec(pid, image.path, true_argv);
	id("user.id", NOBODY);
	id("group.id", 4);
	id("process.real_group.id", NOBODY);
	id("process.saved_group.id", 4);
	said();
	reap(pid);
	return 0;
}

static void setuid_setgid(void)
{
	apart(set_id);
}

static int as_nobody_bound(void *image)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die("set no_new_privs");
	return as_nobody(image);
}

static int set_id_ignored(void *arg)
{
	struct image image = { NULL, role("exit:0") };
	pid_t pid;

	(void)arg;
	private_tmpfs();
	image.path = copy_self("setuid", 04755);
	pid = child(as_nobody_bound, &image);
	expect_exec(pid, image.path, true_argv);
	id("user.id", NOBODY);
	said();
	reap(pid);
	if (mount(NULL, dir, NULL, MS_REMOUNT | MS_NOSUID, "mode=755"))
		die("remount without setuid");
	pid = child(as_nobody, &image);
	expect_exec(pid, image.path, true_argv);
	id("user.id", NOBODY);
	id("process.saved_user.id", NOBODY);
	said();
	reap(pid);
	return 0;
}

static void setuid_ignored(void)
{
	apart(set_id_ignored);
}

static int file_capabilities(void *arg)
{
	struct vfs_cap_data data = { .magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE };
	struct image image = { NULL, role("exit:0") };
	char *names[] = { "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", NULL };
	pid_t pid;

	(void)arg;
	private_tmpfs();
	image.path = copy_self("capable", 0755);
	data.data[0].permitted = 1 << CAP_NET_RAW | 1 << CAP_NET_BIND_SERVICE;
	if (setxattr(image.path, "security.capability", &data, sizeof(data), 0))
		skip("no file capabilities: %s", strerror(errno));
	pid = child(as_nobody, &image);
	expect_exec(pid, image.path, true_argv);
	id("user.id", NOBODY);
	strs("process.thread.capabilities.effective", names);
	strs("process.thread.capabilities.permitted", names);
	said();
	reap(pid);
	return 0;
}

static void file_caps(void)
{
	apart(file_capabilities);
}

/* Leaves of all sets what is in the mask. */
static void keep(unsigned long long mask)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		die("read own capabilities");
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= mask >> 32 * i;
		data[i].effective = data[i].inheritable = data[i].permitted;
	}
	if (syscall(SYS_capset, &header, data))
		die("give up capabilities");
}

static int without_bounds(void *image)
{
	for (int i = 0; i <= CAP_LAST_CAP; i++)
		if (i != CAP_CHOWN && i != CAP_KILL && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) && errno != EINVAL)
			die("drop capability %d", i);
	become(image);
	return 1;
}

static int ambient(void *image)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
		die("keep capabilities");
	become_nobody();
	keep(1 << CAP_KILL);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0))
		die("raise an ambient capability");
	become(image);
	return 1;
}

static void capabilities(void)
{
	struct image image = { copy_self("true", 0755), role("exit:0") };
	char *bounded[] = { "CAP_CHOWN", "CAP_KILL", NULL }, *raised[] = { "CAP_KILL", NULL };
	pid_t pid = child(without_bounds, &image);

	expect_exec(pid, image.path, true_argv);
	id("user.id", 0);
	strs("process.thread.capabilities.effective", bounded);
	said();
	reap(pid);
	pid = child(ambient, &image);
	expect_exec(pid, image.path, true_argv);
	id("user.id", NOBODY);
	strs("process.thread.capabilities.effective", raised);
	said();
	reap(pid);
}

/* All four ids of a process differ: its children and its end have them. */
static int four_ids(void *arg)
{
	gid_t groups[] = { 4, 27, 70001 };
	pid_t pid;

	(void)arg;
	if (setgroups(3, groups) || setresgid(2001, 2002, 2003) || setfsgid(2004) < 0 ||
	    prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) || setresuid(1001, 1002, 1003) || setfsuid(1004) < 0)
		die("set ids");
	pid = fork();
	if (pid == 0)
		_exit(0);
	tell("fork", pid);
	said_fork(pid);
	reap(pid);
	tell("end", getpid());
	also("end", getpid());
	id("user.id", 1002);
	id("process.real_user.id", 1001);
	id("process.saved_user.id", 1003);
	id("group.id", 2002);
	said();
	return 0;
}

static void four(void)
{
	apart(four_ids);
}

static int with_ids(void *image)
{
	gid_t groups[] = { 4, 27, 70001 };

	if (setgroups(3, groups) || setresgid(2001, 2002, 2003) || setresuid(1001, 1002, 1003))
		die("set ids");
	become(image);
	return 1;
}

/* Exec makes the saved ids those in effect. */
static void ids_and_exec(void)
{
	struct image image = { copy_self("true", 0755), role("exit:0") };
	gid_t groups[] = { 4, 27, 70001 };
	pid_t pid = child(with_ids, &image);

	expect_exec(pid, image.path, true_argv);
	id("user.id", 1002);
	id("process.real_user.id", 1001);
	id("process.saved_user.id", 1002);
	id("group.id", 2002);
	id("process.real_group.id", 2001);
	id("process.saved_group.id", 2002);
	ids("process.supplemental_groups", groups, 3);
	said();
	reap(pid);
}

static int with_many_groups(void *image)
{
	gid_t groups[1000];

	for (int i = 0; i < 1000; i++)
		groups[i] = 3000 + i;
	if (setgroups(1000, groups))
		die("set groups");
	become(image);
	return 1;
}

static void many_groups(void)
{
	struct image image = { copy_self("true", 0755), role("quiet:0") };
	pid_t pid = child(with_many_groups, &image);

	expect_exec(pid, image.path, true_argv);
	yes("sensor.supplemental_groups.cut");
	said();
	reap(pid);
}

static int log_in(void *image)
{
	if (!write_setting("/proc/self/loginuid", "1234"))
		skip("no login uid can be set: %s", strerror(errno));
	become(image);
	return 1;
}

static void login(void)
{
	struct image image = { copy_self("true", 0755), role("exit:0") };
	pid_t pid;

	if (access("/proc/self/loginuid", F_OK))
		skip("no login uid: the kernel lacks audit");
	pid = child(log_in, &image);
	expect_exec(pid, image.path, true_argv);
	num("sensor.login.uid", 1234);
	said();
	reap(pid);
}

const struct act cred_acts[] = {
	{ "cred-unprivileged", unprivileged, "a program run by an unprivileged user", NULL },
	{ "cred-setuid", setuid_setgid, "a setuid and a setgid program run by an unprivileged user", NULL },
	{ "cred-setuid-ignored", setuid_ignored, "setuid without effect: no_new_privs, and a mount with nosuid", NULL },
	{ "cred-file-capabilities", file_caps, "a program with file capabilities run by an unprivileged user", NULL },
	{ "cred-capabilities", capabilities, "dropped from the bounding set, and ambient ones", NULL },
	{ "cred-ids", four, "real, effective, saved and file system ids that all differ, at fork and end", NULL },
	{ "cred-ids-exec", ids_and_exec, "different ids and supplementary groups at exec", NULL },
	{ "cred-groups", many_groups, "more supplementary groups than are reported: a mark", NULL },
	{ "cred-login", login, "login uid and audit session", "audit" },
	{ 0 },
};
