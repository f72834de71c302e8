/*
 * expose.c: vyricon.expose() and vyricon.unexpose().
 *
 * What to do is worked out by vyricon.expose_plan() from the catalogue alone; both functions run as their caller, who owns the table. What
 * brings the old state back is recorded in a platform table, which callers can neither read nor write: a superuser who calls
 * unexpose() runs statements that only this file has put there.
 */
#include "access/access.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "commands/policy.h"
#include "funcapi.h"
#include "nodes/pg_list.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "core/query.h"

typedef struct ExposePlan
{
	List *statements; /* char * */
	List *undo; /* char *, last first */
} ExposePlan;

VY_QUERY(find_exposed, .sql = "SELECT undo FROM vyricon.exposed WHERE schema_name = $1 AND table_name = $2", .nargs = 2,
		 .types = {TEXTOID, TEXTOID}, .expect = SPI_OK_SELECT);

VY_QUERY(record_exposed,
		 .sql = "INSERT INTO vyricon.exposed (schema_name, table_name, owner_column, publish_column, undo) VALUES ($1, $2, $3, $4, $5) "
				"ON CONFLICT (schema_name, table_name) DO UPDATE SET owner_column = excluded.owner_column, "
				"publish_column = excluded.publish_column, undo = excluded.undo",
		 .nargs = 5, .types = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID}, .expect = SPI_OK_INSERT);

VY_QUERY(forget_exposed, .sql = "DELETE FROM vyricon.exposed WHERE schema_name = $1 AND table_name = $2", .nargs = 2,
		 .types = {TEXTOID, TEXTOID}, .expect = SPI_OK_DELETE);

static void require_owner(Oid relation);
static void name_args(Oid relation, Datum *args);
static bool has_our_policy(Oid relation);
static List *recorded_undo(Oid relation, bool *found);
static void record(Oid relation, FunctionCallInfo fcinfo, List *undo);
static ExposePlan make_plan(FunctionCallInfo fcinfo, bool ours);
static void run_statements(List *statements);
static int enter_fixed_path(void);
static Datum array_of_texts(List *texts);
static Datum return_texts(FunctionCallInfo fcinfo, List *texts);

VY_FUNCTION(vyricon_expose)
{
	Oid relation = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	bool dry_run = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
	List *undo;
	bool ours;
	ExposePlan plan;

	require_owner(relation);
	if (!dry_run)
		LockRelationOid(relation, AccessExclusiveLock);
	undo = recorded_undo(relation, &ours);
	plan = make_plan(fcinfo, ours);
	if (!dry_run && plan.statements != NIL)
	{
		run_statements(plan.statements);
		record(relation, fcinfo, list_concat(plan.undo, undo));
	}
	return return_texts(fcinfo, plan.statements);
}

VY_FUNCTION(vyricon_unexpose)
{
	Oid relation = PG_GETARG_OID(0);
	Datum names[2];
	List *undo;
	bool found;

	require_owner(relation);
	LockRelationOid(relation, AccessExclusiveLock);
	undo = recorded_undo(relation, &found);
	if (!found)
		ereport(ERROR, (errcode(ERRCODE_VY_NOT_FOUND), errmsg("table \"%s\" is not exposed", get_rel_name(relation)),
						errhint("A table that was renamed since is known by its old name.")));
	run_statements(undo);
	name_args(relation, names);
	vy_query_run(&forget_exposed, names, NULL);
	return return_texts(fcinfo, undo);
}

VY_FUNCTION(vyricon_free_name)
{
	Oid schema = get_namespace_oid(NameStr(*PG_GETARG_NAME(0)), false);

	PG_RETURN_TEXT_P(
		cstring_to_text(ChooseRelationName(NameStr(*PG_GETARG_NAME(1)), text_to_cstring(PG_GETARG_TEXT_PP(2)), "idx", schema, false)));
}

void
vy_access_init(void)
{
}

static void
require_owner(Oid relation)
{
	if (!OidIsValid(relation) || get_rel_name(relation) == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("no table is named")));
	if (!pg_class_ownercheck(relation, GetUserId()))
		ereport(ERROR, (errcode(ERRCODE_VY_FORBIDDEN), errmsg("only the owner of table \"%s\" may expose it", get_rel_name(relation))));
}

static void
name_args(Oid relation, Datum *args)
{
	args[0] = CStringGetTextDatum(get_namespace_name(get_rel_namespace(relation)));
	args[1] = CStringGetTextDatum(get_rel_name(relation));
}

/* A record without our policy is left over from another table of this name. */
static List *
recorded_undo(Oid relation, bool *found)
{
	Datum names[2];
	Datum undo;
	bool isnull;
	Datum *texts;
	int n;
	List *result = NIL;

	name_args(relation, names);
	*found = has_our_policy(relation) && vy_query_row(&find_exposed, names, NULL, 1, &undo, &isnull);
	if (!*found)
		return NIL;
	deconstruct_array(DatumGetArrayTypeP(undo), TEXTOID, -1, false, TYPALIGN_INT, &texts, NULL, &n);
	for (int i = 0; i < n; i++)
		result = lappend(result, TextDatumGetCString(texts[i]));
	return result;
}

static bool
has_our_policy(Oid relation)
{
	return OidIsValid(get_relation_policy_oid(relation, "vyricon_read", true));
}

static void
record(Oid relation, FunctionCallInfo fcinfo, List *undo)
{
	Datum args[5];
	bool nulls[5] = {false, false, PG_ARGISNULL(1), PG_ARGISNULL(2), false};

	name_args(relation, args);
	args[2] = nulls[2] ? (Datum) 0 : PG_GETARG_DATUM(1);
	args[3] = nulls[3] ? (Datum) 0 : PG_GETARG_DATUM(2);
	args[4] = array_of_texts(undo);
	vy_query_run(&record_exposed, args, nulls);
}

static ExposePlan
make_plan(FunctionCallInfo fcinfo, bool ours)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid types[] = {REGCLASSOID, TEXTOID, TEXTOID, BOOLOID};
	Datum args[] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), BoolGetDatum(ours)};
	char nulls[] = {' ', PG_ARGISNULL(1) ? 'n' : ' ', PG_ARGISNULL(2) ? 'n' : ' ', ' '};
	ExposePlan plan = {NIL, NIL};
	int guc_level = enter_fixed_path();

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_with_args("SELECT statement, undo FROM vyricon.expose_plan($1, $2, $3, $4)", 4, types, args, nulls, false, 0) !=
		SPI_OK_SELECT)
		elog(ERROR, "vyricon.expose_plan() did not answer");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext spi = MemoryContextSwitchTo(caller);
		char *undo = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2);

		plan.statements = lappend(plan.statements, SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
		if (undo != NULL)
			plan.undo = lcons(undo, plan.undo);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	AtEOXact_GUC(false, guc_level);
	return plan;
}

static void
run_statements(List *statements)
{
	int guc_level = enter_fixed_path();
	ListCell *lc;

	(void) set_config_option("client_min_messages", "warning", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	foreach (lc, statements)
		if (SPI_execute(lfirst(lc), false, 0) != SPI_OK_UTILITY)
			elog(ERROR, "a statement of expose() is no utility statement");
	SPI_finish();
	AtEOXact_GUC(false, guc_level);
}

/* Names in plans and undo statements are written, and read again, with this path. The caller ends it with AtEOXact_GUC(). */
static int
enter_fixed_path(void)
{
	int guc_level = NewGUCNestLevel();

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return guc_level;
}

static Datum
array_of_texts(List *texts)
{
	Datum *items = palloc(sizeof(Datum) * Max(list_length(texts), 1));
	ListCell *lc;
	int n = 0;

	foreach (lc, texts)
		items[n++] = CStringGetTextDatum(lfirst(lc));
	return PointerGetDatum(construct_array(items, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum
return_texts(FunctionCallInfo fcinfo, List *texts)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell *lc;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	foreach (lc, texts)
	{
		Datum value = CStringGetTextDatum(lfirst(lc));
		bool isnull = false;

		tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
	}
	return (Datum) 0;
}
