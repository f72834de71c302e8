/*
 * custom.h: the routes that users add with vyricon.route().
 */
#ifndef VY_CUSTOM_H
#define VY_CUSTOM_H

#include "http/http.h"

/* The users' rows, read again after a change; valid until the next call. Their dialect is NULL: Vyricon's own. */
size_t vy_custom_routes(const VyRoute **rows);

/* Runs the function that the request's route names, as the caller. */
void vy_custom_handle(VyRequest *request, VyResponse *response);

/* Of a user's row: true if its function takes vyricon.request, false if jsonb. */
bool vy_custom_takes_request(const VyRoute *route);

/* "schema.function(argument)" of a user's row. */
char *vy_custom_function_text(const VyRoute *route);

/* The built-in rows; defined by route.c. */
const VyRoute *vy_routes_builtin(size_t *n);

#endif
