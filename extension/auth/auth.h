/*
 * auth.h: the auth room's door: its settings, caches and routes.
 */
#ifndef VY_AUTH_H
#define VY_AUTH_H

#include "http/http.h"

/* How /auth/v1 says no, as GoTrue does. */
extern const VyDialect vy_auth_dialect;

/* Settings, callbacks and route rows of tokens, keys and the secrets store; calls vy_token_init() and vy_secrets_init(). */
void vy_auth_init(void);

#endif
