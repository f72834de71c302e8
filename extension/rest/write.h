/*
 * write.h: the statement of a mutation without running it.
 */
#ifndef VY_REST_WRITE_H
#define VY_REST_WRITE_H

#include "rest/sql.h"

/* POST, PATCH or DELETE on a relation; an empty text when the body sets nothing. */
VY_MUST_CHECK bool vy_rest_write_sql(VyRest *rest, VyRequest *request, VyResponse *response, VyRestSql *out);

#endif
