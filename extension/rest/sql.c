/*
 * sql.c: nodes as SQL. The table, view or function is always "t"; each column is written "t.name" with the name the catalogue has.
 */
#include "rest/sql.h"

#include "catalog/pg_type.h"
#include "parser/parse_type.h"
#include "utils/lsyscache.h"

#include "rest/operators.h"

static bool check_field(VyRest *rest, const VyRestField *field);
static bool check_nodes(VyRest *rest, List *nodes);
static void write_node(VyRest *rest, VyRestSql *sql, const VyRestNode *node);
static void write_item(VyRest *rest, VyRestSql *sql, const VyRestItem *item);
static void write_cast(VyRestSql *sql, const char *cast);

void
vy_rest_sql_init(VyRestSql *sql)
{
	initStringInfo(&sql->text);
	sql->capacity = 8;
	sql->params = palloc(sql->capacity * sizeof(VyRestParam));
	sql->nparams = 0;
}

void
vy_rest_sql_text(VyRestSql *sql, const char *constant)
{
	appendStringInfoString(&sql->text, constant);
}

void
vy_rest_sql_name(VyRestSql *sql, const char *name)
{
	appendStringInfoString(&sql->text, quote_identifier(name));
}

void
vy_rest_sql_relation(VyRestSql *sql, const char *schema, const char *name)
{
	vy_rest_sql_name(sql, schema);
	appendStringInfoChar(&sql->text, '.');
	vy_rest_sql_name(sql, name);
}

void
vy_rest_sql_value(VyRestSql *sql, Oid type, const char *value)
{
	char number[12];

	if (sql->nparams == sql->capacity)
	{
		sql->capacity *= 2;
		sql->params = repalloc(sql->params, sql->capacity * sizeof(VyRestParam));
	}
	sql->params[sql->nparams++] = (VyRestParam){type, value, sql->text.len};
	number[0] = '$';
	appendBinaryStringInfo(&sql->text, number, 1 + pg_ltoa(sql->nparams, number + 1));
}

bool
vy_rest_sql_check(VyRest *rest)
{
	ListCell *cell;

	foreach (cell, rest->query.select)
	{
		const VyRestItem *item = lfirst(cell);

		if (!item->star && !check_field(rest, &item->field))
			return false;
	}
	foreach (cell, rest->query.order)
		if (!check_field(rest, &((VyRestOrder *) lfirst(cell))->field))
			return false;
	return check_nodes(rest, rest->query.where);
}

static bool
check_nodes(VyRest *rest, List *nodes)
{
	ListCell *cell;

	check_stack_depth();
	foreach (cell, nodes)
	{
		const VyRestNode *node = lfirst(cell);

		if (node->kind == VY_REST_FILTER ? !check_field(rest, &node->field) : !check_nodes(rest, node->children))
			return false;
	}
	return true;
}

static bool
check_field(VyRest *rest, const VyRestField *field)
{
	VyRestColumn column;

	if (vy_rest_find_column(&rest->source, field->name, &column) || OidIsValid(vy_rest_computed_field(rest, field->name)))
		return true;
	return vy_rest_refuse(rest, 400, "42703", psprintf("column %s.%s does not exist", rest->source.name, field->name), NULL, NULL);
}

/* The type of the column itself, or of what its path gives. */
Oid
vy_rest_sql_field_type(VyRest *rest, const VyRestField *field)
{
	VyRestColumn column;

	if (field->steps)
		return ((VyRestStep *) llast(field->steps))->text ? TEXTOID : JSONBOID;
	if (vy_rest_find_column(&rest->source, field->name, &column))
		return getBaseType(column.type);
	return get_func_rettype(vy_rest_computed_field(rest, field->name));
}

void
vy_rest_sql_field(VyRest *rest, VyRestSql *sql, const VyRestField *field)
{
	VyRestColumn column;
	Oid type = InvalidOid;
	bool to_json = false;
	ListCell *cell;

	if (vy_rest_find_column(&rest->source, field->name, &column))
	{
		type = getBaseType(column.type);
		to_json = field->steps && type != JSONOID && type != JSONBOID;
		vy_rest_sql_text(sql, to_json ? "pg_catalog.to_jsonb(t." : "t.");
		vy_rest_sql_name(sql, column.name);
	}
	else
	{
		vy_rest_sql_relation(sql, rest->schema, field->name);
		vy_rest_sql_text(sql, "(t");
		to_json = true;
	}
	if (to_json)
		vy_rest_sql_text(sql, ")");
	foreach (cell, field->steps)
	{
		const VyRestStep *step = lfirst(cell);

		vy_rest_sql_text(sql, step->text ? "->>" : "->");
		vy_rest_sql_value(sql, step->index ? INT4OID : TEXTOID, step->key);
	}
}

void
vy_rest_sql_select(VyRest *rest, VyRestSql *sql)
{
	ListCell *cell;

	if (!rest->query.has_select)
		vy_rest_sql_text(sql, "t.*");
	foreach (cell, rest->query.select)
	{
		if (foreach_current_index(cell) > 0)
			vy_rest_sql_text(sql, ", ");
		write_item(rest, sql, lfirst(cell));
	}
}

static void
write_item(VyRest *rest, VyRestSql *sql, const VyRestItem *item)
{
	const VyRestStep *last = item->field.steps ? llast(item->field.steps) : NULL;
	const char *alias = item->alias;

	if (item->star)
	{
		vy_rest_sql_text(sql, "t.*");
		return;
	}
	if (item->cast)
		vy_rest_sql_text(sql, "(");
	vy_rest_sql_field(rest, sql, &item->field);
	if (item->cast)
	{
		vy_rest_sql_text(sql, ")::");
		write_cast(sql, item->cast);
	}
	for (int i = list_length(item->field.steps) - 1; last && last->index && !alias && i >= 0; i--)
		last = list_nth(item->field.steps, i);
	if (!alias && last)
		alias = last->index ? item->field.name : last->key;
	if (!alias && item->cast)
		alias = item->field.name;
	if (!alias)
		return;
	vy_rest_sql_text(sql, " AS ");
	vy_rest_sql_name(sql, alias);
}

/* The name is looked up as a type by the server's own parser; what is written is the catalogue's name. */
static void
write_cast(VyRestSql *sql, const char *cast)
{
	Oid type;
	int32 typmod;

	parseTypeString(cast, &type, &typmod, false);
	vy_rest_sql_type(sql, type, typmod);
}

void
vy_rest_sql_type(VyRestSql *sql, Oid type, int32 typmod)
{
	vy_rest_sql_text(sql, format_type_extended(type, typmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
}

void
vy_rest_sql_where(VyRest *rest, VyRestSql *sql)
{
	ListCell *cell;

	foreach (cell, rest->query.where)
	{
		vy_rest_sql_text(sql, foreach_current_index(cell) == 0 ? " WHERE " : " AND ");
		write_node(rest, sql, lfirst(cell));
	}
}

static void
write_node(VyRest *rest, VyRestSql *sql, const VyRestNode *node)
{
	ListCell *cell;

	check_stack_depth();
	if (node->negated)
		vy_rest_sql_text(sql, "NOT ");
	if (node->kind == VY_REST_FILTER)
	{
		if (node->negated)
			vy_rest_sql_text(sql, "(");
		node->op->write(rest, sql, node);
		if (node->negated)
			vy_rest_sql_text(sql, ")");
		return;
	}
	vy_rest_sql_text(sql, "(");
	foreach (cell, node->children)
	{
		if (foreach_current_index(cell) > 0)
			vy_rest_sql_text(sql, node->kind == VY_REST_AND ? " AND " : " OR ");
		write_node(rest, sql, lfirst(cell));
	}
	vy_rest_sql_text(sql, ")");
}

void
vy_rest_sql_order(VyRest *rest, VyRestSql *sql)
{
	ListCell *cell;

	foreach (cell, rest->query.order)
	{
		const VyRestOrder *order = lfirst(cell);

		vy_rest_sql_text(sql, foreach_current_index(cell) == 0 ? " ORDER BY " : ", ");
		vy_rest_sql_field(rest, sql, &order->field);
		vy_rest_sql_text(sql, order->direction ? order->direction : "");
		vy_rest_sql_text(sql, order->nulls ? order->nulls : "");
	}
}

void
vy_rest_sql_readable(const VyRestSql *sql, StringInfo out)
{
	int from = 0;

	for (int i = 0; i < sql->nparams; i++)
	{
		const VyRestParam *param = &sql->params[i];

		appendBinaryStringInfo(out, sql->text.data + from, param->at - from);
		appendStringInfoString(out, param->value ? quote_literal_cstr(param->value) : "NULL");
		if (OidIsValid(param->type))
			appendStringInfo(out, "::%s", format_type_be_qualified(param->type));
		from = param->at + 1 + (int) strspn(sql->text.data + param->at + 1, "0123456789");
	}
	appendStringInfoString(out, sql->text.data + from);
}

/* limit < 0: none. */
void
vy_rest_sql_limit(VyRestSql *sql, int64 limit, int64 offset)
{
	if (limit >= 0)
	{
		vy_rest_sql_text(sql, " LIMIT ");
		vy_rest_sql_value(sql, INT8OID, psprintf(INT64_FORMAT, limit));
	}
	if (offset > 0)
	{
		vy_rest_sql_text(sql, " OFFSET ");
		vy_rest_sql_value(sql, INT8OID, psprintf(INT64_FORMAT, offset));
	}
}
