/*
 * docs.h: the page at /docs that shows /openapi.json.
 */
#ifndef VY_DOCS_H
#define VY_DOCS_H

#include "http/http.h"

/* GET /docs and /docs/:file. */
void vy_docs_handle(VyRequest *request, VyResponse *response);

#endif
