/*
 * url.c: request targets. Nothing is normalised: a path that would need it ("/a/../b", "/a//b") is refused.
 */
#include "base/url.h"

#include "base/utf8.h"

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = vy_ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of the escape "%XX" at p, or -1. */
static int
escape_value(const char *p, size_t n)
{
	int high;
	int low;

	if (n < 3)
		return -1;
	high = hex_value(p[1]);
	low = hex_value(p[2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* RFC 3986 pchar, but '%'. */
static bool
is_path_byte(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c != '\0' && strchr("-._~!$&'()*+,;=:@", c) != NULL;
}

void
vy_url_split(VyStr target, VyStr *path, VyStr *query)
{
	const char *mark = target.n > 0 ? memchr(target.p, '?', target.n) : NULL;

	*path = target;
	*query = vy_str(NULL, 0);
	if (mark == NULL)
		return;
	path->n = (size_t) (mark - target.p);
	*query = vy_str(mark + 1, target.n - path->n - 1);
}

/* A character beyond ASCII, of which have bytes are there: false when this one does not go on with it. */
static bool
add_byte(char *character, size_t *have, int c)
{
	int lead;

	if (c < 0x80)
		return *have == 0;
	character[(*have)++] = (char) c;
	lead = (unsigned char) character[0];
	if (*have < (lead >= 0xF0 ? 4U : lead >= 0xE0 ? 3U : 2U))
		return true;
	c = vy_utf8_valid(character, *have);
	*have = 0;
	return c;
}

/* Checks one segment, without its slashes; an empty one passes. */
static bool
segment_ok(VyStr segment)
{
	char character[4];
	size_t have = 0;
	size_t dots = 0;
	size_t chars = 0;

	for (size_t i = 0; i < segment.n; i++, chars++)
	{
		int c = (unsigned char) segment.p[i];

		if (c == '%')
		{
			c = escape_value(segment.p + i, segment.n - i);
			if (c <= 0 || c == '/' || c == '\\')
				return false;
			i += 2;
		}
		else if (!is_path_byte(segment.p[i]))
			return false;
		if (!add_byte(character, &have, c))
			return false;
		if (c == '.')
			dots++;
	}
	if (have > 0)
		return false;
	return chars != dots || chars == 0 || chars > 2;
}

bool
vy_url_path_ok(VyStr path)
{
	const char *at = path.p;
	const char *end;

	if (path.n == 0 || *at != '/')
		return false;
	end = path.p + path.n;
	while (at < end)
	{
		const char *slash;
		VyStr segment;

		at++;
		slash = memchr(at, '/', (size_t) (end - at));
		segment = vy_str(at, (size_t) ((slash ? slash : end) - at));
		if (!segment_ok(segment) || (segment.n == 0 && slash != NULL))
			return false;
		at += segment.n;
	}
	return true;
}

int
vy_url_decode(char *out, size_t cap, size_t *len, VyStr in, bool plus_is_space)
{
	size_t done = 0;

	for (size_t i = 0; i < in.n; i++)
	{
		int c = (unsigned char) in.p[i];

		if (c == '%')
		{
			c = escape_value(in.p + i, in.n - i);
			i += 2;
		}
		else if (c == '+' && plus_is_space)
			c = ' ';
		if (c <= 0 || done == cap)
			return -1;
		out[done++] = (char) c;
	}
	if (!vy_utf8_valid(out, done))
		return -1;
	*len = done;
	return 0;
}

bool
vy_url_file(char *out, size_t cap, size_t *len, VyStr path)
{
	static const VyStr index = VY_STR_INIT("index.html");

	if (path.n == 0 || path.n + index.n >= cap)
		return false;
	*len = path.n;
	if (!memchr(path.p, '%', path.n))
		memcpy(out, path.p, path.n);
	else if (vy_url_decode(out, cap - index.n, len, path, false) != 0)
		return false;
	if (out[*len - 1] == '/')
	{
		memcpy(out + *len, index.p, index.n);
		*len += index.n;
	}
	return true;
}

bool
vy_url_next_pair(VyStr *rest, VyStr *name, VyStr *value)
{
	while (rest->n > 0)
	{
		const char *mark = memchr(rest->p, '&', rest->n);
		VyStr part = vy_str(rest->p, mark ? (size_t) (mark - rest->p) : rest->n);
		size_t used = part.n + (mark ? 1 : 0);

		*rest = vy_str(rest->p + used, rest->n - used);
		if (part.n == 0)
			continue;
		mark = memchr(part.p, '=', part.n);
		*name = vy_str(part.p, mark ? (size_t) (mark - part.p) : part.n);
		*value = mark ? vy_str(mark + 1, part.n - name->n - 1) : vy_str(NULL, 0);
		return true;
	}
	return false;
}
