/*
 * dispatch.c: read request -> find route -> limit by address -> identify the caller -> limit by caller -> CSRF -> become the caller ->
 * handler -> write the answer.
 * Each stage is one function and nothing is visited twice. As long as nothing was written a refusal is returned; later it is raised.
 */
#include "http/dispatch.h"

#include "access/xact.h"
#include "auth/auth.h"
#include "auth/token.h"
#include "base/url.h"
#include "http/cors.h"
#include "http/csrf.h"
#include "http/explain.h"
#include "http/failure.h"
#include "http/idempotency.h"
#include "http/limit.h"
#include "http/request.h"
#include "http/response.h"
#include "http/route.h"
#include "http/stat.h"
#include "portability/instr_time.h"
#include "setup/setup.h"

typedef struct Clock
{
	instr_time started;
	instr_time identified;
	instr_time handled;
} Clock;

static bool ready(VyRequest *request, VyResponse *response);
static bool find_route(VyRequest *request, VyResponse *response);
static bool admitted(VyRequest *request, VyResponse *response);
static void run_handler(VyRequest *request, VyResponse *response, bool shared_session);
static void add_timing(VyResponse *response, const Clock *clock);

void
vy_dispatch(VyRequest *request, VyResponse *response, bool shared_session)
{
	Clock clock;
	const VyDialect *dialect;

	INSTR_TIME_SET_CURRENT(clock.started);
	clock.identified = clock.handled = clock.started;
	if (ready(request, response) && !vy_cors(request, response) && find_route(request, response) &&
		vy_dispatch_identify(request, response) && vy_limit_caller(request, response) && vy_csrf_check(request, response))
	{
		INSTR_TIME_SET_CURRENT(clock.identified);
		if (admitted(request, response))
			run_handler(request, response, shared_session);
	}
	INSTR_TIME_SET_CURRENT(clock.handled);
	dialect = vy_failure_dialect(request);
	for (size_t i = 0; i < response->nheaders; i++)
		if (vy_str_is(response->headers[i].name, "cache-control"))
			dialect = NULL;
	if (dialect != NULL)
		vy_response_header(response, "cache-control", vy_cstr(dialect->cache_control));
	add_timing(response, &clock);
	INSTR_TIME_SUBTRACT(clock.handled, clock.started);
	vy_stat_request(request, response->status, (int64) INSTR_TIME_GET_MICROSEC(clock.handled));
	if (vy_dev)
		vy_explain_why(request, response);
	vy_response_finish(request, response);
}

/* Code and tables agree, and the library was preloaded. */
static bool
ready(VyRequest *request, VyResponse *response)
{
	const char *why;

	if (vy_setup_ready(&why))
		return true;
	vy_refuse(request, response, 503, "VY503", "the database is not ready", NULL, why);
	return false;
}

static bool
find_route(VyRequest *request, VyResponse *response)
{
	unsigned allowed;
	bool found = vy_url_path_ok(request->path) && vy_route_find(request, &allowed);

	/* Whether or not there is such a path: who tries many is limited too. */
	if (!vy_limit_address(request, response))
		return false;
	if (!found)
	{
		vy_refuse(request, response, 400, "VY400", "the path is not valid", NULL, NULL);
		return false;
	}
	if (request->route != NULL && ((request->route->flags & VY_ROUTE_DEV) == 0 || vy_dev))
		return true;
	if (allowed == 0 || request->route != NULL)
	{
		request->route = NULL;
		vy_refuse(request, response, 404, "VY404", "no such endpoint", NULL, NULL);
		return false;
	}
	vy_response_header(response, "allow", vy_cstr(vy_method_names(allowed | VY_OPTIONS)));
	if (request->method == VY_OPTIONS)
		response->status = 204;
	else
		vy_refuse(request, response, 405, "VY405", "the method is not allowed here", NULL, NULL);
	return false;
}

/* Nobody, or whoever has the publishable key: a cookie may say more. */
static bool
is_anybody(const VyIdentity *caller)
{
	return caller == NULL || (caller->credential == VY_CREDENTIAL_API_KEY && strcmp(caller->role_name, "anon") == 0);
}

bool
vy_dispatch_identify(VyRequest *request, VyResponse *response)
{
	const VyDialect *dialect = vy_failure_dialect(request);
	VyStr key = vy_request_header(request, "apikey");
	VyStr authorization = vy_request_header(request, "authorization");
	VyStr cookie = {NULL, 0};
	int cookies = 0;
	VyTokenProblem problem = VY_TOKEN_OK;
	bool claims;

	request->caller = NULL;
	request->by_cookie = false;
	if (key.p != NULL)
		problem = vy_str_starts(key, "sb_") ? vy_api_key_identify(key, &request->caller) : vy_token_identify(key, &request->caller);
	/* Other schemes than Bearer are none of ours: PostgREST ignores them too. */
	if (problem == VY_TOKEN_OK && authorization.n > 7 && vy_str_same(vy_str(authorization.p, 7), VY_STR("Bearer ")))
	{
		VyStr token = vy_str(authorization.p + 7, authorization.n - 7);

		/* supabase-js sends the same key in both places. */
		if (key.p == NULL || !vy_str_eq(token, key))
			problem = vy_token_identify(token, &request->caller);
	}
	if (problem == VY_TOKEN_OK && is_anybody(request->caller) && (cookies = vy_cookie_credential(request, &cookie)) > 0)
	{
		request->by_cookie = true;
		/* an API key has no session, and no browser should have one */
		problem = cookies > 1 || vy_str_starts(cookie, "sb_") ? VY_TOKEN_MALFORMED : vy_token_identify(cookie, &request->caller);
	}
	if (problem == VY_TOKEN_OK)
	{
		if (request->caller == NULL)
			request->caller = vy_token_nobody();
		return true;
	}
	request->caller = vy_token_nobody();
	if (cookies > 1)
	{
		vy_refuse(request, response, 400, "VY400", "the session cookie was sent twice", NULL, NULL);
		return false;
	}
	if (request->by_cookie)
		vy_cookie_take_back(response);
	claims = problem >= VY_TOKEN_EXPIRED && problem <= VY_TOKEN_CLAIMS;
	vy_refuse(request, response, 401, claims ? dialect->bad_claims : dialect->bad_token, vy_token_problem_text(problem), NULL, NULL);
	vy_response_header(response, "www-authenticate",
					   claims ? VY_STR("Bearer error=\"invalid_token\", error_description=\"the token's claims are refused\"")
							  : VY_STR("Bearer error=\"invalid_token\""));
	return false;
}

static bool
admitted(VyRequest *request, VyResponse *response)
{
	const VyRoute *route = request->route;

	request->read_only = ((request->method & (VY_GET | VY_HEAD | VY_OPTIONS)) != 0 && (route->flags & VY_ROUTE_WRITES) == 0) ||
						 (route->flags & VY_ROUTE_READS) != 0;
	if ((route->flags & VY_ROUTE_SERVICE) != 0 && strcmp(request->caller->role_name, "service_role") != 0)
	{
		vy_refuse(request, response, request->caller->credential == VY_CREDENTIAL_NONE ? 401 : 403, "VY403", "the service role is required",
				  NULL, "Send the secret key.");
		return false;
	}
	return true;
}

static void
run_handler(VyRequest *request, VyResponse *response, bool shared_session)
{
	VyIdentityFrame frame;
	VyIdempotency idempotency;

	if (request->route->flags & VY_ROUTE_PLATFORM)
	{
		request->route->handler(request, response);
		return;
	}
	if (!vy_idempotency_begin(&idempotency, request, response))
		return;
	vy_request_serve(request);
	vy_identity_enter(&frame, request->caller, request->read_only, shared_session);
	request->route->handler(request, response);
	vy_identity_leave(&frame);
	vy_request_serve(NULL);
	vy_idempotency_end(&idempotency, response);
}

/* 12345 nanoseconds as "0.012": snprintf of doubles would cost more than some requests. */
static char *
put_milliseconds(char *at, const instr_time *from, const instr_time *to)
{
	instr_time took = *to;
	uint64 micro;
	char digits[24];
	int n = 0;

	INSTR_TIME_SUBTRACT(took, *from);
	micro = INSTR_TIME_GET_MICROSEC(took);
	do
	{
		digits[n++] = (char) ('0' + micro % 10);
		micro /= 10;
	} while (micro > 0 || n < 4);
	while (n > 0)
	{
		if (n == 3)
			*at++ = '.';
		*at++ = digits[--n];
	}
	return at;
}

/* https://www.w3.org/TR/server-timing/ */
static void
add_timing(VyResponse *response, const Clock *clock)
{
	char *text = palloc(120);
	char *at = text;

	at = put_milliseconds((char *) memcpy(at, "identify;dur=", 13) + 13, &clock->started, &clock->identified);
	at = put_milliseconds((char *) memcpy(at, ", handle;dur=", 13) + 13, &clock->identified, &clock->handled);
	at = put_milliseconds((char *) memcpy(at, ", total;dur=", 12) + 12, &clock->started, &clock->handled);
	vy_response_header(response, "server-timing", vy_str(text, (size_t) (at - text)));
}
