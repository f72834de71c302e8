/*
 * write.c: POST, PATCH and DELETE on a relation.
 * What must hold of the result (one object, max-affected) is checked after the statement and raised, so that everything rolls back.
 */
#include "rest/body.h"
#include "rest/plans.h"
#include "rest/write.h"

#include "catalog/pg_type.h"
#include "utils/guc.h"

typedef struct Mutation
{
	VyRest *rest;
	VyRestSql sql;
	VyRestShape shape;
	bool ordered; /* the representation is sorted: a CTE around the statement */
	List *key; /* primary key, for Location */
	bool resolved; /* resolution= applies */
	bool merges;
	StringInfoData scratch; /* the key's values, for Location */
} Mutation;

static bool begin(Mutation *m, VyRest *rest, VyRequest *request, VyResponse *response);
static void open_statement(Mutation *m, const char *verb);
static void close_statement(Mutation *m);
static uint64 run(Mutation *m);
static bool build_insert(Mutation *m, bool *nothing);
static void write_rows(Mutation *m, List *inputs, VyStr body);
static void write_rows_with_defaults(Mutation *m, List *inputs, VyStr body);
static void write_definitions(Mutation *m, List *inputs);
static bool write_conflict(Mutation *m, List *inputs);
static bool build_update(Mutation *m, bool *nothing);
static void build_delete(Mutation *m);
static void answer(Mutation *m, int status, uint64 rows, const char *range);
static void add_location(Mutation *m);
static int64 merged_rows(void);

void
vy_rest_insert(VyRequest *request, VyResponse *response)
{
	VyRest rest;
	Mutation m;
	bool nothing = false;
	uint64 rows = 0;
	int status = 201;

	if (!begin(&m, &rest, request, response) || !build_insert(&m, &nothing))
		return;
	if (nothing && m.shape == VY_REST_ROWS && !rest.singular)
		appendStringInfoString(&response->body, "[]");
	if (!nothing)
		rows = run(&m);
	if (m.merges && rows > 0 && merged_rows() == (int64) rows)
		status = 200;
	answer(&m, status, rows, NULL);
}

void
vy_rest_update(VyRequest *request, VyResponse *response)
{
	VyRest rest;
	Mutation m;
	bool nothing = false;
	uint64 rows = 0;

	if (!begin(&m, &rest, request, response) || !build_update(&m, &nothing))
		return;
	if (nothing && m.shape == VY_REST_ROWS && !rest.singular)
		appendStringInfoString(&response->body, "[]");
	if (!nothing)
		rows = run(&m);
	answer(&m, m.shape == VY_REST_ROWS ? 200 : 204, rows, rows > 0 ? psprintf("0-" UINT64_FORMAT, rows - 1) : NULL);
}

void
vy_rest_delete(VyRequest *request, VyResponse *response)
{
	VyRest rest;
	Mutation m;
	uint64 rows;

	if (!begin(&m, &rest, request, response))
		return;
	build_delete(&m);
	rows = run(&m);
	answer(&m, m.shape == VY_REST_ROWS ? 200 : 204, rows, NULL);
}

static bool
begin(Mutation *m, VyRest *rest, VyRequest *request, VyResponse *response)
{
	memset(m, 0, sizeof(Mutation));
	m->rest = rest;
	if (!vy_rest_begin(rest, request, response, false) || !vy_rest_find_relation(rest, true) || !vy_rest_sql_check(rest))
		return false;
	if (rest->prefer.returns == VY_REST_RETURN_REPRESENTATION && (!rest->query.has_select || rest->query.select))
		m->shape = VY_REST_ROWS;
	m->ordered = m->shape == VY_REST_ROWS && rest->query.order;
	if (rest->prefer.returns == VY_REST_RETURN_HEADERS && request->method == VY_POST)
		m->key = vy_rest_primary_key(rest->source.relid);
	vy_rest_sql_init(&m->sql);
	initStringInfo(&m->scratch);
	return true;
}

static void
open_statement(Mutation *m, const char *verb)
{
	if (m->ordered)
		vy_rest_sql_text(&m->sql, "WITH t AS (");
	vy_rest_sql_text(&m->sql, verb);
	vy_rest_sql_relation(&m->sql, m->rest->schema, m->rest->source.name);
	vy_rest_sql_text(&m->sql, " AS t");
}

static void
close_statement(Mutation *m)
{
	ListCell *cell;

	if (m->ordered)
		vy_rest_sql_text(&m->sql, " RETURNING t.*) SELECT ");
	else if (m->shape == VY_REST_ROWS)
		vy_rest_sql_text(&m->sql, " RETURNING ");
	if (m->shape == VY_REST_ROWS)
		vy_rest_sql_select(m->rest, &m->sql);
	if (m->ordered)
	{
		vy_rest_sql_text(&m->sql, " FROM t");
		vy_rest_sql_order(m->rest, &m->sql);
	}
	foreach (cell, m->key)
	{
		vy_rest_sql_text(&m->sql, foreach_current_index(cell) == 0 ? " RETURNING t." : ", t.");
		vy_rest_sql_name(&m->sql, lfirst(cell));
		vy_rest_sql_text(&m->sql, "::pg_catalog.text");
		vy_rest_sql_text(&m->sql, " AS ");
		vy_rest_sql_name(&m->sql, lfirst(cell));
	}
}

static uint64
run(Mutation *m)
{
	VyRest *rest = m->rest;
	StringInfo body = &rest->response->body;
	bool array = m->shape == VY_REST_ROWS && !rest->singular;
	uint64 rows;

	if (array)
		appendStringInfoChar(body, '[');
	if (m->key)
		rows = vy_rest_run(&m->sql, VY_REST_ROWS, &m->scratch);
	else
		rows = vy_rest_run(&m->sql, m->shape, m->shape == VY_REST_ROWS ? body : NULL);
	if (array)
		appendStringInfoChar(body, ']');
	return rows;
}

/* nothing: the body is []. */
static bool
build_insert(Mutation *m, bool *nothing)
{
	VyRest *rest = m->rest;
	VyStr body;
	VyStr object;
	VyJsonKind kind;
	int64 n = 1;
	List *inputs;
	ListCell *cell;

	if (!vy_rest_body(rest, false, &body, &kind))
		return false;
	object = body;
	if (kind == VY_JSON_ARRAY)
	{
		if (!vy_rest_items_check(rest, body, !rest->query.has_columns, &object, &n))
			return false;
	}
	else if (kind != VY_JSON_OBJECT)
		return vy_rest_refuse(rest, 400, "PGRST102", "Empty or invalid json", NULL, NULL);
	*nothing = n == 0;
	if (*nothing)
		return true;
	if (!vy_rest_object_inputs(rest, object, &inputs))
		return false;
	if (n == 1 && rest->prefer.missing == 1)
		foreach (cell, inputs)
			if (((VyRestInput *) lfirst(cell))->absent)
				inputs = foreach_delete_current(inputs, cell);
	open_statement(m, "INSERT INTO ");
	foreach (cell, inputs)
	{
		vy_rest_sql_text(&m->sql, foreach_current_index(cell) == 0 ? " (" : ", ");
		vy_rest_sql_name(&m->sql, ((VyRestInput *) lfirst(cell))->name);
	}
	if (n > 1)
		write_rows(m, inputs, body);
	else if (!inputs)
		vy_rest_sql_text(&m->sql, " DEFAULT VALUES");
	else
	{
		foreach (cell, inputs)
		{
			vy_rest_sql_text(&m->sql, foreach_current_index(cell) == 0 ? ") VALUES (" : ", ");
			vy_rest_sql_input(&m->sql, lfirst(cell), false);
		}
		vy_rest_sql_text(&m->sql, ")");
	}
	if (!write_conflict(m, inputs))
		return false;
	close_statement(m);
	return true;
}

/* Many objects: the body is one parameter. */
static void
write_rows(Mutation *m, List *inputs, VyStr body)
{
	ListCell *cell;

	if (inputs)
		vy_rest_sql_text(&m->sql, ")");
	if (!inputs)
	{
		vy_rest_sql_text(&m->sql, " SELECT FROM pg_catalog.json_array_elements(");
		vy_rest_sql_value(&m->sql, JSONOID, vy_str_dup(body));
		vy_rest_sql_text(&m->sql, ") AS b");
	}
	else if (m->rest->prefer.missing == 1)
		write_rows_with_defaults(m, inputs, body);
	else
	{
		foreach (cell, inputs)
		{
			vy_rest_sql_text(&m->sql, foreach_current_index(cell) == 0 ? " SELECT b." : ", b.");
			vy_rest_sql_name(&m->sql, ((VyRestInput *) lfirst(cell))->name);
		}
		vy_rest_sql_text(&m->sql, " FROM pg_catalog.json_to_recordset(");
		vy_rest_sql_value(&m->sql, JSONOID, vy_str_dup(body));
		vy_rest_sql_text(&m->sql, ")");
		write_definitions(m, inputs);
	}
}

/* missing=default: a key that an object does not have takes the column's default, row by row. */
static void
write_rows_with_defaults(Mutation *m, List *inputs, VyStr body)
{
	ListCell *cell;

	foreach (cell, inputs)
	{
		const VyRestInput *input = lfirst(cell);
		const char *expression = vy_rest_column_default(m->rest->source.relid, input->attnum);

		vy_rest_sql_text(&m->sql, foreach_current_index(cell) == 0 ? " SELECT " : ", ");
		if (expression)
		{
			vy_rest_sql_text(&m->sql, "CASE WHEN pg_catalog.jsonb_exists(e.value, ");
			vy_rest_sql_value(&m->sql, TEXTOID, input->name);
			vy_rest_sql_text(&m->sql, ") THEN ");
		}
		vy_rest_sql_text(&m->sql, "b.");
		vy_rest_sql_name(&m->sql, input->name);
		if (expression)
		{
			vy_rest_sql_text(&m->sql, " ELSE ");
			vy_rest_sql_text(&m->sql, expression);
			vy_rest_sql_text(&m->sql, " END");
		}
	}
	vy_rest_sql_text(&m->sql, " FROM pg_catalog.jsonb_array_elements(");
	vy_rest_sql_value(&m->sql, JSONBOID, vy_str_dup(body));
	vy_rest_sql_text(&m->sql, ") AS e(value) CROSS JOIN LATERAL pg_catalog.jsonb_to_record(e.value)");
	write_definitions(m, inputs);
}

/* " AS b(name type, ...)" */
static void
write_definitions(Mutation *m, List *inputs)
{
	ListCell *cell;

	foreach (cell, inputs)
	{
		const VyRestInput *input = lfirst(cell);

		vy_rest_sql_text(&m->sql, foreach_current_index(cell) == 0 ? " AS b(" : ", ");
		vy_rest_sql_name(&m->sql, input->name);
		vy_rest_sql_text(&m->sql, " ");
		vy_rest_sql_type(&m->sql, input->type, input->typmod);
	}
	vy_rest_sql_text(&m->sql, ")");
}

/* resolution=: on the columns of on_conflict, or the primary key; without either it does not apply. */
static bool
write_conflict(Mutation *m, List *inputs)
{
	VyRest *rest = m->rest;
	List *target = rest->query.conflict;
	VyRestColumn column;
	ListCell *cell;

	if (rest->prefer.resolution == VY_REST_RESOLUTION_NONE)
		return true;
	foreach (cell, target)
		if (!vy_rest_find_column(&rest->source, lfirst(cell), &column))
			return vy_rest_refuse(rest, 400, "42703", psprintf("column \"%s\" does not exist", (char *) lfirst(cell)), NULL, NULL);
	if (!target)
		target = vy_rest_primary_key(rest->source.relid);
	if (!target)
		return true;
	m->resolved = true;
	foreach (cell, target)
	{
		vy_rest_sql_text(&m->sql, foreach_current_index(cell) == 0 ? " ON CONFLICT (" : ", ");
		vy_rest_sql_name(&m->sql, lfirst(cell));
	}
	if (rest->prefer.resolution == VY_REST_RESOLUTION_IGNORE || !inputs)
	{
		vy_rest_sql_text(&m->sql, ") DO NOTHING");
		return true;
	}
	m->merges = true;
	foreach (cell, inputs)
	{
		vy_rest_sql_text(&m->sql, foreach_current_index(cell) == 0 ? ") DO UPDATE SET " : ", ");
		vy_rest_sql_name(&m->sql, ((VyRestInput *) lfirst(cell))->name);
		vy_rest_sql_text(&m->sql, " = EXCLUDED.");
		vy_rest_sql_name(&m->sql, ((VyRestInput *) lfirst(cell))->name);
	}
	/* Counts the rows that were there already: what tells 200 from 201. */
	vy_rest_sql_text(&m->sql,
					 " WHERE pg_catalog.set_config('pgrst.merged', (coalesce(nullif(pg_catalog.current_setting('pgrst.merged', true), "
					 "''), '0')::pg_catalog.int8 + 1)::pg_catalog.text, true) <> ''");
	return true;
}

static int64
merged_rows(void)
{
	const char *merged = GetConfigOption("pgrst.merged", true, false);

	return merged ? strtoi64(merged, NULL, 10) : 0;
}

/* nothing: the body sets no column. Of an array the first object counts. */
static bool
build_update(Mutation *m, bool *nothing)
{
	VyRest *rest = m->rest;
	VyStr body;
	VyStr object;
	VyJsonKind kind;
	int64 n = 1;
	List *inputs;
	ListCell *cell;

	if (!vy_rest_body(rest, false, &body, &kind))
		return false;
	object = body;
	if (kind == VY_JSON_ARRAY && !vy_rest_items_check(rest, body, false, &object, &n))
		return false;
	if (kind != VY_JSON_ARRAY && kind != VY_JSON_OBJECT)
		return vy_rest_refuse(rest, 400, "PGRST102", "Empty or invalid json", NULL, NULL);
	if (n > 0 && !vy_rest_object_inputs(rest, object, &inputs))
		return false;
	*nothing = n == 0 || inputs == NIL;
	if (*nothing)
		return true;
	open_statement(m, "UPDATE ");
	foreach (cell, inputs)
	{
		const VyRestInput *input = lfirst(cell);

		vy_rest_sql_text(&m->sql, foreach_current_index(cell) == 0 ? " SET " : ", ");
		vy_rest_sql_name(&m->sql, input->name);
		vy_rest_sql_text(&m->sql, " = ");
		vy_rest_sql_input(&m->sql, input, false);
	}
	vy_rest_sql_where(rest, &m->sql);
	close_statement(m);
	return true;
}

static void
build_delete(Mutation *m)
{
	open_statement(m, "DELETE FROM ");
	vy_rest_sql_where(m->rest, &m->sql);
	close_statement(m);
}

bool
vy_rest_write_sql(VyRest *rest, VyRequest *request, VyResponse *response, VyRestSql *out)
{
	Mutation m;
	bool nothing = false;

	if (!begin(&m, rest, request, response))
		return false;
	if (request->method == VY_DELETE)
		build_delete(&m);
	else if (request->method == VY_PATCH ? !build_update(&m, &nothing) : !build_insert(&m, &nothing))
		return false;
	*out = m.sql;
	return true;
}

/* range: the part of Content-Range before '/', NULL: "*". */
static void
answer(Mutation *m, int status, uint64 rows, const char *range)
{
	VyRest *rest = m->rest;
	VyResponse *response = rest->response;

	if (rest->singular && rows != 1)
		vy_rest_raise(406, "PGRST116", "Cannot coerce the result to a single JSON object",
					  psprintf("The result contains " UINT64_FORMAT " rows", rows));
	if (rest->prefer.handling == 1 && rest->prefer.max_affected >= 0 && (int64) rows > rest->prefer.max_affected)
		vy_rest_raise(400, "PGRST124", "Query result exceeds max-affected preference constraint",
					  psprintf("The query affects " UINT64_FORMAT " rows", rows));
	response->status = status;
	if (m->shape == VY_REST_ROWS)
		vy_rest_answer_type(rest);
	else if (rest->schema_shown)
		vy_response_header(response, "content-profile", vy_cstr(rest->schema));
	if (rest->prefer.count != VY_REST_COUNT_NONE)
		vy_response_headerf(response, "content-range", "%s/" UINT64_FORMAT, range ? range : "*", rows);
	else
		vy_response_headerf(response, "content-range", "%s/*", range ? range : "*");
	if (m->key && rows == 1)
		add_location(m);
	vy_rest_preference_applied(rest, m->resolved, rest->request->method == VY_POST);
	vy_rest_answer_guc(rest);
}

/* From the scratch row {"id":"5"}. */
static void
add_location(Mutation *m)
{
	static const char hex[] = "0123456789ABCDEF";
	VyJsonIter it = vy_json_iter(vy_str(m->scratch.data, (size_t) m->scratch.len));
	StringInfoData url;
	ListCell *cell = list_head(m->key);

	initStringInfo(&url);
	vy_append(&url, m->rest->request->path);
	while (vy_json_next(&it) && cell)
	{
		VyStr parts[] = {vy_cstr(lfirst(cell)), VY_STR("=eq."), vy_cstr(vy_rest_json_key(it.value))};

		appendStringInfoChar(&url, cell == list_head(m->key) ? '?' : '&');
		for (size_t part = 0; part < lengthof(parts); part++)
			for (size_t i = 0; i < parts[part].n; i++)
			{
				unsigned char c = (unsigned char) parts[part].p[i];

				if (part == 1 || (c < 0x80 && (isalnum(c) || strchr("-._~", c))))
					appendStringInfoChar(&url, (char) c);
				else
					appendStringInfo(&url, "%%%c%c", hex[c >> 4], hex[c & 15]);
			}
		cell = lnext(m->key, cell);
	}
	vy_response_header(m->rest->response, "location", vy_str(url.data, (size_t) url.len));
}
