/*
 * dialect.c: how /rest/v1 says no.
 * The body is exactly {"code","details","hint","message"} in this order: postgrest-js and its users' code match on it. Texts may echo bytes
 * of the request; what is not UTF-8 is replaced, and long texts are cut, so an error is always valid JSON of bounded size.
 */
#include "rest/nodes.h"

#include "mb/pg_wchar.h"

#include "core/json_writer.h"

#define MAX_TEXT 2000

static void append_member(StringInfo out, const char *name, const char *text);
static void render(VyRequest *request, VyResponse *response, const char *code, const char *message, const char *detail, const char *hint);

const VyDialect vy_rest_dialect = {"rest", "private, no-cache", render, "PGRST301", "PGRST303"};

static void
render(VyRequest *request, VyResponse *response, const char *code, const char *message, const char *detail, const char *hint)
{
	StringInfo body = &response->body;

	vy_response_header(response, "content-type", VY_STR("application/json; charset=utf-8"));
	vy_response_headerf(response, "proxy-status", "PostgREST; error=%s", code ? code : "XX000");
	if (response->status == 401)
		vy_response_header(response, "www-authenticate", VY_STR("Bearer"));
	append_member(body, "{\"code\":", code);
	append_member(body, ",\"details\":", detail);
	append_member(body, ",\"hint\":", hint);
	append_member(body, ",\"message\":", message ? message : "");
	appendStringInfoChar(body, '}');
	(void) request;
}

bool
vy_rest_refuse(VyRest *rest, int status, const char *code, const char *message, const char *details, const char *hint)
{
	vy_refuse(rest->request, rest->response, status, code, message, details, hint);
	return false;
}

/* For refusals after something was written: everything rolls back, and the answer is rendered from the error. */
void
vy_rest_raise(int status, const char *code, const char *message, const char *details)
{
	StringInfoData body;

	initStringInfo(&body);
	append_member(&body, "{\"code\":", code);
	append_member(&body, ",\"message\":", message);
	append_member(&body, ",\"details\":", details);
	append_member(&body, ",\"hint\":", NULL);
	appendStringInfoChar(&body, '}');
	ereport(ERROR, (errcode(ERRCODE_PGRST), errmsg_internal("%s", body.data), errdetail_internal("{\"status\":%d}", status)));
}

static void
append_member(StringInfo out, const char *name, const char *text)
{
	size_t n;
	char *copy;

	appendStringInfoString(out, name);
	if (!text)
	{
		appendStringInfoString(out, "null");
		return;
	}
	n = strlen(text);
	if (n > MAX_TEXT)
		n = pg_mbcliplen(text, (int) n, MAX_TEXT);
	copy = pnstrdup(text, n);
	if (!pg_verifymbstr(copy, (int) n, true))
		for (size_t i = 0; i < n; i++)
			if (IS_HIGHBIT_SET(copy[i]))
				copy[i] = '?';
	vy_json_string(out, copy, n);
	pfree(copy);
}
