/*
 * cookie.h: an access token in a cookie that no script can read, as credential of a browser.
 */
#ifndef VY_AUTH_COOKIE_H
#define VY_AUTH_COOKIE_H

#include "http/http.h"

/* GET, POST and DELETE /auth/v1/cookie. */
void vy_cookie_handle(VyRequest *request, VyResponse *response);

void vy_cookie_init(void);

#endif
