/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acts: each does one thing and says, in JSON lines on stdout, what a sensor
 * has to report of it. ../doc.go describes the lines.
 */
#ifndef ACT_H
#define ACT_H

#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64 /* 32-bit programs see the same inode numbers */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

struct act {
	const char *name;
	void (*run)(void);
	const char *shows;
	/* Besides root; words separated by spaces. "trampolines": a host with tracepoints alone may be blind to it. */
	const char *needs;
};

/* One table for each file, ended by an act without a name. */
extern const struct act exec_acts[], script_acts[], args_acts[], odd_acts[], path_acts[], cred_acts[];
extern const struct act namespace_acts[], fork_acts[], exit_acts[], leader_acts[], storm_acts[];
extern const struct act helper_acts[], compat_acts[], failed_acts[], thread_acts[], older_acts[];
extern const struct act net_connect_acts[], net_failed_acts[], net_open_acts[], net_udp_acts[], net_raw_acts[];
extern const struct act net_accept_acts[], net_close_acts[], net_not_acts[], net_passed_acts[], net_uring_acts[];
extern const struct act net_uring_more_acts[], net_compat_acts[], net_older_acts[];
extern const struct act net_bind_acts[], net_unix_acts[], net_vsock_acts[];
extern const struct act file_create_acts[], file_write_acts[], file_shared_acts[], file_rename_acts[], file_delete_acts[];
extern const struct act file_path_acts[], file_attributes_acts[], file_uring_acts[], file_compat_acts[], file_not_acts[];

/*
 * say.c: one line is begun, gets its fields, and is written by said(), whole.
 * A field's name is its dotted path in the document.
 */
void expect(const char *action, pid_t pid); /* one document, in order with others of this action and pid */
void expect_count(const char *action, pid_t pid, int count);
void expect_failed(pid_t pid); /* of kind exec_failed */
void may(const char *action, pid_t pid); /* a document that a sensor may leave out */
void also(const char *action, pid_t pid); /* some document of that action and pid has these fields too */
void never(const char *action, pid_t pid);
void str(const char *field, const char *value);
void str_len(const char *field, const char *value, size_t len);
void num(const char *field, long long value);
void id(const char *field, unsigned value); /* a number as a string */
void yes(const char *field);
void no(const char *field); /* the field is absent, or false */
void leader(const char *field, pid_t pid); /* 0, of what descends from the kernel alone: absent */
void strs(const char *field, char *const list[]);
void ids(const char *field, const gid_t *list, int n); /* objects with an id */
void raw(const char *field, const char *value, size_t len); /* exact bytes under sensor.raw */
void raw_strs(const char *field, char *const list[]);
void begins(const char *field, char *const list[], size_t bytes); /* list is cut, with at least that much left */
void between(const char *field, long long from, long long to); /* a time, ns since 1970 */
void ends_with(const char *field, const char *value);
void same(const char *field, const char *mark); /* the same value wherever the field has this mark */
void at_least(const char *field, long long value);
void said(void);
void distinct_entity(pid_t pid); /* several processes had this pid, each with its own entity_id */
void adopt(pid_t pid);           /* part of the act, though no descendant */
void files(const char *below);     /* no document of a file below that was not said */
void ready(void);                /* an older act waits for the end of stdin */
void skip(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2))); /* adds errno's text */

/* tool.c */
extern const char *dir;  /* the act's own directory, removed afterwards */
extern char **self_argv; /* of the act itself */

char *format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *in_dir(const char *name);
char *resolved(const char *path);
char *copy_self(const char *path, mode_t mode); /* a relative path is below dir; returns it in full */
void write_file(const char *path, const char *text, mode_t mode);
bool write_setting(const char *path, const char *text); /* of an existing file; false with errno */
char *read_setting(const char *path);                   /* without the last newline; NULL with errno */
int count_strs(char *const list[]);
/* The environment that makes a copy of this program play a role (see role.c). */
char **role(const char *format, ...) __attribute__((format(printf, 1, 2)));
void on_exit_undo(void (*undo)(void)); /* also on skip(), die() and SIGTERM; the act's own process only */

/* fork() in a way that says so; the child runs fn and exits with what it returns. */
pid_t child(int (*fn)(void *), void *arg);
void said_fork(pid_t pid); /* says what a fork by this process has to show */
/* Waits, says what the end has to show, and returns the wait status. */
int reap(pid_t pid);
/* Says what the end has to show of a process that another one waits for. */
void said_end(pid_t pid, int status);
/* Begins an exec's expectation with what each has; the caller adds to it and ends it. */
void expect_exec(pid_t pid, const char *executable, char *const argv[]);
/* fork, execve(path, argv, env), wait; says all three. executable may be NULL: the same as path. */
pid_t run(const char *path, const char *executable, char *const argv[], char **env);
/* A gate holds a child back until open; both ends survive fork, neither exec. */
struct gate {
	int fd[2];
};
void gate_make(struct gate *g);
void gate_open(struct gate *g);
void gate_wait(struct gate *g);
/* A descriptor for another process, over a socket of AF_UNIX. */
void post_fd(int mailbox, int fd);
int fetch_fd(int mailbox);
/* Own mount namespace with a fresh tmpfs on dir, without nosuid. */
void private_tmpfs(void);

/* compat.c */
char *copy_32(const char *name); /* of the 32-bit program that was built beside this one */
void need_32(const char *path);	 /* skips where the kernel does not run it */
void need_int80(void);		 /* skips where a 64-bit program cannot call so */

/* older.c */
void wait_for_sensor(void);		   /* says that it may start */
pid_t unseen(int (*fn)(void *), void *arg); /* fork without a word: nobody was there to see it */

/* role.c: what a copy of this program does when it is run by an act. */
int play(const char *part, int argc, char **argv);
int play_net(const char *what);		  /* net_compat.c */
int play_file(const char *what);	  /* file_compat.c */
void tell(const char *action, pid_t pid); /* says what the kernel says about this process */

#endif
