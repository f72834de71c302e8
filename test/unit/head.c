/*
 * head.c: which request heads are refused, and what outweighs what.
 */
#include "base/head.h"

#include "tap.h"

#define MAX_FIELDS 4

typedef struct Case
{
	const char *why;
	VyHeadVerdict want;
	VyStr names[6];
	VyStr values[6];
	const char *target;
	bool older; /* HTTP/1.0 */
	size_t length;
} Case;

#define HOST VY_STR_INIT("Host")
#define BODY_LENGTH VY_STR_INIT("Content-Length")
#define CODING VY_STR_INIT("Transfer-Encoding")
#define ENCODING VY_STR_INIT("Content-Encoding")
#define EXPECT VY_STR_INIT("Expect")
#define A VY_STR_INIT("a")

static const Case cases[] = {
	{"a good head", VY_HEAD_OK, {HOST, BODY_LENGTH}, {A, VY_STR_INIT("12")}, "/x?y=1", false, 12},
	{"no Host in HTTP/1.1", VY_HEAD_BAD, {BODY_LENGTH}, {VY_STR_INIT("0")}, "/", false, 0},
	{"no Host in HTTP/1.0", VY_HEAD_OK, {BODY_LENGTH}, {VY_STR_INIT("0")}, "/", true, 0},
	{"two Hosts", VY_HEAD_BAD, {HOST, VY_STR_INIT("hOST")}, {A, A}, "/", false, 0},
	{"two equal lengths", VY_HEAD_BAD, {HOST, BODY_LENGTH, BODY_LENGTH}, {A, VY_STR_INIT("1"), VY_STR_INIT("1")}, "/", false, 1},
	{"a signed length", VY_HEAD_BAD, {HOST, BODY_LENGTH}, {A, VY_STR_INIT("+1")}, "/", false, 0},
	{"a list of lengths", VY_HEAD_BAD, {HOST, BODY_LENGTH}, {A, VY_STR_INIT("1, 1")}, "/", false, 0},
	{"a coding", VY_HEAD_CHUNKED, {HOST, CODING}, {A, VY_STR_INIT("chunked")}, "/", false, 0},
	{"a coding and a length", VY_HEAD_BAD, {HOST, CODING, BODY_LENGTH}, {A, VY_STR_INIT("chunked"), VY_STR_INIT("1")}, "/", false, 1},
	{"a length and a coding", VY_HEAD_BAD, {HOST, BODY_LENGTH, CODING}, {A, VY_STR_INIT("1"), VY_STR_INIT("x")}, "/", false, 1},
	{"a coding in HTTP/1.0", VY_HEAD_BAD, {HOST, CODING}, {A, VY_STR_INIT("chunked")}, "/", true, 0},
	{"a content encoding", VY_HEAD_ENCODING, {HOST, ENCODING}, {A, VY_STR_INIT("gzip")}, "/", false, 0},
	{"the identity encoding", VY_HEAD_OK, {HOST, ENCODING}, {A, VY_STR_INIT("Identity")}, "/", false, 0},
	{"100-continue", VY_HEAD_OK, {HOST, EXPECT}, {A, VY_STR_INIT("100-Continue")}, "/", false, 0},
	{"another expectation", VY_HEAD_EXPECTATION, {HOST, EXPECT}, {A, VY_STR_INIT("200-ok")}, "/", false, 0},
	{"a coding outweighs an expectation", VY_HEAD_CHUNKED, {HOST, CODING, EXPECT}, {A, A, A}, "/", false, 0},
	{"as many fields as may be", VY_HEAD_OK, {HOST, A, A, A}, {A, A, A, A}, "/", false, 0},
	{"one more", VY_HEAD_BAD, {HOST, A, A, A, A}, {A, A, A, A, A}, "/", false, 0},
	{"a name with a blank", VY_HEAD_BAD, {HOST, VY_STR_INIT("x ")}, {A, A}, "/", false, 0},
	{"a value with a CR", VY_HEAD_BAD, {HOST, A}, {A, VY_STR_INIT("b\rc")}, "/", false, 0},
	{"a target with a blank", VY_HEAD_BAD_TARGET, {HOST}, {A}, "/a b", false, 0},
	{"a path that climbs", VY_HEAD_BAD_TARGET, {HOST}, {A}, "/a/../b", false, 0},
	{"a bad field outweighs a bad target", VY_HEAD_BAD, {HOST, HOST}, {A, A}, "/a b", false, 0},
};

static void
test_methods(void)
{
	static const char *const reading[] = {"GET", "HEAD", "OPTIONS"};
	static const char *const writing[] = {"POST", "PUT", "PATCH", "DELETE"};
	static const char *const unknown[] = {"get", "TRACE", "CONNECT", "", "GETS"};
	bool read_only;

	for (size_t i = 0; i < LENGTH(reading); i++)
		ok(vy_head_method(vy_cstr(reading[i]), &read_only) && read_only, "%s reads", reading[i]);
	for (size_t i = 0; i < LENGTH(writing); i++)
		ok(vy_head_method(vy_cstr(writing[i]), &read_only) && !read_only, "%s may write", writing[i]);
	for (size_t i = 0; i < LENGTH(unknown); i++)
		ok(!vy_head_method(vy_cstr(unknown[i]), &read_only), "\"%s\" is no method of ours", unknown[i]);
}

static void
test_versions(void)
{
	bool newer;

	ok(vy_head_version(VY_STR("HTTP/1.1"), &newer) && newer, "HTTP/1.1 is spoken");
	ok(vy_head_version(VY_STR("HTTP/1.0"), &newer) && !newer, "and HTTP/1.0");
	ok(!vy_head_version(VY_STR("HTTP/2.0"), &newer) && !vy_head_version(VY_STR("http/1.1"), &newer), "but no other");
}

static uint32_t
route(const char *method, const char *path)
{
	return vy_head_route(vy_cstr(method), vy_cstr(path));
}

static void
test_routes(void)
{
	ok(route("GET", "/a/b/c/d/1") == route("GET", "/a/b/c/d/2"), "routes differ in four segments");
	ok(route("GET", "/a/b/c/1") != route("GET", "/a/b/c/2"), "not in fewer");
	ok(route("GET", "/a") != route("POST", "/a"), "and in the method");
	ok(route("GET", "") == route("GET", ""), "a path may be empty");
}

/* A line as it lies in a parser's buffer behind a CR LF, its colon overwritten; name and value: where the parser saw them. */
static void
test_lines(void)
{
	static const char line[] = "\r\nHost\0 \tme";
	static const char folded[] = "\r\nHost\0\r\n me";

	ok(vy_head_line_ok(line, vy_str(line + 2, 4), vy_str(line + 9, 2)), "blanks may stand before a value");
	ok(!vy_head_line_ok(line + 1, vy_str(line + 2, 4), vy_str(line + 9, 2)), "a bare line feed before a name may not");
	ok(!vy_head_line_ok(folded, vy_str(folded + 2, 4), vy_str(folded + 10, 2)), "nor a folded line before a value");
	ok(!vy_head_line_ok(line, vy_str(line + 2, 4), vy_str(line + 6, 2)), "nor a value without a colon");
	ok(!vy_head_line_ok(line, vy_str(line + 2, 4), vy_str(NULL, 0)), "nor no value at all");
}

int
main(void)
{
	test_methods();
	test_versions();
	test_routes();
	test_lines();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const Case *c = &cases[i];
		VyHead head = {0};
		VyStr target = vy_cstr(c->target);
		VyStr path = vy_str(c->target, strcspn(c->target, "?"));
		VyHeadVerdict verdict = VY_HEAD_OK;

		for (int field = 0; c->names[field].p && verdict == VY_HEAD_OK; field++)
			if (!vy_head_field(&head, c->names[field], c->values[field]))
				verdict = VY_HEAD_BAD;
		if (verdict == VY_HEAD_OK)
			verdict = vy_head_judge(&head, !c->older, MAX_FIELDS, target, path);
		ok(verdict == c->want, "%s", c->why);
		ok(verdict != VY_HEAD_OK || head.length == c->length, "%s: the length", c->why);
	}
	return tap_done();
}
