/*
 * response.h: from a handler's answer to bytes.
 */
#ifndef VY_HTTP_RESPONSE_H
#define VY_HTTP_RESPONSE_H

#include "http/http.h"

void vy_response_init(VyResponse *response);

/* Headers that every answer carries, ETag and 304, HEAD without body. */
void vy_response_finish(VyRequest *request, VyResponse *response);

/* The packed answer of base/wire.h, written in front of the body where it lies. */
bytea *vy_response_pack(const VyResponse *response);

#endif
