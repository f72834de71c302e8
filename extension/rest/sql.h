/*
 * sql.h: SQL text under construction. Names come from the catalogue and are quoted; values become $1, $2 ...
 */
#ifndef VY_REST_SQL_H
#define VY_REST_SQL_H

#include "rest/nodes.h"

typedef struct VyRestParam
{
	Oid type; /* InvalidOid: PostgreSQL infers it */
	const char *value; /* NULL: null */
	int at; /* where "$n" begins in the text */
} VyRestParam;

typedef struct VyRestSql
{
	StringInfoData text;
	VyRestParam *params;
	int nparams;
	int capacity;
} VyRestSql;

void vy_rest_sql_init(VyRestSql *sql);
void vy_rest_sql_text(VyRestSql *sql, const char *constant);
void vy_rest_sql_name(VyRestSql *sql, const char *name);
void vy_rest_sql_relation(VyRestSql *sql, const char *schema, const char *name);
void vy_rest_sql_value(VyRestSql *sql, Oid type, const char *value);

/* Whether each named field exists; refuses with 42703. Done before anything below is written. */
VY_MUST_CHECK bool vy_rest_sql_check(VyRest *rest);

void vy_rest_sql_field(VyRest *rest, VyRestSql *sql, const VyRestField *field);
Oid vy_rest_sql_field_type(VyRest *rest, const VyRestField *field);
void vy_rest_sql_select(VyRest *rest, VyRestSql *sql);
void vy_rest_sql_where(VyRest *rest, VyRestSql *sql);
void vy_rest_sql_order(VyRest *rest, VyRestSql *sql);
void vy_rest_sql_limit(VyRestSql *sql, int64 limit, int64 offset);

/* The type's full name. */
void vy_rest_sql_type(VyRestSql *sql, Oid type, int32 typmod);

/* The text with literals in place of $n: for reading and EXPLAIN, never for running. */
void vy_rest_sql_readable(const VyRestSql *sql, StringInfo out);

/* The whole SELECT of a read. */
void vy_rest_read_sql(VyRest *rest, VyRestSql *sql, int64 limit);

#endif
