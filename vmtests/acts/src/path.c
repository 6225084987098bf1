// SPDX-License-Identifier: Apache-2.0
/* Where a program and its working directory are: mounts, roots, depth. */
#include "act.h"

#include <sched.h>
#include <sys/mount.h>

static char *const true_argv[] = { "true", "-a", NULL };

struct image {
	const char *root, *cwd, *path;
	int fd; /* instead of path, if above 0 */
	char **env;
};

static int become(void *arg)
{
	struct image *image = arg;

	if (image->root && (chroot(image->root) || chdir("/")))
		die("change root to %s", image->root);
	if (image->cwd && chdir(image->cwd))
		die("enter %s", image->cwd);
	if (image->fd > 0)
		syscall(SYS_execveat, image->fd, "", true_argv, image->env, AT_EMPTY_PATH);
	else
		execve(image->path, true_argv, image->env);
	die("exec %s", image->path);
}

static void make_dir(const char *path)
{
	if (mkdir(path, 0755))
		die("make directory %s", path);
}

static int open_path(const char *path)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		die("open %s", path);
	return fd;
}

static void changed_root(void)
{
	struct image image = { .root = in_dir("root"), .path = "/bin/true", .env = role("exit:0") };
	pid_t pid;

	make_dir("root");
	make_dir("root/bin");
	copy_self("root/bin/true", 0755);
	pid = child(become, &image);
	expect_exec(pid, "/bin/true", true_argv);
	str("process.working_directory", "/");
	no("sensor.exec.filename");
	no("sensor.executable.detached");
	said();
	reap(pid);
	image.path = "./true";
	image.cwd = "/bin";
	pid = child(become, &image);
	expect_exec(pid, "/bin/true", true_argv);
	str("process.working_directory", "/bin");
	said();
	reap(pid);
}

/* A program that the process cannot name. */
static void outside_root(void)
{
	struct image image = { .root = in_dir("root"), .env = role("exit:0") };
	char *path = copy_self("true", 0755);
	pid_t pid;

	image.fd = open_path(path);
	make_dir("root");
	make_dir("root/dev");
	make_dir("root/dev/fd");
	write_file(format("root/dev/fd/%d", image.fd), "", 0755); /* before Linux 6.9 Tomoyo looks for the name that exec makes up */
	pid = child(become, &image);
	expect_exec(pid, path, true_argv);
	str("process.working_directory", "/");
	yes("sensor.executable.detached");
	said();
	reap(pid);
}

static int private_mount(void *arg)
{
	(void)arg;
	private_tmpfs();
	if (chdir(dir))
		die("enter %s", dir);
	run(copy_self("true", 0755), NULL, true_argv, role("exit:0"));
	make_dir("below");
	if (mount("tmpfs", in_dir("below"), "tmpfs", 0, NULL))
		die("mount tmpfs");
	run(copy_self("below/true", 0755), NULL, true_argv, role("exit:0"));
	return 0;
}

static void mounted(void)
{
	reap(child(private_mount, NULL));
}

static int bind_mount(void *arg)
{
	char *path;

	(void)arg;
	private_tmpfs();
	make_dir(in_dir("from"));
	make_dir(in_dir("to"));
	copy_self("from/true", 0755);
	if (mount(in_dir("from"), in_dir("to"), NULL, MS_BIND, NULL))
		die("bind a directory");
	run(in_dir("to/true"), NULL, true_argv, role("exit:0"));
	path = in_dir("file");
	write_file(path, "not a program", 0644);
	if (mount(in_dir("from/true"), path, NULL, MS_BIND, NULL))
		die("bind a file");
	run(path, NULL, true_argv, role("exit:0"));
	return 0;
}

static void bound(void)
{
	reap(child(bind_mount, NULL));
}

static int overlay_mount(void *arg)
{
	char *options = format("lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", dir, dir, dir), *merged = in_dir("merged");

	(void)arg;
	private_tmpfs();
	make_dir(in_dir("lower"));
	make_dir(in_dir("upper"));
	make_dir(in_dir("work"));
	make_dir(merged);
	copy_self("lower/true", 0755);
	if (mount("overlay", merged, "overlay", 0, options))
		skip("no overlay: %s", strerror(errno));
	run(in_dir("merged/true"), NULL, true_argv, role("exit:0"));
	run(copy_self("merged/upper", 0755), NULL, true_argv, role("exit:0"));
	return 0;
}

static void overlaid(void)
{
	reap(child(overlay_mount, NULL));
}

/* The mount is taken away while a descriptor keeps its file. */
static int detached_mount(void *arg)
{
	struct image image = { .env = role("exit:0") };
	pid_t pid;

	(void)arg;
	private_tmpfs();
	image.fd = open_path(copy_self("true", 0755));
	if (chdir("/") || umount2(dir, MNT_DETACH))
		die("unmount %s", dir);
	pid = child(become, &image);
	expect("exec", pid);
	str("process.name", "true");
	ends_with("process.executable", "/true");
	strs("process.args", true_argv);
	yes("sensor.executable.detached");
	said();
	reap(pid);
	return 0;
}

static void detached(void)
{
	reap(child(detached_mount, NULL));
}

static int keep_mount(void *gates)
{
	struct gate *g = gates;

	private_tmpfs();
	copy_self("true", 0755);
	gate_open(&g[0]);
	gate_wait(&g[1]);
	return 0;
}

/* Through /proc/PID/root: a mount that only another process has. */
static void foreign_mount(void)
{
	struct gate gates[2];
	pid_t keeper, pid;
	struct image image = { .env = role("exit:0") };

	gate_make(&gates[0]);
	gate_make(&gates[1]);
	keeper = child(keep_mount, gates);
	gate_wait(&gates[0]);
	image.path = format("/proc/%d/root%s/true", keeper, dir);
	pid = child(become, &image);
	expect_exec(pid, in_dir("true"), true_argv);
	str("sensor.exec.filename", image.path);
	yes("sensor.executable.detached");
	said();
	reap(pid);
	gate_open(&gates[1]);
	reap(keeper);
}

static int in_deleted(void *arg)
{
	if (chdir(in_dir("gone")) || rmdir(in_dir("gone")))
		die("delete the working directory");
	return become(arg);
}

static void cwd_deleted(void)
{
	struct image image = { .path = copy_self("true", 0755), .env = role("exit:0") };
	char *gone = in_dir("gone");
	pid_t pid;

	make_dir(gone);
	pid = child(in_deleted, &image);
	expect_exec(pid, image.path, true_argv);
	str("process.working_directory", gone);
	yes("sensor.working_directory.deleted");
	said();
	reap(pid);
}

static void program_directory_deleted(void)
{
	struct image image = { .env = role("exit:0") };
	char *path;
	pid_t pid;

	make_dir("gone");
	path = copy_self("gone/true", 0755);
	image.fd = open_path(path);
	if (unlink(path) || rmdir("gone"))
		die("delete a program and its directory");
	pid = child(become, &image);
	expect_exec(pid, path, true_argv);
	yes("sensor.executable.deleted");
	said();
	reap(pid);
}

/* Goes down n directories of that name, one by one: the whole may be longer than any path. */
static void descend(int n, const char *name)
{
	while (n--)
		if (mkdir(name, 0755) || chdir(name))
			die("descend");
}

static void copy_here(const char *name)
{
	char *from = copy_self("true", 0755);

	if (rename(from, name))
		die("move %s", from);
}

static void long_cwd(void)
{
	char *name = format("%0250d", 7);
	struct image image = { .path = copy_self("other", 0755), .env = role("exit:0") };
	pid_t pid;

	descend(20, name);
	pid = child(become, &image);
	expect_exec(pid, image.path, true_argv);
	yes("sensor.working_directory.cut");
	ends_with("process.working_directory", format("/%s/%s/%s", name, name, name));
	said();
	reap(pid);
	copy_here("true");
	image.path = "./true";
	pid = child(become, &image);
	expect("exec", pid);
	str("process.name", "true");
	strs("process.args", true_argv);
	yes("sensor.executable.cut");
	ends_with("process.executable", format("/%s/%s/true", name, name));
	yes("sensor.working_directory.cut");
	said();
	reap(pid);
}

/* The longest path that the kernel takes: 4,095 bytes. */
static void longest(void)
{
	char *name = format("%0200d", 7), *path;
	int left;

	left = PATH_MAX - 1 - strlen(dir) - strlen("/true");
	descend(left / 201, name);
	left %= 201;
	if (left > 1)
		descend(1, format("%0*d", left - 1, 1));
	copy_here("true");
	path = resolved("true");
	run("./true", path, true_argv, role("exit:0"));
	run(path, NULL, true_argv, role("exit:0"));
}

static void deepest(void)
{
	descend((PATH_MAX - 1 - strlen(dir) - strlen("/true")) / 2, "d");
	copy_here("true");
	run("./true", resolved("true"), true_argv, role("exit:0"));
}

static void deep(void)
{
	descend(900, "d");
	copy_here("true");
	run("./true", resolved("true"), true_argv, role("exit:0"));
}

const struct act path_acts[] = {
	{ "path-chroot", changed_root, "executable and working directory as the process itself sees them after chroot", NULL },
	{ "path-outside-root", outside_root, "a program outside the process's root, run by descriptor: marked as detached", NULL },
	{ "path-mount", mounted, "programs on mounts of an own mount namespace", NULL },
	{ "path-bind", bound, "a bound directory and a bound file: the names under which they were run", NULL },
	{ "path-overlay", overlaid, "programs of overlayfs, from below and from above", "overlay" },
	{ "path-detached", detached, "a program on a mount that was taken away: marked as detached", NULL },
	{ "path-foreign", foreign_mount, "a program on another namespace's mount, through /proc/PID/root: marked as detached", NULL },
	{ "path-cwd-deleted", cwd_deleted, "a deleted working directory: its last name and a mark", NULL },
	{ "path-deleted-directory", program_directory_deleted, "a program deleted together with its directory", NULL },
	{ "path-cut", long_cwd, "executable and working directory longer than 4,096 bytes: the end of them and a mark", NULL },
	{ "path-longest", longest, "a path of 4,095 bytes, whole", NULL },
	{ "path-deep", deep, "a path with 900 components, whole", NULL },
	{ "path-deepest", deepest, "a path with 2,000 components, whole", NULL },
	{ 0 },
};
