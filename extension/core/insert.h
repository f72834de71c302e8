/*
 * insert.h: one row into a platform table without a statement: no parameters, no plan, no executor to start and end for each row.
 *
 * It writes what INSERT INTO schema.table (columns) VALUES (...) would write: defaults and identity, NOT NULL and CHECK, every index. The
 * table belongs to its users too: where somebody gave it a trigger, a rule, a generated column, an index other than a btree, or an
 * expression that calls a function which did not come with PostgreSQL, and where a constraint fails, the answer is false and nothing was
 * written: then the caller runs its statement, which does it, or says what is wrong. No user's code ever runs here, so no role has to be
 * put on.
 */
#ifndef VY_INSERT_H
#define VY_INSERT_H

#include "core/core.h"

#define VY_INSERT_MAX_COLUMNS 16

typedef struct VyInsertState VyInsertState;

/* A static one per table and list of columns; the other columns get their defaults. */
typedef struct VyInsert
{
	const char *schema;
	const char *table;
	int ncolumns;
	const char *columns[VY_INSERT_MAX_COLUMNS];
	Oid types[VY_INSERT_MAX_COLUMNS];
	const char *returning; /* a column whose values are passed by value */
	VyInsertState *state; /* what is known of the table; made again after each change of it */
	struct VyInsert *next;
} VyInsert;

/* False: nothing was written, the caller's statement has to do it. */
VY_MUST_CHECK bool vy_insert_row(VyInsert *insert, const Datum *values, const bool *nulls, Datum *returned);

#endif
