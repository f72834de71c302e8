/*
 * rpc.c: calls of functions.
 * Arguments are passed by name, typed as declared. A function that is not volatile runs read-only, whatever the method. What it returns is
 * read like a table: select, filters, order and limit apply to its columns.
 */
#include "rest/body.h"
#include "rest/functions.h"
#include "rest/plans.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"

#include "core/json_writer.h"

static bool read_arguments(VyRest *rest, const char *name, VyRestFunction **function, List **inputs);
static bool read_body(VyRest *rest, const char *name, VyRestFunction **function, List **inputs);
static bool read_query(VyRest *rest, const char *name, VyRestFunction **function, List **inputs);
static VyRestInput *add_argument(List **inputs, const VyRestFunction *function, const char *name);
static void write_call(VyRest *rest, VyRestSql *sql, const VyRestFunction *function, List *inputs);
static void write_statement(VyRest *rest, VyRestSql *sql, const VyRestFunction *function, List *inputs, int64 limit);
static void answer_value(VyRest *rest, const VyRestFunction *function, VyRestSql *sql);
static void answer_rows(VyRest *rest, const VyRestFunction *function, VyRestSql *sql, List *inputs, int64 limit);
static int64 count_call(VyRest *rest, const VyRestFunction *function, List *inputs);

void
vy_rest_call(VyRequest *request, VyResponse *response)
{
	VyRest rest;
	VyRestSql sql;
	VyRestFunction *function;
	List *inputs = NIL;
	const char *name = vy_str_dup(vy_request_param(request, "function"));
	int64 limit;

	if (!vy_rest_begin(&rest, request, response, request->method != VY_POST) || !read_arguments(&rest, name, &function, &inputs))
		return;
	rest.source = (VyRestSource){.name = function->name, .rowtype = function->rowtype, .desc = function->desc};
	if (!vy_rest_sql_check(&rest))
		return;
	/* The identity's frame restores it. */
	if (!function->volatile_)
		XactReadOnly = true;
	limit = vy_rest_page_limit(&rest);
	vy_rest_sql_init(&sql);
	write_statement(&rest, &sql, function, inputs, limit);
	if (function->result == VY_REST_RESULT_VOID)
	{
		(void) vy_rest_run(&sql, VY_REST_NOTHING, NULL);
		response->status = 204;
		vy_rest_preference_applied(&rest, false, false);
		vy_rest_answer_guc(&rest);
	}
	else if (!function->set)
		answer_value(&rest, function, &sql);
	else
		answer_rows(&rest, function, &sql, inputs, limit);
}

static bool
read_arguments(VyRest *rest, const char *name, VyRestFunction **function, List **inputs)
{
	return rest->request->method == VY_POST ? read_body(rest, name, function, inputs) : read_query(rest, name, function, inputs);
}

static bool
read_body(VyRest *rest, const char *name, VyRestFunction **function, List **inputs)
{
	VyStr body;
	VyJsonKind kind;
	VyJsonIter it;
	List *names = NIL;
	bool unnamed;

	if (!vy_rest_body(rest, true, &body, &kind))
		return false;
	it = vy_json_iter(body);
	while (kind == VY_JSON_OBJECT && vy_json_next(&it))
	{
		char *key = vy_rest_json_key(it.key);
		ListCell *cell;
		bool wanted = !rest->query.has_columns;

		foreach (cell, rest->query.columns)
			wanted |= strcmp(lfirst(cell), key) == 0;
		foreach (cell, names)
			wanted &= strcmp(lfirst(cell), key) != 0;
		if (wanted)
			names = lappend(names, key);
		if (list_length(names) > FUNC_MAX_ARGS)
			return vy_rest_refuse(rest, 400, "PGRST102", "too many arguments", NULL, NULL);
	}
	if (!vy_rest_find_function(rest, name, names, true, function, &unnamed))
		return false;
	if (unnamed)
	{
		vy_rest_input_json(add_argument(inputs, *function, ""), kind, body);
		return true;
	}
	it = vy_json_iter(body);
	while (kind == VY_JSON_OBJECT && vy_json_next(&it))
	{
		VyRestInput *input = add_argument(inputs, *function, vy_rest_json_key(it.key));

		if (input)
			vy_rest_input_json(input, it.kind, it.value);
	}
	return true;
}

static bool
read_query(VyRest *rest, const char *name, VyRestFunction **function, List **inputs)
{
	List *names = NIL;
	ListCell *cell;
	bool unnamed;

	foreach (cell, rest->query.arguments)
		names = lappend(names, unconstify(char *, ((VyRestArgument *) lfirst(cell))->name));
	if (!vy_rest_find_function(rest, name, names, false, function, &unnamed))
		return false;
	foreach (cell, rest->query.arguments)
	{
		const VyRestArgument *argument = lfirst(cell);
		VyRestInput *input = add_argument(inputs, *function, argument->name);
		StringInfoData array;
		ListCell *value;

		input->text = linitial(argument->values);
		if (!input->absent && list_length(argument->values) > 1)
			return vy_rest_refuse(rest, 400, "PGRST100", psprintf("the parameter \"%s\" was given more than once", argument->name), NULL,
								  NULL);
		if (!input->absent || *input->text == '{')
			continue;
		/* A VARIADIC argument: its values as a JSON array, which the declared type is made of. */
		initStringInfo(&array);
		foreach (value, argument->values)
		{
			appendStringInfoString(&array, array.len ? "," : "{\"v\":[");
			vy_json_string(&array, lfirst(value), strlen(lfirst(value)));
		}
		appendStringInfoString(&array, "]}");
		input->text = array.data;
		input->wrapped = true;
	}
	return true;
}

/* NULL: the function has no such argument. absent marks a VARIADIC one. */
static VyRestInput *
add_argument(List **inputs, const VyRestFunction *function, const char *name)
{
	ListCell *cell;

	foreach (cell, *inputs)
		if (strcmp(((VyRestInput *) lfirst(cell))->name, name) == 0)
			return lfirst(cell);
	for (int i = 0; i < function->nargs; i++)
		if (strcmp(function->args[i].name, name) == 0)
		{
			VyRestInput *input = palloc0(sizeof(VyRestInput));

			input->name = function->args[i].name;
			input->type = function->args[i].type;
			input->typmod = -1;
			input->absent = function->args[i].variadic;
			*inputs = lappend(*inputs, input);
			return input;
		}
	return NULL;
}

static void
write_call(VyRest *rest, VyRestSql *sql, const VyRestFunction *function, List *inputs)
{
	ListCell *cell;

	vy_rest_sql_relation(sql, rest->schema, function->name);
	vy_rest_sql_text(sql, "(");
	foreach (cell, inputs)
	{
		const VyRestInput *input = lfirst(cell);

		if (foreach_current_index(cell) > 0)
			vy_rest_sql_text(sql, ", ");
		for (int i = 0; i < function->nargs; i++)
			if (function->args[i].variadic && function->args[i].name == input->name)
				vy_rest_sql_text(sql, "VARIADIC ");
		if (*input->name)
		{
			vy_rest_sql_name(sql, input->name);
			vy_rest_sql_text(sql, " := ");
		}
		vy_rest_sql_input(sql, input, !IsPolymorphicType(input->type));
	}
	vy_rest_sql_text(sql, ")");
}

/* Values come in one column; rows as a table "t". */
static void
write_statement(VyRest *rest, VyRestSql *sql, const VyRestFunction *function, List *inputs, int64 limit)
{
	vy_rest_sql_text(sql, "SELECT ");
	if (function->result == VY_REST_RESULT_ROW)
	{
		vy_rest_sql_select(rest, sql);
		vy_rest_sql_text(sql, " FROM ");
	}
	write_call(rest, sql, function, inputs);
	if (function->result == VY_REST_RESULT_ROW)
	{
		vy_rest_sql_text(sql, " AS t");
		vy_rest_sql_where(rest, sql);
		vy_rest_sql_order(rest, sql);
	}
	if (function->set)
		vy_rest_sql_limit(sql, limit, rest->query.offset);
}

/* One value or one row, without an array around it. */
static void
answer_value(VyRest *rest, const VyRestFunction *function, VyRestSql *sql)
{
	VyResponse *response = rest->response;
	uint64 rows = vy_rest_run(sql, function->result == VY_REST_RESULT_ROW ? VY_REST_ROWS : VY_REST_VALUES, &response->body);

	if (rows == 0 && rest->singular)
		vy_rest_raise(406, "PGRST116", "Cannot coerce the result to a single JSON object", "The result contains 0 rows");
	if (rows == 0)
		appendStringInfoString(&response->body, "null");
	if (rest->prefer.handling == 1 && rest->prefer.max_affected >= 0)
		vy_rest_raise(400, "PGRST128", "Function must return SETOF or TABLE when max-affected preference is used with handling=strict",
					  NULL);
	vy_rest_answer_type(rest);
	vy_rest_answer_range(rest, 0, 1, rest->prefer.count != VY_REST_COUNT_NONE ? 1 : -1);
	vy_rest_preference_applied(rest, false, false);
	vy_rest_answer_guc(rest);
}

static void
answer_rows(VyRest *rest, const VyRestFunction *function, VyRestSql *sql, List *inputs, int64 limit)
{
	StringInfo body = &rest->response->body;
	int64 total = -1;
	int64 rows;

	if (!rest->singular)
		appendStringInfoChar(body, '[');
	rows = (int64) vy_rest_run(sql, function->result == VY_REST_RESULT_ROW ? VY_REST_ROWS : VY_REST_VALUES, body);
	if (!rest->singular)
		appendStringInfoChar(body, ']');
	/* What the function may have written must not stay behind a refusal. */
	if (rest->singular && rows != 1)
		vy_rest_raise(406, "PGRST116", "Cannot coerce the result to a single JSON object",
					  psprintf("The result contains " INT64_FORMAT " rows", rows));
	if (rest->prefer.handling == 1 && rest->prefer.max_affected >= 0 && rows > rest->prefer.max_affected)
		vy_rest_raise(400, "PGRST124", "Query result exceeds max-affected preference constraint",
					  psprintf("The query affects " INT64_FORMAT " rows", rows));
	if (rest->prefer.count != VY_REST_COUNT_NONE && rest->query.offset == 0 && (limit < 0 || rows < limit))
		total = rows;
	else if (rest->prefer.count != VY_REST_COUNT_NONE && !function->volatile_)
		total = count_call(rest, function, inputs);
	if (!vy_rest_answer_page(rest, rows, total))
		return;
	rest->response->etag = rest->request->method != VY_POST;
}

/* A second call, so only of functions that are not volatile. */
static int64
count_call(VyRest *rest, const VyRestFunction *function, List *inputs)
{
	VyRestSql sql;
	StringInfoData out;

	vy_rest_sql_init(&sql);
	initStringInfo(&out);
	vy_rest_sql_text(&sql, "SELECT pg_catalog.count(*) FROM ");
	write_call(rest, &sql, function, inputs);
	vy_rest_sql_text(&sql, " AS t");
	vy_rest_sql_where(rest, &sql);
	(void) vy_rest_run(&sql, VY_REST_VALUES, &out);
	return strtoi64(out.data, NULL, 10);
}

/* Allow of a function: GET only reads. */
void
vy_rest_function_options(VyRequest *request, VyResponse *response)
{
	VyRest rest;
	List *functions;
	const char *name = vy_str_dup(vy_request_param(request, "function"));
	ListCell *cell;
	bool reads = false;

	memset(&rest, 0, sizeof(rest));
	rest.request = request;
	rest.response = response;
	if (!vy_rest_profile(&rest, vy_request_header(request, "accept-profile")))
		return;
	functions = vy_rest_functions(rest.schema, name);
	foreach (cell, functions)
		reads |= !((VyRestFunction *) lfirst(cell))->volatile_;
	if (!functions)
		(void) vy_rest_refuse(&rest, 404, "PGRST202", psprintf("Could not find the function %s.%s in the schema cache", rest.schema, name),
							  NULL, NULL);
	else
		vy_response_header(response, "allow", reads ? VY_STR("OPTIONS,GET,HEAD,POST") : VY_STR("OPTIONS,POST"));
}
