/*
 * tap.h: results of unit tests as TAP. A test program is a list of ok() and ends with `return tap_done();`.
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static int tap_count;
static int tap_failures;

__attribute__((format(printf, 2, 3))) static inline bool
ok(bool pass, const char *name, ...)
{
	va_list args;

	tap_count++;
	tap_failures += pass ? 0 : 1;
	printf("%s %d - ", pass ? "ok" : "not ok", tap_count);
	va_start(args, name);
	vprintf(name, args);
	va_end(args);
	putchar('\n');
	return pass;
}

/* Prints the plan; the exit status of the program. */
static inline int
tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failures > 0 ? 1 : 0;
}

/* A heap copy without a byte to spare: the sanitizer sees every read beyond it. Freed by the caller. */
static inline VyStr
tight(VyStr s)
{
	char *copy = malloc(s.n > 0 ? s.n : 1);

	if (copy == NULL)
		abort();
	if (s.n > 0)
		memcpy(copy, s.p, s.n);
	return vy_str(s.n > 0 ? copy : (free(copy), NULL), s.n);
}

/* Bytes as a test's name can show them. */
static inline const char *
shown(VyStr s)
{
	static char text[4][128];
	static unsigned turn;
	char *out = text[turn++ % 4];
	size_t done = 0;

	for (size_t i = 0; i < s.n && done < sizeof(text[0]) - 8; i++)
	{
		unsigned char c = (unsigned char) s.p[i];
		bool plain = c > 0x20 && c < 0x7F && c != '#' && c != '\\';

		done += (size_t) snprintf(out + done, 5, plain ? "%c" : "\\x%02X", c);
	}
	out[done] = '\0';
	return out;
}

#endif
