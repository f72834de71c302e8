/*
 * api_key.h: keys that name an application instead of a user: publishable is anon, secret is service_role.
 */
#ifndef VY_API_KEY_H
#define VY_API_KEY_H

#include "core/core.h"
#include "datatype/timestamp.h"

/* True if it looks like an API key: what it is looked up as, whatever else it may be. */
bool vy_api_key_looks_like(VyStr key);

/* The role that a live key stands for; NULL: unknown, revoked or expired. */
const char *vy_api_key_role(VyStr key, TimestampTz now, TimestampTz *expires);

/* Grows when auth.api_keys has changed. */
uint64 vy_api_key_version(void);

#endif
