/*
 * rest.h: what the rest of the house may use of /rest/v1.
 */
#ifndef VY_REST_H
#define VY_REST_H

#include "http/http.h"

/* {"code","details","hint","message"}, as PostgREST's clients read it. */
extern const VyDialect vy_rest_dialect;

/* The SQL text of a read or a mutation, without running it; false: the response holds the refusal. Called as the caller's role. */
VY_MUST_CHECK bool vy_rest_explain(VyRequest *request, VyResponse *response, StringInfo sql);

void vy_rest_init(void);

#endif
