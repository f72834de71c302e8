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

int
main(void)
{
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
