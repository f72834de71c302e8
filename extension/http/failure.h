/*
 * failure.h: from an error to an answer in the API's dialect.
 */
#ifndef VY_FAILURE_H
#define VY_FAILURE_H

#include "http/http.h"

/* An error's fields; every text may be NULL. */
typedef struct VyFailure
{
	char sqlstate[6];
	const char *message;
	const char *detail;
	const char *hint;
	const char *constraint; /* that was violated */
} VyFailure;

/* The HTTP status of an SQLSTATE; anonymous: 42501 is 401 for a caller without a credential. */
int vy_failure_status(const char *sqlstate, bool anonymous);

/* Renders status, headers and body; what was written of an answer before is dropped. */
void vy_failure_render(VyRequest *request, VyResponse *response, const VyFailure *failure);

/* The dialect for a request whose route may be unknown. */
const VyDialect *vy_failure_dialect(const VyRequest *request);

#endif
