/*
 * refusal.c: the rows of refusal.h, and their bytes.
 */
#include "base/refusal.h"

#include <stdio.h>

#include "base/field.h"

const VyHeader vy_security_headers[VY_REFUSAL_HEADERS] = {
	{VY_STR_INIT("x-content-type-options"), VY_STR_INIT("nosniff")},
	{VY_STR_INIT("referrer-policy"), VY_STR_INIT("no-referrer")},
	{VY_STR_INIT("x-frame-options"), VY_STR_INIT("DENY")},
	{VY_STR_INIT("cross-origin-resource-policy"), VY_STR_INIT("same-origin")},
	{VY_STR_INIT("cross-origin-opener-policy"), VY_STR_INIT("same-origin")},
	{VY_STR_INIT("permissions-policy"), VY_STR_INIT("geolocation=(), camera=(), microphone=()")},
	{VY_STR_INIT("strict-transport-security"), VY_STR_INIT("max-age=63072000; includeSubDomains")},
	{VY_STR_INIT("content-security-policy"), VY_STR_INIT(VY_API_POLICY)},
	{VY_STR_INIT("cache-control"), VY_STR_INIT("no-store")},
	{VY_STR_INIT("vary"), VY_STR_INIT("Origin")},
};

static const VyRefusalRow rows[VY_REFUSALS] = {
	[VY_ACCEPTED] = {500, true, false, "Internal Server Error", "internal_error", "internal error"},
	[VY_BAD_HEAD] = {400, true, false, "Bad Request", "bad_request", "the request head is malformed"},
	[VY_BAD_TARGET] = {400, true, false, "Bad Request", "bad_target", "the request target is malformed"},
	[VY_BAD_METHOD] = {501, true, false, "Not Implemented", "method_not_implemented", "this method is not implemented"},
	[VY_NO_CHUNKED] = {411, true, false, "Length Required", "length_required", "send a Content-Length instead of a Transfer-Encoding"},
	[VY_NO_ENCODING] = {415, true, false, "Unsupported Media Type", "unsupported_encoding",
						"a request body must not have a Content-Encoding"},
	[VY_NO_EXPECTATION] = {417, true, false, "Expectation Failed", "expectation_failed", "only 100-continue can be expected"},
	[VY_TARGET_TOO_LONG] = {414, true, false, "URI Too Long", "uri_too_long", "the request target is longer than 8 KiB"},
	[VY_HEAD_TOO_LARGE] = {431, true, false, "Request Header Fields Too Large", "head_too_large", "the request head is larger than 12 KiB"},
	[VY_BODY_TOO_LARGE] = {413, true, false, "Content Too Large", "body_too_large", "the request body is too large"},
	[VY_BAD_VERSION] = {505, true, false, "HTTP Version Not Supported", "version_not_supported",
						"only HTTP/1.0 and HTTP/1.1 are spoken here"},
	[VY_QUEUE_FULL] = {503, false, true, "Service Unavailable", "overloaded", "too many requests are waiting"},
	[VY_DATABASE_GONE] = {503, false, true, "Service Unavailable", "database_unavailable", "the database cannot be reached"},
	[VY_NOT_READY] = {503, false, true, "Service Unavailable", "not_ready", "the database is not set up: run \"vyricon init\""},
	[VY_STOPPING] = {503, true, true, "Service Unavailable", "stopping", "the server is being stopped"},
	[VY_OUTCOME_UNKNOWN] = {503, false, false, "Service Unavailable", "outcome_unknown",
							"the connection to the database was lost after the request was sent"},
	[VY_ANSWER_TOO_LARGE] = {500, true, false, "Internal Server Error", "answer_head_too_large",
							 "the heads of the request and of its answer are too large together"},
	[VY_INTERNAL] = {500, false, false, "Internal Server Error", "internal_error", "internal error"},
};

const VyRefusalRow *
vy_refusal(VyRefusal why)
{
	return &rows[why];
}

VyRefusal
vy_refusal_of(unsigned status)
{
	for (int why = VY_BAD_HEAD; why <= VY_BAD_VERSION; why++)
		if (rows[why].status == status)
			return (VyRefusal) why;
	return status < 500 ? VY_BAD_HEAD : VY_INTERNAL;
}

size_t
vy_refusal_body(char out[static VY_REFUSAL_BODY], const VyRefusalRow *row, VyStr id)
{
	size_t n = (size_t) snprintf(out, VY_REFUSAL_BODY, "{\"code\":\"%s\",\"message\":", row->code);

	n += vy_field_quote(out + n, 160, vy_cstr(row->message));
	return n + (size_t) snprintf(out + n, VY_REFUSAL_BODY - n, ",\"request_id\":\"%.*s\"}", (int) id.n, id.p);
}

size_t
vy_refusal_page(char out[static VY_REFUSAL_PAGE], const VyRefusalRow *row, VyStr id, bool no_body)
{
	char body[VY_REFUSAL_BODY];
	size_t length = vy_refusal_body(body, row, id);
	size_t n = (size_t) snprintf(out, VY_REFUSAL_PAGE, "HTTP/1.1 %u %s\r\nconnection: close\r\ncontent-type: application/json\r\n%s",
								 row->status, row->reason, row->later ? "retry-after: 1\r\n" : "");

	for (size_t i = 0; i < VY_REFUSAL_HEADERS; i++)
		n += (size_t) snprintf(out + n, VY_REFUSAL_PAGE - n, "%s: %s\r\n", vy_security_headers[i].name.p, vy_security_headers[i].value.p);
	return n + (size_t) snprintf(out + n, VY_REFUSAL_PAGE - n, "x-request-id: %.*s\r\ncontent-length: %zu\r\n\r\n%s", (int) id.n, id.p,
								 length, no_body ? "" : body);
}
