/*
 * operators.h: the operators of filters, as rows.
 */
#ifndef VY_REST_OPERATORS_H
#define VY_REST_OPERATORS_H

#include "rest/nodes.h"
#include "rest/sql.h"

enum
{
	VY_REST_OP_QUANTIFIED = 1 << 0, /* (any) and (all) */
	VY_REST_OP_PATTERN = 1 << 1, /* '*' stands for '%' */
	VY_REST_OP_CONFIG = 1 << 2, /* (config) of text search */
	VY_REST_OP_LIST = 1 << 3, /* (a,b,"c,d") */
	VY_REST_OP_IS = 1 << 4 /* null, true ... */
};

typedef struct VyRestOperator VyRestOperator;
struct VyRestOperator
{
	const char *name;
	const char *sql;
	unsigned flags;
	void (*write)(VyRest *rest, VyRestSql *sql, const VyRestNode *node);
};

const VyRestOperator *vy_rest_operator(const char *name, size_t n);

/* True if text starts with [not.]operator and "." or "(": what tells a filter from an argument of a function. */
bool vy_rest_looks_like_filter(const char *text);

/* Reads "[not.]op[(modifier)].value"; tree: the value ends at an unquoted ',' or ')'. Sets op, negated, quantifier, config, value. */
VY_MUST_CHECK bool vy_rest_parse_operation(VyRestCursor *in, VyRestNode *node, bool tree);

#endif
