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

#include "base/head.h"

/* libmicrohttpd keeps a header or an argument of the query in so many bytes beside its text, with alignment. */
#define VALUE_MEMORY 72

typedef struct Lines
{
	VyHead head;
	const char *end; /* of the last value, in the buffer */
	bool bad;
} Lines;

static enum MHD_Result
check_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value, size_t value_len)
{
	Lines *lines = cls;
	(void) kind;
	lines->bad |= !vy_head_line_ok(lines->end, vy_str(name, name_len), vy_str(value, value_len)) ||
				  !vy_head_field(&lines->head, vy_str(name, name_len), vy_str(value, value_len));
	lines->end = value + value_len;
	return lines->bad ? MHD_NO : MHD_YES;
}

VyRefusal
vy_framing_check(VyRequest *request, struct MHD_Connection *connection, const char *version, size_t *content_length)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	Lines lines = {.end = version + strlen(version)};
	VyStr target = vy_str(request->target, request->target_len);
	bool newer;
	VyRefusal verdict;
	*content_length = 0;
	if (!info || !vy_head_version(vy_cstr(version), &newer) || version - (request->uri + request->target_len) != 1 ||
		request->uri - (request->method + strlen(request->method)) != 1)
		return VY_BAD_HEAD;
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, check_header, &lines);
	if (lines.bad)
		return VY_BAD_HEAD;
	request->head_memory = info->header_size + VALUE_MEMORY * (lines.head.nfields + 1);
	for (size_t i = 0; i < target.n; i++)
		request->head_memory += target.p[i] == '&' ? VALUE_MEMORY : 0;
	if (info->header_size > VY_MAX_HEAD)
		return VY_HEAD_TOO_LARGE;
	if (lines.end + 4 - request->method != (ptrdiff_t) info->header_size)
		return VY_BAD_HEAD;
	if (target.n > VY_MAX_TARGET)
		return VY_TARGET_TOO_LONG;
	verdict = (VyRefusal) vy_head_judge(&lines.head, newer, VY_MAX_REQUEST_HEADERS, target, vy_str(target.p, request->path_len));
	*content_length = lines.head.length;
	return verdict == VY_ACCEPTED && lines.head.length > (size_t) vy_options.max_body ? VY_BODY_TOO_LARGE : verdict;
}
