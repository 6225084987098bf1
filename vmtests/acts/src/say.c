// SPDX-License-Identifier: Apache-2.0
/* The lines that an act says, built in one buffer and written at once. */
#include "act.h"

#include <stdarg.h>
#include <time.h>

static char *line;
static size_t length, size;
static bool filled; /* the innermost object has a member */
static bool in_fields;

static void put(const char *bytes, size_t n)
{
	if (length + n > size) {
		size = 2 * (length + n);
		line = realloc(line, size);
		if (!line)
			abort();
	}
	memcpy(line + length, bytes, n);
	length += n;
}

static void puts_raw(const char *s)
{
	put(s, strlen(s));
}

static void putf(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void putf(const char *format, ...)
{
	char buf[256];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(buf, sizeof(buf), format, ap);
	va_end(ap);
	put(buf, n);
}

/* Bytes of the valid UTF-8 sequence at s, or 0: neither overlong, surrogate nor above U+10FFFF. */
static size_t sequence(const unsigned char *s, size_t n)
{
	size_t len = *s < 0x80 ? 1 : *s < 0xc2 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : *s < 0xf5 ? 4 : 0;
	size_t i;

	if (len == 0 || len > n)
		return 0;
	for (i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) ||
	    (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

/* Each byte that is not UTF-8 becomes U+FFFD, as in Go. */
static void put_string(const char *value, size_t n)
{
	const unsigned char *s = (const unsigned char *)value;
	size_t len;

	put("\"", 1);
	while (n) {
		len = sequence(s, n);
		if (!len) {
			puts_raw("\xef\xbf\xbd");
			len = 1;
		} else if (*s < 0x20 || *s == '"' || *s == '\\') {
			putf("\\u%04x", *s);
		} else {
			put((const char *)s, len);
		}
		s += len;
		n -= len;
	}
	put("\"", 1);
}

static void key(const char *name)
{
	if (filled)
		put(",", 1);
	filled = true;
	put_string(name, strlen(name));
	put(":", 1);
}

static void begin(const char *what)
{
	length = 0;
	putf("{\"%s\":{", what);
	filled = in_fields = false;
}

static void field(const char *name)
{
	if (!in_fields) {
		key("fields");
		put("{", 1);
		filled = false;
		in_fields = true;
	}
	key(name);
}

static void begin_action(const char *what, const char *action, pid_t pid)
{
	begin(what);
	key("action");
	put_string(action, strlen(action));
	key("pid");
	putf("%d", pid);
}

void expect(const char *action, pid_t pid)
{
	begin_action("expect", action, pid);
}

void expect_count(const char *action, pid_t pid, int count)
{
	begin_action("expect", action, pid);
	key("count");
	putf("%d", count);
}

void expect_failed(pid_t pid)
{
	begin_action("expect_failed", "exec", pid);
	str("event.outcome", "failure");
}

void may(const char *action, pid_t pid)
{
	begin_action("may", action, pid);
}

void also(const char *action, pid_t pid)
{
	begin_action("also", action, pid);
}

void never(const char *action, pid_t pid)
{
	begin_action("never", action, pid);
}

void str_len(const char *name, const char *value, size_t len)
{
	field(name);
	put_string(value, len);
}

void str(const char *name, const char *value)
{
	str_len(name, value, strlen(value));
}

void num(const char *name, long long value)
{
	field(name);
	putf("%lld", value);
}

void id(const char *name, unsigned value)
{
	field(name);
	putf("\"%u\"", value);
}

void yes(const char *name)
{
	field(name);
	puts_raw("true");
}

void no(const char *name)
{
	field(name);
	puts_raw("null");
}

void leader(const char *name, pid_t pid)
{
	if (pid)
		num(name, pid);
	else
		no(name);
}

static void put_list(char *const list[])
{
	put("[", 1);
	for (int i = 0; list[i]; i++) {
		if (i)
			put(",", 1);
		put_string(list[i], strlen(list[i]));
	}
	put("]", 1);
}

void strs(const char *name, char *const list[])
{
	field(name);
	put_list(list);
}

void ids(const char *name, const gid_t *list, int n)
{
	field(name);
	put("[", 1);
	for (int i = 0; i < n; i++)
		putf("%s{\"id\":\"%u\"}", i ? "," : "", list[i]);
	put("]", 1);
}

static void put_hex(const char *value, size_t len)
{
	while (len--)
		putf("%02x", (unsigned char)*value++);
}

void raw(const char *name, const char *value, size_t len)
{
	char path[128];

	snprintf(path, sizeof(path), "sensor.raw.%s", name);
	field(path);
	put("\"", 1);
	put_hex(value, len);
	put("\"", 1);
}

void raw_strs(const char *name, char *const list[])
{
	raw(name, "", 0);
	length--; /* the closing quote */
	for (int i = 0; list[i]; i++)
		put_hex(list[i], strlen(list[i]) + 1);
	put("\"", 1);
}

void begins(const char *name, char *const list[], size_t bytes)
{
	field(name);
	puts_raw("{\"$begins\":");
	put_list(list);
	putf(",\"$bytes\":%zu}", bytes);
}

void ends_with(const char *name, const char *value)
{
	field(name);
	puts_raw("{\"$ends\":");
	put_string(value, strlen(value));
	put("}", 1);
}

static void put_time(long long ns)
{
	time_t seconds = ns / 1000000000;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	putf("\"%04d-%02d-%02dT%02d:%02d:%02d.%09lldZ\"", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
	     tm.tm_min, tm.tm_sec, ns % 1000000000);
}

void between(const char *name, long long from, long long to)
{
	field(name);
	puts_raw("{\"$from\":");
	put_time(from);
	puts_raw(",\"$to\":");
	put_time(to);
	puts_raw("}");
}

void same(const char *name, const char *mark)
{
	field(name);
	puts_raw("{\"$same\":");
	put_string(mark, strlen(mark));
	put("}", 1);
}

void at_least(const char *name, long long value)
{
	field(name);
	putf("{\"$least\":%lld}", value);
}

static void write_line(void)
{
	size_t done = 0;
	ssize_t n;

	put("\n", 1);
	while (done < length) {
		n = write(STDOUT_FILENO, line + done, length - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(125);
		done += n;
	}
}

void said(void)
{
	puts_raw(in_fields ? "}}}" : "}}");
	write_line();
}

static void word(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void word(const char *what, const char *format, ...)
{
	char buf[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(buf, sizeof(buf), format, ap);
	va_end(ap);
	length = 0;
	putf("{\"%s\":", what);
	puts_raw(buf);
	put("}", 1);
	write_line();
}

void distinct_entity(pid_t pid)
{
	word("distinct_entity", "[%d]", pid);
}

void adopt(pid_t pid)
{
	word("adopt", "%d", pid);
}

void ready(void)
{
	word("ready", "true");
}

static void sentence(const char *what, const char *text)
{
	length = 0;
	putf("{\"%s\":", what);
	put_string(text, strlen(text));
	put("}", 1);
	write_line();
}

void files(const char *below)
{
	sentence("files", below);
}

void skip(const char *format, ...)
{
	char buf[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(buf, sizeof(buf), format, ap);
	va_end(ap);
	sentence("skip", buf);
	exit(0);
}

void die(const char *format, ...)
{
	char buf[512];
	int error = errno;
	va_list ap;
	size_t n;

	va_start(ap, format);
	n = vsnprintf(buf, sizeof(buf), format, ap);
	va_end(ap);
	if (n < sizeof(buf))
		snprintf(buf + n, sizeof(buf) - n, ": %s", strerror(error));
	sentence("fault", buf);
	exit(1);
}
