/*
 * url.c: targets are cut without loss, a routed path has no dot segment once it is decoded, and decoding agrees with a naive reading.
 */
#include "base/url.h"

#include "fuzz.h"

/* -1: no escape stands here. */
static int
naive_escape(VyStr in, size_t at)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *high;
	const char *low;

	if (in.n - at < 3 || in.p[at + 1] == '\0' || in.p[at + 2] == '\0')
		return -1;
	high = strchr(digits, in.p[at + 1]);
	low = strchr(digits, in.p[at + 2]);
	return high && low ? (int) ((high - digits) % 16 * 16 + (low - digits) % 16) : -1;
}

/* Percent-decodes into out, as long as in; -1: bad escape or NUL. */
static int
naive_decode(char *out, VyStr in, bool plus)
{
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++)
	{
		int c = in.p[i] == '%' ? naive_escape(in, i) : in.p[i] == '+' && plus ? ' ' : (unsigned char) in.p[i];

		if (c <= 0)
			return -1;
		i += in.p[i] == '%' ? 2 : 0;
		out[n++] = (char) c;
	}
	return (int) n;
}

static bool
naive_path_ok(VyStr path)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@%/";
	char *decoded = block(path.n);
	int n = naive_decode(decoded, path, false);
	VyStr left = vy_str(decoded, n > 0 ? (size_t) n : 0);
	bool ok = n > 0 && path.p[0] == '/' && naive_utf8(decoded, (size_t) n);

	for (size_t i = 0; ok && i < path.n; i++)
	{
		int escaped = path.p[i] == '%' ? naive_escape(path, i) : 'x';

		ok = strchr(allowed, path.p[i]) != NULL && escaped != '/' && escaped != '\\';
	}
	while (ok && left.n > 0)
	{
		VyStr segment;

		left = vy_str(left.p + 1, left.n - 1);
		segment =
			vy_str(left.p, left.n > 0 && memchr(left.p, '/', left.n) ? (size_t) ((char *) memchr(left.p, '/', left.n) - left.p) : left.n);
		left = vy_str(left.p + segment.n, left.n - segment.n);
		ok = !vy_str_is(segment, ".") && !vy_str_is(segment, "..") && (segment.n > 0 || left.n == 0);
	}
	free(decoded);
	return ok;
}

static void
decoding(VyStr in, bool plus)
{
	char *out = block(in.n);
	char *naive = block(in.n);
	size_t len = 0;
	int n = naive_decode(naive, in, plus);
	bool ok = vy_url_decode(out, in.n, &len, in, plus) == 0;

	REQUIRE(ok == (n >= 0 && naive_utf8(naive, (size_t) n)));
	if (ok)
	{
		REQUIRE(len == (size_t) n && len <= in.n && (len == 0 || (memcmp(out, naive, len) == 0 && !memchr(out, '\0', len))));
		REQUIRE(len == 0 || vy_url_decode(out, len - 1, &len, in, plus) == -1);
	}
	free(naive);
	free(out);
}

/* Every byte escaped: what decodes is the input itself. */
static void
escaped_comes_back(VyStr in)
{
	char *escaped = block(in.n * 3);
	char *out = block(in.n);
	size_t len;

	for (size_t i = 0; i < in.n; i++)
	{
		char text[4];

		snprintf(text, sizeof(text), in.n % 2 ? "%%%02X" : "%%%02x", (unsigned char) in.p[i]);
		memcpy(escaped + 3 * i, text, 3);
	}
	if (vy_url_decode(out, in.n, &len, vy_str(escaped, in.n * 3), true) == 0)
		REQUIRE(len == in.n && (len == 0 || memcmp(out, in.p, len) == 0));
	else
		REQUIRE(memchr(in.p, '\0', in.n) || !naive_utf8(in.p, in.n));
	free(out);
	free(escaped);
}

static void
pairs(VyStr query)
{
	VyStr rest = query;
	VyStr left = query;
	VyStr name;
	VyStr value;

	while (left.n > 0)
	{
		VyStr part = cut_at(&left, '&');
		VyStr wanted;

		if (part.n == 0)
			continue;
		wanted = cut_at(&part, '=');
		REQUIRE(vy_url_next_pair(&rest, &name, &value) && vy_str_eq(name, wanted));
		REQUIRE(vy_str_eq(value, part) && (value.p == NULL) == (part.p == NULL));
		decoding(name, true);
		decoding(value, true);
	}
	REQUIRE(!vy_url_next_pair(&rest, &name, &value) && rest.n == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	VyStr target = exact(data, size);
	VyStr path;
	VyStr query;
	VyStr alone;

	vy_url_split(target, &path, &query);
	REQUIRE(query.p ? path.n + 1 + query.n == size && path.p[path.n] == '?' : path.n == size);
	REQUIRE(path.n == 0 || memchr(path.p, '?', path.n) == NULL);
	alone = exact(path.p, path.n);
	REQUIRE(vy_url_path_ok(alone) == naive_path_ok(alone));
	drop(alone);
	decoding(target, false);
	decoding(target, true);
	escaped_comes_back(target);
	pairs(query);
	pairs(target);
	drop(target);
	return 0;
}
