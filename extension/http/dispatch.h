/*
 * dispatch.h: one request's whole way.
 */
#ifndef VY_DISPATCH_H
#define VY_DISPATCH_H

#include "http/http.h"

/* Answers, or raises. shared_session: see vy_identity_enter(). */
void vy_dispatch(VyRequest *request, VyResponse *response, bool shared_session);

/* Who presents the request's credentials; a refusal is rendered and false returned. */
bool vy_dispatch_identify(VyRequest *request, VyResponse *response);

#endif
