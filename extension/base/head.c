/*
 * head.c: the rules of head.h. Whatever else is wrong: two hosts, two lengths, or a length and a coding are an attack, and come first.
 */
#include "base/head.h"

#include "base/field.h"
#include "base/url.h"

static void set_host(VyHead *head, VyStr value);
static void set_length(VyHead *head, VyStr value);
static void set_encoding(VyHead *head, VyStr value);
static void set_coding(VyHead *head, VyStr value);
static void set_expectation(VyHead *head, VyStr value);

/* The fields that decide where a message ends, or what it means. */
static const struct
{
	VyStr name;
	void (*set)(VyHead *head, VyStr value);
} known[] = {
	{VY_STR_INIT("host"), set_host},
	{VY_STR_INIT("content-length"), set_length},
	{VY_STR_INIT("transfer-encoding"), set_coding},
	{VY_STR_INIT("content-encoding"), set_encoding},
	{VY_STR_INIT("expect"), set_expectation},
};

static const struct
{
	VyStr name;
	bool read_only;
} methods[] = {
	{VY_STR_INIT("GET"), true},  {VY_STR_INIT("POST"), false}, {VY_STR_INIT("PATCH"), false},  {VY_STR_INIT("DELETE"), false},
	{VY_STR_INIT("PUT"), false}, {VY_STR_INIT("HEAD"), true},  {VY_STR_INIT("OPTIONS"), true},
};

bool
vy_head_method(VyStr method, bool *read_only)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (vy_str_eq(method, methods[i].name))
		{
			*read_only = methods[i].read_only;
			return true;
		}
	return false;
}

uint32_t
vy_head_route(VyStr method, VyStr path)
{
	size_t n = 0;

	for (int segments = 0; n < path.n; n++)
		if (path.p[n] == '/' && ++segments > 4)
			break;
	return vy_hash(method) ^ vy_hash(vy_str(path.p, n));
}

bool
vy_head_version(VyStr version, bool *newer)
{
	*newer = vy_str_is(version, "HTTP/1.1");
	return *newer || vy_str_is(version, "HTTP/1.0");
}

bool
vy_head_line_ok(const char *before, VyStr name, VyStr value)
{
	if (!value.p || name.p - before != 2 || value.p <= name.p + name.n)
		return false;
	/* the colon may have been overwritten */
	for (const char *p = name.p + name.n + 1; p < value.p; p++)
		if (*p != ' ' && *p != '\t')
			return false;
	return true;
}

bool
vy_head_field(VyHead *head, VyStr name, VyStr value)
{
	head->nfields++;
	if (!vy_field_name_ok(name) || !vy_field_value_ok(value))
		head->verdict = VY_HEAD_BAD;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (name.n == known[i].name.n && vy_str_same(name, known[i].name))
			known[i].set(head, value);
	return head->verdict != VY_HEAD_BAD;
}

VyHeadVerdict
vy_head_judge(const VyHead *head, bool newer, unsigned max_fields, VyStr target, VyStr path)
{
	if (head->nhosts > 1 || (newer && head->nhosts == 0) || head->nlengths > 1 || head->nfields > max_fields ||
		(head->verdict == VY_HEAD_CHUNKED && (head->nlengths > 0 || !newer)))
		return VY_HEAD_BAD;
	if (head->verdict != VY_HEAD_OK)
		return head->verdict;
	return vy_field_target_ok(target) && vy_url_path_ok(path) ? VY_HEAD_OK : VY_HEAD_BAD_TARGET;
}

/* A coding outweighs what else is refused. */
static void
refuse(VyHead *head, VyHeadVerdict verdict)
{
	if (head->verdict != VY_HEAD_BAD && head->verdict != VY_HEAD_CHUNKED)
		head->verdict = verdict;
}

static void
set_host(VyHead *head, VyStr value)
{
	(void) value;
	head->nhosts++;
}

static void
set_length(VyHead *head, VyStr value)
{
	head->nlengths++;
	if (!vy_field_length(value, &head->length))
		head->verdict = VY_HEAD_BAD;
}

static void
set_coding(VyHead *head, VyStr value)
{
	(void) value;
	refuse(head, VY_HEAD_CHUNKED);
}

static void
set_encoding(VyHead *head, VyStr value)
{
	if (!vy_str_same(value, VY_STR("identity")))
		refuse(head, VY_HEAD_ENCODING);
}

static void
set_expectation(VyHead *head, VyStr value)
{
	if (!vy_str_same(value, VY_STR("100-continue")))
		refuse(head, VY_HEAD_EXPECTATION);
}
