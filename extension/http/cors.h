/*
 * cors.h: cross-origin requests (Fetch standard, CORS protocol).
 */
#ifndef VY_CORS_H
#define VY_CORS_H

#include "http/http.h"

/* Adds the answer's headers. True: this was a preflight and is answered; the handler must not run. */
bool vy_cors(VyRequest *request, VyResponse *response);

/* vyricon.cors_origins. */
const char *vy_cors_origins(void);

void vy_cors_init(void);

#endif
