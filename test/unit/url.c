/*
 * url.c: targets that are routed, and the many that are not.
 */
#include "base/url.h"

#include "tap.h"

static const struct
{
	const char *target;
	const char *path;
	const char *query; /* NULL: none */
} splits[] = {
	{"", "", NULL},    {"/", "/", NULL},           {"/a/b", "/a/b", NULL},
	{"/a?", "/a", ""}, {"/a?x=1", "/a", "x=1"},    {"/a?x=1?y=2", "/a", "x=1?y=2"},
	{"?", "", ""},     {"/a%3Fb", "/a%3Fb", NULL},
};

static const struct
{
	VyStr path;
	bool routed;
	const char *why;
} paths[] = {
	{VY_STR("/"), true, "the root"},
	{VY_STR("/rest/v1/tours"), true, "segments"},
	{VY_STR("/rest/v1/"), true, "the last segment may be empty"},
	{VY_STR("/a-b._~!$&'()*+,;=:@"), true, "all that RFC 3986 calls pchar"},
	{VY_STR("/t%C3%BCr"), true, "an escaped letter"},
	{VY_STR("/%20%25"), true, "an escaped space and per cent sign"},
	{VY_STR("/%F0%9F%9A%80x"), true, "an escaped character of four bytes"},
	{VY_STR("/%c0%af"), false, "an overlong slash"},
	{VY_STR("/a%e2%82"), false, "half a character"},
	{VY_STR("/a%e2%82/%ac"), false, "a character over two segments"},
	{VY_STR("/a%fc"), false, "Latin-1"},
	{VY_STR("/%e2x%82%ac"), false, "a letter inside a character"},
	{VY_STR("/%ed%a0%80"), false, "a surrogate"},
	{VY_STR("/.well-known/jwks.json"), true, "a dot file"},
	{VY_STR("/..."), true, "three dots"},
	{VY_STR("/a.."), true, "dots behind a letter"},
	{VY_STR("/..a"), true, "dots before a letter"},
	{VY_STR("/.%2e."), true, "three dots, one escaped"},
	{VY_STR("/%252e%252e"), true, "decoded once it is %2e%2e, a name"},
	{VY_STR("/%2527"), true, "decoded once it is %27, a name"},
	{VY_STR("/%EF%BC%82"), true, "a full-width quotation mark is a name nobody has"},
	{VY_STR("/%22"), true, "an escaped quotation mark is a name nobody has"},
	{VY_STR("/%01"), true, "an escaped control character is a name nobody has"},
	{VY_STR(""), false, "empty"},
	{VY_STR("*"), false, "the target of OPTIONS *"},
	{VY_STR("rest"), false, "no slash in front"},
	{VY_STR("http://example.com/"), false, "absolute form"},
	{VY_STR("//"), false, "an empty segment first"},
	{VY_STR("//rest"), false, "an empty segment first"},
	{VY_STR("/rest//v1"), false, "an empty segment inside"},
	{VY_STR("/rest//"), false, "an empty segment before the last"},
	{VY_STR("/."), false, "a dot segment"},
	{VY_STR("/.."), false, "a dot segment"},
	{VY_STR("/./a"), false, "a dot segment"},
	{VY_STR("/a/../b"), false, "a dot segment"},
	{VY_STR("/a/.."), false, "a dot segment"},
	{VY_STR("/%2e"), false, "an escaped dot segment"},
	{VY_STR("/%2E%2e/a"), false, "an escaped dot segment"},
	{VY_STR("/.%2e"), false, "a half-escaped dot segment"},
	{VY_STR("/%2e."), false, "a half-escaped dot segment"},
	{VY_STR("/a%2fb"), false, "an escaped slash"},
	{VY_STR("/a%2Fb"), false, "an escaped slash"},
	{VY_STR("/a%5cb"), false, "an escaped backslash"},
	{VY_STR("/a%5Cb"), false, "an escaped backslash"},
	{VY_STR("/a\\b"), false, "a backslash"},
	{VY_STR("/a%00"), false, "an escaped NUL"},
	{VY_STR("/a\0"), false, "a NUL"},
	{VY_STR("/%"), false, "half an escape"},
	{VY_STR("/%4"), false, "half an escape"},
	{VY_STR("/%/4"), false, "an escape across a slash"},
	{VY_STR("/%4/4"), false, "an escape across a slash"},
	{VY_STR("/%4g"), false, "not a hex digit"},
	{VY_STR("/%g4"), false, "not a hex digit"},
	{VY_STR("/% 4"), false, "not a hex digit"},
	{VY_STR("/a b"), false, "a space"},
	{VY_STR("/a\tb"), false, "a tab"},
	{VY_STR("/a\r\nb"), false, "a line break"},
	{VY_STR("/a\x7F"), false, "delete"},
	{VY_STR("/\xC3\xBC"), false, "a letter that is not escaped"},
	{VY_STR("/a\"b"), false, "a quotation mark"},
	{VY_STR("/\";--"), false, "a quotation mark"},
	{VY_STR("/a<b>"), false, "angle brackets"},
	{VY_STR("/a|b"), false, "a bar"},
	{VY_STR("/a^b"), false, "a caret"},
	{VY_STR("/a`b"), false, "a back quote"},
	{VY_STR("/a{b}"), false, "braces"},
	{VY_STR("/a[b]"), false, "brackets"},
	{VY_STR("/a?b"), false, "a question mark"},
	{VY_STR("/a#b"), false, "a fragment"},
};

static const struct
{
	VyStr in;
	bool plus;
	VyStr out; /* p == NULL: refused */
	const char *name;
} decodings[] = {
	{VY_STR(""), false, VY_STR(""), "nothing"},
	{VY_STR("abc"), false, VY_STR("abc"), "plain"},
	{VY_STR("a+b"), false, VY_STR("a+b"), "plus in a path"},
	{VY_STR("a+b%2B"), true, VY_STR("a b+"), "plus in a query"},
	{VY_STR("%C3%bc"), false, VY_STR("\xC3\xBC"), "a letter"},
	{VY_STR("\xC3\xBC"), false, VY_STR("\xC3\xBC"), "a raw letter"},
	{VY_STR("%2527"), false, VY_STR("%27"), "an escaped escape is decoded once"},
	{VY_STR("%252e%252e"), false, VY_STR("%2e%2e"), "escaped dots are decoded once"},
	{VY_STR("%22%3B--"), false, VY_STR("\";--"), "quotation mark, semicolon, hyphens"},
	{VY_STR("%EF%BC%82"), false, VY_STR("\xEF\xBC\x82"), "full-width quotation mark"},
	{VY_STR("%0D%0A"), false, VY_STR("\r\n"), "a line break"},
	{VY_STR("%00"), false, {NULL, 0}, "escaped NUL"},
	{VY_STR("a\0b"), false, {NULL, 0}, "raw NUL"},
	{VY_STR("%"), false, {NULL, 0}, "half an escape"},
	{VY_STR("%4"), false, {NULL, 0}, "half an escape"},
	{VY_STR("a%4"), true, {NULL, 0}, "half an escape"},
	{VY_STR("%4x"), false, {NULL, 0}, "not a hex digit"},
	{VY_STR("%x4"), false, {NULL, 0}, "not a hex digit"},
	{VY_STR("%C0%AF"), false, {NULL, 0}, "overlong slash"},
	{VY_STR("%C3"), false, {NULL, 0}, "half a letter"},
	{VY_STR("%ED%A0%80"), false, {NULL, 0}, "a surrogate"},
	{VY_STR("%FF"), true, {NULL, 0}, "not UTF-8"},
	{VY_STR("\xFF"), true, {NULL, 0}, "raw bytes, not UTF-8"},
};

static const struct
{
	const char *query;
	const char *pairs; /* name=value; a name alone is shown with a '!' */
} queries[] = {
	{"", ""},
	{"&", ""},
	{"&&&", ""},
	{"a=1", "a=1;"},
	{"a=1&b=2", "a=1;b=2;"},
	{"&a=1&&b=2&", "a=1;b=2;"},
	{"a", "a!;"},
	{"a&b", "a!;b!;"},
	{"a=", "a=;"},
	{"=1", "=1;"},
	{"=", "=;"},
	{"a=1=2", "a=1=2;"},
	{"a=1&a=2", "a=1;a=2;"},
	{"a%26b=%3D", "a%26b=%3D;"},
	{"or=(x.eq.1,y.eq.2)", "or=(x.eq.1,y.eq.2);"},
	{"a=1;b=2", "a=1;b=2;"},
};

static void
test_split(void)
{
	VyStr path;
	VyStr query;

	for (size_t i = 0; i < LENGTH(splits); i++)
	{
		VyStr target = tight(vy_cstr(splits[i].target));

		vy_url_split(target, &path, &query);
		ok(vy_str_is(path, splits[i].path) && (query.p == NULL) == (splits[i].query == NULL) && vy_str_eq(query, vy_cstr(splits[i].query)),
		   "\"%s\" is cut", splits[i].target);
		free((char *) target.p);
	}
}

static void
test_decode(void)
{
	for (size_t i = 0; i < LENGTH(decodings); i++)
	{
		VyStr in = tight(decodings[i].in);
		VyStr want = decodings[i].out;
		char *out = malloc(in.n + 1);
		size_t len = 99;
		int result = vy_url_decode(out, in.n, &len, in, decodings[i].plus);

		if (want.p == NULL)
			ok(result == -1, "%s is refused: %s", shown(decodings[i].in), decodings[i].name);
		else
		{
			ok(result == 0 && vy_str_eq(vy_str(out, len), want), "%s is decoded: %s", shown(decodings[i].in), decodings[i].name);
			ok(vy_url_decode(out, want.n, &len, in, decodings[i].plus) == 0, "%s fits its own length", shown(decodings[i].in));
			ok(want.n == 0 || vy_url_decode(out, want.n - 1, &len, in, decodings[i].plus) == -1, "%s does not fit less",
			   shown(decodings[i].in));
		}
		free(out);
		free((char *) in.p);
	}
}

static void
test_pairs(void)
{
	for (size_t i = 0; i < LENGTH(queries); i++)
	{
		VyStr whole = tight(vy_cstr(queries[i].query));
		VyStr rest = whole;
		char seen[256] = "";
		size_t n = 0;
		VyStr name;
		VyStr value;

		while (vy_url_next_pair(&rest, &name, &value))
			n += (size_t) snprintf(seen + n, sizeof(seen) - n, "%.*s%s%.*s;", (int) name.n, name.p, value.p ? "=" : "!", (int) value.n,
								   value.p ? value.p : "");
		ok(strcmp(seen, queries[i].pairs) == 0, "\"%s\" has the pairs %s", queries[i].query, queries[i].pairs);
		free((char *) whole.p);
	}
}

static const struct
{
	const char *path;
	const char *file; /* NULL: none can have that path */
} files[] = {
	{"/", "/index.html"},
	{"/docs/", "/docs/index.html"},
	{"/a.css", "/a.css"},
	{"/a%20b.css", "/a b.css"},
	{"/a%2f", "/a/index.html"},
	{"/%zz", NULL},
	{"", NULL},
	{"/23456789abcde", NULL},
	{"/%00", NULL},
	{"/+", "/+"},
	{"/23456789abc/", "/23456789abc/index.html"},
};

static void
test_files(void)
{
	for (size_t i = 0; i < LENGTH(files); i++)
	{
		VyStr path = tight(vy_cstr(files[i].path));
		char out[24];
		size_t n = 0;
		bool good = vy_url_file(out, sizeof(out), &n, path);

		ok(good == (files[i].file != NULL) && (!good || vy_str_is(vy_str(out, n), files[i].file)), "\"%s\" is the file %s", files[i].path,
		   files[i].file ? files[i].file : "of nobody");
		free((char *) path.p);
	}
}

int
main(void)
{
	test_split();
	for (size_t i = 0; i < LENGTH(paths); i++)
	{
		VyStr path = tight(paths[i].path);

		ok(vy_url_path_ok(path) == paths[i].routed, "%s is %s: %s", shown(paths[i].path), paths[i].routed ? "routed" : "refused",
		   paths[i].why);
		free((char *) path.p);
	}
	test_decode();
	test_pairs();
	test_files();
	return tap_done();
}
