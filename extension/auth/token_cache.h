/*
 * token_cache.h: verified tokens of this backend, found again by their bytes.
 */
#ifndef VY_TOKEN_CACHE_H
#define VY_TOKEN_CACHE_H

#include "auth/identity.h"
#include "datatype/timestamp.h"

/* The identity of a token that was added before and has not expired at now; NULL otherwise. Lives until the end of the transaction at
 * least. */
const VyIdentity *vy_token_cache_find(VyStr token, TimestampTz now);

/* Keeps a copy of everything; returns the copy, which lives until the end of the transaction at least. */
const VyIdentity *vy_token_cache_add(VyStr token, const VyIdentity *identity, TimestampTz expires);

/* Finds nothing any more. What this transaction holds stays readable. */
void vy_token_cache_forget(void);

void vy_token_cache_init(void);

#endif
