/*
 * auth.c: the routes of /auth/v1.
 */
#include "auth/auth.h"

#include "auth/cookie.h"
#include "auth/token.h"
#include "core/secrets.h"

static void answer_jwks(VyRequest *request, VyResponse *response);

static const VyRoute routes[] = {
	{.methods = VY_GET | VY_HEAD,
	 .pattern = "/auth/v1/.well-known/jwks.json",
	 .handler = answer_jwks,
	 .dialect = &vy_auth_dialect,
	 .flags = VY_ROUTE_PLATFORM,
	 .summary = "The public keys that access tokens are signed with"},
	{.methods = VY_GET | VY_POST | VY_DELETE,
	 .pattern = "/auth/v1/cookie",
	 .handler = vy_cookie_handle,
	 .dialect = &vy_auth_dialect,
	 .flags = VY_ROUTE_PLATFORM,
	 .summary = "Keep the access token in a cookie; its CSRF token; take the cookie back"},
};

void
vy_auth_init(void)
{
	vy_secrets_init();
	vy_token_init();
	vy_cookie_init();
	VY_ROUTES_ADD(routes);
}

static void
answer_jwks(VyRequest *request pg_attribute_unused(), VyResponse *response)
{
	response->status = 200;
	response->etag = true;
	vy_response_header(response, "content-type", VY_STR("application/json"));
	vy_response_header(response, "cache-control", VY_STR("public, max-age=600"));
	vy_token_jwks(&response->body);
}
