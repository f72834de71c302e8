/*
 * sql.h: jobs that are functions of the database, run as who enqueued them in processes of their own.
 */
#ifndef VY_SQL_H
#define VY_SQL_H

#include "core/shm.h"
#include "nodes/pg_list.h"
#include "utils/timestamp.h"

/* A claimed job; everything lives in the worker's context for it. */
typedef struct VySqlJob
{
	int64 id;
	int attempts; /* with this one */
	int max_attempts;
	bool has_subject;
	const char *role_name;
	VyStr claims; /* p == NULL: it was enqueued outside a request */
	const char *function; /* a quoted, qualified name */
	VyStr args; /* a JSON object */
} VySqlJob;

/* What a function is called with, found by name and argument names. */
typedef struct VySqlCall
{
	Oid function;
	Oid result;
	const char *name; /* quoted, qualified */
	const char *columns; /* "a" pg_catalog.int4, "b" ...: what the arguments are read as; NULL: there are none */
	const char *given; /* what stands between the parentheses of the call */
	VyStr args;
} VySqlCall;

/* The database's worker has a look whether sql jobs are due, and starts who runs them. Returns the milliseconds until it should again. */
long vy_sql_lane_turn(VyShmWorker *place, bool look);

/* Something was recorded: what waited behind it may be due. */
void vy_sql_lane_look_soon(void);

/* How many sql jobs are due, and when the next one will be (DT_NOEND: none). In the transaction of the caller. */
int vy_sql_due(TimestampTz *next);

/* vyricon.sql_workers */
extern int vy_sql_workers;

/* Finds the one function that role may call with these arguments, or raises. */
VySqlCall vy_sql_call_find(Oid role, const char *name, VyStr args);

/* Whether the arguments can be read as their types: raises if not. As the current user. */
void vy_sql_call_check(const VySqlCall *call);

/* Calls it as the current user; the result as JSON, empty when it is null or void. */
void vy_sql_call_run(const VySqlCall *call, StringInfo out);

/* The role that a job of the current caller runs as. A superuser's is refused. */
Oid vy_sql_role(const char *name);

void vy_sql_init(void);

#endif
