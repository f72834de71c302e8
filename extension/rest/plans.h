/*
 * plans.h: running SQL with kept plans.
 */
#ifndef VY_REST_PLANS_H
#define VY_REST_PLANS_H

#include "rest/sql.h"

typedef enum VyRestShape
{
	VY_REST_NOTHING, /* rows are only counted */
	VY_REST_ROWS, /* {"name":value,...},... */
	VY_REST_VALUES /* the first column of each row: value,... */
} VyRestShape;

/* Runs as the current user, appends to out (NULL for VY_REST_NOTHING), returns the number of rows. */
uint64 vy_rest_run(const VyRestSql *sql, VyRestShape shape, StringInfo out);

/* prefetch.c: the transaction whose running statement found all its pages in shared buffers the last time. */
extern LocalTransactionId vy_rest_warm;

/* The planner's estimate of the statement's rows. */
int64 vy_rest_estimate(const VyRestSql *sql);

#endif
