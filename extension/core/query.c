/*
 * query.c: platform statements, planned once per backend, run as vyricon_owner with a fixed search_path (query.h).
 */
#include "core/query.h"

#include "access/xact.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

/* Every VyQuery of the library, put here while it is loaded. */
static VyQuery *listed;

typedef struct Platform
{
	Oid user;
	int sec_context;
	int guc_level;
} Platform;

typedef struct FirstRow
{
	int ncols;
	Datum *out;
	bool *nulls;
	bool found;
} FirstRow;

static void platform_enter(Platform *platform);
static void platform_leave(const Platform *platform);
static void plan_once(VyQuery *query);
static void copy_first_row(void *arg, HeapTuple row, TupleDesc desc);

void
vy_query_list(VyQuery *query)
{
	query->next = listed;
	listed = query;
}

Oid
vy_owner_role(void)
{
	return get_role_oid("vyricon_owner", false);
}

uint64
vy_query_run(VyQuery *query, const Datum *args, const bool *nulls)
{
	return vy_query_each(query, args, nulls, NULL, NULL);
}

uint64
vy_query_each(VyQuery *query, const Datum *args, const bool *nulls, VyRowFn fn, void *arg)
{
	MemoryContext caller = CurrentMemoryContext;
	Platform platform;
	char flags[VY_QUERY_MAX_ARGS];
	uint64 rows;
	int rc;

	platform_enter(&platform);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	plan_once(query);
	for (int i = 0; i < query->nargs; i++)
		flags[i] = nulls != NULL && nulls[i] ? 'n' : ' ';
	rc = SPI_execute_plan(query->plan, (Datum *) args, flags, false, 0);
	if (rc != query->expect)
		elog(ERROR, "unexpected result of a platform statement: %s", SPI_result_code_string(rc));
	rows = SPI_processed;
	if (fn != NULL && SPI_tuptable != NULL)
	{
		SPITupleTable *table = SPI_tuptable;

		for (uint64 i = 0; i < rows; i++)
		{
			MemoryContext spi = MemoryContextSwitchTo(caller);

			CHECK_FOR_INTERRUPTS();
			fn(arg, table->vals[i], table->tupdesc);
			MemoryContextSwitchTo(spi);
		}
	}
	SPI_finish();
	platform_leave(&platform);
	return rows;
}

bool
vy_query_row(VyQuery *query, const Datum *args, const bool *nulls, int ncols, Datum *out, bool *out_nulls)
{
	FirstRow first = {ncols, out, out_nulls, false};

	vy_query_each(query, args, nulls, copy_first_row, &first);
	return first.found;
}

static void
copy_first_row(void *arg, HeapTuple row, TupleDesc desc)
{
	FirstRow *first = arg;

	if (first->found)
		return;
	first->found = true;
	for (int i = 0; i < first->ncols; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);
		Datum value = heap_getattr(row, i + 1, desc, &first->nulls[i]);

		first->out[i] = first->nulls[i] ? (Datum) 0 : datumCopy(value, attr->attbyval, attr->attlen);
	}
}

static void
platform_enter(Platform *platform)
{
	GetUserIdAndSecContext(&platform->user, &platform->sec_context);
	SetUserIdAndSecContext(vy_owner_role(), platform->sec_context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
	platform->guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

static void
platform_leave(const Platform *platform)
{
	AtEOXact_GUC(false, platform->guc_level);
	SetUserIdAndSecContext(platform->user, platform->sec_context);
}

static void
plan_once(VyQuery *query)
{
	SPIPlanPtr plan;

	if (query->plan != NULL)
		return;
	plan = SPI_prepare(query->sql, query->nargs, query->types);
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "a platform statement could not be prepared: %s", SPI_result_code_string(SPI_result));
	query->plan = plan;
}

/* Each VyQuery of the library: its text and the types of its parameters; a test EXPLAINs them on large tables. */
VY_FUNCTION(vyricon_platform_queries)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (VyQuery *q = listed; q != NULL; q = q->next)
	{
		Datum types[VY_QUERY_MAX_ARGS];
		Datum values[2];
		bool nulls[2] = {false, false};

		for (int i = 0; i < q->nargs; i++)
			types[i] = ObjectIdGetDatum(q->types[i]);
		values[0] = CStringGetTextDatum(q->sql);
		values[1] = PointerGetDatum(construct_array(types, q->nargs, REGTYPEOID, sizeof(Oid), true, TYPALIGN_INT));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
