/*
 * functions.h: functions of the exposed schema, by name and set of argument names.
 */
#ifndef VY_REST_FUNCTIONS_H
#define VY_REST_FUNCTIONS_H

#include "rest/nodes.h"

typedef struct VyRestArg
{
	const char *name; /* "" when it has none */
	Oid type;
	bool optional;
	bool variadic;
} VyRestArg;

typedef enum VyRestResult
{
	VY_REST_RESULT_VOID,
	VY_REST_RESULT_VALUE, /* anything without named columns */
	VY_REST_RESULT_ROW /* a composite type, or OUT and TABLE columns */
} VyRestResult;

typedef struct VyRestFunction
{
	Oid oid;
	const char *name;
	int nargs;
	VyRestArg *args; /* the input arguments */
	bool set;
	bool volatile_;
	bool record; /* its columns are known only to the caller of the SQL function */
	VyRestResult result;
	Oid rowtype;
	TupleDesc desc; /* of a ROW */
} VyRestFunction;

/* Every function of that name that a request may call. */
List *vy_rest_functions(const char *schema, const char *name);

/*
 * The one whose arguments fit the given names (List of char *); a single unnamed json or jsonb argument takes the whole body when
 * whole_body, and is told by *unnamed. Refuses with PGRST202 or PGRST203.
 */
VY_MUST_CHECK bool vy_rest_find_function(VyRest *rest, const char *name, List *names, bool whole_body, VyRestFunction **out, bool *unnamed);

#endif
