/*
 * base.h: what every file of base/ shares.
 * Plain C11: no PostgreSQL header, no malloc, the caller's buffers, explicit lengths. The extension, the shim, the unit tests and the
 * fuzzers all compile these files.
 */
#ifndef VY_BASE_H
#define VY_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VY_MUST_CHECK __attribute__((warn_unused_result))

/* Bytes somewhere else; never NUL-terminated, never owned. p == NULL means "absent". */
typedef struct VyStr
{
	const char *p;
	size_t n;
} VyStr;

#define VY_STR(literal) ((VyStr){(literal), sizeof(literal) - 1})
/* The same as an initializer of a static object. */
#define VY_STR_INIT(literal)           \
	{                                  \
		(literal), sizeof(literal) - 1 \
	}

static inline VyStr
vy_str(const char *p, size_t n)
{
	return (VyStr){p, n};
}

static inline VyStr
vy_cstr(const char *text)
{
	return (VyStr){text, text ? strlen(text) : 0};
}

static inline bool
vy_str_eq(VyStr a, VyStr b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool
vy_str_is(VyStr a, const char *text)
{
	return vy_str_eq(a, vy_cstr(text));
}

static inline bool
vy_str_starts(VyStr a, const char *prefix)
{
	size_t n = strlen(prefix);

	return a.n >= n && memcmp(a.p, prefix, n) == 0;
}

static inline char
vy_ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c + 32) : c;
}

/* FNV-1a. */
static inline uint32_t
vy_hash(VyStr text)
{
	uint32_t hash = UINT32_C(2166136261);

	for (size_t i = 0; i < text.n; i++)
		hash = (hash ^ (uint8_t) text.p[i]) * UINT32_C(16777619);
	return hash;
}

/* ASCII case is ignored: for header names and schemes. */
static inline bool
vy_str_same(VyStr a, VyStr b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (vy_ascii_lower(a.p[i]) != vy_ascii_lower(b.p[i]))
			return false;
	return true;
}

#endif
