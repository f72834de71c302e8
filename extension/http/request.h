/*
 * request.h: reading a request, and its settings request.method, request.path, request.headers, request.cookies.
 */
#ifndef VY_HTTP_REQUEST_H
#define VY_HTTP_REQUEST_H

#include "http/http.h"

/* From the parts of a wire message; strings are kept by reference. */
void vy_request_init(VyRequest *request, const VyWireRequest *wire);

/* The request that current_setting('request.…') speaks of while an identity is entered. */
void vy_request_serve(const VyRequest *request);

/* Bit of a method's name, 0 if unknown. */
unsigned vy_method_bit(VyStr name);

/* "GET, HEAD, POST" of a set of bits. */
char *vy_method_names(unsigned methods);

void vy_request_settings_init(void);

#endif
