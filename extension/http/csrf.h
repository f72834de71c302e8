/*
 * csrf.h: whether a request that a cookie gives its credential was meant by the user (OWASP's cheat sheet on cross-site request forgery).
 */
#ifndef VY_CSRF_H
#define VY_CSRF_H

#include "http/http.h"

/* False: the response holds the refusal. What was not identified by a cookie passes, and so does what only reads. */
bool vy_csrf_check(VyRequest *request, VyResponse *response);

void vy_csrf_init(void);

#endif
