// SPDX-License-Identifier: Apache-2.0
/* What the path of a file is: mounts, roots, links, length. */
#include "file.h"

#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#ifndef SYS_open_tree
#define SYS_open_tree 428
#endif
#ifndef SYS_move_mount
#define SYS_move_mount 429
#define SYS_fsopen 430
#define SYS_fsconfig 431
#define SYS_fsmount 432
#endif
#define TREE_CLONE 1 /* OPEN_TREE_CLONE */
#define CONFIG_CREATE 6 /* FSCONFIG_CMD_CREATE */

/* All that can be done to a file of that directory. */
static void life_in(const char *directory)
{
	char *one = format("%s/one.txt", directory), *two = format("%s/two.log", directory);
	struct file f;

	given(one, "hello");
	f = file_at(one);
	if (rename(one, two))
		die("rename");
	one = f.path;
	f = file_at(two);
	said_renamed(&f, one, 0);
	write_done(open_file(two, O_WRONLY | O_APPEND), " world");
	f = file_at(two);
	if (unlink(two))
		die("unlink");
	said_deleted(&f);
}

static void relative(void)
{
	given_dir("below");
	if (chdir("below"))
		die("enter a directory");
	life_in(".");
	life_in("../below/./../below");
}

static void linked(void)
{
	struct file f;

	given_dir("real");
	if (symlink("real", "name"))
		die("symlink");
	f = file_at("name");
	said_created(&f);
	life_in("name");
}

/* A link in place of the file itself: opened is what it points to. */
static void linked_file(void)
{
	struct file f;

	given("real.txt", "hello");
	if (symlink("real.txt", "name"))
		die("symlink");
	f = file_at("name");
	said_created(&f);
	write_done(open_file("name", O_WRONLY), "HELLO");
}

static int inside_root(void *arg)
{
	struct file f;
	int fd;

	(void)arg;
	if (chroot("root") || chdir("/act-root"))
		die("change the root");
	fd = create("/act-root/new.txt");
	put_text(fd, "hello");
	f = file_as(fd, "/act-root/new.txt");
	said_written(&f, 5, 1);
	close_file(fd);
	if (rename("new.txt", "/new.log"))
		die("rename");
	f = file_at("/new.log");
	said_renamed(&f, "/act-root/new.txt", 0);
	if (unlink("/new.log"))
		die("unlink");
	said_deleted(&f);
	return 0;
}

static void changed_root(void)
{
	given_dir("root");
	given_dir("root/act-root");
	files("/act-root");
	reap(child(inside_root, NULL));
}

static int on_tmpfs(void *arg)
{
	(void)arg;
	private_tmpfs();
	if (chdir(dir))
		die("enter %s", dir);
	life_in(dir);
	given_dir("below");
	if (mount("tmpfs", "below", "tmpfs", 0, NULL))
		die("mount tmpfs");
	life_in("below");
	return 0;
}

static void mounted(void)
{
	reap(child(on_tmpfs, NULL));
}

static int on_bind(void *arg)
{
	(void)arg;
	private_tmpfs();
	if (chdir(dir))
		die("enter %s", dir);
	given_dir("from");
	given_dir("to");
	given("file", "");
	given("from/other", "hello");
	if (mount("from", "to", NULL, MS_BIND, NULL) || mount("from/other", "file", NULL, MS_BIND, NULL))
		die("bind");
	life_in("to");
	write_done(open_file("file", O_WRONLY), "HELLO");
	return 0;
}

static void bound(void)
{
	reap(child(on_bind, NULL));
}

static int on_overlay(void *arg)
{
	char *options = format("lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", dir, dir, dir);
	struct file f;

	(void)arg;
	private_tmpfs();
	if (chdir(dir))
		die("enter %s", dir);
	given_dir("lower");
	given_dir("upper");
	given_dir("work");
	given_dir("merged");
	given("lower/old.txt", "hello");
	given("lower/renamed.txt", "hello");
	given("lower/deleted.txt", "hello");
	given("lower/opened.txt", "hello");
	if (mount("overlay", "merged", "overlay", 0, options))
		skip("no overlay: %s", strerror(errno));
	if (chdir("merged"))
		die("enter the overlay");
	life_in(".");
	write_done(open_file("old.txt", O_WRONLY), "HELLO"); /* copied to above first */
	close_file(open_file("opened.txt", O_WRONLY));	       /* likewise, but not written */
	if (rename("renamed.txt", "renamed.log"))
		die("rename");
	f = file_at("renamed.log");
	said_renamed(&f, in_dir("merged/renamed.txt"), 0);
	f = file_at("deleted.txt");
	if (unlink("deleted.txt"))
		die("unlink");
	said_deleted(&f);
	return 0;
}

static void overlaid(void)
{
	reap(child(on_overlay, NULL));
}

/* The mount belongs to no namespace: the path begins at it. */
static void write_detached(int mount_fd)
{
	struct file f;
	int fd = openat(mount_fd, "act-detached.txt", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		die("create a file");
	f = file_as(fd, "/act-detached.txt");
	f.detached = true;
	said_created(&f);
	put_text(fd, "hello");
	f.st.st_size = 5;
	said_written(&f, 5, 1);
	close_file(fd);
	if (unlinkat(mount_fd, "act-detached.txt", 0))
		die("unlink");
	said_deleted(&f);
}

static void detached_tree(void)
{
	int fd = syscall(SYS_open_tree, AT_FDCWD, ".", TREE_CLONE | O_CLOEXEC);

	if (fd < 0 && (errno == EPERM || errno == EINVAL))
		errno = ENOSYS;
	called("open_tree", fd);
	write_detached(fd);
	close_file(fd);
}

static void detached_mount(void)
{
	int context = syscall(SYS_fsopen, "tmpfs", 1), fd;

	if (context < 0 && (errno == EPERM || errno == ENODEV))
		errno = ENOSYS;
	called("fsopen", context);
	if (syscall(SYS_fsconfig, context, CONFIG_CREATE, NULL, NULL, 0))
		die("make a tmpfs");
	fd = called("fsmount", syscall(SYS_fsmount, context, 1, 0));
	write_detached(fd);
	close_file(fd);
	close_file(context);
}

static int on_unmounted(void *arg)
{
	int fd;

	(void)arg;
	private_tmpfs();
	fd = open_file(dir, O_DIRECTORY);
	if (chdir("/") || umount2(dir, MNT_DETACH))
		die("unmount %s", dir);
	write_detached(fd);
	close_file(fd);
	return 0;
}

static void unmounted(void)
{
	reap(child(on_unmounted, NULL));
}

/* 255 bytes, of which the last are an extension. */
static void long_name(void)
{
	struct file f;
	char *name = format("%0251d.txt", 7);

	given(name, "hello");
	f = file_at(name);
	if (rename(name, "short"))
		die("rename");
	name = f.path;
	f = file_at("short");
	said_renamed(&f, name, 0);
}

/* Longer than any path: the end of it and a mark. */
static void deep(void)
{
	char *name = NULL, *above;
	struct file f;
	int fd;

	for (int i = 0; i < 20; i++) {
		above = name;
		name = format("%0250d", i);
		if (i < 14) {
			given_dir(name);
		} else if (mkdir(name, 0755)) { /* about here the path gets too long */
			die("make a directory");
		} else {
			may(FILE_CREATE, getpid());
			str("file.name", name);
			said();
		}
		if (chdir(name))
			die("descend");
	}
	fd = open("deep.txt", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		die("create a file");
	f = file_as(fd, format("/%s/%s/deep.txt", above, name));
	f.cut = true;
	said_created(&f);
	put_text(fd, "hello");
	f.st.st_size = 5;
	said_written(&f, 5, 1);
	close_file(fd);
	if (unlink("deep.txt"))
		die("unlink");
	said_deleted(&f);
}

/* 300 directories, but short: whole. */
static void many_components(void)
{
	for (int i = 0; i < 300; i++) {
		given_dir("d");
		if (chdir("d"))
			die("descend");
	}
	life_in(".");
}

static void not_utf8(void)
{
	static const char *const actions[] = { FILE_CREATE, FILE_WRITE };
	char *path = in_dir("gr\xfc\xdf.t\xff");

	given("gr\xfc\xdf.t\xff", "hello");
	for (int i = 0; i < 2; i++) {
		also(actions[i], getpid());
		raw("file.path", path, strlen(path));
		said();
	}
}

static void odd(void)
{
	given("two\nlines \"\\\x1b[31m", "hello");
	given("gr\xc3\xbc\xc3\x9f.\xe6\x97\xa5", "hello");
	given(" ", "hello");
	given("one file (deleted).txt", "hello");
}

static char *device;
static int device_fd = -1;

static int on_image(void *arg)
{
	(void)arg;
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		skip("no own mount namespace: %s", strerror(errno));
	if (mount(device, "mounted", "ext4", 0, NULL))
		skip("no ext4: %s", strerror(errno));
	life_in("mounted");
	if (umount("mounted"))
		die("unmount");
	return 0;
}

static void detach_device(void)
{
	if (device_fd >= 0)
		ioctl(device_fd, LOOP_CLR_FD, 0);
	device_fd = -1;
}

/* On a file system in a file: what the kernel writes to that is not the process's. */
static void on_loop(void)
{
	char *argv[] = { "mkfs.ext4", "-q", "-F", "image", NULL }, *program;
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), image;
	struct file f;
	pid_t pid;
	long n;

	if (access("/sbin/mkfs.ext4", X_OK))
		skip("no mkfs.ext4");
	n = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
	if (n < 0)
		skip("no loop device: %s", strerror(errno));
	program = resolved("/sbin/mkfs.ext4");
	image = create("image");
	if (ftruncate(image, 8 << 20))
		die("ftruncate");
	f = file_of(image);
	said_written(&f, 0, 0);
	close_file(image);
	pid = run("/sbin/mkfs.ext4", program, argv, role("none"));
	expect(FILE_WRITE, pid);
	str("file.path", f.path);
	no("sensor.file.summary");
	said();
	expect(FILE_WRITE, pid);
	str("file.path", f.path);
	yes("sensor.file.summary");
	at_least("file.Ext.write.bytes", 1);
	at_least("file.Ext.write.count", 1);
	said();
	given_dir("mounted");
	device = format("/dev/loop%ld", n);
	device_fd = open(device, O_RDWR | O_CLOEXEC);
	image = open_file("image", O_RDWR);
	if (device_fd < 0 || ioctl(device_fd, LOOP_SET_FD, image)) {
		device_fd = -1;
		skip("no %s: %s", device, strerror(errno));
	}
	on_exit_undo(detach_device);
	close_file(image);
	reap(child(on_image, NULL));
	detach_device();
	close_file(control);
}

const struct act file_path_acts[] = {
	{ "file-path-relative", relative, "names relative to the working directory, with dots", NULL },
	{ "file-path-symlink", linked, "a directory by a symbolic link: the path it stands for", NULL },
	{ "file-path-symlink-file", linked_file, "a file is written by a symbolic link: the path it stands for", NULL },
	{ "file-path-chroot", changed_root, "paths as the process itself sees them after chroot", NULL },
	{ "file-path-tmpfs", mounted, "files on tmpfs of an own mount namespace", NULL },
	{ "file-path-bind", bound, "a bound directory and a bound file: the names that were used", NULL },
	{ "file-path-overlay", overlaid, "files of overlayfs: the merged paths alone", "overlay" },
	{ "file-path-tree", detached_tree, "a copy of a mount that is nowhere: marked as detached", NULL },
	{ "file-path-fsmount", detached_mount, "a new mount that is nowhere: marked as detached", NULL },
	{ "file-path-unmounted", unmounted, "a mount that was taken away: marked as detached", NULL },
	{ "file-path-long-name", long_name, "a name of 255 bytes", NULL },
	{ "file-path-cut", deep, "a path longer than 4,096 bytes: the end of it and a mark", NULL },
	{ "file-path-components", many_components, "a path with 300 components, whole", NULL },
	{ "file-path-not-utf8", not_utf8, "a name that is not UTF-8: its bytes as well", NULL },
	{ "file-path-odd", odd, "names that are awkward to write down", NULL },
	{ "file-path-loop", on_loop, "ext4 in a file: who writes there, and not what the kernel writes below", NULL },
	{ 0 },
};
