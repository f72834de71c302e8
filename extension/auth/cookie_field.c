/*
 * cookie_field.c: what cookie_field.h says.
 */
#include "auth/cookie_field.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/field.h"

static VyStr
trimmed(VyStr s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = vy_str(s.p + 1, s.n - 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

bool
vy_cookie_next(VyStr *rest, VyStr *name, VyStr *value)
{
	while (rest->n > 0)
	{
		const char *end = memchr(rest->p, ';', rest->n);
		VyStr pair = trimmed(vy_str(rest->p, end ? (size_t) (end - rest->p) : rest->n));
		const char *equals = pair.n > 0 ? memchr(pair.p, '=', pair.n) : NULL;

		*rest = end ? vy_str(end + 1, rest->n - (size_t) (end + 1 - rest->p)) : vy_str(NULL, 0);
		if (equals == NULL)
			continue;
		*name = trimmed(vy_str(pair.p, (size_t) (equals - pair.p)));
		*value = trimmed(vy_str(equals + 1, pair.n - (size_t) (equals + 1 - pair.p)));
		return true;
	}
	return false;
}

bool
vy_cookie_value_ok(VyStr value)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] <= ' ' || value.p[i] >= 0x7f || memchr("\",;\\", value.p[i], 4) != NULL)
			return false;
	return true;
}

size_t
vy_cookie_set(char out[static VY_COOKIE_MAX], VyStr name, VyStr value, int64_t max_age)
{
	int n;

	if (!vy_field_name_ok(name) || !vy_cookie_value_ok(value) || name.n + value.n >= VY_COOKIE_MAX || max_age < 0)
		return 0;
	n = snprintf(out, VY_COOKIE_MAX, "%.*s=%.*s; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=%" PRId64, (int) name.n, name.p,
				 (int) value.n, value.n > 0 ? value.p : "", max_age);
	return n > 0 && n < VY_COOKIE_MAX ? (size_t) n : 0;
}
