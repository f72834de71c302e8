/*
 * explain.h: why an answer is empty or refused.
 */
#ifndef VY_EXPLAIN_H
#define VY_EXPLAIN_H

#include "http/http.h"

/*
 * In development, after the handler and outside of the caller's identity: one line for x-vyricon-why into response->why when the answer is
 * [], 401 or 403. Never fails.
 */
void vy_explain_why(VyRequest *request, VyResponse *response);

#endif
