/*
 * cookie.c: who sends an access token once gets it back as a cookie; from then on the browser sends it (auth.h).
 *
 * The name is a setting: an application that already has its token in a cookie of another name, such as Clerk's "__session", gives that.
 * What comes with a cookie and writes is judged by http/csrf.c.
 */
#include "auth/cookie.h"

#include "access/xact.h"
#include "auth/auth.h"
#include "auth/cookie_field.h"
#include "base/field.h"
#include "base/json.h"
#include "core/json_writer.h"
#include "core/settings.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

static char *cookie_name;

static bool check_name(char **name, void **extra, GucSource source);
static void answer_cookie(VyRequest *request, VyResponse *response, VyStr token);
static int64 expiry(const VyIdentity *caller);
static void set_cookie(VyResponse *response, VyStr value, int64 max_age);

void
vy_cookie_init(void)
{
	DefineCustomStringVariable("vyricon.cookie", "Name of the cookie that holds an access token; empty: none does.", NULL, &cookie_name,
							   "__Host-vyricon", PGC_SIGHUP, 0, check_name, NULL, NULL);
}

int
vy_cookie_credential(const VyRequest *request, VyStr *token)
{
	VyStr wanted = vy_cstr(cookie_name);
	int found = 0;

	for (size_t i = 0; wanted.n > 0 && i < request->nheaders; i++)
	{
		VyStr rest = request->headers[i].value;
		VyStr name;
		VyStr value;

		if (!vy_str_is(request->headers[i].name, "cookie"))
			continue;
		while (vy_cookie_next(&rest, &name, &value))
			if (vy_str_eq(name, wanted) && value.n > 0 && ++found == 1)
				*token = value;
	}
	return found;
}

bool
vy_cookie_is_credential(VyStr name)
{
	return name.n > 0 && vy_str_is(name, cookie_name);
}

void
vy_cookie_take_back(VyResponse *response)
{
	set_cookie(response, VY_STR(""), 0);
}

void
vy_cookie_handle(VyRequest *request, VyResponse *response)
{
	VyStr authorization = vy_request_header(request, "authorization");
	VyStr token = {NULL, 0};

	if (request->method == VY_DELETE)
	{
		vy_cookie_take_back(response);
		response->status = 204;
		return;
	}
	if (request->method == VY_POST && request->caller->credential == VY_CREDENTIAL_TOKEN && !request->by_cookie && authorization.n > 7)
		token = vy_str(authorization.p + 7, authorization.n - 7);
	else if (request->method == VY_POST || !request->by_cookie)
	{
		vy_refuse(request, response, 401, "VY401",
				  request->method == VY_POST ? "This endpoint requires a valid Bearer token" : "There is no session cookie", NULL, NULL);
		return;
	}
	answer_cookie(request, response, token);
}

static void
answer_cookie(VyRequest *request, VyResponse *response, VyStr token)
{
	const char *csrf = vy_csrf_token(request->caller);
	int64 expires = expiry(request->caller);
	int64 left =
		expires - (int64) (GetCurrentStatementStartTimestamp() / USECS_PER_SEC) - SECS_PER_DAY * (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE);
	char line[VY_COOKIE_MAX];

	if (token.p != NULL && (cookie_name[0] == '\0' || vy_cookie_set(line, vy_cstr(cookie_name), token, Max(left, 1)) == 0))
	{
		vy_refuse(request, response, 422, "VY422",
				  cookie_name[0] == '\0' ? "Session cookies are switched off" : "The token is too long for a cookie", NULL, NULL);
		return;
	}
	if (token.p != NULL)
		set_cookie(response, token, Max(left, 1));
	vy_response_header(response, "content-type", VY_STR("application/json"));
	appendStringInfo(&response->body, "{\"csrf_token\":\"%s\",\"expires_at\":" INT64_FORMAT ",\"user_id\":", csrf, expires);
	if (request->caller->user_id.p != NULL)
		vy_json_string(&response->body, request->caller->user_id.p, request->caller->user_id.n);
	else
		appendStringInfoString(&response->body, "null");
	appendStringInfoChar(&response->body, '}');
}

/* Seconds since 1970. The claim has been checked: a number without an exponent. */
static int64
expiry(const VyIdentity *caller)
{
	VyStr value;

	return vy_json_get(caller->claims, "exp", &value) == VY_JSON_NUMBER ? strtoll(value.p, NULL, 10) : 0;
}

static void
set_cookie(VyResponse *response, VyStr value, int64 max_age)
{
	char *line = palloc(VY_COOKIE_MAX);
	size_t n = vy_cookie_set(line, vy_cstr(cookie_name), value, max_age);

	if (n > 0)
		vy_response_header(response, "set-cookie", vy_str(line, n));
}

static bool
check_name(char **name, void **extra pg_attribute_unused(), GucSource source pg_attribute_unused())
{
	if ((*name)[0] == '\0' || vy_field_name_ok(vy_cstr(*name)))
		return true;
	GUC_check_errdetail("The name of a cookie is a token of RFC 9110.");
	return false;
}
