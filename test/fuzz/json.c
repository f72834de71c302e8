/*
 * json.c: the check agrees with a naive recursive reader, its depth bound holds, and on a checked document the readers visit every byte
 * once. On a document that was refused they may say anything, but nothing beyond its end.
 */
#include "base/json.h"

#include <errno.h>

#include "fuzz.h"

#define DEPTH 64
#define KEYS_LOOKED_UP 12
#define KEYS_COMPARED 40
#define KEYS_MADE 700

/* --- a second opinion: each function returns behind what it read, or NULL --- */

static const char *naive_value(const char *at, const char *end, int depth);

static const char *
spaces(const char *at, const char *end)
{
	while (at && at < end && memchr(" \t\r\n", *at, 4))
		at++;
	return at;
}

static long
unit_at(const char *at, const char *end)
{
	char digits[5] = "";

	if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
		return -1;
	memcpy(digits, at + 2, 4);
	return strlen(digits) == 4 && strspn(digits, "0123456789abcdefABCDEF") == 4 ? strtol(digits, NULL, 16) : -1;
}

static const char *
naive_string(const char *at, const char *end)
{
	const char *start = ++at;

	while (at < end && *at != '"')
	{
		long unit = unit_at(at, end);

		if ((unsigned char) *at < 0x20)
			return NULL;
		if (*at != '\\')
			at++;
		else if (unit >= 0xD800 && unit < 0xDC00 && unit_at(at + 6, end) >= 0xDC00 && unit_at(at + 6, end) < 0xE000)
			at += 12;
		else if (unit > 0 && (unit < 0xD800 || unit >= 0xE000))
			at += 6;
		else if (end - at >= 2 && memchr("\"\\/bfnrt", at[1], 8))
			at += 2;
		else
			return NULL;
	}
	return at < end && naive_utf8(start, (size_t) (at - start)) ? at + 1 : NULL;
}

static const char *
digits_behind(const char *at, const char *end)
{
	const char *start = at;

	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at > start ? at : NULL;
}

static const char *
naive_number(const char *at, const char *end)
{
	at += *at == '-';
	if (at < end && *at == '0')
		at++;
	else
		at = digits_behind(at, end);
	if (at && at < end && *at == '.')
		at = digits_behind(at + 1, end);
	if (at && at < end && (*at == 'e' || *at == 'E'))
	{
		at++;
		at = digits_behind(at + (at < end && (*at == '+' || *at == '-')), end);
	}
	return at;
}

static const char *
naive_container(const char *at, const char *end, int depth)
{
	bool object = *at == '{';
	char closing = object ? '}' : ']';

	at = spaces(at + 1, end);
	if (at < end && *at == closing)
		return at + 1;
	for (;;)
	{
		if (object)
		{
			at = at < end && *at == '"' ? spaces(naive_string(at, end), end) : NULL;
			if (!at || at == end || *at++ != ':')
				return NULL;
		}
		at = spaces(naive_value(at, end, depth), end);
		if (!at || at == end)
			return NULL;
		if (*at == closing)
			return at + 1;
		if (*at++ != ',')
			return NULL;
		at = spaces(at, end);
	}
}

static const char *
naive_value(const char *at, const char *end, int depth)
{
	static const char *const words[] = {"true", "false", "null"};

	at = spaces(at, end);
	if (at == end)
		return NULL;
	if (*at == '{' || *at == '[')
		return depth > 0 ? naive_container(at, end, depth - 1) : NULL;
	if (*at == '"')
		return naive_string(at, end);
	for (size_t i = 0; i < LENGTH(words); i++)
		if ((size_t) (end - at) >= strlen(words[i]) && memcmp(at, words[i], strlen(words[i])) == 0)
			return at + strlen(words[i]);
	return naive_number(at, end);
}

static bool
naive_ok(VyStr doc, int depth)
{
	const char *at = doc.n > 0 ? naive_value(doc.p, doc.p + doc.n, depth) : NULL;

	return at && spaces(at, doc.p + doc.n) == doc.p + doc.n;
}

/* --- the readers --- */

/* A text or a raw key of a checked document; the result is NUL-terminated and freed by the caller. */
static VyStr
unescaped(VyStr raw)
{
	char *out = block(raw.n + 1);
	size_t n = vy_json_unescape(out, raw);

	REQUIRE(n <= raw.n && naive_utf8(out, n) && (n == 0 || memchr(out, '\0', n) == NULL));
	out[n] = '\0';
	return vy_str(out, n);
}

static void
number_agrees(VyStr number)
{
	char *text = block(number.n + 1);
	size_t sign = number.n > 0 && number.p[0] == '-';
	int64_t value = 0;
	bool whole;
	long long naive;

	memcpy(text, number.n > 0 ? number.p : "", number.n);
	text[number.n] = '\0';
	whole = number.n > sign && strspn(text + sign, "0123456789") == number.n - sign;
	errno = 0;
	naive = whole ? strtoll(text, NULL, 10) : 0;
	REQUIRE(vy_json_int64(number, &value) == (whole && errno == 0));
	REQUIRE(!whole || errno != 0 || value == naive);
	free(text);
}

/* Only white space and, once, the mark. */
static bool
gap_is(const char *from, const char *to, char mark)
{
	from = spaces(from, to);
	if (mark != '\0')
		from = from < to && *from == mark ? spaces(from + 1, to) : NULL;
	return from == to;
}

/* The last of the same name is found. */
static void
lookups(VyStr object, const VyStr *keys, const VyStr *values, size_t n)
{
	for (size_t i = 0; i < n && i < KEYS_LOOKED_UP; i++)
	{
		VyStr found;
		VyStr last = values[i];

		for (size_t k = i + 1; k < n; k++)
			if (vy_str_eq(keys[i], keys[k]))
				last = values[k];
		REQUIRE(vy_json_get(object, keys[i].p, &found) == vy_json_kind(last) && found.p == last.p && found.n == last.n);
	}
}

static void
members_agree(VyStr object)
{
	VyStr keys[KEYS_COMPARED];
	VyStr values[KEYS_COMPARED];
	VyJsonIter it = vy_json_iter(object);
	size_t n = 0;
	bool twice = false;

	while (n < KEYS_COMPARED && vy_json_next(&it))
	{
		keys[n] = unescaped(it.key);
		values[n] = it.value;
		for (size_t i = 0; i < n; i++)
			twice |= vy_str_eq(keys[i], keys[n]);
		n++;
	}
	if (n < KEYS_COMPARED || twice)
		REQUIRE(vy_json_has_duplicates(object) == twice);
	if (n < KEYS_COMPARED)
		lookups(object, keys, values, n);
	for (size_t i = 0; i < n; i++)
		free((char *) keys[i].p);
}

static void
walk(VyStr value, int depth)
{
	VyJsonKind kind = vy_json_kind(value);
	VyJsonIter it = vy_json_iter(value);
	const char *behind = spaces(value.p, value.p + value.n) + 1;
	bool first = true;

	REQUIRE(kind != VY_JSON_NONE && vy_json_check(value, depth, NULL) == VY_JSON_OK);
	if (kind == VY_JSON_STRING)
		free((char *) unescaped(value).p);
	if (kind == VY_JSON_NUMBER)
		number_agrees(value);
	if (kind != VY_JSON_ARRAY && kind != VY_JSON_OBJECT)
	{
		REQUIRE(!vy_json_next(&it) && !vy_json_has_duplicates(value));
		return;
	}
	REQUIRE(depth > 0 && it.object == (kind == VY_JSON_OBJECT));
	while (vy_json_next(&it))
	{
		if (it.object)
		{
			REQUIRE(gap_is(behind, it.key.p - 1, first ? '\0' : ',') && it.key.p[-1] == '"' && it.key.p[it.key.n] == '"');
			behind = it.key.p + it.key.n + 1;
		}
		REQUIRE(gap_is(behind, it.value.p, it.object ? ':' : first ? '\0' : ',') && it.kind == vy_json_kind(it.value));
		walk(it.value, depth - 1);
		behind = it.value.p + it.value.n;
		first = false;
	}
	REQUIRE(it.at < it.end && gap_is(behind, it.at, '\0') && gap_is(it.at, it.end, kind == VY_JSON_OBJECT ? '}' : ']'));
	if (kind == VY_JSON_OBJECT)
		members_agree(value);
}

/* Whatever the document is. */
static void
stay_inside(VyStr doc)
{
	VyJsonIter it = vy_json_iter(doc);
	char *out = block(doc.n);
	VyStr value;
	int64_t number;
	size_t n = 0;

	while (n++ < doc.n + 1 && vy_json_next(&it))
	{
		REQUIRE(it.value.p >= doc.p && it.value.p + it.value.n <= doc.p + doc.n);
		REQUIRE(!it.object || (it.key.p >= doc.p && it.key.p + it.key.n <= doc.p + doc.n));
		REQUIRE(vy_json_unescape(out, it.value) <= it.value.n);
		REQUIRE(!it.object || vy_json_unescape(out, it.key) <= it.key.n);
	}
	REQUIRE(n <= doc.n + 1);
	REQUIRE(doc.n == 0 || vy_json_unescape(out, doc) <= doc.n);
	(void) vy_json_get(doc, "a", &value);
	(void) vy_json_has_duplicates(doc);
	(void) vy_json_int64(doc, &number);
	free(out);
}

static void
depths(VyStr doc)
{
	static const int bounds[] = {0, 1, 2, 3, DEPTH, 1000, 1024, 100000};
	bool before = false;

	for (size_t i = 0; i < LENGTH(bounds); i++)
	{
		size_t offset = 0;
		VyJsonProblem problem = vy_json_check(doc, bounds[i], &offset);

		REQUIRE(offset <= doc.n && (problem != VY_JSON_OK || offset == doc.n));
		REQUIRE(!before || problem == VY_JSON_OK);
		REQUIRE((problem == VY_JSON_OK) == naive_ok(doc, bounds[i] < 1024 ? bounds[i] : 1024));
		before = problem == VY_JSON_OK;
	}
}

/* An object with a key for each two bytes, some of them escaped: more keys than one round of has_duplicates() takes. */
static void
many_keys(const uint8_t *data, size_t size)
{
	static uint8_t seen[65536 / 8];
	char *text = block(KEYS_MADE * 16 + 3);
	size_t at = 0;
	bool twice = false;
	VyStr object;

	memset(seen, 0, sizeof(seen));
	text[at++] = '{';
	for (size_t i = 0; i + 1 < size && i / 2 < KEYS_MADE; i += 2)
	{
		unsigned code = (unsigned) (data[i] << 8 | data[i + 1]) % 0xD7FF + 1;
		char key[16];
		bool plain = code >= 'a' && code <= 'z' && i % 4 == 0;

		twice |= (seen[code / 8] >> (code % 8) & 1) != 0;
		seen[code / 8] |= (uint8_t) (1u << (code % 8));
		snprintf(key, sizeof(key), plain ? "%s\"%c\":0" : i % 8 ? "%s\"\\u%04x\":0" : "%s\"\\u%04X\":0", at > 1 ? "," : "", code);
		memcpy(text + at, key, strlen(key));
		at += strlen(key);
	}
	text[at++] = '}';
	object = exact(text, at);
	REQUIRE(vy_json_check(object, 1, NULL) == VY_JSON_OK && vy_json_has_duplicates(object) == twice);
	drop(object);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	VyStr doc = exact(data, size);

	depths(doc);
	stay_inside(doc);
	number_agrees(doc);
	if (vy_json_check(doc, DEPTH, NULL) == VY_JSON_OK)
		walk(doc, DEPTH);
	many_keys(data, size);
	drop(doc);
	return 0;
}
