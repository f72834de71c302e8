/*
 * parse.c: the query string of /rest/v1 as nodes. Nothing is looked up in the catalogue here.
 * Filters may repeat and are ANDed; a named parameter that comes twice is refused, so that no proxy in front and this reader disagree on
 * which one counts. Every nesting and number is bounded.
 */
#include "rest/operators.h"

#include "mb/pg_wchar.h"

#include "base/url.h"

typedef bool (*Reader)(VyRest *rest, VyRestCursor *in);

static bool read_parameter(VyRest *rest, const char *name, const char *value, bool function);
static bool read_filter(VyRest *rest, const char *name, const char *value);
static bool read_tree(VyRest *rest, const char *value, VyRestNodeKind kind, bool negated);
static bool read_argument(VyRest *rest, const char *name, const char *value);
static bool read_select(VyRest *rest, VyRestCursor *in);
static bool read_order(VyRest *rest, VyRestCursor *in);
static bool read_limit(VyRest *rest, VyRestCursor *in);
static bool read_offset(VyRest *rest, VyRestCursor *in);
static bool read_columns(VyRest *rest, VyRestCursor *in);
static bool read_conflict(VyRest *rest, VyRestCursor *in);
static bool parse_tree(VyRest *rest, VyRestCursor *in, VyRestNode *node, int depth);
static bool parse_name(VyRestCursor *in, char **out);
static bool parse_steps(VyRestCursor *in, List **out);
static bool parse_error(VyRest *rest, const char *what, const VyRestCursor *in, const char *expecting);
static char *decode(VyStr in);

static const struct
{
	const char *name;
	const char *what; /* how PostgREST's message calls it */
	Reader read;
} named[] = {
	{"select", "select parameter", read_select},    {"order", "order", read_order},
	{"limit", "limit parameter", read_limit},       {"offset", "offset parameter", read_offset},
	{"columns", "columns parameter", read_columns}, {"on_conflict", "on_conflict parameter", read_conflict},
};

static const struct
{
	const char *name;
	VyRestNodeKind kind;
	bool negated;
} trees[] = {{"and", VY_REST_AND, false}, {"or", VY_REST_OR, false}, {"not.and", VY_REST_AND, true}, {"not.or", VY_REST_OR, true}};

bool
vy_rest_parse(VyRest *rest, bool function)
{
	VyStr left = rest->request->query;
	VyStr name;
	VyStr value;

	rest->query.limit = -1;
	if (!left.p)
		return true;
	while (vy_url_next_pair(&left, &name, &value))
	{
		char *decoded_name;
		char *decoded_value;

		CHECK_FOR_INTERRUPTS();
		if (!value.p)
			continue;
		decoded_name = decode(name);
		decoded_value = decode(value);
		if (!decoded_name || !decoded_value)
			return vy_rest_refuse(rest, 400, "PGRST100", "the query string is not valid percent-encoded UTF-8", NULL, NULL);
		if (!read_parameter(rest, decoded_name, decoded_value, function))
			return false;
	}
	return true;
}

static bool
read_parameter(VyRest *rest, const char *name, const char *value, bool function)
{
	for (size_t i = 0; i < lengthof(named); i++)
		if (strcmp(named[i].name, name) == 0)
		{
			VyRestCursor in = {value, value};

			if (rest->query.seen & (1U << i))
				return vy_rest_refuse(rest, 400, "PGRST100", psprintf("the parameter \"%s\" was given more than once", name), NULL, NULL);
			rest->query.seen |= 1U << i;
			if (named[i].read(rest, &in))
				return true;
			return rest->response->status >= 400 ? false : parse_error(rest, named[i].what, &in, NULL);
		}
	for (size_t i = 0; i < lengthof(trees); i++)
		if (strcmp(trees[i].name, name) == 0)
			return read_tree(rest, value, trees[i].kind, trees[i].negated);
	if (function && !vy_rest_looks_like_filter(value))
		return read_argument(rest, name, value);
	return read_filter(rest, name, value);
}

static bool
read_filter(VyRest *rest, const char *name, const char *value)
{
	VyRestNode *node = palloc0(sizeof(VyRestNode));
	VyRestCursor in = {name, name};

	if (++rest->query.nfilters > VY_REST_MAX_FILTERS)
		return vy_rest_refuse(rest, 400, "PGRST100", "more than 100 filters", NULL, NULL);
	if (!vy_rest_parse_field(&in, &node->field) || (*in.at && *in.at != '.'))
		return parse_error(rest, "tree path", &in, "a column name");
	if (*in.at == '.')
		return vy_rest_refuse(rest, 400, "PGRST108", psprintf("'%s' is not an embedded resource in this request", node->field.name), NULL,
							  psprintf("Verify that '%s' is included in the 'select' query parameter.", node->field.name));
	in = (VyRestCursor){value, value};
	if (!vy_rest_parse_operation(&in, node, false))
		return parse_error(rest, "filter", &in, "\"not\" or operator (eq, gt, ...)");
	rest->query.where = lappend(rest->query.where, node);
	return true;
}

static bool
read_tree(VyRest *rest, const char *value, VyRestNodeKind kind, bool negated)
{
	VyRestNode *node = palloc0(sizeof(VyRestNode));
	VyRestCursor in = {value, value};

	node->kind = kind;
	node->negated = negated;
	if (!parse_tree(rest, &in, node, 1) || *in.at)
		return parse_error(rest, "logic tree", &in, NULL);
	rest->query.where = lappend(rest->query.where, node);
	return true;
}

/* "(item,item,...)" behind "and" or "or". */
static bool
parse_tree(VyRest *rest, VyRestCursor *in, VyRestNode *node, int depth)
{
	if (*in->at != '(' || depth > VY_REST_MAX_DEPTH)
		return false;
	check_stack_depth();
	do
	{
		VyRestNode *child = palloc0(sizeof(VyRestNode));
		VyRestCursor ahead;
		bool is_tree = false;

		CHECK_FOR_INTERRUPTS();
		in->at++;
		in->at += strspn(in->at, " ");
		if (++rest->query.nfilters > VY_REST_MAX_FILTERS)
			return false;
		for (size_t i = 0; i < lengthof(trees) && !is_tree; i++)
		{
			size_t n = strlen(trees[i].name);

			if (strncmp(in->at, trees[i].name, n) == 0 && in->at[n] == '(')
			{
				is_tree = true;
				child->kind = trees[i].kind;
				child->negated = trees[i].negated;
				in->at += n;
			}
		}
		ahead = *in;
		if (is_tree ? !parse_tree(rest, in, child, depth + 1) : !vy_rest_parse_field(&ahead, &child->field) || *ahead.at != '.')
			return false;
		if (!is_tree)
		{
			*in = ahead;
			in->at++;
			if (!vy_rest_parse_operation(in, child, true))
				return false;
		}
		in->at += strspn(in->at, " ");
		node->children = lappend(node->children, child);
	} while (*in->at == ',');
	if (*in->at != ')')
		return false;
	in->at++;
	return true;
}

static bool
read_argument(VyRest *rest, const char *name, const char *value)
{
	VyRestArgument *argument;
	ListCell *cell;

	foreach (cell, rest->query.arguments)
	{
		argument = lfirst(cell);
		if (strcmp(argument->name, name) == 0)
		{
			argument->values = lappend(argument->values, pstrdup(value));
			return true;
		}
	}
	if (list_length(rest->query.arguments) >= FUNC_MAX_ARGS)
		return vy_rest_refuse(rest, 400, "PGRST100", "too many arguments", NULL, NULL);
	argument = palloc0(sizeof(VyRestArgument));
	argument->name = name;
	argument->values = list_make1(pstrdup(value));
	rest->query.arguments = lappend(rest->query.arguments, argument);
	return true;
}

static bool
read_select(VyRest *rest, VyRestCursor *in)
{
	rest->query.has_select = true;
	if (!*in->at)
		return true;
	for (;;)
	{
		VyRestItem *item = palloc0(sizeof(VyRestItem));

		CHECK_FOR_INTERRUPTS();
		if (list_length(rest->query.select) >= VY_REST_MAX_ITEMS)
			return false;
		if (*in->at == '*')
		{
			item->star = true;
			in->at++;
		}
		else if (!vy_rest_parse_field(in, &item->field))
			return false;
		else if (in->at[0] == ':' && in->at[1] != ':' && !item->field.steps)
		{
			item->alias = item->field.name;
			in->at++;
			if (!vy_rest_parse_field(in, &item->field))
				return false;
		}
		if (*in->at == '(' || *in->at == '!')
			return vy_rest_refuse(rest, 400, "PGRST127", "Feature not implemented",
								  "Embedding another relation in the select parameter is not available.", NULL);
		if (*in->at == '.')
			return vy_rest_refuse(rest, 400, "PGRST123", "Use of aggregate functions is not allowed", NULL, NULL);
		if (in->at[0] == ':' && in->at[1] == ':' && !item->star)
		{
			char *cast;

			in->at += 2;
			if (!parse_name(in, &cast))
				return false;
			item->cast = cast;
		}
		rest->query.select = lappend(rest->query.select, item);
		if (!*in->at)
			return true;
		if (*in->at != ',')
			return false;
		in->at++;
		in->at += strspn(in->at, " ");
	}
}

static bool
read_order(VyRest *rest, VyRestCursor *in)
{
	static const struct
	{
		const char *name;
		const char *sql;
		bool nulls;
	} words[] = {
		{".asc", "", false}, {".desc", " DESC", false}, {".nullsfirst", " NULLS FIRST", true}, {".nullslast", " NULLS LAST", true}};

	if (!*in->at)
		return true;
	for (;;)
	{
		VyRestOrder *order = palloc0(sizeof(VyRestOrder));

		CHECK_FOR_INTERRUPTS();
		if (list_length(rest->query.order) >= VY_REST_MAX_FILTERS || !vy_rest_parse_field(in, &order->field))
			return false;
		if (*in->at == '(')
			return vy_rest_refuse(rest, 400, "PGRST108", psprintf("'%s' is not an embedded resource in this request", order->field.name),
								  NULL, psprintf("Verify that '%s' is included in the 'select' query parameter.", order->field.name));
		for (size_t i = 0; i < lengthof(words); i++)
		{
			size_t n = strlen(words[i].name);
			const char **slot = words[i].nulls ? &order->nulls : &order->direction;

			if (!*slot && strncmp(in->at, words[i].name, n) == 0 && strchr(",.", in->at[n]))
			{
				*slot = words[i].sql;
				in->at += n;
			}
		}
		rest->query.order = lappend(rest->query.order, order);
		if (!*in->at)
			return true;
		if (*in->at != ',')
			return false;
		in->at++;
		in->at += strspn(in->at, " ");
	}
}

/* Digits only, with a sign for the better refusal; at most 18 of them. */
static bool
parse_count(VyRestCursor *in, int64 *out)
{
	bool negative = *in->at == '-';
	size_t n;

	in->at += negative;
	n = strspn(in->at, "0123456789");
	if (n == 0 || n > 18 || in->at[n])
		return false;
	*out = strtoi64(in->at, NULL, 10) * (negative ? -1 : 1);
	in->at += n;
	return true;
}

static bool
read_limit(VyRest *rest, VyRestCursor *in)
{
	if (!parse_count(in, &rest->query.limit))
		return false;
	if (rest->query.limit < 0)
		return vy_rest_refuse(rest, 416, "PGRST103", "Requested range not satisfiable", "Limit should be greater than or equal to zero.",
							  NULL);
	return true;
}

static bool
read_offset(VyRest *rest, VyRestCursor *in)
{
	if (!parse_count(in, &rest->query.offset))
		return false;
	if (rest->query.offset < 0)
		return vy_rest_refuse(rest, 416, "PGRST103", "Requested range not satisfiable", "Offset should be greater than or equal to zero.",
							  NULL);
	return true;
}

static bool
parse_names(VyRestCursor *in, List **out)
{
	for (;;)
	{
		char *name;

		in->at += strspn(in->at, " ");
		if (list_length(*out) >= VY_REST_MAX_ITEMS || !parse_name(in, &name))
			return false;
		*out = lappend(*out, name);
		if (!*in->at)
			return true;
		if (*in->at != ',')
			return false;
		in->at++;
	}
}

static bool
read_columns(VyRest *rest, VyRestCursor *in)
{
	if (!*in->at)
		return true;
	rest->query.has_columns = true;
	return parse_names(in, &rest->query.columns);
}

static bool
read_conflict(VyRest *rest, VyRestCursor *in)
{
	return parse_names(in, &rest->query.conflict);
}

bool
vy_rest_parse_field(VyRestCursor *in, VyRestField *out)
{
	char *name;

	if (!parse_name(in, &name))
		return false;
	out->name = name;
	out->steps = NIL;
	return in->at[0] != '-' || parse_steps(in, &out->steps);
}

/* Letters, digits, '_', '$', blanks and inner '-', or anything in quotes. */
static bool
parse_name(VyRestCursor *in, char **out)
{
	size_t n = 0;
	size_t end;

	if (*in->at == '"')
		return vy_rest_parse_quoted(in, out) && **out;
	while (in->at[n])
	{
		unsigned char c = (unsigned char) in->at[n];
		bool word =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' || c == ' ' || c >= 0x80;

		if (!word && !(c == '-' && n > 0 && in->at[n + 1] != '>'))
			break;
		n++;
	}
	end = n;
	while (end > 0 && in->at[end - 1] == ' ')
		end--;
	if (end == 0)
		return false;
	*out = pnstrdup(in->at, end);
	in->at += n;
	return true;
}

bool
vy_rest_parse_quoted(VyRestCursor *in, char **out)
{
	const char *p = in->at + 1;
	char *text = palloc(strlen(in->at) + 1);
	size_t n = 0;

	for (; *p && *p != '"'; p++)
	{
		if (*p == '\\' && p[1])
			p++;
		text[n++] = *p;
	}
	if (*p != '"')
		return false;
	text[n] = '\0';
	*out = text;
	in->at = p + 1;
	return true;
}

static bool
parse_steps(VyRestCursor *in, List **out)
{
	while (in->at[0] == '-' && in->at[1] == '>')
	{
		VyRestStep *step = palloc0(sizeof(VyRestStep));
		char *key;
		size_t digits;

		if (list_length(*out) >= VY_REST_MAX_DEPTH)
			return false;
		in->at += 2;
		if (*in->at == '>')
		{
			step->text = true;
			in->at++;
		}
		digits = (*in->at == '-') + strspn(in->at + (*in->at == '-'), "0123456789");
		if (digits > (size_t) (*in->at == '-') && digits < 10 && (!in->at[digits] || strchr("-:.,)", in->at[digits])))
		{
			step->index = true;
			step->key = pnstrdup(in->at, digits);
			in->at += digits;
		}
		else if (parse_name(in, &key))
			step->key = key;
		else
			return false;
		*out = lappend(*out, step);
	}
	return true;
}

static bool
parse_error(VyRest *rest, const char *what, const VyRestCursor *in, const char *expecting)
{
	size_t column = (size_t) (in->at - in->start) + 1;
	char *details;

	if (*in->at)
		details = psprintf("unexpected \"%.*s\"%s%s", pg_mblen(in->at), in->at, expecting ? " expecting " : "", expecting ? expecting : "");
	else
		details = psprintf("unexpected end of input%s%s", expecting ? " expecting " : "", expecting ? expecting : "");
	return vy_rest_refuse(rest, 400, "PGRST100", psprintf("\"failed to parse %s (%s)\" (line 1, column %zu)", what, in->start, column),
						  details, NULL);
}

/* NULL: not decodable. */
static char *
decode(VyStr in)
{
	char *out = palloc(in.n + 1);
	size_t n;

	if (vy_url_decode(out, in.n + 1, &n, in, true) != 0)
		return NULL;
	out[n] = '\0';
	return out;
}
