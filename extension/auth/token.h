/*
 * token.h: access tokens (RFC 7519 in JWS compact form, RFC 7515) and API keys.
 */
#ifndef VY_TOKEN_H
#define VY_TOKEN_H

#include "auth/identity.h"
#include "auth/jws.h"
#include "core/core.h"
#include "datatype/timestamp.h"

/*
 * Who presents this bearer token: a cached verification, or the whole check. The identity lives until the cache drops it, at the earliest
 * when the next token is verified after the end of this transaction. An API key in place of a token is accepted too.
 */
VY_MUST_CHECK VyTokenProblem vy_token_identify(VyStr bearer, const VyIdentity **out);

/* The same for the apikey header: publishable is anon, secret is service_role. */
VY_MUST_CHECK VyTokenProblem vy_api_key_identify(VyStr key, const VyIdentity **out);

/* The caller without any credential: role anon. */
const VyIdentity *vy_token_nobody(void);

/* A lower-case sentence for logs and answers; never holds bytes of the token. */
const char *vy_token_problem_text(VyTokenProblem problem);

/* Signs claims (a JSON object) with the active signing key; a compact token in the current context. */
char *vy_token_sign(VyStr claims);

/* An access token of the user with that address, as a login would give it; NULL: there is no such user. The caller has checked that it may.
 */
char *vy_token_for_user(text *email, const Interval *lifetime);

/* The public keys as a JWK set (RFC 7517), for /auth/v1/.well-known/jwks.json; appended to out. */
void vy_token_jwks(StringInfo out);

void vy_token_init(void);

#endif
