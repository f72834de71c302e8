/*
 * operators.c: the operators of filters: their rows, how their values are read, how they are written as SQL.
 * Operators are found as in any statement of the caller (so those of extensions work); values are always parameters, typed by inference.
 */
#include "rest/operators.h"

#include "catalog/pg_type.h"

static void write_binary(VyRest *rest, VyRestSql *sql, const VyRestNode *node);
static void write_in(VyRest *rest, VyRestSql *sql, const VyRestNode *node);
static void write_is(VyRest *rest, VyRestSql *sql, const VyRestNode *node);
static void write_search(VyRest *rest, VyRestSql *sql, const VyRestNode *node);
static const char *is_keyword(const char *value);
static bool parse_list(VyRestCursor *in, char **out);
static bool parse_tree_value(VyRestCursor *in, char **out);
static void append_element(StringInfo out, const char *text);

#define QUANTIFIED VY_REST_OP_QUANTIFIED
#define PATTERN (VY_REST_OP_QUANTIFIED | VY_REST_OP_PATTERN)

static const VyRestOperator operators[] = {
	{"eq", "=", QUANTIFIED, write_binary},
	{"neq", "<>", 0, write_binary},
	{"gt", ">", QUANTIFIED, write_binary},
	{"gte", ">=", QUANTIFIED, write_binary},
	{"lt", "<", QUANTIFIED, write_binary},
	{"lte", "<=", QUANTIFIED, write_binary},
	{"like", "LIKE", PATTERN, write_binary},
	{"ilike", "ILIKE", PATTERN, write_binary},
	{"match", "~", QUANTIFIED, write_binary},
	{"imatch", "~*", QUANTIFIED, write_binary},
	{"in", "= ANY", VY_REST_OP_LIST, write_in},
	{"is", "IS", VY_REST_OP_IS, write_is},
	{"isdistinct", "IS DISTINCT FROM", 0, write_binary},
	{"cs", "@>", 0, write_binary},
	{"cd", "<@", 0, write_binary},
	{"ov", "&&", 0, write_binary},
	{"sl", "<<", 0, write_binary},
	{"sr", ">>", 0, write_binary},
	{"nxr", "&<", 0, write_binary},
	{"nxl", "&>", 0, write_binary},
	{"adj", "-|-", 0, write_binary},
	{"fts", "pg_catalog.to_tsquery", VY_REST_OP_CONFIG, write_search},
	{"plfts", "pg_catalog.plainto_tsquery", VY_REST_OP_CONFIG, write_search},
	{"phfts", "pg_catalog.phraseto_tsquery", VY_REST_OP_CONFIG, write_search},
	{"wfts", "pg_catalog.websearch_to_tsquery", VY_REST_OP_CONFIG, write_search},
};

static const struct
{
	const char *name;
	const char *sql;
} is_keywords[] = {{"null", "NULL"}, {"not_null", "NOT NULL"}, {"true", "TRUE"}, {"false", "FALSE"}, {"unknown", "UNKNOWN"}};

const VyRestOperator *
vy_rest_operator(const char *name, size_t n)
{
	for (size_t i = 0; i < lengthof(operators); i++)
		if (strlen(operators[i].name) == n && memcmp(operators[i].name, name, n) == 0)
			return &operators[i];
	return NULL;
}

bool
vy_rest_looks_like_filter(const char *text)
{
	size_t n;

	if (strncmp(text, "not.", 4) == 0)
		text += 4;
	n = strspn(text, "abcdefghijklmnopqrstuvwxyz");
	return (text[n] == '.' || text[n] == '(') && vy_rest_operator(text, n) != NULL;
}

bool
vy_rest_parse_operation(VyRestCursor *in, VyRestNode *node, bool tree)
{
	size_t n;
	char *value;

	if (strncmp(in->at, "not.", 4) == 0)
	{
		node->negated = true;
		in->at += 4;
	}
	n = strspn(in->at, "abcdefghijklmnopqrstuvwxyz");
	node->op = vy_rest_operator(in->at, n);
	if (!node->op)
		return false;
	if (in->at[n] == '(')
	{
		const char *modifier = in->at + n + 1;
		size_t len = strcspn(modifier, ")");

		if (modifier[len] != ')' || len == 0)
			return false;
		if ((node->op->flags & VY_REST_OP_QUANTIFIED) && len == 3 && strncmp(modifier, "any", 3) == 0)
			node->quantifier = "ANY";
		else if ((node->op->flags & VY_REST_OP_QUANTIFIED) && len == 3 && strncmp(modifier, "all", 3) == 0)
			node->quantifier = "ALL";
		else if (node->op->flags & VY_REST_OP_CONFIG)
			node->config = pnstrdup(modifier, len);
		else
			return false;
		n += len + 2;
	}
	if (in->at[n] != '.')
		return false;
	in->at += n + 1;
	if (node->op->flags & VY_REST_OP_LIST)
	{
		if (!parse_list(in, &value) || (!tree && *in->at))
			return false;
	}
	else if (tree)
	{
		if (!parse_tree_value(in, &value))
			return false;
	}
	else
	{
		value = pstrdup(in->at);
		in->at += strlen(in->at);
	}
	if ((node->op->flags & VY_REST_OP_IS) && !is_keyword(value))
		return false;
	if (node->op->flags & VY_REST_OP_PATTERN)
		for (char *p = value; *p; p++)
			if (*p == '*')
				*p = '%';
	node->value = value;
	return true;
}

static const char *
is_keyword(const char *value)
{
	for (size_t i = 0; i < lengthof(is_keywords); i++)
		if (pg_strcasecmp(is_keywords[i].name, value) == 0)
			return is_keywords[i].sql;
	return NULL;
}

/* "(a,b,"c,d")" as an array literal; "()" is the empty list. */
static bool
parse_list(VyRestCursor *in, char **out)
{
	StringInfoData list;

	if (*in->at != '(')
		return false;
	in->at++;
	initStringInfo(&list);
	appendStringInfoChar(&list, '{');
	if (*in->at == ')')
		in->at++;
	else
		for (;;)
		{
			char *element;
			char end;

			CHECK_FOR_INTERRUPTS();
			if (!parse_tree_value(in, &element))
				return false;
			append_element(&list, element);
			end = *in->at;
			if (end != ',' && end != ')')
				return false;
			in->at++;
			if (end == ')')
				break;
			appendStringInfoChar(&list, ',');
		}
	appendStringInfoChar(&list, '}');
	*out = list.data;
	return true;
}

/* A value inside parentheses: quoted, an array literal taken as it is, or everything up to ',' or ')'. */
static bool
parse_tree_value(VyRestCursor *in, char **out)
{
	VyRestCursor ahead = *in;
	size_t n;

	if (*in->at == '"' && vy_rest_parse_quoted(&ahead, out) && (*ahead.at == ',' || *ahead.at == ')'))
	{
		*in = ahead;
		return true;
	}
	n = 0;
	if (*in->at == '{')
	{
		n = strcspn(in->at, "}");
		n += in->at[n] == '}';
	}
	n += strcspn(in->at + n, ",)");
	*out = pnstrdup(in->at, n);
	in->at += n;
	return true;
}

static void
append_element(StringInfo out, const char *text)
{
	appendStringInfoChar(out, '"');
	for (; *text; text++)
	{
		if (*text == '"' || *text == '\\')
			appendStringInfoChar(out, '\\');
		appendStringInfoChar(out, *text);
	}
	appendStringInfoChar(out, '"');
}

static void
write_binary(VyRest *rest, VyRestSql *sql, const VyRestNode *node)
{
	vy_rest_sql_field(rest, sql, &node->field);
	vy_rest_sql_text(sql, " ");
	vy_rest_sql_text(sql, node->op->sql);
	vy_rest_sql_text(sql, " ");
	if (node->quantifier)
	{
		vy_rest_sql_text(sql, node->quantifier);
		vy_rest_sql_text(sql, " (");
	}
	vy_rest_sql_value(sql, InvalidOid, node->value);
	if (node->quantifier)
		vy_rest_sql_text(sql, ")");
}

static void
write_in(VyRest *rest, VyRestSql *sql, const VyRestNode *node)
{
	vy_rest_sql_field(rest, sql, &node->field);
	vy_rest_sql_text(sql, " = ANY (");
	vy_rest_sql_value(sql, InvalidOid, node->value);
	vy_rest_sql_text(sql, ")");
}

static void
write_is(VyRest *rest, VyRestSql *sql, const VyRestNode *node)
{
	vy_rest_sql_field(rest, sql, &node->field);
	vy_rest_sql_text(sql, " IS ");
	vy_rest_sql_text(sql, is_keyword(node->value));
}

/* A column that is not a tsvector is made one, with the same configuration as the query. */
static void
write_search(VyRest *rest, VyRestSql *sql, const VyRestNode *node)
{
	bool vector = vy_rest_sql_field_type(rest, &node->field) == TSVECTOROID;

	if (!vector)
	{
		vy_rest_sql_text(sql, "pg_catalog.to_tsvector(");
		if (node->config)
		{
			vy_rest_sql_value(sql, REGCONFIGOID, node->config);
			vy_rest_sql_text(sql, ", ");
		}
	}
	vy_rest_sql_field(rest, sql, &node->field);
	vy_rest_sql_text(sql, vector ? " @@ " : ") @@ ");
	vy_rest_sql_text(sql, node->op->sql);
	vy_rest_sql_text(sql, "(");
	if (node->config)
	{
		vy_rest_sql_value(sql, REGCONFIGOID, node->config);
		vy_rest_sql_text(sql, ", ");
	}
	vy_rest_sql_value(sql, TEXTOID, node->value);
	vy_rest_sql_text(sql, ")");
}
