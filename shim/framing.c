/*
 * framing.c: refuses request heads on which two servers could disagree (request smuggling), and targets that could be read in two ways.
 *
 * libmicrohttpd 0.9 is lenient: it takes bare LF, NUL, folded lines, two lengths. It parses in place, though, so the distances between the
 * pointers it hands out are distances in the bytes that came in: between a value and the next name stand exactly CR LF or something is
 * wrong, and from the method to the last value, plus the empty line, it must be as long as the head it counted. The self-test proves at
 * every start that the library still works that way.
 */
#include "options.h"
#include "shim.h"

#include "base/field.h"
#include "base/url.h"

typedef struct Head
{
	const char *end; /* of the last value, in the buffer */
	bool bad;
	int nheaders;
	int nhosts;
	int nlengths;
	size_t length;
	VyRefusal refusal;
} Head;

/* The fields that decide where a message ends, or what it means. */
static void
check_known(Head *head, VyStr name, VyStr value)
{
	switch (name.n)
	{
		case 4:
			if (vy_str_same(name, VY_STR("host")))
				head->nhosts++;
			break;
		case 6:
			if (vy_str_same(name, VY_STR("expect")) && !vy_str_same(value, VY_STR("100-continue")))
				head->refusal = VY_NO_EXPECTATION;
			break;
		case 14:
			if (vy_str_same(name, VY_STR("content-length")))
			{
				head->nlengths++;
				head->bad |= !vy_field_length(value, &head->length);
			}
			break;
		case 16:
			if (vy_str_same(name, VY_STR("content-encoding")) && !vy_str_same(value, VY_STR("identity")))
				head->refusal = VY_NO_ENCODING;
			break;
		case 17:
			if (vy_str_same(name, VY_STR("transfer-encoding")))
				head->refusal = VY_NO_CHUNKED;
			break;
		default:
			break;
	}
}

static enum MHD_Result
check_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value, size_t value_len)
{
	Head *head = cls;
	(void) kind;
	head->nheaders++;
	if (!value || name - head->end != 2 || !vy_field_name_ok(vy_str(name, name_len)) || !vy_field_value_ok(vy_str(value, value_len)))
	{
		head->bad = true;
		return MHD_NO;
	}
	/* libmicrohttpd overwrites the colon; behind it only blanks may stand before the value */
	for (const char *p = name + name_len + 1; p < value; p++)
		if (*p != ' ' && *p != '\t')
			head->bad = true;
	if (value <= name + name_len)
		head->bad = true;
	head->end = value + value_len;
	check_known(head, vy_str(name, name_len), vy_str(value, value_len));
	return head->bad ? MHD_NO : MHD_YES;
}

static bool
version_ok(const char *version, bool *newer)
{
	*newer = strcmp(version, "HTTP/1.1") == 0;
	return *newer || strcmp(version, "HTTP/1.0") == 0;
}

static VyRefusal
judge(const Head *head, bool newer, VyStr target, VyStr path)
{
	/* whatever else is wrong with it: two lengths, or a length and a coding, are an attack */
	if (head->nhosts > 1 || (newer && head->nhosts == 0) || head->nlengths > 1 || head->nheaders > VY_MAX_REQUEST_HEADERS ||
		(head->refusal == VY_NO_CHUNKED && (head->nlengths > 0 || !newer)))
		return VY_BAD_HEAD;
	if (head->refusal != VY_ACCEPTED)
		return head->refusal;
	return vy_field_target_ok(target) && vy_url_path_ok(path) ? VY_ACCEPTED : VY_BAD_TARGET;
}

VyRefusal
vy_framing_check(VyRequest *request, struct MHD_Connection *connection, const char *version, size_t *content_length)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	Head head = {.end = version + strlen(version)};
	VyStr target = vy_str(request->target, request->target_len);
	bool newer;
	VyRefusal verdict;
	*content_length = 0;
	if (!info || !version_ok(version, &newer) || version - (request->uri + request->target_len) != 1 ||
		request->uri - (request->method + strlen(request->method)) != 1)
		return VY_BAD_HEAD;
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, check_header, &head);
	if (head.bad)
		return VY_BAD_HEAD;
	if (info->header_size > VY_MAX_HEAD)
		return VY_HEAD_TOO_LARGE;
	if (head.end + 4 - request->method != (ptrdiff_t) info->header_size)
		return VY_BAD_HEAD;
	if (target.n > VY_MAX_TARGET)
		return VY_TARGET_TOO_LONG;
	verdict = judge(&head, newer, target, vy_str(target.p, request->path_len));
	*content_length = head.length;
	return verdict == VY_ACCEPTED && head.length > (size_t) vy_options.max_body ? VY_BODY_TOO_LARGE : verdict;
}
