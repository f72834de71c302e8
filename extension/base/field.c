/*
 * field.c: names, values, lengths and ids in a request's head.
 */
#include "base/field.h"

#include <stdio.h>
#include <time.h>

static const char hex[] = "0123456789abcdef";

#include "base/utf8.h"

/* token of RFC 9110 */
static const bool token_bytes[256] = {
	['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true,         ['&'] = true,         ['\''] = true,
	['*'] = true, ['+'] = true, ['-'] = true, ['.'] = true,         ['^'] = true,         ['_'] = true,
	['`'] = true, ['|'] = true, ['~'] = true, ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
};

bool
vy_field_name_ok(VyStr name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!token_bytes[(unsigned char) name.p[i]])
			return false;
	return name.n > 0;
}

/* Are these eight bytes all of printing ASCII? A byte below a space borrows into its high bit, and 0x7f carries into it. */
static bool
all_print(const char *p)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t w;

	memcpy(&w, p, sizeof w);
	return ((w | (w - ones * ' ') | (w + ones)) & ones << 7) == 0;
}

/* Tokens and cookies are long and plain: they are looked at eight bytes at a time. */
bool
vy_field_value_ok(VyStr value)
{
	unsigned char seen = 0;
	size_t i = 0;

	while (i < value.n)
	{
		unsigned char c;

		if (value.n - i >= 8 && all_print(value.p + i))
		{
			i += 8;
			continue;
		}
		c = (unsigned char) value.p[i++];
		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
		seen |= c;
	}
	return seen < 0x80 || vy_utf8_valid(value.p, value.n);
}

bool
vy_field_length(VyStr value, size_t *out)
{
	size_t n = 0;

	if (value.n == 0 || value.n > 15)
		return false;
	for (size_t i = 0; i < value.n; i++)
	{
		if (value.p[i] < '0' || value.p[i] > '9')
			return false;
		n = n * 10 + (size_t) (value.p[i] - '0');
	}
	*out = n;
	return true;
}

bool
vy_field_target_ok(VyStr target)
{
	for (size_t i = 0; i < target.n; i++)
		if (target.p[i] <= ' ' || target.p[i] >= 0x7f || (target.n - i >= 3 && memcmp(target.p + i, "%00", 3) == 0))
			return false;
	return true;
}

bool
vy_field_id_ok(VyStr id)
{
	for (size_t i = 0; i < id.n; i++)
	{
		char c = vy_ascii_lower(id.p[i]);

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-'))
			return false;
	}
	return id.n >= 1 && id.n <= 64;
}

size_t
vy_field_quote(char *out, size_t cap, VyStr text)
{
	size_t at = 0;

	out[at++] = '"';
	for (size_t i = 0; i < text.n && at + 8 < cap; i++)
	{
		unsigned char c = (unsigned char) text.p[i];

		if (c == '"' || c == '\\')
			out[at++] = '\\';
		if (c >= ' ' && c < 0x7f)
		{
			out[at++] = (char) c;
			continue;
		}
		memcpy(out + at, "\\u00", 4);
		out[at + 4] = hex[c >> 4];
		out[at + 5] = hex[c & 15];
		at += 6;
	}
	out[at++] = '"';
	out[at] = '\0';
	return at;
}

void
vy_field_hex(char *out, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		out[2 * i] = hex[bytes[i] >> 4];
		out[2 * i + 1] = hex[bytes[i] & 15];
	}
	out[2 * n] = '\0';
}

void
vy_field_time(char out[static VY_FIELD_TIME], int64_t wall_us)
{
	time_t seconds = (time_t) (wall_us / 1000000);
	struct tm parts = {0};
	size_t n;

	gmtime_r(&seconds, &parts);
	n = strftime(out, VY_FIELD_TIME, "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(out + n, VY_FIELD_TIME - n, ".%03dZ", (int) (wall_us / 1000 % 1000));
}
