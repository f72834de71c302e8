/*
 * cors.c: which web pages may read answers.
 *
 * The default "*" never comes with credentials: a Bearer token is not ambient, so any page that has one may use it. Listed origins are
 * compared whole and echoed, with credentials allowed; "null" is never an origin.
 */
#include "http/cors.h"

#include "base/origin.h"
#include "core/settings.h"
#include "http/request.h"

static const VyStr exposed = VY_STR_INIT(
	"Content-Encoding, Content-Location, Content-Range, Content-Type, Date, ETag, Link, Location, Preference-Applied, RateLimit, "
	"RateLimit-Policy, Retry-After, Server-Timing, X-Request-Id, X-Total-Count, X-Supabase-Api-Version, X-Vyricon-Why");

static char *origins;

static const VySetting settings[] = {
	{"vyricon.cors_origins", "Origins whose pages may read answers: \"*\" or a comma-separated list of exact origins.", PGC_SIGHUP, 0,
	 PGC_STRING, &origins, "*", 0, 0, 0},
};

static void answer_preflight(VyRequest *request, VyResponse *response);

void
vy_cors_init(void)
{
	VY_SETTINGS_DEFINE(settings);
}

bool
vy_cors(VyRequest *request, VyResponse *response)
{
	VyStr origin = vy_request_header(request, "origin");
	bool any = strcmp(origins, "*") == 0;
	bool preflight = request->method == VY_OPTIONS && vy_request_header(request, "access-control-request-method").p != NULL;

	if (!any)
		vy_response_header(response, "vary", VY_STR("Origin"));
	if (origin.p == NULL)
		return false;
	if (any)
		vy_response_header(response, "access-control-allow-origin", VY_STR("*"));
	else if (vy_origin_listed(origins, origin))
	{
		vy_response_header(response, "access-control-allow-origin", origin);
		vy_response_header(response, "access-control-allow-credentials", VY_STR("true"));
	}
	else
	{
		if (preflight)
			response->status = 204;
		return preflight;
	}
	if (preflight)
		answer_preflight(request, response);
	else
		vy_response_header(response, "access-control-expose-headers", exposed);
	return preflight;
}

static void
answer_preflight(VyRequest *request, VyResponse *response)
{
	VyStr asked = vy_request_header(request, "access-control-request-headers");

	response->status = 204;
	vy_response_header(response, "access-control-allow-methods", VY_STR("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
	vy_response_headerf(response, "access-control-allow-headers", "Authorization, apikey, Content-Type, Prefer, X-Client-Info%s%.*s",
						asked.n > 0 ? ", " : "", (int) asked.n, asked.n > 0 ? asked.p : "");
	vy_response_header(response, "access-control-max-age", VY_STR("86400"));
}

const char *
vy_cors_origins(void)
{
	return origins;
}
