/*
 * limit.h: how many requests of a kind a subject may make (GCRA, base/gcra.h), counted in shared memory over all backends of the server.
 */
#ifndef VY_LIMIT_H
#define VY_LIMIT_H

#include "base/gcra.h"
#include "http/http.h"

typedef enum VyLimitSubject
{
	VY_LIMIT_ADDRESS, /* of the client; IPv6 by /64 */
	VY_LIMIT_KEY, /* the API key that was sent */
	VY_LIMIT_USER,
	VY_LIMIT_ORGANIZATION
} VyLimitSubject;

/* Words of VyLimitSubject, as SQL and the RateLimit fields have them. */
extern const char *const vy_limit_subjects[VY_LIMIT_ORGANIZATION + 1];

typedef struct VyLimit
{
	int64 id;
	unsigned methods; /* VY_GET ... bits */
	const char *pattern;
	VyLimitSubject subject;
	VyRate rate;
} VyLimit;

/* The rows of vyricon.rate_limits, read again after a change; valid until the next call. */
size_t vy_limit_rows(const VyLimit **rows);

/* Before the caller is known: limits per address. False: the response holds the refusal. */
bool vy_limit_address(VyRequest *request, VyResponse *response);

/* When the caller is known: all others. */
bool vy_limit_caller(VyRequest *request, VyResponse *response);

#endif
