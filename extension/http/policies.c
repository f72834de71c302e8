/*
 * policies.c: row-level security of a table, measured policy by policy for one caller (policies.h).
 *
 * A sample of rows is read as the table's owner without row security and handed, as an array, to statements that run as the caller: so each
 * policy's expression is evaluated with the caller's rights, its subqueries under the caller's own policies, and nothing is written or
 * granted.
 */
#include "http/policies.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "core/attempt.h"

static const struct
{
	const char *privilege;
	AclMode mode;
} privileges[] = {{"SELECT", ACL_SELECT}, {"INSERT", ACL_INSERT}, {"UPDATE", ACL_UPDATE}, {"DELETE", ACL_DELETE}};

typedef struct Count
{
	const char *sql;
	Oid type;
	Datum sample;
	int64 passes;
} Count;

static const char policies_sql[] =
	"SELECT p.polname, p.polpermissive, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid), "
	"CASE p.polcmd WHEN '*' THEN 'ALL' WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' ELSE 'DELETE' END, "
	"CASE WHEN 0 = ANY (p.polroles) THEN 'PUBLIC' ELSE (SELECT string_agg(pg_get_userbyid(r), ', ') FROM unnest(p.polroles) r) END, "
	"0 = ANY (p.polroles) OR EXISTS (SELECT FROM unnest(p.polroles) r WHERE pg_has_role(current_user, r, 'USAGE')) "
	"FROM pg_policy p WHERE p.polrelid = $1 ORDER BY p.polpermissive DESC, p.polname";

static bool may(Oid relid, const char *privilege);
static void read_policies(VyPolicyReport *report);
static Datum read_sample(VyPolicyReport *report, MemoryContext context);
static int64 count_passing(const VyPolicyReport *report, Datum sample, const char *condition, const char **error);
static void run_count(void *arg);
static char *combined(const VyPolicyReport *report);

void
vy_policies_measure(VyPolicyReport *report, Oid relid, const char *privilege)
{
	MemoryContext context = CurrentMemoryContext;
	const char *ignored = NULL;
	Datum sample;
	ListCell *cell;

	memset(report, 0, sizeof(*report));
	report->relid = relid;
	report->relation = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));
	report->privilege = privilege;
	report->has_privilege = may(relid, privilege);
	report->visible = -1;
	report->enabled = check_enable_rls(relid, InvalidOid, true) == RLS_ENABLED;
	if (get_rel_relkind(relid) != RELKIND_RELATION && get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
		return;
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	read_policies(report);
	sample = read_sample(report, context);
	if (!report->enabled)
	{
		report->visible = report->rows;
		return;
	}
	foreach (cell, report->policies)
	{
		VyPolicy *policy = lfirst(cell);

		if (policy->applies_to_role && policy->applies_to_command && policy->using != NULL)
			policy->passes = count_passing(report, sample, policy->using, &policy->error);
	}
	report->visible = count_passing(report, sample, combined(report), &ignored);
}

char *
vy_policies_sentence(const VyPolicyReport *report, const char *role)
{
	ListCell *cell;
	int applying = 0;

	if (!report->has_privilege)
		return psprintf("no %s privilege for role %s on %s: GRANT it, or SELECT vyricon.expose('%s')", report->privilege, role,
						report->relation, report->relation);
	if (report->rows == 0)
		return psprintf("%s has no row", report->relation);
	if (report->visible > 0)
		return psprintf("no row matches the filters; role %s may read " INT64_FORMAT " of " INT64_FORMAT " rows of %s", role,
						report->visible, report->rows, report->relation);
	foreach (cell, report->policies)
	{
		VyPolicy *policy = lfirst(cell);

		applying += policy->permissive && policy->applies_to_role && policy->applies_to_command;
	}
	if (applying == 0)
		return psprintf("row security of %s has no policy that lets role %s read: all " INT64_FORMAT " rows are hidden", report->relation,
						role, report->rows);
	return vy_policies_verdicts(report, role);
}

char *
vy_policies_verdicts(const VyPolicyReport *report, const char *role)
{
	StringInfoData out;
	ListCell *cell;
	int named = 0;

	initStringInfo(&out);
	foreach (cell, report->policies)
	{
		VyPolicy *policy = lfirst(cell);

		if (!policy->applies_to_role || !policy->applies_to_command)
			continue;
		if (policy->error != NULL)
			appendStringInfo(&out, "%spolicy %s fails: %s", named++ ? "; " : "", policy->name, policy->error);
		else if (policy->passes >= 0 && policy->passes < report->rows)
			appendStringInfo(&out, "%spolicy %s hides " INT64_FORMAT " of " INT64_FORMAT " rows from role %s", named++ ? "; " : "",
							 policy->name, report->rows - policy->passes, report->rows, role);
	}
	if (named == 0)
		appendStringInfo(&out, "no policy hides a row of %s from role %s", report->relation, role);
	return out.data;
}

/* On the table or on any column. */
static bool
may(Oid relid, const char *privilege)
{
	for (size_t i = 0; i < lengthof(privileges); i++)
		if (strcmp(privilege, privileges[i].privilege) == 0)
			return pg_class_aclcheck(relid, GetUserId(), privileges[i].mode) == ACLCHECK_OK ||
				   pg_attribute_aclcheck_all(relid, GetUserId(), privileges[i].mode, ACLMASK_ANY) == ACLCHECK_OK;
	return false;
}

static void
read_policies(VyPolicyReport *report)
{
	Oid types[] = {OIDOID};
	Datum args[] = {ObjectIdGetDatum(report->relid)};
	MemoryContext context = CurrentMemoryContext;

	if (SPI_connect() != SPI_OK_CONNECT || SPI_execute_with_args(policies_sql, 1, types, args, NULL, true, 1000) != SPI_OK_SELECT)
		elog(ERROR, "policies could not be read");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple row = SPI_tuptable->vals[i];
		TupleDesc desc = SPI_tuptable->tupdesc;
		MemoryContext spi = MemoryContextSwitchTo(context);
		VyPolicy *policy = palloc0(sizeof(VyPolicy));
		bool isnull;

		policy->name = SPI_getvalue(row, desc, 1);
		policy->permissive = DatumGetBool(SPI_getbinval(row, desc, 2, &isnull));
		policy->using = SPI_getvalue(row, desc, 3);
		policy->check = SPI_getvalue(row, desc, 4);
		policy->command = SPI_getvalue(row, desc, 5);
		policy->roles = SPI_getvalue(row, desc, 6);
		policy->applies_to_role = DatumGetBool(SPI_getbinval(row, desc, 7, &isnull));
		policy->applies_to_command = strcmp(policy->command, "ALL") == 0 || strcmp(policy->command, report->privilege) == 0;
		policy->passes = -1;
		report->policies = lappend(report->policies, policy);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
}

/* As the owner, without row security: no code of anybody runs while plain rows are read. */
static Datum
read_sample(VyPolicyReport *report, MemoryContext context)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(report->relid));
	Oid user;
	int sec_context;
	Oid owner;
	bool isnull;
	Datum sample;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", report->relid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	GetUserIdAndSecContext(&user, &sec_context);
	SetUserIdAndSecContext(owner, sec_context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
	if (SPI_connect() != SPI_OK_CONNECT ||
		SPI_execute(psprintf("SELECT array_agg(s.r) FROM (SELECT r FROM %s r LIMIT %d) s", report->relation, VY_POLICY_SAMPLE), true, 0) !=
			SPI_OK_SELECT)
		elog(ERROR, "the sample could not be read");
	sample = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull)
	{
		ArrayType *array = DatumGetArrayTypeP(sample);
		MemoryContext spi = MemoryContextSwitchTo(context);

		sample = PointerGetDatum(DatumGetArrayTypePCopy(PointerGetDatum(array)));
		report->rows = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	SetUserIdAndSecContext(user, sec_context);
	return isnull ? (Datum) 0 : sample;
}

/* Rows of the sample for which the condition is true; -1 and the error's text when it cannot be evaluated. */
static int64
count_passing(const VyPolicyReport *report, Datum sample, const char *condition, const char **error)
{
	Count count = {
		.sql = psprintf("SELECT count(*) FROM unnest($1) AS %s WHERE (%s)", quote_identifier(get_rel_name(report->relid)), condition),
		.type = get_array_type(get_rel_type_id(report->relid)),
		.sample = sample,
	};

	if (report->rows == 0)
		return 0;
	return vy_attempt(run_count, &count, error) ? count.passes : -1;
}

static void
run_count(void *arg)
{
	Count *count = arg;
	bool isnull;

	if (SPI_connect() != SPI_OK_CONNECT ||
		SPI_execute_with_args(count->sql, 1, &count->type, &count->sample, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "a policy could not be evaluated");
	count->passes = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
}

/* Any permissive policy and each restrictive one, as PostgreSQL combines them. */
static char *
combined(const VyPolicyReport *report)
{
	StringInfoData any;
	StringInfoData all;
	ListCell *cell;

	initStringInfo(&any);
	initStringInfo(&all);
	foreach (cell, report->policies)
	{
		VyPolicy *policy = lfirst(cell);

		if (!policy->applies_to_role || !policy->applies_to_command || policy->using == NULL)
			continue;
		if (policy->permissive)
			appendStringInfo(&any, "%s(%s)", any.len > 0 ? " OR " : "", policy->using);
		else
			appendStringInfo(&all, " AND (%s)", policy->using);
	}
	return psprintf("(%s)%s", any.len > 0 ? any.data : "false", all.data);
}
