/*
 * catalogue.c: relations, columns and schemas by name, from PostgreSQL's own caches at each request: there is nothing to reload.
 *
 * A relation is locked by the lookup, before its columns are read: taking the lock processes pending invalidations, so what is read after
 * it, and whether a kept plan is still valid, cannot change until the transaction ends.
 */
#include "rest/nodes.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/readfuncs.h"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#define MAX_CANDIDATES 10000

char *vy_rest_schemas;
int vy_rest_max_rows;

static bool refuse_relation(VyRest *rest, const char *name);
static const char *similar_relation(const char *schema, const char *name);
static bool may_see(Oid relid);

/* The schema that serves this request: the one named by a profile header, or the first of vyricon.schemas. */
bool
vy_rest_profile(VyRest *rest, VyStr named)
{
	char *list = pstrdup(vy_rest_schemas);
	char *save = NULL;
	char *first = NULL;
	int n = 0;

	rest->schema = NULL;
	for (char *word = strtok_r(list, ", ", &save); word; word = strtok_r(NULL, ", ", &save))
	{
		if (strcmp(word, "pg_catalog") == 0 || strcmp(word, "information_schema") == 0 || strncmp(word, "pg_toast", 8) == 0)
			continue;
		if (!first)
			first = word;
		if (named.p && vy_str_is(named, word))
			rest->schema = word;
		n++;
	}
	rest->schema_shown = named.p || n > 1;
	if (!named.p)
		rest->schema = first;
	if (!rest->schema)
		return vy_rest_refuse(rest, 406, "PGRST106", psprintf("Invalid schema: %.*s", (int) named.n, named.p ? named.p : ""), NULL,
							  psprintf("Only the following schemas are exposed: %s", vy_rest_schemas));
	/* Functions called from policies and triggers resolve names as they do in PostgREST. */
	if (strcmp(rest->schema, "public") != 0)
		(void) set_config_option("search_path", psprintf("%s, public", quote_identifier(rest->schema)), PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	return true;
}

bool
vy_rest_find_relation(VyRest *rest, bool writes)
{
	const char *name = vy_str_dup(vy_request_param(rest->request, "relation"));
	VyRestSource *source = &rest->source;

	source->name = name;
	source->desc = NULL;
	if (strlen(name) >= NAMEDATALEN)
		return refuse_relation(rest, name);
	source->relid = RangeVarGetRelidExtended(makeRangeVar(unconstify(char *, rest->schema), unconstify(char *, name), -1),
											 writes ? RowExclusiveLock : AccessShareLock, RVR_MISSING_OK, NULL, NULL);
	if (!OidIsValid(source->relid))
		return refuse_relation(rest, name);
	source->relkind = get_rel_relkind(source->relid);
	source->rowtype = InvalidOid;
	if (!strchr("rvmfp", source->relkind))
		return refuse_relation(rest, name);
	return true;
}

static bool
refuse_relation(VyRest *rest, const char *name)
{
	const char *similar = similar_relation(rest->schema, name);

	return vy_rest_refuse(rest, 404, "PGRST205", psprintf("Could not find the table '%s.%s' in the schema cache", rest->schema, name), NULL,
						  similar ? psprintf("Perhaps you meant the table '%s.%s'", rest->schema, similar) : NULL);
}

/* The nearest name among the relations that the caller may use: a hint must not reveal the others. */
static const char *
similar_relation(const char *schema, const char *name)
{
	Oid namespace = get_namespace_oid(schema, true);
	size_t n = strlen(name);
	char *best = NULL;
	double best_score = 0.75;
	int seen = 0;
	Relation rel;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple row;

	if (!OidIsValid(namespace) || n >= NAMEDATALEN)
		return NULL;
	rel = table_open(RelationRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_class_relnamespace, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(namespace));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	while (seen++ < MAX_CANDIDATES && HeapTupleIsValid(row = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(row);
		size_t len = strlen(NameStr(form->relname));
		size_t longer = Max(n, len);
		double score;

		CHECK_FOR_INTERRUPTS();
		if (!strchr("rvmfp", form->relkind))
			continue;
		score = 1.0 - (double) varstr_levenshtein(name, (int) n, NameStr(form->relname), (int) len, 1, 1, 1, true) / (double) longer;
		if (score >= best_score && may_see(form->oid))
		{
			best = pstrdup(NameStr(form->relname));
			best_score = score;
		}
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return best;
}

static bool
may_see(Oid relid)
{
	AclMode any = ACL_SELECT | ACL_INSERT | ACL_UPDATE | ACL_DELETE;

	return pg_class_aclmask(relid, GetUserId(), any, ACLMASK_ANY) != 0 ||
		   pg_attribute_aclcheck_all(relid, GetUserId(), ACL_SELECT, ACLMASK_ANY) == ACLCHECK_OK;
}

bool
vy_rest_find_column(const VyRestSource *source, const char *name, VyRestColumn *out)
{
	Form_pg_attribute form = NULL;
	HeapTuple row = NULL;

	if (strlen(name) >= NAMEDATALEN)
		return false;
	if (OidIsValid(source->relid))
	{
		row = SearchSysCacheAttName(source->relid, name);
		if (HeapTupleIsValid(row))
			form = (Form_pg_attribute) GETSTRUCT(row);
	}
	else if (source->desc)
	{
		for (int i = 0; i < source->desc->natts && !form; i++)
			if (!TupleDescAttr(source->desc, i)->attisdropped && strcmp(NameStr(TupleDescAttr(source->desc, i)->attname), name) == 0)
				form = TupleDescAttr(source->desc, i);
	}
	if (!form || form->attnum < (OidIsValid(source->relid) ? 1 : 0))
	{
		if (row)
			ReleaseSysCache(row);
		return false;
	}
	*out = (VyRestColumn){name, form->attnum, form->atttypid, form->atttypmod, form->atthasdef, form->attgenerated != '\0'};
	if (row)
		ReleaseSysCache(row);
	return true;
}

/* A function of the exposed schema whose only argument is the row. */
Oid
vy_rest_computed_field(const VyRest *rest, const char *name)
{
	Oid rowtype = rest->source.rowtype;
	Oid function;

	if (OidIsValid(rest->source.relid))
		rowtype = get_rel_type_id(rest->source.relid);
	if (!OidIsValid(rowtype) || strlen(name) >= NAMEDATALEN)
		return InvalidOid;
	function = LookupFuncName(list_make2(makeString(pstrdup(rest->schema)), makeString(pstrdup(name))), 1, &rowtype, true);
	return OidIsValid(function) && !get_func_retset(function) ? function : InvalidOid;
}

/* Names of the key's columns; NIL: no primary key. */
List *
vy_rest_primary_key(Oid relid)
{
	Oid constraint;
	Bitmapset *columns = get_primary_key_attnos(relid, false, &constraint);
	List *names = NIL;
	int i = -1;

	while ((i = bms_next_member(columns, i)) >= 0)
		names = lappend(names, get_attname(relid, (AttrNumber) (i + FirstLowInvalidHeapAttributeNumber), false));
	return names;
}

const char *
vy_rest_column_default(Oid relid, AttrNumber attnum)
{
	Relation rel = table_open(relid, AccessShareLock);
	TupleConstr *constr = RelationGetDescr(rel)->constr;
	const char *text = NULL;

	for (int i = 0; constr && i < constr->num_defval && !text; i++)
		if (constr->defval[i].adnum == attnum && !TupleDescAttr(RelationGetDescr(rel), attnum - 1)->attgenerated)
			text = deparse_expression(stringToNode(constr->defval[i].adbin), NIL, false, false);
	table_close(rel, NoLock);
	return text;
}
