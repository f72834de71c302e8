/*
 * dev.h: what only a developer's machine offers (vyricon.dev = on).
 */
#ifndef VY_DEV_H
#define VY_DEV_H

#include "http/http.h"

/* GET /dev/token/:email: an access token for a user, as a login would give it. */
void vy_dev_token(VyRequest *request, VyResponse *response);

#endif
