/*
 * custom.c: routes that users add: vyricon.route(), vyricon.unroute() and the view vyricon.routes.
 *
 * A row names its function by schema, name and kind of argument. The oid is looked up when the rows are read into the backend, and they are
 * read again after any change of a function, so a function that was dropped and made again (or restored) is found. custom_call.c runs it.
 */
#include "http/custom.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "core/cache.h"
#include "core/query.h"

/* What a row names. VyRoute.pattern points at the last member, so the row leads back to all of it. */
typedef struct Target
{
	const char *schema;
	const char *name;
	bool takes_request; /* else jsonb */
	char pattern[FLEXIBLE_ARRAY_MEMBER];
} Target;

typedef struct Rows
{
	MemoryContext context;
	VyRoute *rows;
	size_t n;
	size_t cap;
} Rows;

/* Words of route flags and methods, as vyricon.routes shows them. */
typedef struct Word
{
	unsigned bit;
	const char *text;
} Word;

static const Word method_words[] = {
	{VY_GET, "GET"},     {VY_HEAD, "HEAD"},     {VY_POST, "POST"},       {VY_PUT, "PUT"},
	{VY_PATCH, "PATCH"}, {VY_DELETE, "DELETE"}, {VY_OPTIONS, "OPTIONS"},
};

static const Word flag_words[] = {
	{VY_ROUTE_WRITES, "writes"}, {VY_ROUTE_READS, "reads"},     {VY_ROUTE_PLATFORM, "platform"},
	{VY_ROUTE_DEV, "dev"},       {VY_ROUTE_SERVICE, "service"}, {VY_ROUTE_HTML, "html"},
};

/* First segments that are Vyricon's, now or when the room joins. */
static const char *const reserved[] = {
	"",     "access",  "audit",        "auth",     "docs",  "functions", "graphql", "jobs",
	"live", "metrics", "openapi.json", "payments", "ready", "realtime",  "rest",    "storage",
};

VY_QUERY(
	read_rows,
	.sql = "SELECT method, pattern, function_schema, function_name, takes, summary FROM vyricon.custom_routes ORDER BY id LIMIT 100000",
	.expect = SPI_OK_SELECT);

VY_QUERY(put_row,
		 .sql = "INSERT INTO vyricon.custom_routes (method, pattern, function_schema, function_name, takes, summary) "
				"VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (method, pattern) DO UPDATE SET function_schema = $3, function_name = $4, "
				"takes = $5, summary = $6 RETURNING id",
		 .nargs = 6, .types = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}, .expect = SPI_OK_INSERT_RETURNING);

VY_QUERY(find_row, .sql = "SELECT function_schema, function_name, takes FROM vyricon.custom_routes WHERE method = $1 AND pattern = $2",
		 .nargs = 2, .types = {TEXTOID, TEXTOID}, .expect = SPI_OK_SELECT);

VY_QUERY(drop_row, .sql = "DELETE FROM vyricon.custom_routes WHERE method = $1 AND pattern = $2", .nargs = 2, .types = {TEXTOID, TEXTOID},
		 .expect = SPI_OK_DELETE);

static VyCache cache = {.schema = "vyricon", .table = "custom_routes"};
static Rows current;

static Oid find_named(const char *text);
static bool takes_request(Form_pg_proc proc);
static const char *checked_method(text *method);
static const char *checked_pattern(text *pattern);
static void check_segment(VyStr segment, bool last, VyStr *names, int *nnames);
static bool segment_is_reserved(VyStr segment);
static void check_ownership(Oid function);
static bool check_row_ownership(const char *method, const char *pattern);
static void add_row(void *arg, HeapTuple row, TupleDesc desc);
static Oid find_function(const Target *target);
static void forget_rows(Datum arg, int cacheid, uint32 hash);
static const Target *target_of(const VyRoute *route);
static Datum words_array(const Word *words, size_t n, unsigned bits);
static void put_route(ReturnSetInfo *result, const VyRoute *route, bool built_in);

VY_FUNCTION(vyricon_route)
{
	const char *method;
	const char *pattern;
	Oid function;
	HeapTuple tuple;
	Form_pg_proc proc;
	Datum args[6];
	bool nulls[6] = {false};
	Datum id;
	bool isnull;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("method, pattern and function must not be null")));
	method = checked_method(PG_GETARG_TEXT_PP(0));
	pattern = checked_pattern(PG_GETARG_TEXT_PP(1));
	function = find_named(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	check_ownership(function);
	(void) check_row_ownership(method, pattern);

	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	args[0] = CStringGetTextDatum(method);
	args[1] = CStringGetTextDatum(pattern);
	args[2] = CStringGetTextDatum(get_namespace_name(proc->pronamespace));
	args[3] = CStringGetTextDatum(NameStr(proc->proname));
	args[4] = CStringGetTextDatum(takes_request(proc) ? "vyricon.request" : "jsonb");
	args[5] = PG_ARGISNULL(3) ? (Datum) 0 : PG_GETARG_DATUM(3);
	nulls[5] = PG_ARGISNULL(3);
	ReleaseSysCache(tuple);
	if (!vy_query_row(&put_row, args, nulls, 1, &id, &isnull))
		elog(ERROR, "a route was not stored");
	PG_RETURN_DATUM(id);
}

VY_FUNCTION(vyricon_unroute)
{
	const char *method = checked_method(PG_GETARG_TEXT_PP(0));
	Datum args[2] = {CStringGetTextDatum(method), PG_GETARG_DATUM(1)};

	if (!check_row_ownership(method, text_to_cstring(PG_GETARG_TEXT_PP(1))))
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(vy_query_run(&drop_row, args, NULL) > 0);
}

VY_FUNCTION(vyricon_route_rows)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const VyRoute *rows;
	size_t n;

	InitMaterializedSRF(fcinfo, 0);
	rows = vy_routes_builtin(&n);
	for (size_t i = 0; i < n; i++)
		put_route(result, &rows[i], true);
	n = vy_custom_routes(&rows);
	for (size_t i = 0; i < n; i++)
		put_route(result, &rows[i], false);
	return (Datum) 0;
}

size_t
vy_custom_routes(const VyRoute **rows)
{
	static bool watching = false;

	if (!vy_cache_fresh(&cache))
	{
		Rows next = {0};

		if (!watching)
			CacheRegisterSyscacheCallback(PROCOID, forget_rows, (Datum) 0);
		watching = true;
		next.context = AllocSetContextCreate(CurrentMemoryContext, "vyricon custom routes", ALLOCSET_SMALL_SIZES);
		if (vy_cache_table_exists(&cache))
			vy_query_each(&read_rows, NULL, NULL, add_row, &next);
		MemoryContextSetParent(next.context, TopMemoryContext);
		/* A running request may still point at the rows before: they go with its transaction. */
		if (current.context != NULL)
			MemoryContextSetParent(current.context, TopTransactionContext);
		current = next;
		vy_cache_filled(&cache);
	}
	*rows = current.rows;
	return current.n;
}

bool
vy_custom_takes_request(const VyRoute *route)
{
	return target_of(route)->takes_request;
}

char *
vy_custom_function_text(const VyRoute *route)
{
	const Target *target = target_of(route);

	return psprintf("%s(%s)", quote_qualified_identifier(target->schema, target->name),
					target->takes_request ? "vyricon.request" : "jsonb");
}

/* By signature, or by a name that has one function. Looked up with the caller's search_path and rights. */
static Oid
find_named(const char *text)
{
	PGFunction in = strchr(text, '(') ? regprocedurein : regprocin;
	Oid function = DatumGetObjectId(DirectFunctionCall1(in, CStringGetDatum(text)));
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc proc;
	bool fits;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION), errmsg("function \"%s\" does not exist", text)));
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	fits = proc->prokind == PROKIND_FUNCTION && !proc->proretset && proc->pronargs == 1 &&
		   (takes_request(proc) || (proc->proargtypes.values[0] == JSONBOID && proc->prorettype == JSONBOID));
	ReleaseSysCache(tuple);
	if (!fits)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("function %s cannot answer requests", format_procedure(function)),
						errhint("A handler is a function (vyricon.request) returning vyricon.response, or (jsonb) returning jsonb.")));
	return function;
}

static bool
takes_request(Form_pg_proc proc)
{
	Oid schema = get_namespace_oid("vyricon", false);
	Oid request = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("request"), ObjectIdGetDatum(schema));
	Oid response = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("response"), ObjectIdGetDatum(schema));

	return proc->pronargs == 1 && OidIsValid(request) && proc->proargtypes.values[0] == request && proc->prorettype == response;
}

/* HEAD comes with GET, OPTIONS by itself. */
static const char *
checked_method(text *method)
{
	const char *name = text_to_cstring(method);

	for (size_t i = 0; i < lengthof(method_words); i++)
		if (strcmp(name, method_words[i].text) == 0 && (method_words[i].bit & (VY_HEAD | VY_OPTIONS)) == 0)
			return method_words[i].text;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("method \"%s\" cannot be routed", name),
					errhint("Use GET, POST, PUT, PATCH or DELETE; GET also answers HEAD.")));
}

static const char *
checked_pattern(text *pattern)
{
	VyStr rest = vy_text_str(pattern);
	VyStr names[VY_MAX_PARAMS];
	int nnames = 0;

	if (rest.n == 0 || rest.p[0] != '/' || rest.n > 1024)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a pattern starts with \"/\" and has at most 1024 bytes")));
	for (bool first = true; rest.n > 0; first = false)
	{
		const char *slash = memchr(rest.p + 1, '/', rest.n - 1);
		size_t n = slash ? (size_t) (slash - rest.p) - 1 : rest.n - 1;
		VyStr segment = vy_str(rest.p + 1, n);

		rest = vy_str(rest.p + 1 + n, rest.n - 1 - n);
		if (first && segment_is_reserved(segment))
			ereport(ERROR, (errcode(ERRCODE_RESERVED_NAME), errmsg("\"/%s\" belongs to Vyricon's own routes", vy_str_dup(segment))));
		check_segment(segment, rest.n == 0, names, &nnames);
	}
	return text_to_cstring(pattern);
}

/* Literal bytes that need no escape in a path, or ':' or '*' with the name of a parameter. */
static void
check_segment(VyStr segment, bool last, VyStr *names, int *nnames)
{
	bool parameter = segment.n > 0 && (segment.p[0] == ':' || segment.p[0] == '*');
	bool good = segment.n > 0 && !(segment.p[0] == '*' && !last) && !vy_str_is(segment, ".") && !vy_str_is(segment, "..");
	VyStr name = parameter ? vy_str(segment.p + 1, segment.n - 1) : segment;

	good = good && name.n > 0 && !(parameter && name.p[0] >= '0' && name.p[0] <= '9');
	for (size_t i = 0; good && i < name.n; i++)
		good = (name.p[i] >= 'a' && name.p[i] <= 'z') || (name.p[i] >= 'A' && name.p[i] <= 'Z') || (name.p[i] >= '0' && name.p[i] <= '9') ||
			   name.p[i] == '_' || (!parameter && strchr("-.~@", name.p[i]) != NULL);
	if (!good)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" is not a segment of a pattern", vy_str_dup(segment)),
						errhint("A segment is a word, \":name\" for one segment, or at the end \"*name\" for the rest.")));
	if (!parameter)
		return;
	for (int i = 0; i < *nnames; i++)
		if (vy_str_eq(names[i], name))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the pattern has two parameters \"%s\"", vy_str_dup(name))));
	if (*nnames == VY_MAX_PARAMS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a pattern has at most %d parameters", VY_MAX_PARAMS)));
	names[(*nnames)++] = name;
}

static bool
segment_is_reserved(VyStr segment)
{
	for (size_t i = 0; i < lengthof(reserved); i++)
		if (vy_str_is(segment, reserved[i]))
			return true;
	return false;
}

static void
check_ownership(Oid function)
{
	if (!pg_proc_ownercheck(function, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_FUNCTION, format_procedure(function));
}

/* Of a row that is replaced or taken back: false if there is none. When its function is gone, whoever may call this may tidy up. */
static bool
check_row_ownership(const char *method, const char *pattern)
{
	Datum args[2] = {CStringGetTextDatum(method), CStringGetTextDatum(pattern)};
	Datum row[3];
	bool nulls[3];
	Target target = {0};
	Oid function;

	if (!vy_query_row(&find_row, args, NULL, 3, row, nulls))
		return false;
	target.schema = TextDatumGetCString(row[0]);
	target.name = TextDatumGetCString(row[1]);
	target.takes_request = strcmp(TextDatumGetCString(row[2]), "jsonb") != 0;
	function = find_function(&target);
	if (OidIsValid(function))
		check_ownership(function);
	return true;
}

static void
add_row(void *arg, HeapTuple row, TupleDesc desc)
{
	Rows *rows = arg;
	MemoryContext old = MemoryContextSwitchTo(rows->context);
	char *method = SPI_getvalue(row, desc, 1);
	char *pattern = SPI_getvalue(row, desc, 2);
	Target *target = palloc0(offsetof(Target, pattern) + strlen(pattern) + 1);
	char *summary = SPI_getvalue(row, desc, 6);
	VyRoute route = {.handler = vy_custom_handle, .pattern = target->pattern, .summary = summary};

	strcpy(target->pattern, pattern);
	target->schema = pstrdup(SPI_getvalue(row, desc, 3));
	target->name = pstrdup(SPI_getvalue(row, desc, 4));
	target->takes_request = strcmp(SPI_getvalue(row, desc, 5), "jsonb") != 0;
	for (size_t i = 0; i < lengthof(method_words); i++)
		if (strcmp(method, method_words[i].text) == 0)
			route.methods = method_words[i].bit;
	if (route.methods == VY_GET)
		route.methods |= VY_HEAD;
	route.function = find_function(target);
	if (OidIsValid(route.function) && func_volatile(route.function) != PROVOLATILE_VOLATILE)
		route.flags |= VY_ROUTE_READS;
	if (rows->n == rows->cap)
	{
		rows->cap = rows->cap ? rows->cap * 2 : 16;
		rows->rows = rows->rows ? repalloc(rows->rows, rows->cap * sizeof(VyRoute)) : palloc(rows->cap * sizeof(VyRoute));
	}
	rows->rows[rows->n++] = route;
	MemoryContextSwitchTo(old);
}

/* Without a check of rights on the schema: who may call the function is checked when it is called. InvalidOid: there is none. */
static Oid
find_function(const Target *target)
{
	Oid schema = get_namespace_oid(target->schema, true);
	Oid argument = JSONBOID;
	oidvector *arguments;

	if (!OidIsValid(schema))
		return InvalidOid;
	if (target->takes_request)
		argument = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("request"),
								   ObjectIdGetDatum(get_namespace_oid("vyricon", false)));
	arguments = buildoidvector(&argument, 1);
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(target->name), PointerGetDatum(arguments),
						   ObjectIdGetDatum(schema));
}

static void
forget_rows(Datum arg __attribute__((unused)), int cacheid __attribute__((unused)), uint32 hash __attribute__((unused)))
{
	cache.fresh = cache.filling = false;
}

static const Target *
target_of(const VyRoute *route)
{
	return (const Target *) (route->pattern - offsetof(Target, pattern));
}

static Datum
words_array(const Word *words, size_t n, unsigned bits)
{
	Datum items[16];
	int count = 0;

	for (size_t i = 0; i < n; i++)
		if (bits & words[i].bit)
			items[count++] = CStringGetTextDatum(words[i].text);
	return PointerGetDatum(construct_array(items, count, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
put_route(ReturnSetInfo *result, const VyRoute *route, bool built_in)
{
	Datum values[6] = {
		words_array(method_words, lengthof(method_words), route->methods),
		CStringGetTextDatum(route->pattern),
		BoolGetDatum(built_in),
		built_in ? (Datum) 0 : CStringGetTextDatum(vy_custom_function_text(route)),
		words_array(flag_words, lengthof(flag_words), route->flags),
		route->summary ? CStringGetTextDatum(route->summary) : (Datum) 0,
	};
	bool nulls[6] = {false, false, false, built_in, false, route->summary == NULL};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}
