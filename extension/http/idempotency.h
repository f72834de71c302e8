/*
 * idempotency.h: a request that is sent again with the same Idempotency-Key is answered as the first time and does nothing
 * (draft-ietf-httpapi-idempotency-key-header).
 */
#ifndef VY_IDEMPOTENCY_H
#define VY_IDEMPOTENCY_H

#include "http/http.h"

typedef struct VyIdempotency
{
	const char *subject; /* NULL: the request has no key, or does not write */
	const char *key;
	bytea *fingerprint;
	size_t first_header; /* headers from here on are the handler's */
} VyIdempotency;

void vy_idempotency_init(void);

/* Before the handler. False: the response holds the answer of the first time, or a refusal: 400, 409 while it runs, 422. */
bool vy_idempotency_begin(VyIdempotency *idempotency, VyRequest *request, VyResponse *response);

/* After the handler, in its transaction: keeps the answer. Failures are not kept, for they did nothing. */
void vy_idempotency_end(const VyIdempotency *idempotency, VyResponse *response);

#endif
