/*
 * fuzz.h: what the fuzz targets share: properties, exact copies, an input cut into pieces, and an independent opinion on UTF-8.
 * A target is one file with LLVMFuzzerTestOneInput(); a property that does not hold aborts, which libFuzzer reports as a finding.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

/* The server's headers, in front of this one, put their own in its place. */
#undef fprintf

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define REQUIRE(condition)                                                                   \
	do                                                                                       \
	{                                                                                        \
		if (!(condition))                                                                    \
		{                                                                                    \
			fprintf(stderr, "%s:%d: property broken: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                         \
		}                                                                                    \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A block without a byte to spare: the sanitizer sees every access beyond it. */
static inline void *
block(size_t n)
{
	void *p = malloc(n);

	if (p == NULL)
		abort();
	return p;
}

/* A copy in such a block; of nothing it is an absent string. Freed by drop(). */
static inline VyStr
exact(const void *p, size_t n)
{
	char *copy;

	if (n == 0)
		return vy_str(NULL, 0);
	copy = block(n);
	memcpy(copy, p, n);
	return vy_str(copy, n);
}

static inline void
drop(VyStr s)
{
	free((char *) s.p);
}

/* Cuts what stands before the mark off the front of *left, or all of it. */
static inline VyStr
cut_at(VyStr *left, char mark)
{
	const char *found = left->n > 0 ? memchr(left->p, mark, left->n) : NULL;
	VyStr part = vy_str(left->p, found ? (size_t) (found - left->p) : left->n);

	*left = found ? vy_str(found + 1, left->n - part.n - 1) : vy_str(NULL, 0);
	return part;
}

/* Structured values made of the input's bytes; zeros when they are used up. */
typedef struct Feed
{
	const uint8_t *at;
	size_t left;
} Feed;

static inline uint8_t
feed_byte(Feed *feed)
{
	if (feed->left == 0)
		return 0;
	feed->left--;
	return *feed->at++;
}

static inline VyStr
feed_str(Feed *feed, size_t most)
{
	size_t n = feed_byte(feed);
	VyStr copy;

	n = n > most ? most : n;
	n = n > feed->left ? feed->left : n;
	copy = exact(feed->at, n);
	feed->at += n;
	feed->left -= n;
	return copy;
}

/* UTF-8 by decoding: the shortest form of a scalar value. */
static inline bool
naive_utf8(const char *p, size_t n)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	const uint8_t *s = (const uint8_t *) p;

	for (size_t i = 0; i < n;)
	{
		unsigned more = s[i] < 0x80 ? 0 : s[i] >> 5 == 6 ? 1 : s[i] >> 4 == 14 ? 2 : s[i] >> 3 == 30 ? 3 : 4;
		uint32_t code;

		if (more == 4 || n - i <= more)
			return false;
		code = more == 0 ? s[i] : s[i] & (0x3Fu >> more);
		for (unsigned k = 1; k <= more; k++)
		{
			if (s[i + k] >> 6 != 2)
				return false;
			code = code << 6 | (s[i + k] & 0x3Fu);
		}
		if (code < least[more] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
			return false;
		i += more + 1;
	}
	return true;
}

#endif
