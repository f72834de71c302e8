/*
 * openapi.h: the description of the API (OpenAPI 3.1), made for each caller from the route rows and the catalogue.
 */
#ifndef VY_OPENAPI_H
#define VY_OPENAPI_H

#include "http/http.h"

/* GET /openapi.json and /rest/v1/. */
void vy_openapi_handle(VyRequest *request, VyResponse *response);

/* The two objects of the document that grow: members are appended with a comma between them. */
typedef struct VyOpenApi
{
	StringInfoData paths;
	StringInfoData schemas;
} VyOpenApi;

/* openapi_tables.c: relations and functions of a schema, as far as the current user may use them. */
void vy_openapi_tables(VyOpenApi *api, const char *schema);

/* Starts a member: comma if needed, the name as a JSON string, colon. */
void vy_openapi_member(StringInfo object, const char *name);

/* A name as part of a component key or operationId: bytes outside [A-Za-z0-9_-] become ".hh". */
char *vy_openapi_key(const char *name);

#endif
