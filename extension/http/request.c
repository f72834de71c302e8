/*
 * request.c: what came in (request.h).
 */
#include "http/request.h"

#include "auth/auth.h"
#include "auth/cookie_field.h"
#include "base/url.h"
#include "core/json_writer.h"
#include "mb/pg_wchar.h"
#include "utils/guc.h"

static const struct
{
	const char *name;
	unsigned bit;
} methods[] = {
	{"GET", VY_GET},     {"HEAD", VY_HEAD},     {"POST", VY_POST},       {"PUT", VY_PUT},
	{"PATCH", VY_PATCH}, {"DELETE", VY_DELETE}, {"OPTIONS", VY_OPTIONS},
};

static const VyRequest *served;
static char *unused_settings[4];

static const char *show_method(void);
static const char *show_path(void);
static const char *show_headers(void);
static const char *show_cookies(void);

/* Rendered only when somebody asks. */
static const struct
{
	const char *name;
	GucShowHook show;
} settings[] = {
	{"request.method", show_method},
	{"request.path", show_path},
	{"request.headers", show_headers},
	{"request.cookies", show_cookies},
};

void
vy_request_settings_init(void)
{
	for (size_t i = 0; i < lengthof(settings); i++)
		DefineCustomStringVariable(settings[i].name, "Part of the request being served.", NULL, &unused_settings[i], "", PGC_USERSET,
								   GUC_NOT_IN_SAMPLE, NULL, NULL, settings[i].show);
}

void
vy_request_init(VyRequest *request, const VyWireRequest *wire)
{
	memset(request, 0, sizeof(*request));
	request->method_name = wire->method;
	request->method = vy_method_bit(wire->method);
	request->target = wire->target;
	request->headers = wire->headers;
	request->nheaders = wire->nheaders;
	request->body = wire->body;
	request->peer = wire->peer;
	vy_url_split(wire->target, &request->path, &request->query);
	request->request_id = vy_request_header(request, "x-request-id");
}

void
vy_request_serve(const VyRequest *request)
{
	served = request;
}

unsigned
vy_method_bit(VyStr name)
{
	for (size_t i = 0; i < lengthof(methods); i++)
		if (vy_str_is(name, methods[i].name))
			return methods[i].bit;
	return 0;
}

char *
vy_method_names(unsigned bits)
{
	StringInfoData names;

	initStringInfo(&names);
	for (size_t i = 0; i < lengthof(methods); i++)
		if (bits & methods[i].bit)
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", methods[i].name);
	return names.data;
}

VyStr
vy_request_header(const VyRequest *request, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < request->nheaders; i++)
		if (request->headers[i].name.n == n && memcmp(request->headers[i].name.p, name, n) == 0)
			return request->headers[i].value;
	return (VyStr){NULL, 0};
}

VyStr
vy_request_param(const VyRequest *request, const char *name)
{
	for (int i = 0; i < request->nparams; i++)
		if (vy_str_is(request->param_names[i], name))
			return request->params[i];
	return (VyStr){NULL, 0};
}

static const char *
show_method(void)
{
	return vy_identity_in_request() && served ? vy_str_dup(served->method_name) : "";
}

static const char *
show_path(void)
{
	return vy_identity_in_request() && served ? vy_str_dup(served->path) : "";
}

/* As PostgREST: lower-case names, no cookie. The credentials stay out as well: a function that logs them would leak them. */
static bool
shown_header(VyStr name)
{
	return !vy_str_is(name, "cookie") && !vy_str_is(name, "authorization") && !vy_str_is(name, "apikey");
}

static const char *
show_headers(void)
{
	StringInfoData json;

	if (!vy_identity_in_request() || !served)
		return "";
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (size_t i = 0; i < served->nheaders; i++)
	{
		const VyHeader *header = &served->headers[i];

		if (!shown_header(header->name) || !pg_verifymbstr(header->value.p, (int) header->value.n, true))
			continue;
		if (json.len > 1)
			appendStringInfoChar(&json, ',');
		vy_json_string(&json, header->name.p, header->name.n);
		appendStringInfoChar(&json, ':');
		vy_json_string(&json, header->value.p, header->value.n);
	}
	appendStringInfoChar(&json, '}');
	return json.data;
}

static const char *
show_cookies(void)
{
	StringInfoData json;
	VyStr rest;
	VyStr name;
	VyStr value;

	if (!vy_identity_in_request() || !served)
		return "";
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	rest = vy_request_header(served, "cookie");
	while (vy_cookie_next(&rest, &name, &value))
	{
		/* a credential stays out, as those of shown_header() do */
		if (vy_cookie_is_credential(name) || !pg_verifymbstr(name.p, (int) name.n, true) || !pg_verifymbstr(value.p, (int) value.n, true))
			continue;
		if (json.len > 1)
			appendStringInfoChar(&json, ',');
		vy_json_string(&json, name.p, name.n);
		appendStringInfoChar(&json, ':');
		vy_json_string(&json, value.p, value.n);
	}
	appendStringInfoChar(&json, '}');
	return json.data;
}
