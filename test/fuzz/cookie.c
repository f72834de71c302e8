/*
 * cookie.c: pairs lie in the header, in order, without what parts them; a cookie that is set is read back, and adds nothing to the answer.
 */
#include "auth/cookie_field.h"

#include "fuzz.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void
inside(VyStr whole, VyStr part)
{
	REQUIRE(part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
	REQUIRE(part.n == 0 || (!is_blank(part.p[0]) && !is_blank(part.p[part.n - 1]) && memchr(part.p, ';', part.n) == NULL));
}

static void
read_all(VyStr header)
{
	VyStr rest = header;
	VyStr name;
	VyStr value;
	size_t left = header.n + 1;

	while (vy_cookie_next(&rest, &name, &value))
	{
		inside(header, name);
		inside(header, value);
		REQUIRE(name.n == 0 || memchr(name.p, '=', name.n) == NULL);
		REQUIRE(rest.n < left);
		left = rest.n;
	}
	REQUIRE(rest.n == 0);
}

static void
set_one(VyStr name, VyStr value, int64_t age)
{
	char *out = block(VY_COOKIE_MAX);
	size_t n = vy_cookie_set(out, name, value, age);
	VyStr rest = vy_str(out, n);
	VyStr read_name;
	VyStr read_value;

	if (n > 0)
	{
		REQUIRE(n < VY_COOKIE_MAX && strlen(out) == n && age >= 0);
		for (size_t i = 0; i < n; i++)
			REQUIRE(out[i] >= ' ' && out[i] < 0x7f && out[i] != ',');
		REQUIRE(vy_cookie_next(&rest, &read_name, &read_value) && vy_str_eq(read_name, name) && vy_str_eq(read_value, value));
		REQUIRE(strstr(out + name.n + value.n, "; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=") == out + name.n + value.n + 1);
	}
	else
		REQUIRE(name.n == 0 || age < 0 || name.n + value.n > 4000 || !vy_cookie_value_ok(value) || memchr(name.p, '=', name.n) != NULL ||
				strspn(name.p, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") < name.n);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	VyStr header = exact(data, size);
	Feed feed = {data, size};
	int64_t age = (int64_t) feed_byte(&feed) * 1000 - 10000;
	VyStr name = feed_str(&feed, 64);
	char *terminated = block(name.n + 1);

	read_all(header);
	if (name.n > 0)
		memcpy(terminated, name.p, name.n);
	terminated[name.n] = '\0';
	set_one(vy_str(terminated, name.n), vy_str((const char *) feed.at, feed.left), age);
	free(terminated);
	drop(name);
	drop(header);
	return 0;
}
