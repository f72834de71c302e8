/*
 * sql_call.c: calling a function of the database with JSON arguments, as POST /rest/v1/rpc does.
 *
 * Every name in the statement comes from the catalogue and is quoted; the arguments are one parameter, which json_to_record() reads as the
 * declared types. No text of an enqueuer is ever part of a statement.
 */
#include "jobs/sql.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "base/json.h"
#include "core/json_writer.h"

typedef struct Argument
{
	const char *name; /* "" when it has none */
	Oid type;
	bool optional;
	bool variadic;
} Argument;

typedef struct Candidate
{
	HeapTuple row;
	int nargs;
	Argument *args; /* those that are given, not those that come back */
} Candidate;

static void split_name(const char *name, char **schema, char **function);
static List *argument_names(VyStr args);
static HeapTuple find(const char *schema, const char *name, const char *quoted, List *given, Candidate *found);
static bool describe(HeapTuple row, Candidate *out);
static bool fits(const Candidate *candidate, List *given);
static bool takes_all(const Candidate *candidate);
static void refuse_result(HeapTuple row, const char *quoted);
static void write_arguments(VySqlCall *call, const Candidate *candidate, List *given);
static void refuse_arguments(const char *quoted, List *given, bool several);

VySqlCall
vy_sql_call_find(Oid role, const char *name, VyStr args)
{
	VySqlCall call = {.args = args};
	List *given = argument_names(args);
	char *schema;
	char *function;
	Candidate found;
	Oid namespace;
	HeapTuple row;

	split_name(name, &schema, &function);
	call.name = quote_qualified_identifier(schema, function);
	namespace = get_namespace_oid(schema, true);
	if (OidIsValid(namespace) && pg_namespace_aclcheck(namespace, role, ACL_USAGE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_SCHEMA, schema);
	row = find(schema, function, call.name, given, &found);
	call.function = ((Form_pg_proc) GETSTRUCT(row))->oid;
	call.result = ((Form_pg_proc) GETSTRUCT(row))->prorettype;
	if (pg_proc_aclcheck(call.function, role, ACL_EXECUTE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION, function);
	refuse_result(row, call.name);
	write_arguments(&call, &found, given);
	return call;
}

void
vy_sql_call_check(const VySqlCall *call)
{
	Datum args = PointerGetDatum(vy_str_text(call->args));
	Oid type = JSONOID;

	if (call->columns == NULL)
		return;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_with_args(psprintf("SELECT FROM pg_catalog.json_to_record($1) AS b(%s)", call->columns), 1, &type, &args, NULL, false,
							  0) != SPI_OK_SELECT)
		elog(ERROR, "the arguments of a job were not read");
	SPI_finish();
}

void
vy_sql_call_run(const VySqlCall *call, StringInfo out)
{
	MemoryContext caller = CurrentMemoryContext;
	Datum args = PointerGetDatum(vy_str_text(call->args));
	Oid type = JSONOID;
	StringInfoData text;
	Datum result;
	bool isnull;

	initStringInfo(&text);
	appendStringInfo(&text, "SELECT %s(%s)", call->name, call->given);
	if (call->columns != NULL)
		appendStringInfo(&text, " FROM pg_catalog.json_to_record($1) AS b(%s)", call->columns);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_with_args(text.data, 1, &type, &args, NULL, false, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "a job's function did not answer");
	result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull && call->result != VOIDOID)
		vy_json_value(out, vy_json_type(caller, SPI_gettypeid(SPI_tuptable->tupdesc, 1)), result, false);
	SPI_finish();
}

/* A search_path would make it another function for another caller. */
static void
split_name(const char *name, char **schema, char **function)
{
	List *parts = stringToQualifiedNameList(name);

	if (list_length(parts) != 2)
		ereport(ERROR, (errcode(ERRCODE_VY_INVALID), errmsg("\"%s\" does not name a function with its schema", name),
						errhint("Write it as public.send_report.")));
	*schema = strVal(linitial(parts));
	*function = strVal(lsecond(parts));
}

/* Each once: of a key that is there twice the last one counts. */
static List *
argument_names(VyStr args)
{
	VyJsonIter it = vy_json_iter(args);
	List *names = NIL;

	while (vy_json_next(&it))
	{
		char *name = palloc(it.key.n + 1);
		bool known = false;
		ListCell *cell;

		name[vy_json_unescape(name, it.key)] = '\0';
		foreach (cell, names)
			known = known || strcmp(lfirst(cell), name) == 0;
		if (!known)
			names = lappend(names, name);
		if (list_length(names) > FUNC_MAX_ARGS)
			ereport(ERROR, (errcode(ERRCODE_VY_INVALID), errmsg("a function has at most %d arguments", FUNC_MAX_ARGS)));
	}
	return names;
}

/* The one whose arguments have these names; else the one that takes all of them as one unnamed JSON value. */
static HeapTuple
find(const char *schema, const char *name, const char *quoted, List *given, Candidate *found)
{
	Oid namespace = get_namespace_oid(schema, true);
	CatCList *rows = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	HeapTuple fitting = NULL;
	HeapTuple taking_all = NULL;
	bool several = false;
	bool any = false;

	for (int i = 0; i < rows->n_members; i++)
	{
		HeapTuple row = &rows->members[i]->tuple;
		Form_pg_proc form = (Form_pg_proc) GETSTRUCT(row);
		Candidate candidate;

		if (form->pronamespace != namespace || form->prokind != PROKIND_FUNCTION || !describe(row, &candidate))
			continue;
		any = true;
		if (fits(&candidate, given))
		{
			several = several || fitting != NULL;
			fitting = heap_copytuple(row);
		}
		else if (takes_all(&candidate))
			taking_all = heap_copytuple(row);
	}
	ReleaseSysCacheList(rows);
	if (!any)
		ereport(ERROR, (errcode(ERRCODE_VY_INVALID), errmsg("there is no function %s that a job can call", quoted),
						errdetail("Procedures, aggregates, triggers and functions with arguments of a pseudo-type are none.")));
	fitting = fitting != NULL ? fitting : taking_all;
	if (fitting == NULL || several)
		refuse_arguments(quoted, given, several);
	(void) describe(fitting, found);
	return fitting;
}

static bool
describe(HeapTuple row, Candidate *out)
{
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(row);
	Oid *types;
	char **names;
	char *modes;
	int n = get_func_arg_info(row, &types, &names, &modes);

	*out = (Candidate){row, 0, palloc0(Max(n, 1) * sizeof(Argument))};
	for (int i = 0; i < n; i++)
	{
		char mode = modes != NULL ? modes[i] : PROARGMODE_IN;

		if (mode != PROARGMODE_IN && mode != PROARGMODE_INOUT && mode != PROARGMODE_VARIADIC)
			continue;
		if (get_typtype(types[i]) == TYPTYPE_PSEUDO)
			return false;
		out->args[out->nargs++] = (Argument){
			.name = names != NULL && names[i] != NULL ? names[i] : "",
			.type = types[i],
			.variadic = mode == PROARGMODE_VARIADIC,
		};
	}
	for (int i = Max(out->nargs - form->pronargdefaults, 0); i < out->nargs; i++)
		out->args[i].optional = true;
	return form->prorettype == VOIDOID || form->prorettype == RECORDOID || get_typtype(form->prorettype) != TYPTYPE_PSEUDO;
}

/* Every given name is an argument, and every argument without a default is given. */
static bool
fits(const Candidate *candidate, List *given)
{
	int n = 0;

	for (int i = 0; i < candidate->nargs; i++)
	{
		const Argument *arg = &candidate->args[i];
		bool found = false;
		ListCell *cell;

		foreach (cell, given)
			found = found || (arg->name[0] != '\0' && strcmp(lfirst(cell), arg->name) == 0);
		if (!found && !arg->optional)
			return false;
		n += found;
	}
	return n == list_length(given);
}

static bool
takes_all(const Candidate *candidate)
{
	return candidate->nargs == 1 && candidate->args[0].name[0] == '\0' &&
		   (candidate->args[0].type == JSONOID || candidate->args[0].type == JSONBOID);
}

/* One answer is kept of a job, not rows. */
static void
refuse_result(HeapTuple row, const char *quoted)
{
	if (((Form_pg_proc) GETSTRUCT(row))->proretset)
		ereport(ERROR, (errcode(ERRCODE_VY_INVALID), errmsg("%s returns a set, which a job cannot keep", quoted),
						errhint("Return one value, jsonb for example.")));
}

static void
write_arguments(VySqlCall *call, const Candidate *candidate, List *given)
{
	StringInfoData columns;
	StringInfoData arguments;
	bool all = !fits(candidate, given);

	initStringInfo(&columns);
	initStringInfo(&arguments);
	for (int i = 0; i < candidate->nargs && !all; i++)
	{
		const Argument *arg = &candidate->args[i];
		const char *name = quote_identifier(arg->name);
		bool found = false;
		ListCell *cell;

		foreach (cell, given)
			found = found || strcmp(lfirst(cell), arg->name) == 0;
		if (!found)
			continue;
		appendStringInfo(&columns, "%s%s %s", columns.len > 0 ? ", " : "", name,
						 format_type_extended(arg->type, -1, FORMAT_TYPE_FORCE_QUALIFY));
		appendStringInfo(&arguments, "%s%s%s => b.%s", arguments.len > 0 ? ", " : "", arg->variadic ? "VARIADIC " : "", name, name);
	}
	if (all)
		appendStringInfo(&arguments, "$1::pg_catalog.%s", candidate->args[0].type == JSONOID ? "json" : "jsonb");
	call->columns = columns.len > 0 ? columns.data : NULL;
	call->given = arguments.data;
}

static void
refuse_arguments(const char *quoted, List *given, bool several)
{
	StringInfoData names;
	ListCell *cell;

	initStringInfo(&names);
	foreach (cell, given)
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", (char *) lfirst(cell));
	ereport(ERROR, (errcode(ERRCODE_VY_INVALID),
					errmsg(several ? "more than one function %s takes these arguments" : "no function %s takes these arguments", quoted),
					errdetail("Given by name: %s.", names.len > 0 ? names.data : "none"),
					errhint("\"args\" is an object with a member for each argument that has no default.")));
}
