/* SPDX-License-Identifier: Apache-2.0 */
/* Files: what the acts of them share. */
#ifndef FILE_H
#define FILE_H

#include "act.h"

#define FILE_CREATE "creation"
#define FILE_WRITE "modification"
#define FILE_RENAME "rename"
#define FILE_DELETE "deletion"
#define FILE_ATTRIBUTES "attributes_modified"

/* As stat(2) says and as the process sees it at that moment. */
struct file {
	pid_t pid; /* who does it */
	char *path;
	struct stat st;
	bool deleted, detached, cut; /* of a path that is detached or cut the end is said */
};

/* file.c; each of this process */
struct file file_at(const char *path);		   /* not followed; its directory is resolved */
struct file file_of(int fd);			   /* by the name that proc has for it */
struct file file_as(int fd, const char *path);	   /* where there is no proc, or it knows no name */
int open_file(const char *path, int flags);	   /* of one that is there; without a word, close on exec */
int create(const char *path);			   /* for reading and writing; says it */
void given(const char *path, const char *text);	   /* an existing file: says all that makes it */
void given_dir(const char *path);		   /* likewise */
void put_text(int fd, const char *text);	   /* by write, whole */
void write_done(int fd, const char *text);	   /* put_text, says both documents of it, and closes */
void close_file(int fd);
long called(const char *what, long result); /* skips where the kernel has no such call, dies of other errors */
void empty_said(const char *name);	    /* of what is in the working directory and about to be removed */

/* file_said.c: each says one document. */
enum { UNSEEN = -1 };
void said_created(const struct file *f);
void said_first(const struct file *f);
void said_summary(const struct file *f, long long bytes, long long count); /* before the last close; UNSEEN: bytes absent, count not said */
/* Where not the file's release by the writer tells it, but its end: stat's fields are then not said. */
void said_late_summary(const struct file *f, long long bytes, long long count);
void may_late_summary(const struct file *f, long long bytes, long long count);
void said_written(const struct file *f, long long bytes, long long count); /* the first and the summary */
enum { REPLACED = 1, EXCHANGED = 2 };
void said_renamed(const struct file *f, const char *from, int what); /* f as it is after that */
void said_deleted(const struct file *f);			     /* as it was before */
void said_attributes(const struct file *f);
void may_attributes(const struct file *f);
void never_file(int fd);	     /* no document of what is open there */
void never_path(const char *path); /* no document with that path */

#endif
