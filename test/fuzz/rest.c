/*
 * rest.c: query strings and headers of /rest/v1. Whatever is accepted is bounded, valid UTF-8 and whole; whatever is refused says why; and
 * no byte of a request becomes the text of a statement other than as a field or as a value. Input: a method (G, P, D), 'f' for a function,
 * the query string, a line feed; then lines "name: value", of which only those arrive that the shim lets through.
 */
#include "rest/operators.h"

#include "catalog/pg_type.h"

#include "base/field.h"

#include "fuzz.h"
#include "pg_stub.h"

#define MAX_LINES 16

typedef struct Case
{
	VyRequest request;
	bool function;
} Case;

/* --- what stands around the parsers --- */

VyStr
vy_request_header(const VyRequest *request, const char *name)
{
	for (size_t i = 0; i < request->nheaders; i++)
		if (vy_str_is(request->headers[i].name, name))
			return request->headers[i].value;
	return vy_str(NULL, 0);
}

void
vy_response_header(VyResponse *response, const char *name, VyStr value)
{
	REQUIRE(strcmp(name, "preference-applied") == 0 && value.n > 0 && vy_field_value_ok(value));
	response->nheaders++;
}

static void
text_ok(const char *text)
{
	REQUIRE(text != NULL && naive_utf8(text, strlen(text)));
}

bool
vy_rest_refuse(VyRest *rest, int status, const char *code, const char *message, const char *details, const char *hint)
{
	REQUIRE(rest->response->status == 0 && status >= 400 && status < 500 && strncmp(code, "PGRST", 5) == 0 && *message);
	REQUIRE(strlen(message) + (details ? strlen(details) : 0) + (hint ? strlen(hint) : 0) < 100000);
	rest->response->status = status;
	return false;
}

bool
vy_rest_profile(VyRest *rest, VyStr named)
{
	rest->schema = vy_str_dup(named);
	return true;
}

void
vy_rest_sql_field(VyRest *rest, VyRestSql *sql, const VyRestField *field)
{
	REQUIRE(rest != NULL && sql != NULL && *field->name);
}

Oid
vy_rest_sql_field_type(VyRest *rest, const VyRestField *field)
{
	REQUIRE(rest != NULL);
	return strlen(field->name) % 2 ? TSVECTOROID : TEXTOID;
}

/* Only constants of the program. */
void
vy_rest_sql_text(VyRestSql *sql, const char *text)
{
	REQUIRE(sql != NULL && text != NULL && !stub_owns(text));
}

void
vy_rest_sql_value(VyRestSql *sql, Oid type, const char *value)
{
	REQUIRE(sql != NULL && (type == InvalidOid || type == TEXTOID || type == REGCONFIGOID));
	text_ok(value);
}

/* --- what was accepted --- */

static void
field_ok(const VyRestField *field)
{
	ListCell *cell;

	text_ok(field->name);
	REQUIRE(*field->name && list_length(field->steps) <= VY_REST_MAX_DEPTH);
	foreach (cell, field->steps)
	{
		const VyRestStep *step = lfirst(cell);

		text_ok(step->key);
		REQUIRE(*step->key);
		if (step->index)
			REQUIRE(strspn(step->key + (*step->key == '-'), "0123456789") == strlen(step->key) - (*step->key == '-') &&
					strlen(step->key) < 10);
	}
}

/* '{"element","element"}', quotes and backslashes in an element escaped. */
static void
array_ok(const char *text)
{
	REQUIRE(*text++ == '{');
	while (*text == '"')
	{
		for (text++; *text && *text != '"'; text++)
			if (*text == '\\')
				REQUIRE(*++text);
		REQUIRE(*text++ == '"');
		if (*text == ',')
			REQUIRE(*++text == '"');
	}
	REQUIRE(strcmp(text, "}") == 0);
}

static int
node_ok(VyRest *rest, const VyRestNode *node, int depth)
{
	VyRestSql sql = {0};
	int filters = 1;
	ListCell *cell;

	REQUIRE(depth <= VY_REST_MAX_DEPTH + 1);
	if (node->kind != VY_REST_FILTER)
	{
		REQUIRE(list_length(node->children) > 0);
		foreach (cell, node->children)
			filters += node_ok(rest, lfirst(cell), depth + 1);
		return filters;
	}
	field_ok(&node->field);
	REQUIRE(node->op != NULL && vy_rest_operator(node->op->name, strlen(node->op->name)) == node->op && node->children == NIL);
	text_ok(node->value);
	if (node->config)
		text_ok(node->config);
	REQUIRE(!node->config || (node->op->flags & VY_REST_OP_CONFIG));
	REQUIRE(!node->quantifier || ((node->op->flags & VY_REST_OP_QUANTIFIED) && !stub_owns(node->quantifier)));
	if (node->op->flags & VY_REST_OP_LIST)
		array_ok(node->value);
	if (node->op->flags & VY_REST_OP_PATTERN)
		REQUIRE(strchr(node->value, '*') == NULL);
	node->op->write(rest, &sql, node);
	return filters;
}

static void
query_ok(VyRest *rest)
{
	const VyRestQuery *query = &rest->query;
	int filters = 0;
	ListCell *cell;

	REQUIRE(query->limit >= -1 && query->offset >= 0 && query->nfilters <= VY_REST_MAX_FILTERS);
	REQUIRE(list_length(query->select) <= VY_REST_MAX_ITEMS && list_length(query->order) <= VY_REST_MAX_FILTERS);
	REQUIRE(list_length(query->columns) <= VY_REST_MAX_ITEMS && list_length(query->conflict) <= VY_REST_MAX_ITEMS);
	foreach (cell, query->where)
	{
		const VyRestNode *node = lfirst(cell);

		filters += node_ok(rest, node, 1) - (node->kind != VY_REST_FILTER);
	}
	REQUIRE(filters == query->nfilters);
	foreach (cell, query->select)
	{
		const VyRestItem *item = lfirst(cell);

		REQUIRE(!item->star || (!item->alias && !item->cast && !item->field.name));
		if (!item->star)
			field_ok(&item->field);
		if (item->alias)
			text_ok(item->alias);
		if (item->cast)
			text_ok(item->cast);
	}
	foreach (cell, query->order)
	{
		const VyRestOrder *order = lfirst(cell);

		field_ok(&order->field);
		REQUIRE(!order->direction || !stub_owns(order->direction));
		REQUIRE(!order->nulls || !stub_owns(order->nulls));
	}
	foreach (cell, query->columns)
		text_ok(lfirst(cell));
	foreach (cell, query->conflict)
		text_ok(lfirst(cell));
	foreach (cell, query->arguments)
	{
		const VyRestArgument *argument = lfirst(cell);

		text_ok(argument->name);
		REQUIRE(list_length(argument->values) > 0);
		for (int i = 0; i < list_length(argument->values); i++)
			text_ok(list_nth(argument->values, i));
	}
}

static void
prefer_ok(VyRest *rest)
{
	const VyRestPrefer *prefer = &rest->prefer;

	REQUIRE(prefer->resolution >= 0 && prefer->resolution <= 2 && prefer->missing >= 0 && prefer->missing <= 2);
	REQUIRE(prefer->returns >= 0 && prefer->returns <= 3 && prefer->count >= 0 && prefer->count <= 3);
	REQUIRE(prefer->handling >= 0 && prefer->handling <= 2 && prefer->max_affected >= -1);
	REQUIRE(prefer->handling != 1 || prefer->invalid == NIL);
	REQUIRE(list_length(prefer->invalid) <= VY_REST_MAX_DEPTH);
	vy_rest_preference_applied(rest, true, false);
	vy_rest_preference_applied(rest, false, true);
}

static void
begin(void *arg)
{
	Case *one = arg;
	VyResponse *response = palloc0(sizeof(VyResponse));
	VyRest rest;

	if (vy_rest_begin(&rest, &one->request, response, one->function))
	{
		REQUIRE(response->status == 0);
		query_ok(&rest);
		prefer_ok(&rest);
	}
	else
		REQUIRE(response->status >= 400);
}

static VyStr
trimmed(VyStr s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = vy_str(s.p + 1, s.n - 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	VyHeader headers[MAX_LINES];
	VyStr left = vy_str((const char *) data, size);
	VyStr first = cut_at(&left, '\n');
	Case one = {.request = {.method = VY_GET, .headers = headers}};

	if (first.n > 0)
		one.request.method = first.p[0] == 'P' ? VY_POST : first.p[0] == 'D' ? VY_DELETE : VY_GET;
	one.function = first.n > 1 && first.p[1] == 'f';
	if (first.n > 2)
		one.request.query = exact(first.p + 2, first.n - 2);
	while (left.n > 0 && one.request.nheaders < MAX_LINES)
	{
		VyStr line = cut_at(&left, '\n');
		VyStr name = cut_at(&line, ':');

		line = trimmed(line);
		if (vy_field_name_ok(name) && vy_field_value_ok(line))
			headers[one.request.nheaders++] = (VyHeader){exact(name.p, name.n), exact(line.p, line.n)};
	}
	(void) stub_run(begin, &one);
	for (size_t i = 0; i < one.request.nheaders; i++)
	{
		drop(headers[i].name);
		drop(headers[i].value);
	}
	drop(one.request.query);
	return 0;
}
