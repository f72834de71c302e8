/*
 * field.c: names, values, lengths, targets and ids agree with naive readings; a quoted text is JSON, within its buffer, and says the same.
 */
#include "base/field.h"

#include "base/json.h"

#include "fuzz.h"

/* Only bytes of the set, which has no NUL. */
static bool
only(VyStr s, const char *set)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\0' || strchr(set, s.p[i]) == NULL)
			return false;
	return true;
}

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool
naive_value_ok(VyStr value)
{
	for (size_t i = 0; i < value.n; i++)
	{
		int c = (unsigned char) value.p[i];

		if (c == 0x7f || (c < 0x20 && c != 0x09))
			return false;
	}
	return naive_utf8(value.p, value.n);
}

static bool
naive_target_ok(VyStr target)
{
	char *text = block(target.n + 1);
	bool ok = true;

	for (size_t i = 0; i < target.n; i++)
		ok = ok && (unsigned char) target.p[i] > 0x20 && (unsigned char) target.p[i] < 0x7f;
	if (target.n > 0)
		memcpy(text, target.p, target.n);
	text[target.n] = '\0';
	ok = ok && strstr(text, "%00") == NULL;
	free(text);
	return ok;
}

static void
length_agrees(VyStr value)
{
	size_t length = 0;
	char text[16] = "";

	if (!vy_field_length(value, &length))
	{
		REQUIRE(value.n == 0 || value.n > 15 || !only(value, DIGITS));
		return;
	}
	REQUIRE(value.n > 0 && value.n <= 15 && only(value, DIGITS));
	memcpy(text, value.p, value.n);
	REQUIRE(strtoull(text, NULL, 10) == length);
}

/* Each byte as the character of that number, which is what \u00XX says. */
static void
quoted(VyStr text, size_t cap)
{
	char *out = block(cap);
	size_t n = vy_field_quote(out, cap, text);
	char *plain = block(n);
	size_t plain_n;
	size_t at = 0;
	VyJsonProblem problem = vy_json_check(vy_str(out, n), 1, NULL);

	REQUIRE(n < cap && out[n] == '\0' && strlen(out) == n);
	REQUIRE(problem == VY_JSON_OK || (problem == VY_JSON_ENCODING && memchr(text.p, '\0', text.n)));
	for (size_t i = 0; i < n; i++)
		REQUIRE(out[i] >= 0x20 && out[i] < 0x7f);
	plain_n = vy_json_unescape(plain, vy_str(out, n));
	for (size_t i = 0; i < text.n && at < plain_n; i++)
	{
		unsigned char c = (unsigned char) text.p[i];

		if (c < 0x80)
			REQUIRE((unsigned char) plain[at++] == c);
		else
		{
			REQUIRE((unsigned char) plain[at] == (0xC0 | c >> 6) && (unsigned char) plain[at + 1] == (0x80 | (c & 0x3F)));
			at += 2;
		}
	}
	REQUIRE(at == plain_n && (cap < text.n * 6 + 10 || plain_n >= text.n));
	free(plain);
	free(out);
}

/* Hex digits say the bytes, and a time is one of RFC 3339 whatever the number. */
static void
shown(VyStr text)
{
	char *out = block(2 * text.n + 1);
	char when[VY_FIELD_TIME];
	int64_t wall_us = 0;

	vy_field_hex(out, (const uint8_t *) text.p, text.n);
	REQUIRE(strlen(out) == 2 * text.n);
	for (size_t i = 0; i < text.n; i++)
	{
		unsigned byte;

		REQUIRE(sscanf(out + 2 * i, "%2x", &byte) == 1 && byte == (uint8_t) text.p[i]);
	}
	memcpy(&wall_us, text.p ? text.p : "", text.n < 6 ? text.n : 6);
	vy_field_time(when, wall_us);
	REQUIRE(strlen(when) == 24 && when[10] == 'T' && when[19] == '.' && when[23] == 'Z');
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	VyStr text = exact(data, size);

	REQUIRE(vy_field_name_ok(text) == (size > 0 && only(text, DIGITS LETTERS "!#$%&'*+-.^_`|~")));
	REQUIRE(vy_field_value_ok(text) == naive_value_ok(text));
	REQUIRE(vy_field_target_ok(text) == naive_target_ok(text));
	REQUIRE(vy_field_id_ok(text) == (size >= 1 && size <= 64 && only(text, DIGITS LETTERS "-")));
	shown(text);
	length_agrees(text);
	quoted(text, 16 + (size > 0 ? data[0] : 0));
	quoted(text, size * 6 + 16);
	drop(text);
	return 0;
}
