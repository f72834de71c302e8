/*
 * json.c: the readers, on what was checked and on what was not.
 */
#include "base/json.h"

#include "tap.h"

#include <time.h>

#define DEPTH 64

static const struct
{
	const char *doc;
	VyJsonKind kind;
} kinds[] = {
	{"", VY_JSON_NONE},       {" ", VY_JSON_NONE},      {"null", VY_JSON_NULL}, {" true ", VY_JSON_TRUE},
	{"false", VY_JSON_FALSE}, {"-1", VY_JSON_NUMBER},   {"0", VY_JSON_NUMBER},  {"\n\"a\"", VY_JSON_STRING},
	{"[1]", VY_JSON_ARRAY},   {"\t{}", VY_JSON_OBJECT}, {"x", VY_JSON_NONE},
};

static const struct
{
	const char *doc;
	const char *seen; /* key=value; for each item, as the iterator gives them */
} walks[] = {
	{"", ""},
	{"1", ""},
	{"\"[1]\"", ""},
	{"[]", ""},
	{" [ ] ", ""},
	{"{}", ""},
	{" { } ", ""},
	{"[1,2,3]", "=1;=2;=3;"},
	{" [ 1 , \"a,b\" , [1,[2]] , {\"x\":[]} ] ", "=1;=\"a,b\";=[1,[2]];={\"x\":[]};"},
	{"{\"a\":1,\"b\":\"}\"}", "a=1;b=\"}\";"},
	{"{ \"a\" : { \"c\" : [ \"]\" ] } , \"\" : null }", "a={ \"c\" : [ \"]\" ] };=null;"},
	{"{\"a\\\"b\":\"\\\"\",\"c\\\\\":\"\\\\\"}", "a\\\"b=\"\\\"\";c\\\\=\"\\\\\";"},
	{"[true,false,null,-1.5e3]", "=true;=false;=null;=-1.5e3;"},
	{"[[],[],{}]", "=[];=[];={};"},
};

static const struct
{
	const char *doc;
	const char *key;
	const char *value; /* NULL: no such member */
} gets[] = {
	{"{\"a\":1}", "a", "1"},
	{"{\"a\":1}", "b", NULL},
	{"{\"a\":1}", "", NULL},
	{"{\"\":1}", "", "1"},
	{"{}", "a", NULL},
	{"[\"a\"]", "a", NULL},
	{"[\"a\"]", "", NULL},
	{"\"a\"", "a", NULL},
	{"{\"a\":1,\"a\":2}", "a", "2"},
	{"{\"a\":1,\"\\u0061\":2}", "a", "2"},
	{"{\"\\u0061\\u0062\":[1]}", "ab", "[1]"},
	{"{\"\\u0061b\":1}", "a", NULL},
	{"{\"\\u0061\":1}", "ab", NULL},
	{"{\"a\":{\"b\":1}}", "b", NULL},
	{"{\"a/b\":1}", "a/b", "1"},
	{"{\"a\\/b\":1}", "a/b", "1"},
	{"{\"\\ud83d\\ude00\":1}", "\xF0\x9F\x98\x80", "1"},
	{"{\"\xF0\x9F\x98\x80\":1}", "\xF0\x9F\x98\x80", "1"},
	{"{\"\\u00e9\":1}", "\xC3\xA9", "1"},
	{"{\"\\u20ac\":1}", "\xE2\x82\xAC", "1"},
	{"{\"\\t\\n\\r\\f\\b\\\"\\\\\":1}", "\t\n\r\f\b\"\\", "1"},
	{"{\"a\\\\u0062\":1}", "ab", NULL},
	{"{\"A\":1}", "a", NULL},
	{"{\"b\": \"x\" , \"a\" : {\"a\":2} }", "a", "{\"a\":2}"},
};

static const struct
{
	const char *doc;
	bool twice;
} duplicates[] = {
	{"{}", false},
	{"{\"a\":1}", false},
	{"{\"a\":1,\"b\":1}", false},
	{"{\"a\":1,\"a\":1}", true},
	{"{\"a\":1,\"b\":2,\"a\":3}", true},
	{"{\"a\":1,\"\\u0061\":2}", true},
	{"{\"\\u0061\":1,\"a\":2}", true},
	{"{\"\\u0061\":1,\"\\u0061\":2}", true},
	{"{\"\\u00e9\":1,\"\xC3\xA9\":2}", true},
	{"{\"\\u00e9x\":1,\"\xC3\xA9\\u0078\":2}", true},
	{"{\"\\u00e9x\":1,\"\xC3\xA9\\u0079\":2}", false},
	{"{\"\\u0061\":1,\"\\u0061b\":2}", false},
	{"{\"a\":1,\"A\":2}", false},
	{"{\"\":1,\"\":2}", true},
	{"{\"a\":{\"a\":1,\"a\":2}}", false},
	{"[\"a\",\"a\"]", false},
	{"[{\"a\":1,\"a\":2}]", false},
	{"1", false},
	{"", false},
};

static const struct
{
	const char *raw;
	const char *plain;
} strings[] = {
	{"\"\"", ""},
	{"", ""},
	{"\"abc\"", "abc"},
	{"abc", "abc"},
	{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
	{"\\\"", "\""},
	{"\"\\u0041\\u00e9\\u20AC\\uD83D\\uDE00z\"", "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z"},
	{"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\\ud800\\udc00\\udbff\\udfff\"",
	 "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"},
	{"\"\\\\u0041\"", "\\u0041"},
	{"\"\xC3\xBC\"", "\xC3\xBC"},
};

static const struct
{
	const char *text;
	bool fits;
	int64_t value;
} integers[] = {
	{"0", true, 0},
	{"-0", true, 0},
	{"1", true, 1},
	{"-1", true, -1},
	{"1700000000", true, 1700000000},
	{"9223372036854775807", true, INT64_MAX},
	{"-9223372036854775808", true, INT64_MIN},
	{"9223372036854775808", false, 0},
	{"-9223372036854775809", false, 0},
	{"18446744073709551617", false, 0},
	{"99999999999999999999", false, 0},
	{"1.0", false, 0},
	{"1e3", false, 0},
	{"1E0", false, 0},
	{"-", false, 0},
	{"", false, 0},
	{"\"1\"", false, 0},
	{"null", false, 0},
};

/* What unchecked bytes must not do is reach beyond the buffer or loop. */
static void
test_readers_on_garbage(void)
{
	static const char alphabet[] = "{}[]\",:\\u0dDc8 1tfn\xC3\xA9";
	uint32_t state = 1;
	size_t steps = 0;

	for (int round = 0; round < 50000; round++)
	{
		char bytes[24];
		char out[24];
		size_t n = (size_t) round % sizeof(bytes);
		VyStr copy;
		VyJsonIter it;
		VyStr value;

		for (size_t i = 0; i < n; i++)
		{
			state = state * 1664525 + 1013904223;
			bytes[i] = alphabet[(state >> 16) % (sizeof(alphabet) - 1)];
		}
		copy = tight(vy_str(bytes, n));
		if (vy_json_check(copy, DEPTH, NULL) == VY_JSON_OK)
			steps++;
		it = vy_json_iter(copy);
		while (vy_json_next(&it))
			steps++;
		steps += vy_json_get(copy, "1", &value) != VY_JSON_NONE;
		steps += vy_json_has_duplicates(copy);
		steps += vy_json_unescape(out, copy) > n ? 1000000000 : 0;
		free((char *) copy.p);
	}
	ok(steps < 50000 * 24, "the readers end, within bounds, on bytes that were never checked");
}

static void
test_walks(void)
{
	for (size_t i = 0; i < LENGTH(walks); i++)
	{
		VyStr doc = tight(vy_cstr(walks[i].doc));
		VyJsonIter it = vy_json_iter(doc);
		char seen[256] = "";
		size_t n = 0;

		while (vy_json_next(&it))
			n += (size_t) snprintf(seen + n, sizeof(seen) - n, "%.*s=%.*s;", (int) it.key.n, it.key.n > 0 ? it.key.p : "", (int) it.value.n,
								   it.value.p);
		ok(strcmp(seen, walks[i].seen) == 0 && !vy_json_next(&it), "%s has %s", walks[i].doc, walks[i].seen);
		free((char *) doc.p);
	}
	for (size_t i = 0; i < LENGTH(kinds); i++)
		ok(vy_json_kind(vy_cstr(kinds[i].doc)) == kinds[i].kind, "\"%s\" is of kind %d", shown(vy_cstr(kinds[i].doc)), (int) kinds[i].kind);
	for (size_t i = 0; i < LENGTH(gets); i++)
	{
		VyStr doc = tight(vy_cstr(gets[i].doc));
		VyStr value;
		VyJsonKind kind = vy_json_get(doc, gets[i].key, &value);

		ok(vy_str_eq(value, vy_cstr(gets[i].value)) && (kind == VY_JSON_NONE) == (gets[i].value == NULL) && kind == vy_json_kind(value),
		   "member \"%s\" of %s", shown(vy_cstr(gets[i].key)), gets[i].doc);
		free((char *) doc.p);
	}
}

static void
test_scalars(void)
{
	for (size_t i = 0; i < LENGTH(strings); i++)
	{
		VyStr raw = tight(vy_cstr(strings[i].raw));
		char *out = malloc(raw.n + 1);
		size_t n = vy_json_unescape(out, raw);

		ok(vy_str_is(vy_str(out, n), strings[i].plain), "%s is unescaped", strings[i].raw);
		free(out);
		free((char *) raw.p);
	}
	for (size_t i = 0; i < LENGTH(integers); i++)
	{
		VyStr number = tight(vy_cstr(integers[i].text));
		int64_t value = 77;

		ok(vy_json_int64(number, &value) == integers[i].fits && value == (integers[i].fits ? integers[i].value : 77), "\"%s\" %s",
		   integers[i].text, integers[i].fits ? "is an int64" : "is not an int64");
		free((char *) number.p);
	}
}

/* count members k0, k1, ...; the last one's name is that of member twin, if there is such a member. */
static VyStr
object_of(size_t count, size_t twin)
{
	char *doc = malloc(count * 16 + 3);
	size_t n = 0;

	doc[n++] = '{';
	for (size_t i = 0; i < count; i++)
		n += (size_t) sprintf(doc + n, "%s\"k%zu\":1", i > 0 ? "," : "", i + 1 == count && twin < count ? twin : i);
	doc[n++] = '}';
	return vy_str(doc, n);
}

static void
test_duplicates(void)
{
	static const size_t counts[] = {2, 255, 256, 257, 512, 513, 2000};
	VyStr large;
	clock_t start;

	for (size_t i = 0; i < LENGTH(duplicates); i++)
		ok(vy_json_has_duplicates(vy_cstr(duplicates[i].doc)) == duplicates[i].twice, "%s has %s key twice", duplicates[i].doc,
		   duplicates[i].twice ? "a" : "no");
	for (size_t i = 0; i < LENGTH(counts); i++)
	{
		VyStr none = object_of(counts[i], SIZE_MAX);
		VyStr first = object_of(counts[i], 0);
		VyStr late = object_of(counts[i], counts[i] - 2);

		ok(!vy_json_has_duplicates(none), "%zu different keys", counts[i]);
		ok(vy_json_has_duplicates(first), "the last of %zu keys is the first again", counts[i]);
		ok(vy_json_has_duplicates(late), "the last of %zu keys is its neighbour again", counts[i]);
		free((char *) none.p);
		free((char *) first.p);
		free((char *) late.p);
	}
	large = object_of(20000, SIZE_MAX);
	start = clock();
	ok(!vy_json_has_duplicates(large) && (clock() - start) / CLOCKS_PER_SEC < 5, "20,000 keys are compared in time");
	free((char *) large.p);
}

int
main(void)
{
	test_readers_on_garbage();
	test_walks();
	test_scalars();
	test_duplicates();
	return tap_done();
}
