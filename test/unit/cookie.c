/*
 * cookie.c: reading pairs whatever stands between them, and setting only what a browser keeps.
 * sources: auth/cookie_field.c
 */
#include "auth/cookie_field.h"

#include "tap.h"

typedef struct Case
{
	VyStr header;
	const char *pairs; /* each as name|value, then a line feed */
} Case;

static const Case cases[] = {
	{VY_STR(""), ""},
	{VY_STR("a=b"), "a|b\n"},
	{VY_STR("a=b; c=d"), "a|b\nc|d\n"},
	{VY_STR("a=b;c=d;"), "a|b\nc|d\n"},
	{VY_STR("  a = b ;\tc=\td\t"), "a|b\nc|d\n"},
	{VY_STR("a=b=c; =d; e"), "a|b=c\n|d\n"},
	{VY_STR(";;; ;"), ""},
	{VY_STR("a; b=; c=\"d e\""), "b|\nc|\"d e\"\n"},
	{VY_STR("a=1; a=2"), "a|1\na|2\n"},
	{VY_STR("\xff=\xfe; \x01=\x02"), "\xff|\xfe\n\x01|\x02\n"},
};

static void
test_reading(void)
{
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		VyStr copy = tight(cases[i].header);
		VyStr rest = copy;
		VyStr name;
		VyStr value;
		char got[256] = "";

		while (vy_cookie_next(&rest, &name, &value))
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%.*s|%.*s\n", (int) name.n, name.p, (int) value.n, value.p);
		ok(strcmp(got, cases[i].pairs) == 0, "cookies of case %zu", i);
		free((char *) copy.p);
	}
}

static void
test_setting(void)
{
	static char long_value[VY_COOKIE_MAX];
	char out[VY_COOKIE_MAX];
	VyStr name = VY_STR("__Host-a");
	size_t most = VY_COOKIE_MAX - 1 - (vy_cookie_set(out, name, VY_STR("b"), 60) - 1);

	ok(vy_cookie_set(out, name, VY_STR("b.c-d_e"), 60) == strlen(out) &&
		   strcmp(out, "__Host-a=b.c-d_e; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=60") == 0,
	   "a cookie with all of its attributes");
	ok(vy_cookie_set(out, name, VY_STR(""), 0) > 0 && strcmp(out, "__Host-a=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0") == 0,
	   "a cookie is taken back");
	memset(long_value, 'a', sizeof(long_value));
	ok(vy_cookie_set(out, name, vy_str(long_value, most), 60) == VY_COOKIE_MAX - 1, "as long as it may be");
	ok(vy_cookie_set(out, name, vy_str(long_value, most + 1), 60) == 0, "one byte more is refused");
	ok(vy_cookie_set(out, name, vy_str(long_value, sizeof(long_value)), 60) == 0, "far more is refused");
	ok(vy_cookie_set(out, name, VY_STR("b"), -1) == 0, "a negative age is refused");
	ok(vy_cookie_set(out, VY_STR(""), VY_STR("b"), 1) == 0 && vy_cookie_set(out, VY_STR("a b"), VY_STR("b"), 1) == 0 &&
		   vy_cookie_set(out, VY_STR("a="), VY_STR("b"), 1) == 0,
	   "a name that is no token is refused");
	for (int c = 0; c < 256; c++)
	{
		char byte = (char) c;
		bool good = c > ' ' && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\';

		if ((vy_cookie_set(out, name, vy_str(&byte, 1), 1) > 0) != good)
			ok(false, "byte %d in a value", c);
	}
	ok(true, "every byte of a value is judged");
}

int
main(void)
{
	test_reading();
	test_setting();
	return tap_done();
}
