/*
 * functions.c: which function a call means. Only plain functions of the exposed schema; aggregates, window functions, procedures, and
 * functions with pseudo-type arguments that no client can pass (internal, trigger, cstring ...) do not exist here.
 */
#include "rest/functions.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

static VyRestFunction *describe(HeapTuple row);
static bool describe_result(VyRestFunction *function, HeapTuple row);
static bool fits(const VyRestFunction *function, List *names);
static bool takes_whole_body(const VyRestFunction *function);
static bool refuse_unknown(VyRest *rest, const char *name, List *names, bool whole_body, List *candidates);
static bool refuse_ambiguous(VyRest *rest, List *fitting);
static char *signature(const char *schema, const VyRestFunction *function, const char *arrow);

List *
vy_rest_functions(const char *schema, const char *name)
{
	Oid namespace = LookupExplicitNamespace(schema, true);
	List *functions = NIL;
	CatCList *rows;

	if (!OidIsValid(namespace) || strlen(name) >= NAMEDATALEN)
		return NIL;
	rows = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	for (int i = 0; i < rows->n_members; i++)
	{
		HeapTuple row = &rows->members[i]->tuple;
		Form_pg_proc form = (Form_pg_proc) GETSTRUCT(row);
		VyRestFunction *function;

		if (form->pronamespace == namespace && form->prokind == PROKIND_FUNCTION && (function = describe(row)) != NULL)
			functions = lappend(functions, function);
	}
	ReleaseSysCacheList(rows);
	return functions;
}

static VyRestFunction *
describe(HeapTuple row)
{
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(row);
	VyRestFunction *function = palloc0(sizeof(VyRestFunction));
	Oid *types;
	char **names;
	char *modes;
	int n = get_func_arg_info(row, &types, &names, &modes);

	function->oid = form->oid;
	function->name = pstrdup(NameStr(form->proname));
	function->set = form->proretset;
	function->volatile_ = form->provolatile == PROVOLATILE_VOLATILE;
	function->args = palloc0(Max(n, 1) * sizeof(VyRestArg));
	for (int i = 0; i < n; i++)
	{
		char mode = modes ? modes[i] : PROARGMODE_IN;
		VyRestArg *arg = &function->args[function->nargs];

		if (mode != PROARGMODE_IN && mode != PROARGMODE_INOUT && mode != PROARGMODE_VARIADIC)
			continue;
		if (get_typtype(types[i]) == TYPTYPE_PSEUDO && !IsPolymorphicType(types[i]))
			return NULL;
		arg->name = names && names[i] ? names[i] : "";
		arg->type = types[i];
		arg->variadic = mode == PROARGMODE_VARIADIC;
		function->nargs++;
	}
	for (int i = function->nargs - form->pronargdefaults; i < function->nargs; i++)
		function->args[i].optional = true;
	for (int i = 0; i < function->nargs; i++)
		function->args[i].optional |= function->args[i].variadic;
	return describe_result(function, row) ? function : NULL;
}

static bool
describe_result(VyRestFunction *function, HeapTuple row)
{
	Oid type = ((Form_pg_proc) GETSTRUCT(row))->prorettype;

	function->desc = build_function_result_tupdesc_t(row);
	if (function->desc || type_is_rowtype(type))
	{
		function->result = VY_REST_RESULT_ROW;
		if (!function->desc && type == RECORDOID)
		{
			function->record = true;
			function->result = VY_REST_RESULT_VALUE;
		}
		else if (!function->desc)
		{
			function->rowtype = getBaseType(type);
			function->desc = lookup_rowtype_tupdesc_copy(function->rowtype, -1);
		}
		return true;
	}
	function->result = type == VOIDOID ? VY_REST_RESULT_VOID : VY_REST_RESULT_VALUE;
	return type == VOIDOID || get_typtype(type) != TYPTYPE_PSEUDO || IsPolymorphicType(type);
}

bool
vy_rest_find_function(VyRest *rest, const char *name, List *names, bool whole_body, VyRestFunction **out, bool *unnamed)
{
	List *candidates = vy_rest_functions(rest->schema, name);
	List *fitting = NIL;
	ListCell *cell;

	*unnamed = false;
	foreach (cell, candidates)
		if (fits(lfirst(cell), names))
			fitting = lappend(fitting, lfirst(cell));
	if (!fitting && whole_body)
	{
		*unnamed = true;
		foreach (cell, candidates)
			if (takes_whole_body(lfirst(cell)))
				fitting = lappend(fitting, lfirst(cell));
	}
	if (!fitting)
		return refuse_unknown(rest, name, names, whole_body, candidates);
	if (list_length(fitting) > 1)
		return refuse_ambiguous(rest, fitting);
	*out = linitial(fitting);
	return true;
}

/* Every given name is an argument, and every argument without a default is given. */
static bool
fits(const VyRestFunction *function, List *names)
{
	int given = 0;
	ListCell *cell;

	for (int i = 0; i < function->nargs; i++)
	{
		bool found = false;

		foreach (cell, names)
			found |= function->args[i].name[0] != '\0' && strcmp(lfirst(cell), function->args[i].name) == 0;
		if (!found && !function->args[i].optional)
			return false;
		given += found;
	}
	return given == list_length(names);
}

static bool
takes_whole_body(const VyRestFunction *function)
{
	return function->nargs == 1 && function->args[0].name[0] == '\0' &&
		   (function->args[0].type == JSONOID || function->args[0].type == JSONBOID);
}

static char *
join(List *names)
{
	StringInfoData list;
	ListCell *cell;

	initStringInfo(&list);
	foreach (cell, names)
		appendStringInfo(&list, "%s%s", list.len ? ", " : "", (char *) lfirst(cell));
	return list.data;
}

static bool
refuse_unknown(VyRest *rest, const char *name, List *names, bool whole_body, List *candidates)
{
	char *given = join(names);
	char *called = names ? psprintf("(%s)", given) : " without parameters";
	char *searched = names ? psprintf(" with parameter%s %s", list_length(names) > 1 ? "s" : "", given) : " without parameters";
	const char *hint = NULL;
	ListCell *cell;

	foreach (cell, candidates)
	{
		const VyRestFunction *function = lfirst(cell);

		if (!hint && pg_proc_aclcheck(function->oid, GetUserId(), ACL_EXECUTE) == ACLCHECK_OK)
			hint = psprintf("Perhaps you meant to call the function %s", signature(rest->schema, function, NULL));
	}
	return vy_rest_refuse(rest, 404, "PGRST202",
						  psprintf("Could not find the function %s.%s%s in the schema cache", rest->schema, name, called),
						  psprintf("Searched for the function %s.%s%s%s, but no matches were found in the schema cache.", rest->schema,
								   name, searched, whole_body ? " or with a single unnamed json/jsonb parameter" : ""),
						  hint);
}

static bool
refuse_ambiguous(VyRest *rest, List *fitting)
{
	List *signatures = NIL;
	ListCell *cell;

	foreach (cell, fitting)
		signatures = lappend(signatures, signature(rest->schema, lfirst(cell), " => "));
	return vy_rest_refuse(rest, 300, "PGRST203", psprintf("Could not choose the best candidate function between: %s", join(signatures)),
						  NULL,
						  "Try renaming the parameters or the function itself in the database so function overloading can be resolved");
}

/* "public.f(a, b)", or with types behind the arrow. */
static char *
signature(const char *schema, const VyRestFunction *function, const char *arrow)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "%s.%s(", schema, function->name);
	for (int i = 0; i < function->nargs; i++)
		appendStringInfo(&text, "%s%s%s%s", i ? ", " : "", function->args[i].name, arrow ? arrow : "",
						 arrow ? format_type_be(function->args[i].type) : "");
	appendStringInfoChar(&text, ')');
	return text.data;
}
