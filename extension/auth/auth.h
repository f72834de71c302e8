/*
 * auth.h: the auth room's door: its settings, caches and routes.
 */
#ifndef VY_AUTH_H
#define VY_AUTH_H

#include "http/http.h"

/* How /auth/v1 says no, as GoTrue does. */
extern const VyDialect vy_auth_dialect;

/* How many cookies of the name vyricon.cookie came, and the first one's value, an access token. */
int vy_cookie_credential(const VyRequest *request, VyStr *token);

/* Is this the name of vyricon.cookie? */
bool vy_cookie_is_credential(VyStr name);

/* Has the browser forget it. */
void vy_cookie_take_back(VyResponse *response);

/* Settings, callbacks and route rows of tokens, keys and the secrets store; calls vy_token_init() and vy_secrets_init(). */
void vy_auth_init(void);

#endif
