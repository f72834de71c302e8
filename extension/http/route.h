/*
 * route.h: from method and path to a route row.
 */
#ifndef VY_ROUTE_H
#define VY_ROUTE_H

#include "http/http.h"

/*
 * Sets request->route and the path parameters. *allowed: methods of all rows whose pattern matches the path (0: no such path). When only
 * the method does not fit, route is NULL and nearest is a row of that path, for its dialect; with no such path, nearest is the row whose
 * first segments are the same, or NULL. False: a parameter is not UTF-8, and route is NULL.
 */
bool vy_route_find(VyRequest *request, unsigned *allowed);

/* Whether a path, decoded or not, fits a pattern of VyRoute.pattern's form. */
bool vy_route_matches(const char *pattern, VyStr path);

#endif
