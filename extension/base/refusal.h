/*
 * refusal.h: the answers that are made before any handler runs, and the headers that every answer carries.
 */
#ifndef VY_REFUSAL_H
#define VY_REFUSAL_H

#include "base/wire.h"

#define VY_API_POLICY "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
#define VY_PAGE_POLICY "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"

/*
 * The first VY_SECURITY_HEADERS are on every answer that is not a file (Fetch, RFC 6797, OWASP's cheat sheets), whose
 * Content-Security-Policy is one of the two above; all of them on an answer without a handler.
 */
#define VY_SECURITY_HEADERS 7
#define VY_REFUSAL_HEADERS 10
extern const VyHeader vy_security_headers[VY_REFUSAL_HEADERS];

/* The first ones are the VyHeadVerdict of head.h. */
typedef enum VyRefusal
{
	VY_ACCEPTED,
	VY_BAD_HEAD,
	VY_BAD_TARGET,
	VY_NO_CHUNKED,
	VY_NO_ENCODING,
	VY_NO_EXPECTATION,
	VY_BAD_METHOD,
	VY_TARGET_TOO_LONG,
	VY_HEAD_TOO_LARGE,
	VY_BODY_TOO_LARGE,
	VY_BAD_VERSION,
	VY_QUEUE_FULL,
	VY_DATABASE_GONE,
	VY_NOT_READY,
	VY_STOPPING,
	VY_OUTCOME_UNKNOWN,
	VY_ANSWER_TOO_LARGE,
	VY_INTERNAL,
	VY_REFUSALS
} VyRefusal;

typedef struct VyRefusalRow
{
	unsigned status;
	bool closes; /* the rest of what this client sends cannot be trusted, or will not be read */
	bool later; /* Retry-After: 1 */
	const char *reason; /* RFC 9110's phrase */
	const char *code;
	const char *message;
} VyRefusalRow;

const VyRefusalRow *vy_refusal(VyRefusal why);

/* The refusal of a head that has this status; of another one: VY_BAD_HEAD below 500, else VY_INTERNAL. */
VyRefusal vy_refusal_of(unsigned status);

#define VY_REFUSAL_BODY 384
#define VY_REFUSAL_PAGE 2048

/* JSON with code, message and request_id, NUL-terminated. id: [A-Za-z0-9-], at most 64 bytes. Returns its length. */
size_t vy_refusal_body(char out[static VY_REFUSAL_BODY], const VyRefusalRow *row, VyStr id);

/* A whole answer as it stands on the wire (RFC 9112); the connection closes behind it. no_body: to a HEAD. Returns its length. */
size_t vy_refusal_page(char out[static VY_REFUSAL_PAGE], const VyRefusalRow *row, VyStr id, bool no_body);

#endif
