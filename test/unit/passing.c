/*
 * passing.c: which headers of an answer go out, and how they stand on the wire.
 */
#include "base/passing.h"

#include "tap.h"

static const struct
{
	const char *name;
	const char *value;
	bool passes;
} cases[] = {
	{"content-type", "text/plain", true},
	{"x-vyricon-why", "because", true},
	{"x-vyricon-shim-wait", "1.s 1", false},
	{"x-vyricon-shim-other", "x", false},
	{"content-length", "5", false},
	{"connection", "close", false},
	{"transfer-encoding", "chunked", false},
	{"date", "today", false},
	{"x-empty", "", false},
	{"dated", "x", true},
};

static const struct
{
	const char *name;
	const char *value;
} bad[] = {{"a b", "x"}, {"", "x"}, {"a", "x\ny: z"}, {"a", "\xff"}};

int
main(void)
{
	VyHeader headers[LENGTH(cases)];
	VyStr wait = {NULL, 0};
	char written[128];
	size_t size;
	size_t n;

	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		VyHeader one = {vy_cstr(cases[i].name), vy_cstr(cases[i].value)};

		headers[i] = one;
		ok((vy_passing_keep(&one, 1, &wait) == 1) == cases[i].passes, "%s: %s %s", cases[i].name, cases[i].value,
		   cases[i].passes ? "goes out" : "stays");
	}
	ok(vy_str_is(wait, "1.s 1"), "the ticket is told");
	n = vy_passing_keep(headers, LENGTH(headers), &wait);
	ok(n == 3 && vy_passing_size(headers, n, &size) && size == strlen("text/plain\r\nx-vyricon-why: because\r\ndated: x"),
	   "those that go out stand in front, and their size is known");
	memset(written, '#', sizeof(written));
	vy_passing_write(written, headers, n);
	ok(memcmp(written, "text/plain\r\nx-vyricon-why: because\r\ndated: x#", size + 1) == 0,
	   "they are written behind the first one's value");
	ok(vy_passing_size(headers, 0, &size) && size == 0, "no header takes no byte");
	for (size_t i = 0; i < LENGTH(bad); i++)
	{
		VyHeader one = {vy_cstr(bad[i].name), vy_cstr(bad[i].value)};

		ok(!vy_passing_size(&one, 1, &size), "bad header %zu is refused", i);
	}
	return tap_done();
}
