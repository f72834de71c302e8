/*
 * nodes.h: a request to /rest/v1 as data: parse.c, operators.c and prefer.c fill it in, sql.c writes it as SQL, read.c, write.c and rpc.c
 * answer.
 *
 * Texts are NUL-terminated, decoded, and live as long as the request. Every function that returns bool refuses by
 * "return vy_rest_refuse(...)": false means that the response holds the whole answer already.
 */
#ifndef VY_REST_NODES_H
#define VY_REST_NODES_H

#include "http/http.h"
#include "rest/rest.h"

#include "access/tupdesc.h"
#include "nodes/pg_list.h"

#define VY_REST_MAX_FILTERS 100
#define VY_REST_MAX_DEPTH 32
#define VY_REST_MAX_ITEMS 1600 /* columns of a table: select, order, columns */

/* One "->key" or "->>key". */
typedef struct VyRestStep
{
	const char *key;
	bool index; /* an array position */
	bool text; /* "->>" */
} VyRestStep;

typedef struct VyRestField
{
	const char *name;
	List *steps; /* of VyRestStep */
} VyRestField;

typedef struct VyRestItem
{
	bool star;
	VyRestField field;
	const char *alias; /* NULL: none */
	const char *cast; /* NULL: none */
} VyRestItem;

typedef struct VyRestOrder
{
	VyRestField field;
	const char *direction; /* " DESC" or "" */
	const char *nulls; /* " NULLS LAST" ... or "" */
} VyRestOrder;

typedef enum VyRestNodeKind
{
	VY_REST_FILTER,
	VY_REST_AND,
	VY_REST_OR
} VyRestNodeKind;

typedef struct VyRestNode
{
	VyRestNodeKind kind;
	bool negated;
	List *children; /* of VyRestNode, for AND and OR */
	VyRestField field;
	const struct VyRestOperator *op;
	const char *quantifier; /* "ANY", "ALL" or NULL */
	const char *config; /* text search configuration or NULL */
	const char *value;
} VyRestNode;

typedef struct VyRestArgument
{
	const char *name;
	List *values; /* of char *: a VARIADIC argument may be repeated */
} VyRestArgument;

typedef struct VyRestQuery
{
	bool has_select;
	List *select; /* of VyRestItem */
	List *where; /* of VyRestNode, ANDed */
	int nfilters;
	List *order; /* of VyRestOrder */
	int64 limit; /* -1: none */
	int64 offset;
	bool has_columns;
	List *columns; /* of char * */
	List *conflict; /* of char * */
	List *arguments; /* of VyRestArgument: what a GET on a function passes */
	unsigned seen; /* named parameters that came already */
} VyRestQuery;

typedef enum VyRestReturn
{
	VY_REST_RETURN_NONE, /* not said: minimal */
	VY_REST_RETURN_MINIMAL,
	VY_REST_RETURN_HEADERS,
	VY_REST_RETURN_REPRESENTATION
} VyRestReturn;

typedef enum VyRestCount
{
	VY_REST_COUNT_NONE,
	VY_REST_COUNT_EXACT,
	VY_REST_COUNT_PLANNED,
	VY_REST_COUNT_ESTIMATED
} VyRestCount;

typedef enum VyRestResolution
{
	VY_REST_RESOLUTION_NONE,
	VY_REST_RESOLUTION_MERGE,
	VY_REST_RESOLUTION_IGNORE
} VyRestResolution;

typedef struct VyRestPrefer
{
	int resolution; /* VyRestResolution; the value behind each is an index into its names in prefer.c */
	int missing; /* 0 not said, 1 default, 2 null */
	int returns; /* VyRestReturn */
	int count; /* VyRestCount */
	int handling; /* 0 not said, 1 strict, 2 lenient */
	int64 max_affected; /* -1: none */
	const char *timezone;
	List *invalid; /* of char * */
} VyRestPrefer;

/* Where columns come from: a table or view by its oid, a function's result by its descriptor. */
typedef struct VyRestSource
{
	const char *name;
	Oid relid;
	char relkind;
	Oid rowtype;
	TupleDesc desc;
} VyRestSource;

typedef struct VyRestColumn
{
	const char *name;
	AttrNumber attnum;
	Oid type;
	int32 typmod;
	bool has_default;
	bool generated;
} VyRestColumn;

typedef struct VyRest
{
	VyRequest *request;
	VyResponse *response;
	const char *schema;
	bool schema_shown; /* Content-Profile is answered */
	bool singular; /* application/vnd.pgrst.object+json */
	VyRestPrefer prefer;
	VyRestQuery query;
	VyRestSource source;
} VyRest;

/* dialect.c */
bool vy_rest_refuse(VyRest *rest, int status, const char *code, const char *message, const char *details, const char *hint);
void vy_rest_raise(int status, const char *code, const char *message, const char *details) pg_attribute_noreturn();

/* parse.c: the query string. function: unknown names without an operator are arguments. */
VY_MUST_CHECK bool vy_rest_parse(VyRest *rest, bool function);

/* A reading position in a decoded text. */
typedef struct VyRestCursor
{
	const char *start;
	const char *at;
} VyRestCursor;

VY_MUST_CHECK bool vy_rest_parse_field(VyRestCursor *in, VyRestField *out);
VY_MUST_CHECK bool vy_rest_parse_quoted(VyRestCursor *in, char **out);

/* prefer.c: the headers. */
VY_MUST_CHECK bool vy_rest_headers(VyRest *rest);
void vy_rest_preference_applied(VyRest *rest, bool resolution, bool missing);

/* catalogue.c */
extern char *vy_rest_schemas;
extern int vy_rest_max_rows;
VY_MUST_CHECK bool vy_rest_profile(VyRest *rest, VyStr named);
VY_MUST_CHECK bool vy_rest_find_relation(VyRest *rest, bool writes);
bool vy_rest_find_column(const VyRestSource *source, const char *name, VyRestColumn *out);
Oid vy_rest_computed_field(const VyRest *rest, const char *name);
List *vy_rest_primary_key(Oid relid);

/* The column's DEFAULT as SQL; NULL: none. */
const char *vy_rest_column_default(Oid relid, AttrNumber attnum);

/* answer.c. The settings by which a policy, trigger or function speaks to the client; empty: it does not. */
extern char *vy_rest_response_headers;
extern char *vy_rest_response_status;
void vy_rest_answer_range(VyRest *rest, int64 first, int64 rows, int64 total);
void vy_rest_answer_guc(VyRest *rest);
void vy_rest_answer_type(VyRest *rest);
bool vy_rest_answer_page(VyRest *rest, int64 rows, int64 total);
int64 vy_rest_page_limit(const VyRest *rest);

/* checks.c, cost.c, prefetch.c */
void vy_rest_checks_init(void);
void vy_rest_cost_init(void);
void vy_rest_prefetch_init(void);

/* The handlers. */
void vy_rest_read(VyRequest *request, VyResponse *response);
void vy_rest_insert(VyRequest *request, VyResponse *response);
void vy_rest_update(VyRequest *request, VyResponse *response);
void vy_rest_delete(VyRequest *request, VyResponse *response);
void vy_rest_call(VyRequest *request, VyResponse *response);
void vy_rest_relation_options(VyRequest *request, VyResponse *response);
void vy_rest_function_options(VyRequest *request, VyResponse *response);

/* Headers, profile and query string of a request, in PostgREST's order of checks. */
VY_MUST_CHECK bool vy_rest_begin(VyRest *rest, VyRequest *request, VyResponse *response, bool function);

#endif
