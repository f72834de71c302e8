/*
 * dialect.c: how /auth/v1 says no. Two shapes, chosen by the client's X-Supabase-Api-Version: without it
 * {"code":<status>,"error_code","msg"}, with 2024-01-01 {"code","message"}, and then the header goes back, since the client looks into the
 * body only when it does.
 */
#include "auth/auth.h"
#include "core/json_writer.h"

#define API_VERSION_HEADER "x-supabase-api-version"
#define API_VERSION "2024-01-01"

typedef struct CodeName
{
	const char *code; /* an SQLSTATE */
	const char *name; /* GoTrue's */
} CodeName;

static const CodeName names[] = {
	{"VY400", "validation_failed"},
	{"VY401", "no_authorization"},
	{"VY403", "not_admin"},
	{"VY404", "not_found"},
	{"VY405", "method_not_allowed"},
	{"VY409", "conflict"},
	{"VY413", "request_entity_too_large"},
	{"VY415", "validation_failed"},
	{"VY422", "validation_failed"},
	{"VY429", "over_request_rate_limit"},
	{"VYCSR", "cross_site_request"},
	{"57014", "request_timeout"},
};

/* A code of GoTrue's own stays as it is: lower-case letters, digits and underscores. */
static const char *
error_name(const char *code, int status)
{
	if (code != NULL)
	{
		for (size_t i = 0; i < lengthof(names); i++)
			if (strcmp(code, names[i].code) == 0)
				return names[i].name;
		if (code[0] >= 'a' && code[0] <= 'z' && strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(code))
			return code;
	}
	return status >= 500 ? "unexpected_failure" : "validation_failed";
}

static void
render(VyRequest *request, VyResponse *response, const char *code, const char *message, const char *detail pg_attribute_unused(),
	   const char *hint pg_attribute_unused())
{
	const char *name = error_name(code, response->status);
	const char *text = message ? message : name;
	bool versioned = vy_str_is(vy_request_header(request, API_VERSION_HEADER), API_VERSION);
	StringInfo body = &response->body;

	vy_response_header(response, "content-type", VY_STR("application/json"));
	vy_response_header(response, "x-sb-error-code", vy_cstr(pstrdup(name)));
	if (versioned)
	{
		vy_response_header(response, API_VERSION_HEADER, VY_STR(API_VERSION));
		appendStringInfo(body, "{\"code\":\"%s\",\"message\":", name);
	}
	else
		appendStringInfo(body, "{\"code\":%d,\"error_code\":\"%s\",\"msg\":", response->status, name);
	vy_json_string(body, text, strlen(text));
	appendStringInfoChar(body, '}');
}

const VyDialect vy_auth_dialect = {
	.name = "auth",
	.cache_control = "no-store",
	.render = render,
	.bad_token = "bad_jwt",
	.bad_claims = "bad_jwt",
};
