/*
 * claims.h: what a verified token says (RFC 7519 section 4). Plain C, no PostgreSQL header.
 */
#ifndef VY_CLAIMS_H
#define VY_CLAIMS_H

#include "auth/jws.h"

#define VY_CLAIMS_LEEWAY 30 /* seconds that two clocks may differ */
#define VY_CLAIMS_ROLE_MAX 63

typedef struct VyClaimRules
{
	int64_t now; /* seconds since 1970 */
	VyStr issuer; /* empty: any, also none */
	VyStr audiences; /* a comma list; empty: any */
} VyClaimRules;

/*
 * Checks types, times, issuer and audience. *expires is the first second at which the token is no longer accepted (exp with the leeway).
 * Whether the role may be taken is for the caller to say.
 */
VY_MUST_CHECK VyTokenProblem vy_claims_check(VyStr claims, const VyClaimRules *rules, int64_t *expires);

/* True if the comma list, blanks around its items ignored, holds the item. */
bool vy_list_has(VyStr list, VyStr item);

#endif
