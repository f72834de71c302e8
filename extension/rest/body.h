/*
 * body.h: JSON bodies of mutations and calls.
 */
#ifndef VY_REST_BODY_H
#define VY_REST_BODY_H

#include "base/json.h"
#include "rest/sql.h"

/* One value for a column or an argument. */
typedef struct VyRestInput
{
	const char *name;
	Oid type;
	int32 typmod;
	AttrNumber attnum;
	bool absent; /* not in the body: null, or the default */
	bool wrapped; /* an array or object for a type that is not JSON: text is {"v":...} */
	const char *text; /* NULL: null */
} VyRestInput;

/* Checks content type, grammar and depth; an empty body is an empty object when allowed. Sets the body and its kind. */
VY_MUST_CHECK bool vy_rest_body(VyRest *rest, bool may_be_empty, VyStr *body, VyJsonKind *kind);

/* Sets wrapped and text from a JSON value. */
void vy_rest_input_json(VyRestInput *input, VyJsonKind kind, VyStr value);

/* Writes "$n", or what makes the type's value of the wrapped JSON. */
void vy_rest_sql_input(VyRestSql *sql, const VyRestInput *input, bool typed);

/* The columns that an object sets, as List of VyRestInput: its keys, or those that columns= names. */
VY_MUST_CHECK bool vy_rest_object_inputs(VyRest *rest, VyStr object, List **inputs);

/* False with 400 PGRST102 unless each item is an object, and has the keys of the first (when uniform). */
VY_MUST_CHECK bool vy_rest_items_check(VyRest *rest, VyStr array, bool uniform, VyStr *first, int64 *n);

char *vy_rest_json_key(VyStr key);

#endif
