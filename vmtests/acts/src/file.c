// SPDX-License-Identifier: Apache-2.0
#include "file.h"

struct file file_at(const char *path)
{
	struct file f = { .pid = getpid() };
	char *copy = format("%s", path), *slash = strrchr(copy, '/');

	if (lstat(path, &f.st))
		die("see %s", path);
	if (!slash) {
		f.path = format("%s/%s", resolved("."), path);
		return f;
	}
	*slash = 0;
	copy = slash == copy ? "" : resolved(copy);
	f.path = format("%s/%s", strcmp(copy, "/") ? copy : "", slash + 1);
	return f;
}

struct file file_as(int fd, const char *path)
{
	struct file f = { .pid = getpid(), .path = format("%s", path) };

	if (fstat(fd, &f.st))
		die("see %s", path);
	f.deleted = !f.st.st_nlink;
	return f;
}

struct file file_of(int fd)
{
	char path[PATH_MAX + 32], *mark;
	ssize_t n = readlink(format("/proc/self/fd/%d", fd), path, sizeof(path) - 1);

	if (n < 0)
		die("name a descriptor");
	path[n] = 0;
	mark = path + n - strlen(" (deleted)");
	if (mark > path && !strcmp(mark, " (deleted)"))
		*mark = 0;
	return file_as(fd, path);
}

int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		die("open %s", path);
	return fd;
}

int create(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	struct file f;

	if (fd < 0)
		die("create %s", path);
	f = file_at(path);
	said_created(&f);
	return fd;
}

void put_text(int fd, const char *text)
{
	size_t n = strlen(text);

	if (write(fd, text, n) != (ssize_t)n)
		die("write");
}

void close_file(int fd)
{
	if (close(fd))
		die("close");
}

void write_done(int fd, const char *text)
{
	struct file f;

	put_text(fd, text);
	f = file_of(fd);
	said_written(&f, strlen(text), 1);
	close_file(fd);
}

void given(const char *path, const char *text)
{
	int fd = create(path);

	if (*text)
		write_done(fd, text);
	else
		close_file(fd);
}

void given_dir(const char *path)
{
	struct file f;

	if (mkdir(path, 0755))
		die("make directory %s", path);
	f = file_at(path);
	said_created(&f);
}

long called(const char *what, long result)
{
	if (result < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
		skip("no %s: %s", what, strerror(errno));
	if (result < 0)
		die("%s", what);
	return result;
}

/* The clean-up is by the act's process: it may be seen. Where it is may be too deep to be named. */
void empty_said(const char *name)
{
	char cwd[PATH_MAX];

	may(FILE_DELETE, getpid());
	str("file.name", name);
	if (getcwd(cwd, sizeof(cwd)) && *cwd == '/')
		str("file.path", format("%s/%s", cwd, name));
	said();
}
