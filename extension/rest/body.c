/*
 * body.c: JSON bodies. A single object's scalars are cut out of the body and passed as typed parameters; whatever is an array or object for
 * a column that is not JSON goes through json_to_record(), which knows every type.
 */
#include "rest/body.h"

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"

static bool add_input(VyRest *rest, List **inputs, const char *name, VyRestInput **out);
static bool same_keys(VyStr object, List *keys);

bool
vy_rest_body(VyRest *rest, bool may_be_empty, VyStr *body, VyJsonKind *kind)
{
	VyStr type = vy_request_header(rest->request, "content-type");
	const char *end = type.p ? memchr(type.p, ';', type.n) : NULL;
	VyStr media = vy_str(type.p, end ? (size_t) (end - type.p) : type.n);

	while (media.n > 0 && media.p[media.n - 1] == ' ')
		media.n--;
	if (type.p && !vy_str_same(media, VY_STR("application/json")) && !vy_str_same(media, VY_STR("application/vnd.pgrst.object+json")))
		return vy_rest_refuse(rest, 400, "PGRST102", psprintf("Content-Type not acceptable: %.*s", (int) Min(type.n, 200), type.p), NULL,
							  NULL);
	*body = rest->request->body;
	if (body->n == 0 && may_be_empty)
		*body = VY_STR("{}");
	if (body->n == 0 || vy_json_check(*body, VY_REST_MAX_DEPTH, NULL) != VY_JSON_OK)
		return vy_rest_refuse(rest, 400, "PGRST102", "Empty or invalid json", NULL, NULL);
	*kind = vy_json_kind(*body);
	return true;
}

void
vy_rest_input_json(VyRestInput *input, VyJsonKind kind, VyStr value)
{
	Oid base = getBaseType(input->type);
	char *text;

	input->absent = false;
	input->wrapped = false;
	input->text = NULL;
	if (kind == VY_JSON_NULL)
		return;
	if (base == JSONOID || base == JSONBOID)
		input->text = vy_str_dup(value);
	else if (kind == VY_JSON_STRING)
	{
		text = palloc(value.n + 1);
		text[vy_json_unescape(text, value)] = '\0';
		input->text = text;
	}
	else if (kind == VY_JSON_ARRAY || kind == VY_JSON_OBJECT)
	{
		input->wrapped = true;
		input->text = psprintf("{\"v\":%.*s}", (int) value.n, value.p);
	}
	else
		input->text = vy_str_dup(value);
}

void
vy_rest_sql_input(VyRestSql *sql, const VyRestInput *input, bool typed)
{
	if (!input->wrapped)
	{
		vy_rest_sql_value(sql, typed ? input->type : InvalidOid, input->text);
		return;
	}
	vy_rest_sql_text(sql, "(SELECT b.v FROM pg_catalog.json_to_record(");
	vy_rest_sql_value(sql, JSONOID, input->text);
	vy_rest_sql_text(sql, ") AS b(v ");
	vy_rest_sql_type(sql, input->type, input->typmod);
	vy_rest_sql_text(sql, "))");
}

char *
vy_rest_json_key(VyStr key)
{
	char *text = palloc(key.n + 1);

	text[vy_json_unescape(text, key)] = '\0';
	return text;
}

bool
vy_rest_object_inputs(VyRest *rest, VyStr object, List **inputs)
{
	VyJsonIter it = vy_json_iter(object);
	VyRestInput *input;
	ListCell *cell;

	*inputs = NIL;
	foreach (cell, rest->query.columns)
	{
		if (!add_input(rest, inputs, lfirst(cell), &input))
			return false;
		input->absent = true;
	}
	while (vy_json_next(&it))
	{
		char *key = vy_rest_json_key(it.key);

		CHECK_FOR_INTERRUPTS();
		input = NULL;
		foreach (cell, *inputs)
			if (strcmp(((VyRestInput *) lfirst(cell))->name, key) == 0)
				input = lfirst(cell);
		if (!input && rest->query.has_columns)
			continue;
		if (!input && !add_input(rest, inputs, key, &input))
			return false;
		vy_rest_input_json(input, it.kind, it.value);
	}
	return true;
}

/* A name that is there already is added no second time. */
static bool
add_input(VyRest *rest, List **inputs, const char *name, VyRestInput **out)
{
	VyRestColumn column;
	ListCell *cell;

	foreach (cell, *inputs)
	{
		*out = lfirst(cell);
		if (strcmp((*out)->name, name) == 0)
			return true;
	}
	if (!vy_rest_find_column(&rest->source, name, &column))
		return vy_rest_refuse(rest, 400, "PGRST204",
							  psprintf("Could not find the '%s' column of '%s' in the schema cache", name, rest->source.name), NULL, NULL);
	*out = palloc0(sizeof(VyRestInput));
	(*out)->name = column.name;
	(*out)->type = column.type;
	(*out)->typmod = column.typmod;
	(*out)->attnum = column.attnum;
	*inputs = lappend(*inputs, *out);
	return true;
}

bool
vy_rest_items_check(VyRest *rest, VyStr array, bool uniform, VyStr *first, int64 *n)
{
	VyJsonIter it = vy_json_iter(array);
	List *keys = NIL;

	*n = 0;
	while (vy_json_next(&it))
	{
		CHECK_FOR_INTERRUPTS();
		if (it.kind != VY_JSON_OBJECT)
			return vy_rest_refuse(rest, 400, "PGRST102", "Empty or invalid json", NULL, NULL);
		if ((*n)++ == 0)
		{
			VyJsonIter members = vy_json_iter(it.value);

			*first = it.value;
			while (vy_json_next(&members) && list_length(keys) <= VY_REST_MAX_ITEMS)
				keys = lappend(keys, vy_rest_json_key(members.key));
		}
		else if (uniform && !same_keys(it.value, keys))
			return vy_rest_refuse(rest, 400, "PGRST102", "All object keys must match", NULL, NULL);
	}
	return true;
}

/* Clients write the keys of all objects in the same order, so the search starts where the last one ended. */
static bool
same_keys(VyStr object, List *keys)
{
	VyJsonIter members = vy_json_iter(object);
	int n = list_length(keys);
	int at = 0;
	int seen = 0;

	while (vy_json_next(&members))
	{
		char *key = vy_rest_json_key(members.key);
		int tried = 0;

		while (tried < n && strcmp(list_nth(keys, (at + tried) % n), key) != 0)
			tried++;
		if (tried == n)
			return false;
		at = (at + tried + 1) % n;
		seen++;
		pfree(key);
	}
	return seen == n;
}
