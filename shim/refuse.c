/*
 * refuse.c: the answers that the shim makes itself: JSON, with the headers of every answer of ours.
 */
#include "shim.h"

#include "base/field.h"

typedef struct RefusalRow
{
	unsigned status;
	bool closes; /* the rest of what this client sends cannot be trusted, or will not be read */
	bool later; /* Retry-After: 1 */
	const char *code;
	const char *message;
} RefusalRow;

static const RefusalRow refusals[] = {
	[VY_ACCEPTED] = {500, true, false, "internal_error", "internal error"},
	[VY_BAD_HEAD] = {400, true, false, "bad_request", "the request head is malformed"},
	[VY_BAD_TARGET] = {400, true, false, "bad_request", "the request target is malformed"},
	[VY_BAD_METHOD] = {501, true, false, "method_not_implemented", "this method is not implemented"},
	[VY_NO_CHUNKED] = {411, true, false, "length_required", "send a Content-Length instead of a Transfer-Encoding"},
	[VY_NO_ENCODING] = {415, true, false, "unsupported_encoding", "a request body must not have a Content-Encoding"},
	[VY_NO_EXPECTATION] = {417, true, false, "expectation_failed", "only 100-continue can be expected"},
	[VY_TARGET_TOO_LONG] = {414, true, false, "uri_too_long", "the request target is longer than 8 KiB"},
	[VY_HEAD_TOO_LARGE] = {431, true, false, "head_too_large", "the request head is larger than 12 KiB"},
	[VY_BODY_TOO_LARGE] = {413, true, false, "body_too_large", "the request body is too large"},
	[VY_QUEUE_FULL] = {503, false, true, "overloaded", "too many requests are waiting"},
	[VY_DATABASE_GONE] = {503, false, true, "database_unavailable", "the database cannot be reached"},
	[VY_NOT_READY] = {503, false, true, "not_ready", "the database is not set up: run \"vyricon init\""},
	[VY_STOPPING] = {503, true, true, "stopping", "the server is being stopped"},
	[VY_OUTCOME_UNKNOWN] = {503, false, false, "outcome_unknown", "the connection to the database was lost after the request was sent"},
	[VY_INTERNAL] = {500, false, false, "internal_error", "internal error"},
};

static const struct
{
	const char *name;
	const char *value;
} security_headers[] = {
	{"strict-transport-security", "max-age=63072000; includeSubDomains"},
	{"content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"},
	{"x-content-type-options", "nosniff"},
	{"referrer-policy", "no-referrer"},
	{"cross-origin-resource-policy", "same-origin"},
	{"cross-origin-opener-policy", "same-origin"},
	{"permissions-policy", "geolocation=(), camera=(), microphone=()"},
	{"cache-control", "no-store"},
	{"x-frame-options", "DENY"},
	{"vary", "Origin"},
};

static bool
add_security_headers(struct MHD_Response *response)
{
	bool ok = true;
	for (size_t i = 0; i < sizeof(security_headers) / sizeof(security_headers[0]); i++)
		ok = ok && MHD_add_response_header(response, security_headers[i].name, security_headers[i].value) == MHD_YES;
	return ok;
}

bool
vy_answer_text(struct MHD_Response **response, const char *type, const char *text, size_t n)
{
	/* copied: the text does not change, though the parameter is not const */
	*response = MHD_create_response_from_buffer(n, (void *) (uintptr_t) text, MHD_RESPMEM_MUST_COPY);
	return *response && MHD_add_response_header(*response, "content-type", type) == MHD_YES && add_security_headers(*response);
}

enum MHD_Result
vy_refuse(VyRequest *request, struct MHD_Connection *connection, VyRefusal why)
{
	const RefusalRow *row = &refusals[why];
	struct MHD_Response *response;
	char text[512];
	int n = snprintf(text, sizeof(text), "{\"code\":\"%s\",\"message\":", row->code);
	enum MHD_Result result = MHD_NO;
	bool ok;
	n += (int) vy_field_quote(text + n, 256, vy_cstr(row->message));
	n += snprintf(text + n, sizeof(text) - (size_t) n, ",\"request_id\":\"%s\"}", request->id);
	ok = vy_answer_text(&response, "application/json", text, (size_t) n) &&
		 MHD_add_response_header(response, "x-request-id", request->id) == MHD_YES;
	if (row->closes)
		request->closing = true;
	if (ok && request->closing)
		ok = MHD_add_response_header(response, "connection", "close") == MHD_YES;
	if (ok && row->later)
		ok = MHD_add_response_header(response, "retry-after", "1") == MHD_YES;
	if (ok)
		result = MHD_queue_response(connection, row->status, response);
	if (response)
		MHD_destroy_response(response);
	request->refusal = why;
	request->status = row->status;
	request->answer_bytes = (size_t) n;
	request->phase = VY_PHASE_ANSWERED;
	return result;
}
