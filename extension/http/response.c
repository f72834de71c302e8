/*
 * response.c: headers, ETag, and packing (response.h).
 *
 * The body is written behind HEAD_ROOM free bytes, so that the packed head goes in front of it and nothing is copied.
 */
#include "http/response.h"

#include "base/refusal.h"
#include "common/hashfn.h"

#define HEAD_ROOM 4096

static VyStr header_value(const VyResponse *response, const char *name);
static void compare_etag(VyRequest *request, VyResponse *response);
static bool etag_listed(VyStr list, VyStr etag);

void
vy_response_init(VyResponse *response)
{
	response->status = 200;
	response->nheaders = 0;
	response->etag = false;
	response->limit_left = -1;
	response->body_start = HEAD_ROOM;
	response->body.maxlen = HEAD_ROOM + 4096;
	response->body.data = palloc(response->body.maxlen);
	response->body.len = HEAD_ROOM;
	response->body.cursor = 0;
	response->body.data[HEAD_ROOM] = '\0';
	response->why.data = NULL;
	response->why.len = 0;
}

void
vy_response_clear(VyResponse *response)
{
	response->body.len = (int) response->body_start;
	response->body.data[response->body.len] = '\0';
}

void
vy_response_header(VyResponse *response, const char *name, VyStr value)
{
	VyStr key = vy_cstr(name);

	for (size_t i = 0; i < response->nheaders; i++)
		if (vy_str_eq(response->headers[i].name, key))
		{
			response->headers[i].value = value;
			return;
		}
	if (response->nheaders == VY_MAX_HEADERS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("an answer can have %d headers", VY_MAX_HEADERS)));
	response->headers[response->nheaders++] = (VyHeader){key, value};
}

void
vy_response_headerf(VyResponse *response, const char *name, const char *format, ...)
{
	va_list args;
	StringInfoData text;
	int missing;

	initStringInfo(&text);
	do
	{
		va_start(args, format);
		missing = appendStringInfoVA(&text, format, args);
		va_end(args);
		if (missing > 0)
			enlargeStringInfo(&text, missing);
	} while (missing > 0);
	vy_response_header(response, name, vy_str(text.data, (size_t) text.len));
}

void
vy_response_finish(VyRequest *request, VyResponse *response)
{
	bool page = request->route != NULL && (request->route->flags & VY_ROUTE_HTML) != 0;

	if (request->request_id.p != NULL)
		vy_response_header(response, "x-request-id", request->request_id);
	if (response->why.len > 0)
		vy_response_header(response, "x-vyricon-why", vy_str(response->why.data, (size_t) response->why.len));
	if (response->etag && response->status == 200)
		compare_etag(request, response);
	if (request->method == VY_HEAD)
		vy_response_clear(response);
	if (header_value(response, "content-security-policy").p == NULL)
		vy_response_header(response, "content-security-policy",
						   page && response->status < 400 ? VY_STR(VY_PAGE_POLICY) : VY_STR(VY_API_POLICY));
	if (response->nheaders + VY_SECURITY_HEADERS > VY_MAX_HEADERS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("an answer can have %d headers", VY_MAX_HEADERS)));
	memcpy(response->headers + response->nheaders, vy_security_headers, VY_SECURITY_HEADERS * sizeof(VyHeader));
	response->nheaders += VY_SECURITY_HEADERS;
}

bytea *
vy_response_pack(const VyResponse *response)
{
	VyWireAnswer answer = {
		.status = (unsigned) response->status, .headers = (VyHeader *) response->headers, .nheaders = response->nheaders};
	size_t head = vy_wire_answer_head_size(&answer);
	size_t body = (size_t) response->body.len - response->body_start;
	char *start;

	if (head + VARHDRSZ <= response->body_start)
		start = response->body.data + response->body_start - head - VARHDRSZ;
	else
	{
		start = palloc(VARHDRSZ + head + body);
		memcpy(start + VARHDRSZ + head, response->body.data + response->body_start, body);
	}
	SET_VARSIZE(start, VARHDRSZ + head + body);
	if (!vy_wire_answer_head_write((uint8_t *) start + VARHDRSZ, head, &answer))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a header of the answer is too long")));
	return (bytea *) start;
}

static VyStr
header_value(const VyResponse *response, const char *name)
{
	for (size_t i = 0; i < response->nheaders; i++)
		if (vy_str_is(response->headers[i].name, name))
			return response->headers[i].value;
	return (VyStr){NULL, 0};
}

/* A weak comparison over the body's hash (RFC 9110, 13.1.2): the work in the database is done, the bytes on the wire are saved. */
static void
compare_etag(VyRequest *request, VyResponse *response)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *body = (const unsigned char *) response->body.data + response->body_start;
	uint64 hash = hash_bytes_extended(body, response->body.len - (int) response->body_start, 0);
	char *etag = palloc(20);
	VyStr wanted = vy_request_header(request, "if-none-match");

	memcpy(etag, "W/\"", 3);
	for (int i = 0; i < 16; i++)
		etag[3 + i] = digits[hash >> (60 - 4 * i) & 15];
	etag[19] = '"';
	vy_response_header(response, "etag", vy_str(etag, 20));
	if (wanted.p != NULL && etag_listed(wanted, vy_str(etag, 20)))
	{
		response->status = 304;
		vy_response_clear(response);
	}
}

static bool
etag_listed(VyStr list, VyStr etag)
{
	/* The opaque tag without W/. */
	VyStr opaque = vy_str(etag.p + 2, etag.n - 2);

	if (vy_str_is(list, "*"))
		return true;
	for (size_t i = 0; i + opaque.n <= list.n; i++)
		if (memcmp(list.p + i, opaque.p, opaque.n) == 0)
			return true;
	return false;
}
