/*
 * head.c: a head that is judged good can be read in one way only. Input: '0' or '1' (HTTP/1.0, 1.1), the target, a line feed; then lines
 * "name:value".
 */
#include "base/head.h"

#include "base/field.h"
#include "base/url.h"

#include "fuzz.h"

#define MAX_FIELDS 40
#define ALLOWED_FIELDS 30

typedef struct Field
{
	VyStr name;
	VyStr value;
} Field;

static Field fields[MAX_FIELDS];

static size_t
count(size_t n, const char *name)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += vy_str_same(fields[i].name, vy_cstr(name));
	return found;
}

/* Feeds all fields, forwards or backwards. */
static VyHeadVerdict
judge(size_t n, bool backwards, bool newer, VyStr target, VyStr path, VyHead *head)
{
	bool good = true;
	VyHeadVerdict verdict;

	*head = (VyHead){0};
	for (size_t i = 0; i < n; i++)
	{
		const Field *field = &fields[backwards ? n - 1 - i : i];
		bool still = vy_head_field(head, field->name, field->value);

		REQUIRE(good || !still);
		good = still;
	}
	verdict = vy_head_judge(head, newer, ALLOWED_FIELDS, target, path);
	REQUIRE(good || verdict == VY_HEAD_BAD);
	return verdict;
}

static void
is_unambiguous(size_t n, bool newer, VyStr target, VyStr path, const VyHead *head)
{
	size_t length = 0;

	REQUIRE(n <= ALLOWED_FIELDS && head->nfields == n && vy_field_target_ok(target) && vy_url_path_ok(path));
	REQUIRE(count(n, "host") <= 1 && (!newer || count(n, "host") == 1));
	REQUIRE(count(n, "content-length") <= 1 && count(n, "transfer-encoding") == 0);
	for (size_t i = 0; i < n; i++)
	{
		REQUIRE(vy_field_name_ok(fields[i].name) && vy_field_value_ok(fields[i].value));
		if (vy_str_same(fields[i].name, VY_STR("content-length")))
			REQUIRE(vy_field_length(fields[i].value, &length));
		if (vy_str_same(fields[i].name, VY_STR("content-encoding")))
			REQUIRE(vy_str_same(fields[i].value, VY_STR("identity")));
		if (vy_str_same(fields[i].name, VY_STR("expect")))
			REQUIRE(vy_str_same(fields[i].value, VY_STR("100-continue")));
	}
	REQUIRE(head->length == length);
}

static void
refusal_has_a_cause(size_t n, VyHeadVerdict verdict, VyStr target, VyStr path)
{
	if (verdict == VY_HEAD_CHUNKED)
		REQUIRE(count(n, "transfer-encoding") > 0 && count(n, "content-length") == 0);
	if (verdict == VY_HEAD_ENCODING)
		REQUIRE(count(n, "content-encoding") > 0);
	if (verdict == VY_HEAD_EXPECTATION)
		REQUIRE(count(n, "expect") > 0);
	if (verdict == VY_HEAD_BAD_TARGET)
		REQUIRE(!vy_field_target_ok(target) || !vy_url_path_ok(path));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	VyStr left = vy_str((const char *) data, size);
	VyStr first = cut_at(&left, '\n');
	bool newer = first.n > 0 && first.p[0] == '1';
	VyStr target = first.n > 0 ? exact(first.p + 1, first.n - 1) : vy_str(NULL, 0);
	VyStr path;
	VyStr query;
	VyHead head;
	VyHead reversed;
	VyHeadVerdict verdict;
	VyHeadVerdict other;
	size_t n = 0;

	vy_url_split(target, &path, &query);
	while (left.p != NULL && n < MAX_FIELDS)
	{
		VyStr line = cut_at(&left, '\n');
		VyStr name = cut_at(&line, ':');

		fields[n++] = (Field){exact(name.p, name.n), exact(line.p, line.n)};
	}
	verdict = judge(n, false, newer, target, path, &head);
	other = judge(n, true, newer, target, path, &reversed);
	if (verdict == VY_HEAD_OK)
		is_unambiguous(n, newer, target, path, &head);
	else
		refusal_has_a_cause(n, verdict, target, path);
	/* The order of the fields may choose between two refusals of what is asked for, never between yes and no. */
	REQUIRE((verdict == VY_HEAD_ENCODING || verdict == VY_HEAD_EXPECTATION) == (other == VY_HEAD_ENCODING || other == VY_HEAD_EXPECTATION));
	REQUIRE(verdict == VY_HEAD_ENCODING || verdict == VY_HEAD_EXPECTATION || verdict == other);
	for (size_t i = 0; i < n; i++)
	{
		drop(fields[i].name);
		drop(fields[i].value);
	}
	drop(target);
	return 0;
}
