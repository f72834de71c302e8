/*
 * refusal.c: every refusal as JSON and as a whole answer.
 */
#include "base/refusal.h"

#include "tap.h"

static bool
holds(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

static void
test_row(VyRefusal why)
{
	const VyRefusalRow *row = vy_refusal(why);
	char body[VY_REFUSAL_BODY];
	char page[VY_REFUSAL_PAGE];
	char wanted[128];
	size_t n = vy_refusal_body(body, row, VY_STR("0123456789abcdef-0123456789abcdef0123456789abcdef0123456789abcde"));
	size_t whole = vy_refusal_page(page, row, VY_STR("an-id"), false);
	const char *end = strstr(page, "\r\n\r\n");

	ok(n == strlen(body) && n < VY_REFUSAL_BODY - 1 && body[n - 1] == '}', "the body of %s is whole", row->code);
	ok(whole == strlen(page) && whole < VY_REFUSAL_PAGE - 1, "the answer of %s is whole", row->code);
	snprintf(wanted, sizeof(wanted), "HTTP/1.1 %u %s\r\n", row->status, row->reason);
	ok(strncmp(page, wanted, strlen(wanted)) == 0, "its first line is %u %s", row->status, row->reason);
	n = vy_refusal_body(body, row, VY_STR("an-id"));
	snprintf(wanted, sizeof(wanted), "content-length: %zu\r\n", n);
	ok(end != NULL && strcmp(end + 4, body) == 0 && holds(page, wanted), "its body is the same, and its length is told");
	ok(holds(page, "\r\nconnection: close\r\n") && holds(page, "\r\nx-request-id: an-id\r\n"), "it closes and has the id");
	ok(holds(page, "\r\nretry-after: 1\r\n") == row->later, "it says when to come back, if one may");
	for (size_t i = 0; i < VY_REFUSAL_HEADERS; i++)
	{
		snprintf(wanted, sizeof(wanted), "\r\n%s: %s\r\n", vy_security_headers[i].name.p, vy_security_headers[i].value.p);
		ok(holds(page, wanted), "%s has %s", row->code, vy_security_headers[i].name.p);
	}
}

int
main(void)
{
	char page[VY_REFUSAL_PAGE];

	for (int why = VY_BAD_HEAD; why < VY_REFUSALS; why++)
	{
		test_row((VyRefusal) why);
		for (int other = VY_BAD_HEAD; other < why; other++)
			if (strcmp(vy_refusal((VyRefusal) why)->code, vy_refusal((VyRefusal) other)->code) == 0)
				ok(false, "%s is the code of one refusal", vy_refusal((VyRefusal) why)->code);
	}
	vy_refusal_page(page, vy_refusal(VY_BAD_HEAD), VY_STR("an-id"), true);
	ok(strcmp(strstr(page, "\r\n\r\n"), "\r\n\r\n") == 0, "the answer to a HEAD has no body");
	ok(vy_refusal_of(431) == VY_HEAD_TOO_LARGE, "a status has its refusal");
	ok(vy_refusal_of(505) == VY_BAD_VERSION, "so has 505");
	ok(vy_refusal_of(499) == VY_BAD_HEAD, "an unknown status below 500 is a bad head");
	ok(vy_refusal_of(503) == VY_INTERNAL, "one above is an internal error");
	return tap_done();
}
