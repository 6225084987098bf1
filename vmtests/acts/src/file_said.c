// SPDX-License-Identifier: Apache-2.0
/* What happens to a file has to show. */
#include "file.h"

static const char *type_name(mode_t mode)
{
	return S_ISDIR(mode) ? "dir" : S_ISLNK(mode) ? "symlink" : "file";
}

static const char *last(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static char *directory(const char *path)
{
	char *copy = format("%s", path), *slash = strrchr(copy, '/');

	if (slash)
		slash[slash == copy] = 0;
	return copy;
}

static void put_mark(const char *field, bool set)
{
	if (set)
		yes(field);
	else
		no(field);
}

static void put_extension(const char *field, const char *name, mode_t mode)
{
	const char *dot = strrchr(name, '.');

	if (dot && dot != name && !S_ISDIR(mode))
		str(field, dot + 1);
	else
		no(field);
}

static void put_path(const struct file *f)
{
	if (f->cut || f->detached) {
		ends_with("file.path", f->path);
	} else {
		str("file.path", f->path);
		str("file.directory", directory(f->path));
	}
	str("file.name", last(f->path));
	put_extension("file.extension", last(f->path), f->st.st_mode);
	put_mark("sensor.file.cut", f->cut);
	put_mark("sensor.file.detached", f->detached);
	str("file.type", type_name(f->st.st_mode));
	str("file.inode", format("%llu", (unsigned long long)f->st.st_ino));
}

static void put_stat(const struct file *f)
{
	str("file.mode", format("%04o", f->st.st_mode & 07777));
	id("file.uid", f->st.st_uid);
	id("file.gid", f->st.st_gid);
}

static void put_file(const struct file *f)
{
	strs("event.category", (char *[]){ "file", NULL });
	put_path(f);
	put_mark("sensor.file.deleted", f->deleted);
	put_stat(f);
}

static void put_no_writes(void)
{
	no("file.Ext.write");
	no("sensor.file.summary");
}

static void put_writes(long long bytes, long long count)
{
	yes("sensor.file.summary");
	if (bytes == UNSEEN)
		no("file.Ext.write.bytes");
	else
		num("file.Ext.write.bytes", bytes);
	if (count != UNSEEN)
		num("file.Ext.write.count", count);
}

void said_created(const struct file *f)
{
	expect(FILE_CREATE, f->pid);
	put_file(f);
	put_no_writes();
	said();
}

void said_first(const struct file *f)
{
	expect(FILE_WRITE, f->pid);
	put_file(f);
	put_no_writes();
	said();
}

void said_summary(const struct file *f, long long bytes, long long count)
{
	expect(FILE_WRITE, f->pid);
	put_file(f);
	put_writes(bytes, count);
	num("file.size", f->st.st_size);
	said();
}

void said_late_summary(const struct file *f, long long bytes, long long count)
{
	expect(FILE_WRITE, f->pid);
	str("file.path", f->path);
	str("file.inode", format("%llu", (unsigned long long)f->st.st_ino));
	put_writes(bytes, count);
	said();
}

void may_late_summary(const struct file *f, long long bytes, long long count)
{
	may(FILE_WRITE, f->pid);
	str("file.path", f->path);
	put_writes(bytes, count);
	said();
}

void said_written(const struct file *f, long long bytes, long long count)
{
	said_first(f);
	said_summary(f, bytes, count);
}

void said_renamed(const struct file *f, const char *from, int what)
{
	expect(FILE_RENAME, f->pid);
	put_file(f);
	put_no_writes();
	str("file.Ext.original.path", from);
	str("file.Ext.original.name", last(from));
	put_extension("file.Ext.original.extension", last(from), f->st.st_mode);
	put_mark("sensor.file.replaced", what & REPLACED);
	put_mark("sensor.file.exchanged", what & EXCHANGED);
	said();
}

void said_deleted(const struct file *f)
{
	expect(FILE_DELETE, f->pid);
	strs("event.category", (char *[]){ "file", NULL });
	put_path(f);
	put_stat(f);
	put_no_writes();
	if (S_ISREG(f->st.st_mode)) /* of others it says nothing, and changes with the file system */
		num("file.size", f->st.st_size);
	said();
}

void said_attributes(const struct file *f)
{
	expect(FILE_ATTRIBUTES, f->pid);
	put_file(f);
	put_no_writes();
	said();
}

void may_attributes(const struct file *f)
{
	may(FILE_ATTRIBUTES, f->pid);
	str("file.path", f->path);
	said();
}

static const char *const actions[] = { FILE_CREATE, FILE_WRITE, FILE_RENAME, FILE_DELETE, FILE_ATTRIBUTES };

void never_file(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		die("see a file");
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		never(actions[i], getpid());
		str("file.inode", format("%llu", (unsigned long long)st.st_ino));
		said();
	}
}

void never_path(const char *path)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		never(actions[i], getpid());
		str("file.path", path);
		said();
	}
}
