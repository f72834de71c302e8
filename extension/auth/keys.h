/*
 * keys.h: auth.signing_keys as parsed keys, cached per backend.
 */
#ifndef VY_KEYS_H
#define VY_KEYS_H

#include "auth/jws.h"
#include "core/core.h"
#include "datatype/timestamp.h"

/* Refills the cache if the table has changed; the number grows with each refill. Keys are looked up after it, and used before the next
 * call. */
uint64 vy_keys_refresh(void);

/* The key that verifies, bound to its algorithm; VY_TOKEN_BAD_SIGNATURE and VY_TOKEN_UNKNOWN_KEY say why there is none. */
VY_MUST_CHECK VyTokenProblem vy_keys_verify(const VyJws *jws, TimestampTz now, TimestampTz *key_expires);

/* The active key; raises when there is none or when it cannot be opened. */
void vy_keys_active(const VyJwsAlg **alg, const char **kid, EVP_PKEY **key);

#endif
