// SPDX-License-Identifier: Apache-2.0
/* Programs that the kernel runs by itself. */
#include "act.h"

#include <sys/prctl.h>
#include <sys/socket.h>

static const char *setting;
static char *before;

static void setting_undo(void)
{
	if (before && !write_setting(setting, before))
		fprintf(stderr, "put back %s: %s\n", setting, strerror(errno));
	before = NULL;
}

static void set(const char *path, const char *value)
{
	on_exit_undo(setting_undo);
	setting = path;
	before = read_setting(path);
	if (!before)
		skip("no %s: %s", path, strerror(errno));
	if (!write_setting(path, value))
		skip("%s takes no value: %s", path, strerror(errno));
}

/*
 * The helper, a copy of this program, writes its pid and its parent's into the
 * file "pid" beside it. Says what has to be shown of it.
 */
static void said_helper(char *const argv[])
{
	char *text = NULL;
	int pid, parent;

	for (int i = 0; i < 10000 && (!text || sscanf(text, "%d %d\n", &pid, &parent) != 2); i++) {
		free(text);
		text = read_setting(in_dir("pid"));
		usleep(1000);
	}
	if (!text || sscanf(text, "%d %d", &pid, &parent) != 2)
		die("wait for the helper");
	while (kill(pid, 0) == 0)
		usleep(1000);
	adopt(pid);
	may("fork", pid); /* as yet it is one of the kernel's own threads */
	num("process.parent.pid", parent);
	no("process.executable");
	said();
	expect_exec(pid, argv[0], argv);
	num("process.parent.pid", parent);
	str("process.working_directory", "/");
	id("user.id", 0);
	leader("process.session_leader.pid", 0);
	said();
	said_end(pid, 0);
}

static int crash(void *arg)
{
	(void)arg;
	prctl(PR_SET_DUMPABLE, 1);
	raise(SIGSEGV);
	return 0;
}

static void core_pattern(void)
{
	char *path = copy_self("helper", 0755), *argv[] = { path, "role", "helper", NULL };

	if (strlen(path) > 100)
		skip("the path of %s is too long for core_pattern", path);
	set("/proc/sys/kernel/core_pattern", format("|%s role helper", path));
	reap(child(crash, NULL));
	said_helper(argv);
	setting_undo();
}

/* Nobody serves this family: the kernel asks for a module. */
#define FAMILY 19 /* AF_ECONET, gone since Linux 3.5 */

static void modprobe(void)
{
	char *path = copy_self("act-helper", 0755);
	char *argv[] = { path, "-q", "--", format("net-pf-%d", FAMILY), NULL };

	if (access("/proc/sys/kernel/modprobe", F_OK))
		skip("the kernel loads no modules");
	set("/proc/sys/kernel/modprobe", path);
	if (socket(FAMILY, SOCK_RAW, 0) >= 0 || errno != EAFNOSUPPORT)
		die("ask for a socket that nobody serves");
	setting_undo();
	said_helper(argv);
}

const struct act helper_acts[] = {
	{ "helper-core", core_pattern, "the program that takes a core dump: its parent is a kernel thread", NULL },
	{ "helper-modprobe", modprobe, "the program that the kernel runs to load a module", "modules" },
	{ 0 },
};
