/*
 * openapi_tables.c: relations and functions of an exposed schema as paths and component schemas of the OpenAPI document.
 *
 * Read as the caller, with search_path = pg_catalog, pg_temp: each statement asks for the caller's own privileges, and the operators it
 * uses are the server's.
 */
#include "http/openapi.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/guc.h"

#include "core/json_writer.h"

#define MAX_ROWS 100000

/* JSON Schema's words for a type; everything else is a string. */
typedef struct TypeWords
{
	Oid type;
	const char *json; /* NULL: any value */
	const char *format; /* NULL: none */
} TypeWords;

/* Which of a relation's columns a component describes. */
typedef enum Use
{
	USE_READ,
	USE_CREATE,
	USE_CHANGE
} Use;

/* Rights on a relation, as bits of the statement's column. */
enum
{
	MAY_READ = 1 << 0,
	MAY_CREATE = 1 << 1,
	MAY_CHANGE = 1 << 2,
	MAY_DELETE = 1 << 3
};

/* One column, as the statement below orders its results. */
enum
{
	COL_RELATION = 1,
	COL_RIGHTS,
	COL_RELATION_COMMENT,
	COL_NAME,
	COL_TYPE,
	COL_ELEMENT,
	COL_TYPE_NAME,
	COL_NOT_NULL,
	COL_GENERATED,
	COL_DEFAULT,
	COL_DEFAULT_VALUE,
	COL_PRIMARY,
	COL_COMMENT,
	COL_LABELS,
	COL_MAX_LENGTH,
	COL_COLUMN_RIGHTS
};

/* One argument of a function; a function without arguments has one row without a name. */
enum
{
	FN_OID = 1,
	FN_NAME,
	FN_COMMENT,
	FN_READS,
	FN_RETURNS_SET,
	FN_RETURN_TYPE,
	FN_RETURN_ELEMENT,
	FN_RETURN_RELATION,
	FN_OVERLOADS,
	FN_ARGUMENT,
	FN_TYPE,
	FN_ELEMENT,
	FN_TYPE_NAME,
	FN_HAS_DEFAULT
};

typedef struct Table
{
	SPITupleTable *rows;
	uint64 n;
} Table;

static const TypeWords type_words[] = {
	{BOOLOID, "boolean", NULL},
	{INT2OID, "integer", "int16"},
	{INT4OID, "integer", "int32"},
	{INT8OID, "integer", "int64"},
	{OIDOID, "integer", "int64"},
	{FLOAT4OID, "number", "float"},
	{FLOAT8OID, "number", "double"},
	{NUMERICOID, "number", NULL},
	{UUIDOID, "string", "uuid"},
	{DATEOID, "string", "date"},
	{TIMESTAMPTZOID, "string", "date-time"},
	{TIMEOID, "string", "time"},
	{JSONOID, NULL, NULL},
	{JSONBOID, NULL, NULL},
	{RECORDOID, "object", NULL},
};

/* A default that is a plain literal is told as a value (as JSON text), any other as text of the description. */
static const char columns_sql[] =
	"SELECT r.relname, r.rights, obj_description(r.oid, 'pg_class'), a.attname, COALESCE(nullif(t.typbasetype, 0), t.oid), "
	"CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END, format_type(a.atttypid, a.atttypmod), a.attnotnull OR t.typnotnull, "
	"a.attgenerated <> '' OR a.attidentity = 'a', a.attidentity <> '' OR d.oid IS NOT NULL, "
	"CASE WHEN d.text ~ '^(-?[0-9]+(\\.[0-9]+)?|true|false)$' THEN d.text "
	"WHEN d.text ~ '^''([^'']|'''')*''::[a-z ]+(\\([0-9]+\\))?$' "
	"THEN to_json(replace(substring(d.text FROM '^''(.*)''::'), '''''', ''''))::text END, "
	"EXISTS (SELECT FROM pg_index i WHERE i.indrelid = r.oid AND i.indisprimary AND a.attnum = ANY (i.indkey)), "
	"col_description(r.oid, a.attnum), "
	"(SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder)::text FROM pg_enum e "
	"WHERE e.enumtypid = COALESCE(nullif(t.typbasetype, 0), t.oid)), "
	"CASE WHEN a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype) AND a.atttypmod > 4 THEN a.atttypmod - 4 END, "
	"has_column_privilege(r.oid, a.attnum, 'SELECT')::int | (has_column_privilege(r.oid, a.attnum, 'INSERT')::int << 1) "
	"| (has_column_privilege(r.oid, a.attnum, 'UPDATE')::int << 2) "
	"FROM (SELECT c.oid, c.relname, (has_any_column_privilege(c.oid, 'SELECT')::int "
	"| ((has_any_column_privilege(c.oid, 'INSERT') AND (u.bits & 8) <> 0)::int << 1) "
	"| ((has_any_column_privilege(c.oid, 'UPDATE') AND (u.bits & 4) <> 0)::int << 2) "
	"| ((has_table_privilege(c.oid, 'DELETE') AND (u.bits & 16) <> 0)::int << 3)) AS rights "
	"FROM pg_class c, LATERAL (SELECT pg_relation_is_updatable(c.oid, true) AS bits) u "
	"WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition "
	"AND has_schema_privilege(c.relnamespace, 'USAGE')) r "
	"JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped JOIN pg_type t ON t.oid = a.atttypid "
	"LEFT JOIN LATERAL (SELECT x.oid, pg_get_expr(x.adbin, x.adrelid) AS text FROM pg_attrdef x "
	"WHERE x.adrelid = r.oid AND x.adnum = a.attnum AND a.attgenerated = '') d ON true "
	"WHERE r.rights <> 0 ORDER BY r.relname, a.attnum";

static const char functions_sql[] =
	"SELECT p.oid, p.proname, obj_description(p.oid, 'pg_proc'), p.provolatile <> 'v', p.proretset, rt.oid, "
	"CASE WHEN rt.typcategory = 'A' THEN rt.typelem ELSE 0 END, rc.relname, p.overloads, a.name, COALESCE(nullif(t.typbasetype, 0), t.oid), "
	"CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END, t.name, a.n > p.pronargs - p.pronargdefaults "
	"FROM (SELECT f.*, count(*) OVER (PARTITION BY f.proname) AS overloads FROM pg_proc f "
	"WHERE f.pronamespace = $1::regnamespace AND f.prokind = 'f' AND has_schema_privilege(f.pronamespace, 'USAGE') "
	"AND has_function_privilege(f.oid, 'EXECUTE') AND f.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype) "
	"AND (f.pronargs = 0 OR (f.proargnames IS NOT NULL AND NOT '' = ANY (f.proargnames)))) p "
	"JOIN pg_type rt ON rt.oid = p.prorettype LEFT JOIN pg_class rc ON rc.oid = rt.typrelid AND rc.relnamespace = $1::regnamespace "
	"LEFT JOIN LATERAL (SELECT x.name, x.type, row_number() OVER (ORDER BY x.n) AS n "
	"FROM unnest(p.proargnames, COALESCE(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes) WITH ORDINALITY AS x(name, type, mode, n) "
	"WHERE x.type IS NOT NULL AND COALESCE(x.mode, 'i') IN ('i', 'b', 'v')) a ON true "
	"LEFT JOIN LATERAL (SELECT y.oid, y.typbasetype, y.typcategory, y.typelem, format_type(y.oid, NULL) AS name FROM pg_type y "
	"WHERE y.oid = a.type) t ON true "
	"ORDER BY p.proname, p.oid, a.n";

static Table run(const char *sql, const char *schema);
static char *text_at(const Table *table, uint64 row, int column);
static Oid oid_at(const Table *table, uint64 row, int column);
static bool bool_at(const Table *table, uint64 row, int column);
static int int_at(const Table *table, uint64 row, int column);
static uint64 group_end(const Table *table, uint64 from, int column);
static void put_relation(VyOpenApi *api, const Table *columns, uint64 from, uint64 to);
static void put_component(VyOpenApi *api, const char *key, const Table *columns, uint64 from, uint64 to, Use use);
static void put_column(StringInfo out, const Table *columns, uint64 at, Use use);
static void put_type(StringInfo out, Oid type, Oid element, const char *type_name, bool nullable);
static void put_text(StringInfo out, const char *member, const char *text);
static void put_filters(StringInfo out, const Table *columns, uint64 from, uint64 to);
static void put_functions(VyOpenApi *api, const Table *rows, const Table *columns);
static void put_function(StringInfo out, const Table *rows, uint64 from, uint64 to, const Table *columns, bool get);
static void put_arguments(StringInfo out, const Table *rows, uint64 from, uint64 to);
static void put_result(StringInfo out, const Table *rows, uint64 at, const Table *columns);
static char *path_of(const char *prefix, const char *name);

void
vy_openapi_tables(VyOpenApi *api, const char *schema)
{
	int guc_level = NewGUCNestLevel();
	MemoryContext caller = CurrentMemoryContext;
	Table columns;
	Table functions;

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	columns = run(columns_sql, schema);
	functions = run(functions_sql, schema);
	/* The buffers of api belong to the caller and outlive SPI. */
	MemoryContextSwitchTo(caller);
	for (uint64 from = 0, to; from < columns.n; from = to)
	{
		to = group_end(&columns, from, COL_RELATION);
		put_relation(api, &columns, from, to);
	}
	put_functions(api, &functions, &columns);
	SPI_finish();
	AtEOXact_GUC(false, guc_level);
}

static Table
run(const char *sql, const char *schema)
{
	Oid types[] = {TEXTOID};
	Datum args[] = {CStringGetTextDatum(quote_identifier(schema))};

	if (SPI_execute_with_args(sql, 1, types, args, NULL, true, MAX_ROWS) != SPI_OK_SELECT)
		elog(ERROR, "the catalogue could not be read");
	return (Table){SPI_tuptable, SPI_processed};
}

static char *
text_at(const Table *table, uint64 row, int column)
{
	return SPI_getvalue(table->rows->vals[row], table->rows->tupdesc, column);
}

static Oid
oid_at(const Table *table, uint64 row, int column)
{
	bool isnull;
	Datum value = SPI_getbinval(table->rows->vals[row], table->rows->tupdesc, column, &isnull);

	return isnull ? InvalidOid : DatumGetObjectId(value);
}

static bool
bool_at(const Table *table, uint64 row, int column)
{
	bool isnull;
	Datum value = SPI_getbinval(table->rows->vals[row], table->rows->tupdesc, column, &isnull);

	return !isnull && DatumGetBool(value);
}

static int
int_at(const Table *table, uint64 row, int column)
{
	bool isnull;
	Datum value = SPI_getbinval(table->rows->vals[row], table->rows->tupdesc, column, &isnull);

	return isnull ? 0 : DatumGetInt32(value);
}

/* The row behind the last one with the same text in that column. */
static uint64
group_end(const Table *table, uint64 from, int column)
{
	const char *name = text_at(table, from, column);
	uint64 to = from + 1;

	while (to < table->n && strcmp(text_at(table, to, column), name) == 0)
		to++;
	return to;
}

static void
put_relation(VyOpenApi *api, const Table *columns, uint64 from, uint64 to)
{
	static const char *const many = "\"204\":{\"description\":\"Done\"},\"200\":{\"description\":\"The rows, when asked for\",\"content\":"
									"{\"application/json\":{\"schema\":{\"type\":\"array\",\"items\":%s}}}},"
									"\"default\":{\"$ref\":\"#/components/responses/refused\"}}}";
	const char *name = text_at(columns, from, COL_RELATION);
	const char *key = vy_openapi_key(name);
	int rights = int_at(columns, from, COL_RIGHTS);
	char *row = rights & MAY_READ ? psprintf("{\"$ref\":\"#/components/schemas/%s\"}", key) : "{}";
	StringInfoData item;
	StringInfoData filters;
	StringInfoData tag;

	initStringInfo(&item);
	initStringInfo(&filters);
	initStringInfo(&tag);
	vy_json_string(&tag, name, strlen(name));
	put_filters(&filters, columns, from, to);
	if (rights & MAY_READ)
	{
		put_component(api, key, columns, from, to, USE_READ);
		vy_openapi_member(&item, "get");
		appendStringInfo(&item, "{\"tags\":[%s],\"operationId\":\"read_%s\"", tag.data, key);
		put_text(&item, "summary", text_at(columns, from, COL_RELATION_COMMENT));
		appendStringInfo(&item, ",\"parameters\":[");
		for (const char *const *p = (const char *const[]){"select", "order", "limit", "offset", NULL}; *p != NULL; p++)
			appendStringInfo(&item, "{\"$ref\":\"#/components/parameters/%s\"},", *p);
		appendStringInfo(&item,
						 "%s{\"$ref\":\"#/components/parameters/prefer\"}],\"responses\":{\"200\":{\"description\":\"Rows\",\"content\":"
						 "{\"application/json\":{\"schema\":{\"type\":\"array\",\"items\":%s}}}},\"206\":{\"description\":\"A part of the "
						 "rows\"},\"default\":{\"$ref\":\"#/components/responses/refused\"}}}",
						 filters.data, row);
	}
	if (rights & MAY_CREATE)
	{
		put_component(api, psprintf("%s.new", key), columns, from, to, USE_CREATE);
		vy_openapi_member(&item, "post");
		appendStringInfo(
			&item,
			"{\"tags\":[%s],\"operationId\":\"create_%s\",\"parameters\":[{\"$ref\":\"#/components/parameters/prefer\"}],"
			"\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":{\"oneOf\":["
			"{\"$ref\":\"#/components/schemas/%s.new\"},{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/%s.new\"}}"
			"]}}}},\"responses\":{\"201\":{\"description\":\"Created; the rows, when asked for\",\"content\":{\"application/json\":"
			"{\"schema\":{\"type\":\"array\",\"items\":%s}}}},\"409\":{\"$ref\":\"#/components/responses/refused\"},"
			"\"default\":{\"$ref\":\"#/components/responses/refused\"}}}",
			tag.data, key, key, key, row);
	}
	if (rights & MAY_CHANGE)
	{
		put_component(api, psprintf("%s.change", key), columns, from, to, USE_CHANGE);
		vy_openapi_member(&item, "patch");
		appendStringInfo(&item,
						 "{\"tags\":[%s],\"operationId\":\"change_%s\",\"parameters\":[%s{\"$ref\":\"#/components/parameters/prefer\"}],"
						 "\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":"
						 "{\"$ref\":\"#/components/schemas/%s.change\"}}}},\"responses\":{",
						 tag.data, key, filters.data, key);
		appendStringInfo(&item, many, row);
	}
	if (rights & MAY_DELETE)
	{
		vy_openapi_member(&item, "delete");
		appendStringInfo(&item,
						 "{\"tags\":[%s],\"operationId\":\"delete_%s\",\"parameters\":[%s{\"$ref\":\"#/components/parameters/prefer\"}],"
						 "\"responses\":{",
						 tag.data, key, filters.data);
		appendStringInfo(&item, many, row);
	}
	vy_openapi_member(&api->paths, path_of("/rest/v1/", name));
	appendStringInfo(&api->paths, "{%s}", item.data);
}

static void
put_component(VyOpenApi *api, const char *key, const Table *columns, uint64 from, uint64 to, Use use)
{
	StringInfo out = &api->schemas;
	StringInfoData properties;
	StringInfoData required;

	initStringInfo(&properties);
	initStringInfo(&required);
	for (uint64 i = from; i < to; i++)
	{
		const char *name = text_at(columns, i, COL_NAME);
		bool generated = bool_at(columns, i, COL_GENERATED);

		if ((int_at(columns, i, COL_COLUMN_RIGHTS) & (1 << use)) == 0 || (use != USE_READ && generated))
			continue;
		vy_openapi_member(&properties, name);
		put_column(&properties, columns, i, use);
		if (use == USE_CHANGE || !bool_at(columns, i, COL_NOT_NULL) || (use == USE_CREATE && bool_at(columns, i, COL_DEFAULT)))
			continue;
		if (required.len > 0)
			appendStringInfoChar(&required, ',');
		vy_json_string(&required, name, strlen(name));
	}
	vy_openapi_member(out, key);
	appendStringInfoString(out, "{\"type\":\"object\"");
	put_text(out, "description", text_at(columns, from, COL_RELATION_COMMENT));
	appendStringInfo(out, ",\"properties\":{%s}", properties.data);
	/* A column left out by select is no fault: only what is sent must be whole. */
	if (use == USE_CREATE && required.len > 0)
		appendStringInfo(out, ",\"required\":[%s]", required.data);
	appendStringInfoChar(out, '}');
}

static void
put_column(StringInfo out, const Table *columns, uint64 at, Use use)
{
	const char *comment = text_at(columns, at, COL_COMMENT);
	const char *labels = text_at(columns, at, COL_LABELS);
	const char *max_length = text_at(columns, at, COL_MAX_LENGTH);
	const char *value = text_at(columns, at, COL_DEFAULT_VALUE);
	bool primary = bool_at(columns, at, COL_PRIMARY);
	bool nullable = !bool_at(columns, at, COL_NOT_NULL);

	appendStringInfoChar(out, '{');
	put_type(out, oid_at(columns, at, COL_TYPE), oid_at(columns, at, COL_ELEMENT), text_at(columns, at, COL_TYPE_NAME), nullable);
	if (primary || comment != NULL)
		put_text(out, "description",
				 psprintf("%s%s%s", comment ? comment : "", primary && comment ? "\n" : "", primary ? "Primary key." : ""));
	if (labels != NULL)
		appendStringInfo(out, ",\"enum\":[%.*s%s]", (int) strlen(labels) - 2, labels + 1, nullable ? ",null" : "");
	if (max_length != NULL)
		appendStringInfo(out, ",\"maxLength\":%s", max_length);
	if (value != NULL && use == USE_CREATE)
		appendStringInfo(out, ",\"default\":%s", value);
	if (use == USE_READ && bool_at(columns, at, COL_GENERATED))
		appendStringInfoString(out, ",\"readOnly\":true");
	appendStringInfoChar(out, '}');
}

/* The members "type", "format", "items" and "x-type" (the name in SQL). */
static void
put_type(StringInfo out, Oid type, Oid element, const char *type_name, bool nullable)
{
	TypeWords words = {type, "string", NULL};

	appendStringInfoString(out, "\"x-type\":");
	vy_json_string(out, type_name, strlen(type_name));
	if (OidIsValid(element))
	{
		appendStringInfo(out, ",\"type\":%s,\"items\":{", nullable ? "[\"array\",\"null\"]" : "\"array\"");
		put_type(out, element, InvalidOid, format_type_be(element), true);
		appendStringInfoChar(out, '}');
		return;
	}
	for (size_t i = 0; i < lengthof(type_words); i++)
		if (type_words[i].type == type)
			words = type_words[i];
	if (words.json != NULL)
		appendStringInfo(out, nullable ? ",\"type\":[\"%s\",\"null\"]" : ",\"type\":\"%s\"", words.json);
	if (words.format != NULL)
		appendStringInfo(out, ",\"format\":\"%s\"", words.format);
}

static void
put_text(StringInfo out, const char *member, const char *text)
{
	if (text == NULL)
		return;
	appendStringInfo(out, ",\"%s\":", member);
	vy_json_string(out, text, strlen(text));
}

/* A parameter for each column, with a comma behind it. */
static void
put_filters(StringInfo out, const Table *columns, uint64 from, uint64 to)
{
	for (uint64 i = from; i < to; i++)
	{
		const char *name = text_at(columns, i, COL_NAME);

		if ((int_at(columns, i, COL_COLUMN_RIGHTS) & MAY_READ) == 0)
			continue;
		appendStringInfoString(out, "{\"name\":");
		vy_json_string(out, name, strlen(name));
		appendStringInfoString(out, ",\"in\":\"query\",\"description\":\"A filter, such as eq.value\",\"schema\":{\"type\":\"string\"}},");
	}
}

static void
put_functions(VyOpenApi *api, const Table *rows, const Table *columns)
{
	for (uint64 from = 0, to; from < rows->n; from = to)
	{
		const char *name = text_at(rows, from, FN_NAME);

		to = group_end(rows, from, FN_NAME);
		vy_openapi_member(&api->paths, path_of("/rest/v1/rpc/", name));
		appendStringInfoString(&api->paths, "{\"post\":");
		put_function(&api->paths, rows, from, to, columns, false);
		/* Arguments in a query string cannot tell overloads apart in a description. */
		if (bool_at(rows, from, FN_READS) && int_at(rows, from, FN_OVERLOADS) == 1)
		{
			appendStringInfoString(&api->paths, ",\"get\":");
			put_function(&api->paths, rows, from, to, columns, true);
		}
		appendStringInfoChar(&api->paths, '}');
	}
}

/* rows from..to: the arguments of all functions of one name. */
static void
put_function(StringInfo out, const Table *rows, uint64 from, uint64 to, const Table *columns, bool get)
{
	appendStringInfo(out, "{\"tags\":[\"rpc\"],\"operationId\":\"%s_%s\"", get ? "ask" : "call",
					 vy_openapi_key(text_at(rows, from, FN_NAME)));
	put_text(out, "summary", text_at(rows, from, FN_COMMENT));
	if (get)
	{
		appendStringInfoString(out, ",\"parameters\":[");
		for (uint64 i = from; i < to && text_at(rows, i, FN_ARGUMENT) != NULL; i++)
		{
			const char *name = text_at(rows, i, FN_ARGUMENT);

			appendStringInfo(out, "%s{\"name\":", i > from ? "," : "");
			vy_json_string(out, name, strlen(name));
			appendStringInfo(out, ",\"in\":\"query\",\"required\":%s,\"schema\":{\"type\":\"string\"}}",
							 bool_at(rows, i, FN_HAS_DEFAULT) ? "false" : "true");
		}
		appendStringInfoChar(out, ']');
	}
	else
	{
		appendStringInfoString(out, ",\"requestBody\":{\"content\":{\"application/json\":{\"schema\":{\"anyOf\":[");
		for (uint64 i = from, end; i < to; i = end)
		{
			end = group_end(rows, i, FN_OID);
			appendStringInfoString(out, i > from ? "," : "");
			put_arguments(out, rows, i, end);
		}
		appendStringInfoString(out, "]}}}}");
	}
	appendStringInfoString(out, ",\"responses\":{");
	put_result(out, rows, from, columns);
	appendStringInfoString(out, ",\"default\":{\"$ref\":\"#/components/responses/refused\"}}}");
}

static void
put_arguments(StringInfo out, const Table *rows, uint64 from, uint64 to)
{
	StringInfoData properties;
	StringInfoData required;

	initStringInfo(&properties);
	initStringInfo(&required);
	for (uint64 i = from; i < to && text_at(rows, i, FN_ARGUMENT) != NULL; i++)
	{
		const char *name = text_at(rows, i, FN_ARGUMENT);

		vy_openapi_member(&properties, name);
		appendStringInfoChar(&properties, '{');
		put_type(&properties, oid_at(rows, i, FN_TYPE), oid_at(rows, i, FN_ELEMENT), text_at(rows, i, FN_TYPE_NAME), true);
		appendStringInfoChar(&properties, '}');
		if (bool_at(rows, i, FN_HAS_DEFAULT))
			continue;
		if (required.len > 0)
			appendStringInfoChar(&required, ',');
		vy_json_string(&required, name, strlen(name));
	}
	appendStringInfo(out, "{\"type\":\"object\",\"properties\":{%s}", properties.data);
	if (required.len > 0)
		appendStringInfo(out, ",\"required\":[%s]", required.data);
	appendStringInfoChar(out, '}');
}

static void
put_result(StringInfo out, const Table *rows, uint64 at, const Table *columns)
{
	Oid type = oid_at(rows, at, FN_RETURN_TYPE);
	const char *relation = text_at(rows, at, FN_RETURN_RELATION);
	bool set = bool_at(rows, at, FN_RETURNS_SET);
	bool known = false;

	if (type == VOIDOID)
	{
		appendStringInfoString(out, "\"204\":{\"description\":\"Done\"}");
		return;
	}
	appendStringInfoString(out, "\"200\":{\"description\":\"The result\",\"content\":{\"application/json\":{\"schema\":");
	appendStringInfoString(out, set ? "{\"type\":\"array\",\"items\":{" : "{");
	for (uint64 i = 0; relation != NULL && !known && i < columns->n; i = group_end(columns, i, COL_RELATION))
		known = strcmp(text_at(columns, i, COL_RELATION), relation) == 0 && (int_at(columns, i, COL_RIGHTS) & MAY_READ) != 0;
	if (known)
		appendStringInfo(out, "\"$ref\":\"#/components/schemas/%s\"", vy_openapi_key(relation));
	else if (relation != NULL)
		appendStringInfoString(out, "\"type\":\"object\"");
	else
		put_type(out, type, oid_at(rows, at, FN_RETURN_ELEMENT), format_type_be(type), true);
	appendStringInfoString(out, set ? "}}}}}" : "}}}}");
}

/* A path with the name percent-encoded (RFC 3986). */
static char *
path_of(const char *prefix, const char *name)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, prefix);
	for (const char *p = name; *p != '\0'; p++)
	{
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("-._~", *p) != NULL)
			appendStringInfoChar(&out, *p);
		else
			appendStringInfo(&out, "%%%02X", (unsigned char) *p);
	}
	return out.data;
}
