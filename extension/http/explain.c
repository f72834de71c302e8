/*
 * explain.c: why an answer is empty or refused: vyricon.explain() and, in development, the header x-vyricon-why.
 * Both become the caller once more, in a subtransaction that is rolled back, and measure the policies of the table that the request
 * touches.
 */
#include "http/explain.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "portability/instr_time.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

#include "base/json.h"
#include "core/attempt.h"
#include "core/json_writer.h"
#include "core/query.h"
#include "http/custom.h"
#include "http/policies.h"
#include "http/request.h"
#include "http/response.h"
#include "http/route.h"
#include "rest/rest.h"

#define MAX_WHY 1000

/* One explanation while it is being made; the parts below fill it in. */
typedef struct Explanation
{
	VyRequest request;
	VyResponse response;
	VyPolicyReport report; /* report.relid is InvalidOid when no table is touched */
	StringInfoData sql;
	char *plan; /* JSON */
	const char *failure; /* why there is no plan */
	double measured_ms;
	double planned_ms;
} Explanation;

/* What each method needs on a relation. */
static const struct
{
	unsigned method;
	const char *privilege;
} needs[] = {{VY_GET | VY_HEAD, "SELECT"}, {VY_POST, "INSERT"}, {VY_PUT | VY_PATCH, "UPDATE"}, {VY_DELETE, "DELETE"}};

static const char *const platform_roles[] = {"anon", "authenticated", "service_role"};

/* One branch per index of auth.users. */
#define USER_WHERE "SELECT id::text, email::text, role::text FROM auth.users WHERE "

VY_QUERY(find_user,
		 .sql = USER_WHERE "id = $2 UNION ALL " USER_WHERE "lower(email) = lower($1) AND NOT is_sso_user UNION ALL " USER_WHERE
						   "lower(email) = lower($1) AND is_sso_user LIMIT 1",
		 .nargs = 2, .types = {TEXTOID, UUIDOID}, .expect = SPI_OK_SELECT);

static void check_right(void);
static VyIdentity *identity_named(const char *name);
static Oid touched_relation(const VyRequest *request);
static const char *needed_privilege(const VyRequest *request);
static void measure(void *arg);
static void plan(void *arg);
static double elapsed_ms(instr_time start);
static void write_explanation(StringInfo out, const Explanation *all, double route_ms, const char *why);
static void write_policy(StringInfo out, const VyPolicy *policy, int64 rows);
static char *verdict(const VyPolicy *policy, int64 rows);
static void put_text(StringInfo out, const char *member, const char *text);
static char *refusal_text(const VyResponse *response, bool *privilege, bool *row_security);
static void put_line(StringInfo out, const char *text);

VY_FUNCTION(vyricon_explain)
{
	Explanation *all = palloc0(sizeof(Explanation));
	VyWireRequest wire = {0};
	unsigned allowed;
	instr_time start;
	double route_ms;
	const char *why = NULL;
	StringInfoData out;

	check_right();
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("method and target must not be null")));
	INSTR_TIME_SET_CURRENT(start);
	wire.method = vy_text_str(PG_GETARG_TEXT_PP(0));
	wire.target = vy_text_str(PG_GETARG_TEXT_PP(1));
	if (!PG_ARGISNULL(3))
		wire.body = vy_text_str(PG_GETARG_TEXT_PP(3));
	vy_request_init(&all->request, &wire);
	vy_response_init(&all->response);
	all->request.caller = identity_named(PG_ARGISNULL(2) ? "anon" : text_to_cstring(PG_GETARG_TEXT_PP(2)));
	all->request.read_only = true;
	(void) vy_route_find(&all->request, &allowed);
	route_ms = elapsed_ms(start);

	initStringInfo(&all->sql);
	if (!vy_attempt(measure, all, &why) || !vy_attempt(plan, all, &all->failure))
		all->plan = NULL;
	if (all->request.route == NULL)
		why = allowed ? "the path exists, the method is not allowed" : "no route matches the path";
	else if (why == NULL && OidIsValid(all->report.relid))
		why = vy_policies_sentence(&all->report, all->request.caller->role_name);
	initStringInfo(&out);
	write_explanation(&out, all, route_ms, why);
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data)));
}

void
vy_explain_why(VyRequest *request, VyResponse *response)
{
	Explanation *all;
	bool empty = response->status < 300 && response->body.len - (int) response->body_start == 2 &&
				 memcmp(response->body.data + response->body_start, "[]", 2) == 0;
	bool refused = response->status == 401 || response->status == 403;
	bool asked = response->status < 300 && !empty && vy_request_header(request, "x-vyricon-why").p != NULL;
	bool privilege = false;
	bool row_security = false;
	const char *text = NULL;
	const char *ignored;

	if ((!empty && !refused && !asked) || request->route == NULL || request->caller == NULL || response->why.len > 0)
		return;
	all = palloc0(sizeof(Explanation));
	all->request = *request;
	if (refused)
		text = refusal_text(response, &privilege, &row_security);
	if ((empty || asked || privilege || row_security) && vy_attempt(measure, all, &ignored) && OidIsValid(all->report.relid) &&
		!(row_security && strcmp(all->report.privilege, "SELECT") == 0))
	{
		if (asked)
			text = vy_policies_verdicts(&all->report, request->caller->role_name);
		else if (!row_security)
			text = all->report.has_privilege && refused ? text : vy_policies_sentence(&all->report, request->caller->role_name);
		else
			text = psprintf("the new row violates row security of %s for role %s", all->report.relation, request->caller->role_name);
	}
	else if (asked)
		return;
	else if (empty)
		text = "no row matches";
	initStringInfo(&response->why);
	put_line(&response->why, text ? text : "refused");
}

static void
check_right(void)
{
	Oid service = get_role_oid("service_role", true);

	if (!vy_dev && !superuser() && !(OidIsValid(service) && has_privs_of_role(GetUserId(), service)))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for function explain"),
						errhint("It is for service_role, and for everybody while vyricon.dev is on.")));
	if (vy_identity_in_request())
		ereport(ERROR, (errcode(ERRCODE_VY_FORBIDDEN), errmsg("a request cannot be explained inside a request")));
}

/* A platform role, or a user by email or id. */
static VyIdentity *
identity_named(const char *name)
{
	VyIdentity *identity = palloc0(sizeof(VyIdentity));
	StringInfoData claims;
	Datum user[3];
	bool nulls[3];
	const char *role = NULL;

	for (size_t i = 0; i < lengthof(platform_roles); i++)
		if (strcmp(name, platform_roles[i]) == 0)
			role = platform_roles[i];
	initStringInfo(&claims);
	if (role == NULL)
	{
		pg_uuid_t id;
		bool no_id[2] = {false, !vy_identity_uuid(vy_cstr(name), &id)};

		if (!vy_query_row(&find_user, (Datum[]){CStringGetTextDatum(name), UUIDPGetDatum(&id)}, no_id, 3, user, nulls))
			ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no user \"%s\"", name),
							errhint("Name a user by email or id, or one of the roles anon, authenticated and service_role.")));
		role = "authenticated";
		for (size_t i = 0; i < lengthof(platform_roles) && !nulls[2]; i++)
			if (strcmp(TextDatumGetCString(user[2]), platform_roles[i]) == 0)
				role = platform_roles[i];
		appendStringInfo(&claims, "{\"sub\":\"%s\",\"email\":", TextDatumGetCString(user[0]));
		name = nulls[1] ? "" : TextDatumGetCString(user[1]);
		vy_json_string(&claims, name, strlen(name));
		appendStringInfo(&claims, ",\"aud\":\"authenticated\",\"role\":\"%s\"}", role);
	}
	else
		appendStringInfo(&claims, "{\"role\":\"%s\"}", role);
	if (!vy_identity_parse(CurrentMemoryContext, vy_str(claims.data, (size_t) claims.len), identity))
		elog(ERROR, "claims could not be made");
	identity->role = get_role_oid(role, false);
	identity->credential = VY_CREDENTIAL_TOKEN;
	return identity;
}

/* The table or view that a /rest/v1 path names; InvalidOid: none. */
static Oid
touched_relation(const VyRequest *request)
{
	const char *setting = GetConfigOption("vyricon.schemas", true, false);
	VyStr relation = vy_request_param(request, "relation");
	VyStr profile = vy_request_header(request, request->method & (VY_GET | VY_HEAD) ? "accept-profile" : "content-profile");
	List *names = NIL;
	ListCell *cell;

	if (relation.p == NULL || setting == NULL || !SplitIdentifierString(pstrdup(setting), ',', &names))
		return InvalidOid;
	foreach (cell, names)
	{
		Oid schema = get_namespace_oid(lfirst(cell), true);

		if ((profile.p == NULL || vy_str_is(profile, lfirst(cell))) && OidIsValid(schema))
			return get_relname_relid(vy_str_dup(relation), schema);
	}
	return InvalidOid;
}

static const char *
needed_privilege(const VyRequest *request)
{
	for (size_t i = 0; i < lengthof(needs); i++)
		if (needs[i].method & request->method)
			return needs[i].privilege;
	return "SELECT";
}

static void
measure(void *arg)
{
	Explanation *all = arg;
	Oid relid = touched_relation(&all->request);
	VyIdentityFrame frame;
	instr_time start;

	if (!OidIsValid(relid))
		return;
	INSTR_TIME_SET_CURRENT(start);
	vy_identity_enter(&frame, all->request.caller, true, true);
	vy_policies_measure(&all->report, relid, needed_privilege(&all->request));
	vy_identity_leave(&frame);
	all->measured_ms = elapsed_ms(start);
}

/* The statement, and PostgreSQL's plan for it, as the caller. */
static void
plan(void *arg)
{
	Explanation *all = arg;
	MemoryContext context = CurrentMemoryContext;
	VyIdentityFrame frame;
	instr_time start;

	if (!OidIsValid(all->report.relid))
		return;
	INSTR_TIME_SET_CURRENT(start);
	vy_identity_enter(&frame, all->request.caller, true, true);
	if (vy_rest_explain(&all->request, &all->response, &all->sql))
	{
		char *text;

		if (SPI_connect() != SPI_OK_CONNECT || SPI_execute(psprintf("EXPLAIN (FORMAT JSON) %s", all->sql.data), false, 0) != SPI_OK_UTILITY)
			elog(ERROR, "the statement could not be planned");
		text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		all->plan = MemoryContextStrdup(context, text);
		SPI_finish();
	}
	vy_identity_leave(&frame);
	all->planned_ms = elapsed_ms(start);
}

static double
elapsed_ms(instr_time start)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, start);
	return INSTR_TIME_GET_MILLISEC(now);
}

static void
write_explanation(StringInfo out, const Explanation *all, double route_ms, const char *why)
{
	const VyRoute *route = all->request.route;
	const VyPolicyReport *report = &all->report;
	const VyResponse *refusal = &all->response;
	const char *separator = "";
	ListCell *cell;

	appendStringInfoString(out, "{\"route\":");
	if (route != NULL)
	{
		vy_json_string(out, route->pattern, strlen(route->pattern));
		put_text(out, "summary", route->summary);
		put_text(out, "function", route->handler == vy_custom_handle ? vy_custom_function_text(route) : NULL);
	}
	else
		appendStringInfoString(out, "null");
	put_text(out, "role", all->request.caller->role_name);
	put_text(out, "user_id", all->request.caller->user_id.p);
	put_text(out, "why", why);
	if (OidIsValid(report->relid))
	{
		put_text(out, "relation", report->relation);
		put_text(out, "privilege", report->privilege);
		appendStringInfo(out, ",\"has_privilege\":%s,\"row_security\":%s,\"rows\":" INT64_FORMAT, report->has_privilege ? "true" : "false",
						 report->enabled ? "true" : "false", report->rows);
		if (report->visible >= 0)
			appendStringInfo(out, ",\"visible\":" INT64_FORMAT, report->visible);
		appendStringInfo(out, ",\"at_most\":%d,\"policies\":[", VY_POLICY_SAMPLE);
		foreach (cell, report->policies)
		{
			appendStringInfoString(out, separator);
			write_policy(out, lfirst(cell), report->rows);
			separator = ",";
		}
		appendStringInfoChar(out, ']');
	}
	put_text(out, "sql", all->sql.len > 0 ? all->sql.data : NULL);
	put_text(out, "failure", all->failure);
	if (all->plan != NULL)
		appendStringInfo(out, ",\"plan\":%s", all->plan);
	if (refusal->body.len > (int) refusal->body_start)
		appendStringInfo(out, ",\"refusal\":{\"status\":%d,\"body\":%s}", refusal->status, refusal->body.data + refusal->body_start);
	appendStringInfo(out, ",\"ms\":{\"route\":%.3f,\"policies\":%.3f,\"plan\":%.3f}}", route_ms, all->measured_ms, all->planned_ms);
}

static void
write_policy(StringInfo out, const VyPolicy *policy, int64 rows)
{
	appendStringInfo(out, "{\"permissive\":%s", policy->permissive ? "true" : "false");
	put_text(out, "name", policy->name);
	put_text(out, "roles", policy->roles);
	put_text(out, "command", policy->command);
	put_text(out, "using", policy->using);
	put_text(out, "check", policy->check);
	put_text(out, "verdict", verdict(policy, rows));
	if (policy->passes >= 0)
		appendStringInfo(out, ",\"passes\":" INT64_FORMAT ",\"removes\":" INT64_FORMAT, policy->passes, rows - policy->passes);
	appendStringInfoChar(out, '}');
}

static char *
verdict(const VyPolicy *policy, int64 rows)
{
	if (!policy->applies_to_role)
		return psprintf("is not for this role");
	if (!policy->applies_to_command)
		return psprintf("is not for this command");
	if (policy->error != NULL)
		return psprintf("fails: %s", policy->error);
	if (policy->passes < 0)
		return psprintf("checks new rows");
	if (policy->passes == rows)
		return psprintf("lets every row through");
	return psprintf("hides " INT64_FORMAT " of " INT64_FORMAT " rows", rows - policy->passes, rows);
}

static void
put_text(StringInfo out, const char *member, const char *text)
{
	if (text == NULL)
		return;
	appendStringInfo(out, ",\"%s\":", member);
	vy_json_string(out, text, strlen(text));
}

/* The message of a rendered refusal; the flags say whether SQLSTATE 42501 was about a privilege or about a policy. */
static char *
refusal_text(const VyResponse *response, bool *privilege, bool *row_security)
{
	static const char *const members[] = {"message", "msg", "error"};
	VyStr body = vy_str(response->body.data + response->body_start, (size_t) response->body.len - response->body_start);
	VyStr value;
	char *text = NULL;

	if (vy_json_check(body, 8, NULL) != VY_JSON_OK || vy_json_kind(body) != VY_JSON_OBJECT)
		return NULL;
	for (size_t i = 0; i < lengthof(members) && text == NULL; i++)
	{
		if (vy_json_get(body, members[i], &value) != VY_JSON_STRING)
			continue;
		text = palloc(value.n + 1);
		text[vy_json_unescape(text, value)] = '\0';
	}
	if (text != NULL && vy_json_get(body, "code", &value) == VY_JSON_STRING && vy_str_is(value, "\"42501\""))
	{
		*row_security = strstr(text, "row-level security") != NULL;
		*privilege = !*row_security;
	}
	return text;
}

/* A header's value: one line of printable ASCII. */
static void
put_line(StringInfo out, const char *text)
{
	for (const char *p = text; *p != '\0' && out->len < MAX_WHY; p++)
		appendStringInfoChar(out, *p >= ' ' && *p < '\177' ? *p : '?');
}
