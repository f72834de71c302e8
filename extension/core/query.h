/*
 * query.h: statements on platform tables. No other file calls SPI for them.
 *
 * A VyQuery is planned once per backend and kept. While it is planned and while it runs, the user is vyricon_owner, row security that is
 * forced on the owner is off (SECURITY_NOFORCE_RLS), and search_path is "pg_catalog, pg_temp": an operator or a function planted by
 * somebody else is never found. Each statement runs with a fresh snapshot. Values are always parameters.
 */
#ifndef VY_QUERY_H
#define VY_QUERY_H

#include "core/core.h"
#include "executor/spi.h"

#define VY_QUERY_MAX_ARGS 16

typedef struct VyQuery
{
	const char *sql;
	int nargs;
	Oid types[VY_QUERY_MAX_ARGS];
	int expect; /* SPI_OK_SELECT, SPI_OK_INSERT_RETURNING, ... */
	SPIPlanPtr plan; /* kept once made */
	struct VyQuery *next;
} VyQuery;

/*
 * VY_QUERY(revoke, .sql = "...", .nargs = 1, .types = {INT8OID}, .expect = SPI_OK_UPDATE);
 * The constructor puts it on the list behind vyricon.platform_queries(), from which a test EXPLAINs each one.
 */
#define VY_QUERY(name, ...)                                          \
	static VyQuery name = {__VA_ARGS__};                             \
	__attribute__((constructor)) static void name##_list_query(void) \
	{                                                                \
		vy_query_list(&name);                                        \
	}                                                                \
	extern int name##_ends_with_a_semicolon

/* Called once per row while SPI is connected, in the memory context of vy_query_each()'s caller. */
typedef void (*VyRowFn)(void *arg, HeapTuple row, TupleDesc desc);

/* Runs the statement; nulls may be NULL (no argument is null). Returns the number of rows processed. */
uint64 vy_query_run(VyQuery *query, const Datum *args, const bool *nulls);
uint64 vy_query_each(VyQuery *query, const Datum *args, const bool *nulls, VyRowFn fn, void *arg);

/* The first row's first ncols columns, copied into the current memory context; false if there is no row. */
bool vy_query_row(VyQuery *query, const Datum *args, const bool *nulls, int ncols, Datum *out, bool *out_nulls);

/* For VY_QUERY alone. */
void vy_query_list(VyQuery *query);

/* Oid of vyricon_owner; raises when the role does not exist. */
Oid vy_owner_role(void);

#endif
