/*
 * identity.c: the caller as C state, and the role switch around a handler (identity.h, DESIGN of the request path in README).
 *
 * Three sources, in this order: the request being served (set by the dispatcher alone), auth.use_claims() (a verified token; ends with its
 * transaction or savepoint), and the setting request.jwt.claims, believed only of login roles that vyricon.trusted_claims_roles names.
 * Parallel workers get the first two through the setting vyricon.identity: its check hook admits only this file, and it is set when a
 * parallel plan starts, so an ordinary request never pays for it.
 */
#include "auth/identity.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "auth/leftovers.h"
#include "auth/token.h"
#include "base/json.h"
#include "catalog/pg_authid.h"
#include "commands/trigger.h"
#include "core/settings.h"
#include "executor/executor.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/varlena.h"

/* What auth.use_claims() said, innermost savepoint first; in TopTransactionContext. */
typedef struct Claimed
{
	VyIdentity identity;
	int level;
	struct Claimed *outer;
} Claimed;

static struct
{
	const VyIdentity *identity; /* NULL: no request */
	int level; /* transaction nest level of vy_identity_enter() */
} request;

static Claimed *claimed;

/* Parsed request.jwt.claims or vyricon.identity; thrown away by their assign hooks. */
static MemoryContext parsed_context;
static VyIdentity parsed;
static enum
{
	PARSED_NOT,
	PARSED_YES,
	PARSED_NOTHING
} parsed_state;
static Oid parsed_for; /* session user whose trust was checked */

static char *claims_setting;
static char *worker_setting;
static char *trusted_roles;
static bool admit_identity;
static ExecutorStart_hook_type previous_start;

static const VyIdentity *parsed_identity(const char *text);
static bool session_is_trusted(void);
static const char *show_claims(void);
static bool check_worker_setting(char **value, void **extra, GucSource source);
static void assign_forget(const char *value, void *extra);
static void start_executor(QueryDesc *query, int flags);
static void on_xact_end(XactEvent event, void *arg);
static void on_subxact_end(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg);

static const VySetting settings[] = {
	{"vyricon.trusted_claims_roles", "Login roles whose own request.jwt.claims setting is believed, besides superusers.", PGC_SUSET,
	 GUC_LIST_INPUT, PGC_STRING, &trusted_roles, "", 0, 0, 0},
};

void
vy_identity_init(void)
{
	VY_SETTINGS_DEFINE(settings);
	DefineCustomStringVariable("request.jwt.claims", "The claims of the caller as JSON.", NULL, &claims_setting, "", PGC_USERSET,
							   GUC_NOT_IN_SAMPLE, NULL, assign_forget, show_claims);
	DefineCustomStringVariable("vyricon.identity", "The caller, for parallel workers.", NULL, &worker_setting, "", PGC_USERSET,
							   GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_NO_RESET_ALL | GUC_DISALLOW_IN_FILE, check_worker_setting,
							   assign_forget, NULL);
	RegisterXactCallback(on_xact_end, NULL);
	RegisterSubXactCallback(on_subxact_end, NULL);
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = start_executor;
	vy_leftovers_init();
}

void
vy_identity_enter(VyIdentityFrame *frame, const VyIdentity *identity, bool read_only, bool shared_session)
{
	if (request.identity != NULL)
		ereport(ERROR, (errcode(ERRCODE_VY_FORBIDDEN), errmsg("a request cannot be served inside a request")));
	GetUserIdAndSecContext(&frame->user, &frame->sec_context);
	frame->read_only = XactReadOnly;
	vy_leftovers_watch(shared_session);
	frame->guc_level = NewGUCNestLevel();
	request.identity = identity;
	request.level = GetCurrentTransactionNestLevel();
	SetUserIdAndSecContext(identity->role, frame->sec_context | SECURITY_LOCAL_USERID_CHANGE);
	if (read_only)
		XactReadOnly = true;
}

void
vy_identity_leave(VyIdentityFrame *frame)
{
	bool wrote = !XactReadOnly;

	/* Unlike SET CONSTRAINTS ALL IMMEDIATE this goes on until nothing is left, also of what triggers defer again. */
	AfterTriggerFireDeferred();
	vy_leftovers_clear(wrote);
	AtEOXact_GUC(false, frame->guc_level);
	SetUserIdAndSecContext(frame->user, frame->sec_context);
	XactReadOnly = frame->read_only;
	request.identity = NULL;
}

bool
vy_identity_in_request(void)
{
	return request.identity != NULL;
}

const VyIdentity *
vy_identity_current(void)
{
	if (request.identity != NULL)
		return request.identity;
	if (claimed != NULL)
		return &claimed->identity;
	if (IsParallelWorker() && worker_setting != NULL && worker_setting[0] != '\0')
		return parsed_identity(worker_setting);
	if (claims_setting != NULL && claims_setting[0] != '\0' && session_is_trusted())
		return parsed_identity(claims_setting);
	return NULL;
}

bool
vy_identity_parse(MemoryContext context, VyStr claims, VyIdentity *out)
{
	static const struct
	{
		const char *claim;
		size_t offset;
	} members[] = {
		{"sub", offsetof(VyIdentity, user_id)},
		{"email", offsetof(VyIdentity, email)},
		{"org_id", offsetof(VyIdentity, org_id)},
		{"session_id", offsetof(VyIdentity, session_id)},
	};
	VyStr value;
	char *role = "authenticated";

	memset(out, 0, sizeof(*out));
	if (vy_json_check(claims, 32, NULL) != VY_JSON_OK || vy_json_kind(claims) != VY_JSON_OBJECT)
		return false;
	out->claims = vy_str(memcpy(MemoryContextAlloc(context, claims.n + 1), claims.p, claims.n), claims.n);
	((char *) out->claims.p)[claims.n] = '\0';
	for (size_t i = 0; i < lengthof(members); i++)
	{
		char *text;
		size_t n;

		if (vy_json_get(out->claims, members[i].claim, &value) != VY_JSON_STRING)
			continue;
		text = MemoryContextAlloc(context, value.n + 1);
		n = vy_json_unescape(text, value);
		text[n] = '\0';
		*(VyStr *) ((char *) out + members[i].offset) = vy_str(text, n);
	}
	if (vy_json_get(out->claims, "role", &value) == VY_JSON_STRING)
	{
		role = MemoryContextAlloc(context, value.n + 1);
		role[vy_json_unescape(role, value)] = '\0';
	}
	out->role_name = role;
	out->has_uid = out->user_id.p != NULL && vy_identity_uuid(out->user_id, &out->uid);
	return true;
}

/* 8-4-4-4-12 hex digits and nothing else: uuid_in() would raise. */
bool
vy_identity_uuid(VyStr text, pg_uuid_t *out)
{
	size_t at = 0;

	if (text.n != 36)
		return false;
	for (size_t i = 0; i < UUID_LEN; i++)
	{
		unsigned byte = 0;

		if (i == 4 || i == 6 || i == 8 || i == 10)
			if (text.p[at++] != '-')
				return false;
		for (int digit = 0; digit < 2; digit++)
		{
			char c = vy_ascii_lower(text.p[at++]);

			if (c >= '0' && c <= '9')
				byte = byte << 4 | (unsigned) (c - '0');
			else if (c >= 'a' && c <= 'f')
				byte = byte << 4 | (unsigned) (c - 'a' + 10);
			else
				return false;
		}
		out->data[i] = (unsigned char) byte;
	}
	return true;
}

static const VyIdentity *
parsed_identity(const char *text)
{
	if (parsed_state == PARSED_NOT)
	{
		if (parsed_context == NULL)
			parsed_context = AllocSetContextCreate(TopMemoryContext, "vyricon claims setting", ALLOCSET_SMALL_SIZES);
		MemoryContextReset(parsed_context);
		parsed_state = vy_identity_parse(parsed_context, vy_cstr(text), &parsed) ? PARSED_YES : PARSED_NOTHING;
	}
	return parsed_state == PARSED_YES ? &parsed : NULL;
}

/* The answer is kept with the parsed claims: both are dropped when the setting or the session user changes. */
static bool
session_is_trusted(void)
{
	static bool trusted;
	List *names;
	ListCell *cell;
	Oid user = GetSessionUserId();

	if (parsed_state != PARSED_NOT && parsed_for == user)
		return trusted;
	parsed_state = PARSED_NOT;
	parsed_for = user;
	trusted = superuser_arg(user);
	if (!trusted && trusted_roles[0] != '\0' && SplitIdentifierString(pstrdup(trusted_roles), ',', &names))
		foreach (cell, names)
			trusted = trusted || get_role_oid(lfirst(cell), true) == user;
	return trusted;
}

static const char *
show_claims(void)
{
	const VyIdentity *identity = request.identity ? request.identity : claimed ? &claimed->identity : NULL;

	if (identity != NULL)
		return identity->claims.p;
	if (IsParallelWorker() && worker_setting != NULL && worker_setting[0] != '\0')
		return worker_setting;
	return claims_setting != NULL ? claims_setting : "";
}

static bool
check_worker_setting(char **value __attribute__((unused)), void **extra __attribute__((unused)), GucSource source)
{
	if (admit_identity || InitializingParallelWorker || source == PGC_S_DEFAULT)
		return true;
	GUC_check_errcode(ERRCODE_INSUFFICIENT_PRIVILEGE);
	GUC_check_errdetail("It is set by the dispatcher only.");
	return false;
}

static void
assign_forget(const char *value __attribute__((unused)), void *extra __attribute__((unused)))
{
	parsed_state = PARSED_NOT;
}

/* A plan that may start parallel workers takes the identity along. */
static void
start_executor(QueryDesc *query, int flags)
{
	const VyIdentity *identity = request.identity ? request.identity : claimed ? &claimed->identity : NULL;

	if (query->plannedstmt->parallelModeNeeded && !IsParallelWorker() &&
		strcmp(worker_setting ? worker_setting : "", identity ? identity->claims.p : "") != 0)
	{
		admit_identity = true;
		(void) set_config_option("vyricon.identity", identity ? identity->claims.p : "", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true,
								 WARNING, false);
		admit_identity = false;
	}
	if (previous_start != NULL)
		previous_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
}

static void
on_xact_end(XactEvent event, void *arg __attribute__((unused)))
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_ABORT:
		case XACT_EVENT_PREPARE:
			request.identity = NULL;
			claimed = NULL;
			vy_leftovers_abort();
			break;
		default:
			break;
	}
}

static void
on_subxact_end(SubXactEvent event, SubTransactionId mine __attribute__((unused)), SubTransactionId parent __attribute__((unused)),
			   void *arg __attribute__((unused)))
{
	int level = GetCurrentTransactionNestLevel();

	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		while (claimed != NULL && claimed->level >= level)
			claimed = claimed->outer;
		if (request.identity != NULL && request.level >= level)
		{
			request.identity = NULL;
			vy_leftovers_abort();
		}
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (Claimed *c = claimed; c != NULL && c->level >= level; c = c->outer)
			c->level = level - 1;
	}
}

VY_FUNCTION(vyricon_auth_uid)
{
	const VyIdentity *identity = vy_identity_current();
	pg_uuid_t *uid;

	if (identity == NULL || !identity->has_uid)
		PG_RETURN_NULL();
	uid = palloc(sizeof(*uid));
	*uid = identity->uid;
	PG_RETURN_UUID_P(uid);
}

static Datum
text_or_null(FunctionCallInfo fcinfo, VyStr value)
{
	if (value.p == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(vy_str_text(value));
}

VY_FUNCTION(vyricon_auth_user_id)
{
	const VyIdentity *identity = vy_identity_current();

	return text_or_null(fcinfo, identity ? identity->user_id : (VyStr){NULL, 0});
}

VY_FUNCTION(vyricon_auth_role)
{
	const VyIdentity *identity = vy_identity_current();

	return text_or_null(fcinfo, vy_cstr(identity ? identity->role_name : NULL));
}

VY_FUNCTION(vyricon_auth_email)
{
	const VyIdentity *identity = vy_identity_current();

	return text_or_null(fcinfo, identity ? identity->email : (VyStr){NULL, 0});
}

VY_FUNCTION(vyricon_auth_org_id)
{
	const VyIdentity *identity = vy_identity_current();

	return text_or_null(fcinfo, identity ? identity->org_id : (VyStr){NULL, 0});
}

VY_FUNCTION(vyricon_auth_jwt)
{
	const VyIdentity *identity = vy_identity_current();

	if (identity == NULL)
		PG_RETURN_NULL();
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(identity->claims.p));
}

VY_FUNCTION(vyricon_auth_use_claims)
{
	VyStr token = vy_text_str(PG_GETARG_TEXT_PP(0));
	const VyIdentity *identity;
	VyTokenProblem problem;
	Claimed *made;

	if (request.identity != NULL)
		ereport(ERROR, (errcode(ERRCODE_VY_FORBIDDEN), errmsg("auth.use_claims() is refused inside a request"),
						errdetail("The caller is already known.")));
	problem = vy_token_identify(token, &identity);
	if (problem != VY_TOKEN_OK)
		ereport(ERROR, (errcode(ERRCODE_VY_UNAUTHORIZED), errmsg("the token is not accepted: %s", vy_token_problem_text(problem))));
	made = MemoryContextAllocZero(TopTransactionContext, sizeof(Claimed));
	if (!vy_identity_parse(TopTransactionContext, identity->claims, &made->identity))
		elog(ERROR, "the claims of a verified token are no JSON object");
	made->identity.role = identity->role;
	made->level = GetCurrentTransactionNestLevel();
	made->outer = claimed;
	claimed = made;
	PG_RETURN_VOID();
}
