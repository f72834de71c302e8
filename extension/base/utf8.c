/*
 * utf8.c: one pass, eight ASCII bytes at a time where there are that many.
 */
#include "base/utf8.h"

/* Bytes of the character that starts with this lead byte; 0: no character starts with it. */
static size_t
sequence_length(uint8_t lead)
{
	if (lead >= 0xC2 && lead <= 0xDF)
		return 2;
	if (lead >= 0xE0 && lead <= 0xEF)
		return 3;
	return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

/* The second byte decides about overlong forms, surrogates and U+110000 and up. */
static bool
second_byte_ok(uint8_t lead, uint8_t second)
{
	uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
	uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;

	return second >= low && second <= high;
}

bool
vy_utf8_valid(const char *p, size_t n)
{
	const uint8_t *s = (const uint8_t *) p;
	size_t i = 0;

	while (i < n)
	{
		uint64_t eight;
		size_t length;

		if (n - i >= sizeof(eight))
		{
			memcpy(&eight, s + i, sizeof(eight));
			if ((eight & UINT64_C(0x8080808080808080)) == 0)
			{
				i += sizeof(eight);
				continue;
			}
		}
		if (s[i] < 0x80)
		{
			i++;
			continue;
		}
		length = sequence_length(s[i]);
		if (length == 0 || n - i < length || !second_byte_ok(s[i], s[i + 1]))
			return false;
		for (size_t k = 2; k < length; k++)
			if ((s[i + k] & 0xC0) != 0x80)
				return false;
		i += length;
	}
	return true;
}
