/*
 * sql_kind.c: jobs of kind "sql": a function of the database, called as who enqueued it.
 *
 * payload: {"function": "public.send_report", "args": {"a": 1}}. What is kept is the function's name, not its oid: a dump carries it, and
 * whoever replaces the function means the new one. So all that is checked here is checked again when it runs.
 */
#include "jobs/kind.h"

#include "utils/acl.h"

#include "auth/identity.h"
#include "base/json.h"
#include "jobs/sql.h"

static void build(VyJobDraft *draft, VyStr payload);
static void check_as(Oid role, const VySqlCall *call);

const VyJobKind vy_sql_kind = {.name = "sql", .max_attempts = 10, .in_database = true, .build = build};

/* Behind an application's SECURITY DEFINER function the caller is the request's, not the function's owner. */
static void
build(VyJobDraft *draft, VyStr payload)
{
	const VyIdentity *caller = vy_identity_current();
	Oid role = vy_sql_role(caller != NULL ? caller->role_name : GetUserNameFromId(GetUserId(), false));
	const char *function;
	VyMember members[] = {{.name = "function"}, {.name = "args"}};
	VyStr args;
	VySqlCall call;

	vy_payload_read(payload, members, lengthof(members));
	function = vy_member_text(&members[0], true);
	args = members[1].value;
	if (members[1].kind == VY_JSON_NONE || members[1].kind == VY_JSON_NULL)
		args = VY_STR("{}");
	else if (members[1].kind != VY_JSON_OBJECT)
		vy_payload_refuse("args", "must be an object");
	call = vy_sql_call_find(role, function, args);
	check_as(role, &call);
	draft->request.method = VY_STR("CALL");
	draft->request.target = vy_cstr(call.name);
	draft->request.body = args;
	draft->repeatable = true;
}

/* A row of vyricon.jobs must not be worth a superuser: vyricon_owner may write it, and is none. */
Oid
vy_sql_role(const char *name)
{
	Oid role = get_role_oid(name, false);

	if (superuser_arg(role))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("no job runs as a superuser"),
						errdetail("The job would run as \"%s\", who enqueued it.", name),
						errhint("Enqueue it as another role: SET ROLE service_role;")));
	return role;
}

/* Reading values may run checks of domains, which are somebody's code. An error ends the transaction, and so the switch. */
static void
check_as(Oid role, const VySqlCall *call)
{
	Oid user;
	int sec_context;

	GetUserIdAndSecContext(&user, &sec_context);
	SetUserIdAndSecContext(role, sec_context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	vy_sql_call_check(call);
	SetUserIdAndSecContext(user, sec_context);
}
