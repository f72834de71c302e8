/*
 * b64url.c: base64url of b64url.h. One text per byte string: what decodes is exactly what encode would have written.
 */
#include "base/b64url.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The six bits of a digit, or 64 and above: not a digit. */
static unsigned
digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned) (c - 'A');
	if (c >= 'a' && c <= 'z')
		return (unsigned) (c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (unsigned) (c - '0') + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : 64;
}

int
vy_b64url_decode(uint8_t *out, size_t cap, size_t *len, const char *in, size_t n)
{
	size_t need = n / 4 * 3 + (n % 4 > 0 ? n % 4 - 1 : 0);
	uint32_t bits = 0;
	int nbits = 0;
	size_t done = 0;

	if (n % 4 == 1 || need > cap)
		return -1;
	for (size_t i = 0; i < n; i++)
	{
		unsigned value = digit_value(in[i]);

		if (value > 63)
			return -1;
		bits = bits << 6 | value;
		nbits += 6;
		if (nbits >= 8)
		{
			nbits -= 8;
			out[done++] = (uint8_t) (bits >> nbits);
		}
	}
	if ((bits & ((1u << nbits) - 1)) != 0)
		return -1;
	*len = done;
	return 0;
}

int
vy_b64url_encode(char *out, size_t cap, size_t *len, const uint8_t *in, size_t n)
{
	size_t need = n / 3 * 4 + (n % 3 > 0 ? n % 3 + 1 : 0);
	uint32_t bits = 0;
	int nbits = 0;
	size_t done = 0;

	if (need > cap)
		return -1;
	for (size_t i = 0; i < n; i++)
	{
		bits = bits << 8 | in[i];
		nbits += 8;
		while (nbits >= 6)
		{
			nbits -= 6;
			out[done++] = digits[bits >> nbits & 63];
		}
	}
	if (nbits > 0)
		out[done++] = digits[bits << (6 - nbits) & 63];
	*len = done;
	return 0;
}
