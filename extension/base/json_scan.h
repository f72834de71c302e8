/*
 * json_scan.h: what the check and the readers of json.h share; of no use to others.
 */
#ifndef VY_JSON_SCAN_H
#define VY_JSON_SCAN_H

#include "base/base.h"

static inline const char *
skip_space(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
		at++;
	return at;
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The four hex digits at p as a number, or -1. */
static inline int
hex4(const char *p, const char *end)
{
	int value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		char c = vy_ascii_lower(p[i]);

		if (is_digit(c))
			value = value << 4 | (c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (c - 'a' + 10);
		else
			return -1;
	}
	return value;
}

#endif
