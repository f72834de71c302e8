/*
 * answer.c: an HTTP/1.1 answer in a buffer: is it complete, and where is its body.
 */
#define _GNU_SOURCE
#include "answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The value of a header line in [head, end), or NULL; name is in lower case. */
static const char *
header(const char *head, const char *end, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = head; line < end; line++)
	{
		line = memchr(line, '\n', (size_t) (end - line));
		if (!line)
			return NULL;
		if ((line[1] | ' ') == name[0] && strncasecmp(line + 1, name, len) == 0 && line[1 + len] == ':')
			return line + 2 + len + strspn(line + 2 + len, " ");
	}
	return NULL;
}

/* Joins the chunks in place. 1: complete, 0: more to come, -1: malformed. */
static int
join_chunks(char *in, size_t n, size_t at, BenchAnswer *a)
{
	char *out = in + at;
	size_t done = 0;
	size_t pos = at;

	for (;;)
	{
		char *eol = memmem(in + pos, n - pos, "\r\n", 2);
		size_t size;

		if (!eol)
			return 0;
		size = strtoul(in + pos, NULL, 16);
		pos = (size_t) (eol - in) + 2;
		if (pos + size + 2 > n)
			return 0;
		pos += size + 2;
		if (size == 0)
			break;
		done += size;
	}
	if (pos != n)
		return -1;
	/* Only a complete body is joined, so a chunk is moved once. */
	for (pos = at, a->len = 0; a->len < done;)
	{
		char *eol = memmem(in + pos, n - pos, "\r\n", 2);
		size_t size = strtoul(in + pos, NULL, 16);

		memmove(out + a->len, eol + 2, size);
		a->len += size;
		pos = (size_t) (eol - in) + 2 + size + 2;
	}
	a->body = out;
	a->framed = true;
	return 1;
}

int
bench_answer_parse(char *in, size_t n, BenchAnswer *a)
{
	char *end = memmem(in, n, "\r\n\r\n", 4);
	const char *length;
	const char *coding;
	size_t head;

	if (!end)
		return 0;
	if (n < 12 || strncmp(in, "HTTP/1.1 ", 9) != 0)
		return -1;
	*a = (BenchAnswer){0};
	head = (size_t) (end - in) + 4;
	a->status = atoi(in + 9);
	length = header(in, end, "content-length");
	if (length)
	{
		a->body = in + head;
		a->len = strtoul(length, NULL, 10);
		if (n < head + a->len)
			return 0;
		a->framed = n == head + a->len;
		return 1;
	}
	coding = header(in, end, "transfer-encoding");
	return coding && strncasecmp(coding, "chunked", 7) == 0 ? join_chunks(in, n, head, a) : -1;
}
