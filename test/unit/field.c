/*
 * field.c: names, values, lengths and ids of a request's head, and what goes to the log.
 */
#include "base/field.h"

#include "tap.h"

typedef struct Case
{
	VyStr text;
	bool good;
	const char *why;
} Case;

static const Case names[] = {
	{VY_STR("Host"), true, "letters"},
	{VY_STR("x-a_1!#$%&'*+.^`|~"), true, "every sign of a token"},
	{VY_STR(""), false, "an empty name"},
	{VY_STR("x a"), false, "a blank in a name"},
	{VY_STR("x:"), false, "a colon in a name"},
	{VY_STR("x\0"), false, "a NUL in a name"},
	{VY_STR("\xc3\xbc"), false, "a name beyond ASCII"},
};

static const Case values[] = {
	{VY_STR(""), true, "an empty value"},
	{VY_STR("a b\tc"), true, "blanks in a value"},
	{VY_STR("t\xc3\xbcr"), true, "UTF-8 in a value"},
	{VY_STR("t\xfcr"), false, "Latin-1 in a value"},
	{VY_STR("a\rb"), false, "a CR in a value"},
	{VY_STR("a\nb"), false, "an LF in a value"},
	{VY_STR("a\0b"), false, "a NUL in a value"},
	{VY_STR("a\x7f"), false, "a DEL in a value"},
};

static const Case targets[] = {
	{VY_STR("/a?b=%20&c"), true, "a target of visible ASCII"},
	{VY_STR("/a b"), false, "a target with a blank"},
	{VY_STR("/\xc3\xbc"), false, "a target beyond ASCII"},
	{VY_STR("/a?b=%00"), false, "a target with an escaped NUL"},
	{VY_STR("/a%0"), true, "a target that ends in half an escape (the path check and the query's reader see to it)"},
};

static const Case ids[] = {
	{VY_STR("0aZ-9"), true, "an id of letters, digits, hyphens"},
	{VY_STR(""), false, "an empty id"},
	{VY_STR("a_b"), false, "an id with an underscore"},
	{VY_STR("0123456789012345678901234567890123456789012345678901234567890123"), true, "an id of 64"},
	{VY_STR("01234567890123456789012345678901234567890123456789012345678901234"), false, "an id of 65"},
};

static const struct
{
	VyStr text;
	long long length; /* -1: none */
} lengths[] = {
	{VY_STR("0"), 0},
	{VY_STR("0042"), 42},
	{VY_STR("999999999999999"), 999999999999999},
	{VY_STR("1000000000000000"), -1},
	{VY_STR(""), -1},
	{VY_STR("+1"), -1},
	{VY_STR("-1"), -1},
	{VY_STR("1 "), -1},
	{VY_STR("0x1"), -1},
	{VY_STR("1,1"), -1},
};

static const struct
{
	VyStr text;
	size_t cap;
	const char *quoted;
} quotes[] = {
	{VY_STR("plain"), 32, "\"plain\""},
	{VY_STR("a\"b\\c"), 32, "\"a\\\"b\\\\c\""},
	{VY_STR("\n\x1b\x7f\xc3"), 64, "\"\\u000a\\u001b\\u007f\\u00c3\""},
	{VY_STR("too long for what there is"), 16, "\"too lon\""},
	{VY_STR("\n\n\n\n"), 16, "\"\\u000a\\u000a\""},
};

static void
check(const Case *cases, size_t n, bool (*good)(VyStr text))
{
	for (size_t i = 0; i < n; i++)
	{
		VyStr text = tight(cases[i].text);

		ok(good(text) == cases[i].good, "%s is %s", cases[i].why, cases[i].good ? "taken" : "refused");
		free((char *) text.p);
	}
}

/* Values are read eight bytes at a time: each byte, at each place of two such words and behind them, with neighbours that borrow and carry.
 */
static void
every_byte_everywhere(void)
{
	static const unsigned char neighbours[] = {' ', '~', '\t', 'a'};
	int wrong = 0;

	for (size_t k = 0; k < LENGTH(neighbours); k++)
		for (size_t at = 0; at < 20; at++)
			for (int byte = 0; byte < 256; byte++)
			{
				char text[20];
				bool good = byte == '\t' || (byte >= ' ' && byte < 0x7f);

				memset(text, neighbours[k], sizeof text);
				text[at] = (char) byte;
				wrong += vy_field_value_ok(vy_str(text, sizeof text)) != good;
			}
	ok(wrong == 0, "every byte at every place of a value: %d wrong", wrong);
}

int
main(void)
{
	char hex[7];
	char when[VY_FIELD_TIME];
	check(names, LENGTH(names), vy_field_name_ok);
	check(values, LENGTH(values), vy_field_value_ok);
	every_byte_everywhere();
	check(targets, LENGTH(targets), vy_field_target_ok);
	check(ids, LENGTH(ids), vy_field_id_ok);
	for (size_t i = 0; i < LENGTH(lengths); i++)
	{
		size_t length = 0;
		bool good = vy_field_length(lengths[i].text, &length);

		ok(good ? (long long) length == lengths[i].length : lengths[i].length == -1, "length \"%s\"", shown(lengths[i].text));
	}
	for (size_t i = 0; i < LENGTH(quotes); i++)
	{
		char *out = malloc(quotes[i].cap);
		size_t n = out ? vy_field_quote(out, quotes[i].cap, quotes[i].text) : 0;

		ok(out && strcmp(out, quotes[i].quoted) == 0 && n == strlen(out), "%s", quotes[i].quoted);
		free(out);
	}
	vy_field_hex(hex, (const uint8_t *) "\x00\x9f\xff", 3);
	ok(strcmp(hex, "009fff") == 0, "bytes as hex digits");
	vy_field_time(when, INT64_C(1700000000123456));
	ok(strcmp(when, "2023-11-14T22:13:20.123Z") == 0, "a time with its milliseconds");
	vy_field_time(when, 0);
	ok(strcmp(when, "1970-01-01T00:00:00.000Z") == 0, "the first of all times");
	return tap_done();
}
