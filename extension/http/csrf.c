/*
 * csrf.c: two witnesses: what the browser says of the page (base/origin.h), which must not be that it is foreign, and X-CSRF-Token, which
 * is bound to the session and which only pages that may read our answers know. A setting makes do without the token where the browser
 * vouches.
 *
 * Bodies that an HTML form can send are refused beforehand: with them a browser asks nobody first.
 */
#include "http/csrf.h"

#include <openssl/crypto.h>

#include "base/b64url.h"
#include "base/media.h"
#include "base/origin.h"
#include "core/secrets.h"
#include "core/settings.h"
#include "http/cors.h"

#define TOKEN_BYTES 32

static bool token_required;

static const VySetting settings[] = {
	{"vyricon.csrf_token",
	 "Whether what writes with a session cookie needs X-CSRF-Token even where the browser says that the page is ours.", PGC_SUSET, 0,
	 PGC_BOOL, &token_required, NULL, true, 0, 0},
};

static bool token_fits(const VyIdentity *caller, VyStr token);

void
vy_csrf_init(void)
{
	VY_SETTINGS_DEFINE(settings);
}

bool
vy_csrf_check(VyRequest *request, VyResponse *response)
{
	VyStr type = vy_request_header(request, "content-type");
	VyStr token = vy_request_header(request, "x-csrf-token");
	bool writes = (request->method & (VY_GET | VY_HEAD | VY_OPTIONS)) == 0 || (request->route->flags & VY_ROUTE_WRITES) != 0;
	VyOriginVerdict whose;

	if (!request->by_cookie || !writes)
		return true;
	/* a body without a type is one that a form's page can send too */
	if (type.p != NULL ? vy_media_is_form(type) : request->body.n > 0)
	{
		vy_refuse(request, response, 415, "VY415", "a body of this type cannot come with a session cookie", NULL,
				  "Send application/json, or the access token in the Authorization header.");
		return false;
	}
	whose = vy_origin_judge(vy_request_header(request, "sec-fetch-site"), vy_request_header(request, "origin"),
							vy_request_header(request, "host"), vy_cors_origins());
	if (token.p != NULL ? whose != VY_ORIGIN_FOREIGN && token_fits(request->caller, token) : whose == VY_ORIGIN_OURS && !token_required)
		return true;
	vy_refuse(
		request, response, 403, "VYCSR", "the request may come from another site", NULL,
		"Call from a page of this origin or of one in vyricon.cors_origins, and send X-CSRF-Token with what GET /auth/v1/cookie answers.");
	return false;
}

char *
vy_csrf_token(const VyIdentity *caller)
{
	VyStr subject = caller->session_id.p != NULL ? caller->session_id : caller->user_id.p != NULL ? caller->user_id : caller->claims;
	uint8 mac[TOKEN_BYTES];
	char *token = palloc(VY_B64URL_ENCODED_SIZE(TOKEN_BYTES) + 1);
	size_t n;

	vy_secret_mac(caller->session_id.p != NULL ? "csrf session" : caller->user_id.p != NULL ? "csrf user" : "csrf claims", subject, mac);
	if (vy_b64url_encode(token, VY_B64URL_ENCODED_SIZE(TOKEN_BYTES), &n, mac, sizeof(mac)) != 0)
		elog(ERROR, "a token does not fit");
	token[n] = '\0';
	return token;
}

static bool
token_fits(const VyIdentity *caller, VyStr token)
{
	const char *right = vy_csrf_token(caller);

	return token.n == strlen(right) && CRYPTO_memcmp(token.p, right, token.n) == 0;
}
