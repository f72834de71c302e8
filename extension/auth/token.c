/*
 * token.c: who presents this token or API key.
 *
 * A credential is checked once per backend and then found by its bytes (token_cache.c). What the verdict hangs on is compared on every hit:
 * the versions of auth.signing_keys and auth.api_keys, the roles of the cluster, the settings, and the end of the token or of its key.
 */
#include "auth/token.h"

#include "auth/api_key.h"
#include "auth/claims.h"
#include "auth/keys.h"
#include "auth/token_cache.h"
#include "base/b64url.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "core/json_writer.h"
#include "core/query.h"
#include "core/settings.h"
#include "http/http.h"
#include "utils/acl.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#define UNIX_EPOCH_OFFSET ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)
#define NSETTINGS 3

/* A verdict before it is entered into the cache; its strings live in the scratch context. */
typedef struct Verdict
{
	VyIdentity identity;
	TimestampTz expires;
} Verdict;

/* What the cached verdicts were given under. */
typedef struct Grounds
{
	uint64 keys;
	uint64 api_keys;
	char *settings[NSETTINGS];
} Grounds;

static const char *const problem_texts[] = {
	[VY_TOKEN_OK] = "the token is valid",
	[VY_TOKEN_MALFORMED] = "the token is malformed",
	[VY_TOKEN_UNKNOWN_KEY] = "the token is signed with an unknown key",
	[VY_TOKEN_BAD_SIGNATURE] = "the token's signature is invalid",
	[VY_TOKEN_EXPIRED] = "the token has expired",
	[VY_TOKEN_NOT_YET] = "the token is not valid yet",
	[VY_TOKEN_AUDIENCE] = "the token is meant for another audience",
	[VY_TOKEN_ISSUER] = "the token comes from another issuer",
	[VY_TOKEN_CLAIMS] = "a claim of the token is missing, of the wrong type, or names a role that tokens may not take",
	[VY_TOKEN_BAD_API_KEY] = "the API key is unknown, expired or revoked",
};

static const char *const builtin_roles[] = {"anon", "authenticated", "service_role"};

static char *jwt_issuer;
static char *jwt_audience;
static char *token_roles;

static const VySetting settings[] = {
	{"vyricon.jwt_issuer", "What the iss claim of a token must equal; empty: anything.", PGC_SUSET, 0, PGC_STRING, &jwt_issuer, "", 0, 0,
	 0},
	{"vyricon.jwt_audience", "Comma list of which the aud claim of a token, if present, must hold one; empty: anything.", PGC_SUSET, 0,
	 PGC_STRING, &jwt_audience, "authenticated", 0, 0, 0},
	{"vyricon.token_roles", "Comma list of roles that a token may take besides anon, authenticated and service_role.", PGC_SUSET, 0,
	 PGC_STRING, &token_roles, "", 0, 0, 0},
};

static char **const watched_settings[NSETTINGS] = {&jwt_issuer, &jwt_audience, &token_roles};

static Grounds grounds;
static bool roles_changed;
static VyIdentity nobody;
static bool nobody_known;

VY_QUERY(
	find_user,
	.sql = "SELECT id::text, coalesce(nullif(role, ''), 'authenticated'), email::text,"
		   " extract(epoch FROM now())::bigint, extract(epoch FROM now() + $2)::bigint FROM auth.users"
		   " WHERE lower(email) = lower($1) AND NOT is_sso_user AND deleted_at IS NULL AND (banned_until IS NULL OR banned_until < now())",
	.nargs = 2, .types = {TEXTOID, INTERVALOID}, .expect = SPI_OK_SELECT);

static void append_claim(StringInfo claims, const char *name, VyStr value);
static VyTokenProblem identify(VyStr credential, const VyIdentity **out);
static bool grounds_changed(void);
static VyTokenProblem judge(VyStr credential, Verdict *verdict);
static VyTokenProblem judge_token(VyStr token, Verdict *verdict);
static VyTokenProblem judge_api_key(VyStr key, Verdict *verdict);
static Oid allowed_role(const char *name);
static void raise_problem(VyTokenProblem problem) pg_attribute_noreturn();
static void on_role_change(Datum arg, int cache_id, uint32 hash);

/* The claims of a valid token, as the dispatcher would believe them. */
VY_FUNCTION(vyricon_auth_verify_jwt)
{
	const VyIdentity *identity;
	VyTokenProblem problem = vy_token_identify(vy_text_str(PG_GETARG_TEXT_PP(0)), &identity);

	if (problem != VY_TOKEN_OK)
		raise_problem(problem);
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(identity->claims.p)));
}

VY_FUNCTION(vyricon_auth_sign_jwt)
{
	Jsonb *claims = PG_GETARG_JSONB_P(0);
	StringInfoData text;

	if (!JB_ROOT_IS_OBJECT(claims))
		ereport(ERROR, (errcode(ERRCODE_VY_INVALID), errmsg("claims must be a JSON object")));
	initStringInfo(&text);
	JsonbToCString(&text, &claims->root, VARSIZE(claims));
	PG_RETURN_TEXT_P(cstring_to_text(vy_token_sign(vy_str(text.data, (size_t) text.len))));
}

VY_FUNCTION(vyricon_token)
{
	char *token;

	if (!vy_dev || !superuser())
		ereport(ERROR, (errcode(ERRCODE_VY_FORBIDDEN), errmsg("tokens are handed out in development only, to a superuser"),
						errhint("Set vyricon.dev = on in postgresql.conf and reload; never where real users are.")));
	token = vy_token_for_user(PG_GETARG_TEXT_PP(0), PG_GETARG_INTERVAL_P(1));
	if (token == NULL)
		ereport(ERROR, (errcode(ERRCODE_VY_NOT_FOUND), errmsg("there is no such user"), errhint("Look into auth.users.")));
	PG_RETURN_TEXT_P(cstring_to_text(token));
}

void
vy_token_init(void)
{
	VY_SETTINGS_DEFINE(settings);
	CacheRegisterSyscacheCallback(AUTHOID, on_role_change, (Datum) 0);
	vy_token_cache_init();
}

VyTokenProblem
vy_token_identify(VyStr bearer, const VyIdentity **out)
{
	return identify(bearer, out);
}

/* Clients of older projects send a token as their API key. */
VyTokenProblem
vy_api_key_identify(VyStr key, const VyIdentity **out)
{
	VyTokenProblem problem = identify(key, out);

	return problem == VY_TOKEN_MALFORMED ? VY_TOKEN_BAD_API_KEY : problem;
}

const VyIdentity *
vy_token_nobody(void)
{
	static const char claims[] = "{\"role\":\"anon\"}";

	if (!nobody_known)
	{
		nobody.credential = VY_CREDENTIAL_NONE;
		nobody.role_name = "anon";
		nobody.claims = VY_STR(claims);
		nobody.role = get_role_oid("anon", false);
		nobody_known = true;
	}
	return &nobody;
}

const char *
vy_token_problem_text(VyTokenProblem problem)
{
	return problem_texts[problem];
}

char *
vy_token_sign(VyStr claims)
{
	const VyJwsAlg *alg;
	const char *kid;
	EVP_PKEY *key;
	char *header;
	uint8_t signature[VY_JWS_SIGNATURE_MAX];
	size_t signature_len;
	size_t cap;
	char *token;
	size_t at;
	size_t n;

	vy_keys_active(&alg, &kid, &key);
	header = psprintf("{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"JWT\"}", vy_jws_alg_name(alg), kid);
	cap = VY_B64URL_ENCODED_SIZE(strlen(header)) + VY_B64URL_ENCODED_SIZE(claims.n) + VY_B64URL_ENCODED_SIZE(sizeof(signature)) + 3;
	token = palloc(cap);
	if (vy_b64url_encode(token, cap, &at, (const uint8_t *) header, strlen(header)) != 0)
		elog(ERROR, "a token's header does not fit");
	token[at++] = '.';
	if (vy_b64url_encode(token + at, cap - at, &n, (const uint8_t *) claims.p, claims.n) != 0)
		elog(ERROR, "a token's claims do not fit");
	at += n;
	if (!vy_jws_sign(alg, key, vy_str(token, at), signature, &signature_len))
		elog(ERROR, "libcrypto could not sign");
	token[at++] = '.';
	if (vy_b64url_encode(token + at, cap - at, &n, signature, signature_len) != 0)
		elog(ERROR, "a token's signature does not fit");
	at += n;
	if (at > VY_TOKEN_MAX)
		ereport(ERROR, (errcode(ERRCODE_VY_TOO_LARGE), errmsg("a token of these claims is longer than %d bytes", VY_TOKEN_MAX)));
	token[at] = '\0';
	return token;
}

char *
vy_token_for_user(text *email, const Interval *lifetime)
{
	Datum args[2] = {PointerGetDatum(email), IntervalPGetDatum(lifetime)};
	Datum user[5];
	bool nulls[5];
	StringInfoData claims;
	VyStr audience = vy_str(jwt_audience, strcspn(jwt_audience, ","));

	if (!vy_query_row(&find_user, args, NULL, 5, user, nulls))
		return NULL;
	initStringInfo(&claims);
	appendStringInfoChar(&claims, '{');
	append_claim(&claims, "sub", vy_text_str(DatumGetTextPP(user[0])));
	append_claim(&claims, "role", vy_text_str(DatumGetTextPP(user[1])));
	append_claim(&claims, "email", vy_text_str(DatumGetTextPP(user[2])));
	append_claim(&claims, "aud", audience);
	append_claim(&claims, "iss", vy_cstr(jwt_issuer));
	appendStringInfo(&claims, "\"iat\":" INT64_FORMAT ",\"exp\":" INT64_FORMAT "}", DatumGetInt64(user[3]), DatumGetInt64(user[4]));
	return vy_token_sign(vy_str(claims.data, (size_t) claims.len));
}

/* A string claim and a comma; nothing for an empty one. */
static void
append_claim(StringInfo claims, const char *name, VyStr value)
{
	if (value.n == 0)
		return;
	appendStringInfo(claims, "\"%s\":", name);
	vy_json_string(claims, value.p, value.n);
	appendStringInfoChar(claims, ',');
}

static VyTokenProblem
identify(VyStr credential, const VyIdentity **out)
{
	TimestampTz now = GetCurrentStatementStartTimestamp();
	MemoryContext caller;
	MemoryContext scratch;
	Verdict verdict = {0};
	VyTokenProblem problem;

	if (grounds_changed())
		vy_token_cache_forget();
	*out = vy_token_cache_find(credential, now);
	if (*out != NULL)
		return VY_TOKEN_OK;
	scratch = AllocSetContextCreate(CurrentMemoryContext, "vyricon credential", ALLOCSET_SMALL_SIZES);
	caller = MemoryContextSwitchTo(scratch);
	problem = judge(credential, &verdict);
	if (problem == VY_TOKEN_OK)
		*out = vy_token_cache_add(credential, &verdict.identity, verdict.expires);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
	return problem;
}

/* True if cached verdicts may differ from new ones; the next call says false. */
static bool
grounds_changed(void)
{
	uint64 keys = vy_keys_refresh();
	uint64 api_keys = vy_api_key_version();
	bool changed = roles_changed || keys != grounds.keys || api_keys != grounds.api_keys;

	for (int i = 0; i < NSETTINGS; i++)
		changed |= grounds.settings[i] == NULL || strcmp(grounds.settings[i], *watched_settings[i]) != 0;
	if (!changed)
		return false;
	for (int i = 0; i < NSETTINGS; i++)
	{
		char *copy = MemoryContextStrdup(TopMemoryContext, *watched_settings[i]);

		if (grounds.settings[i] != NULL)
			pfree(grounds.settings[i]);
		grounds.settings[i] = copy;
	}
	grounds.keys = keys;
	grounds.api_keys = api_keys;
	roles_changed = false;
	return true;
}

static VyTokenProblem
judge(VyStr credential, Verdict *verdict)
{
	VyTokenProblem problem = vy_api_key_looks_like(credential) ? judge_api_key(credential, verdict) : judge_token(credential, verdict);

	if (problem != VY_TOKEN_OK)
		return problem;
	verdict->identity.role = allowed_role(verdict->identity.role_name);
	return OidIsValid(verdict->identity.role) ? VY_TOKEN_OK : VY_TOKEN_CLAIMS;
}

static VyTokenProblem
judge_token(VyStr token, Verdict *verdict)
{
	TimestampTz now = GetCurrentStatementStartTimestamp();
	VyClaimRules rules = {now / USECS_PER_SEC + UNIX_EPOCH_OFFSET, vy_cstr(jwt_issuer), vy_cstr(jwt_audience)};
	char *buffer = palloc(VY_TOKEN_MAX);
	TimestampTz key_expires;
	int64 expires;
	VyJws jws;
	VyTokenProblem problem = vy_jws_read(&jws, token, buffer, VY_TOKEN_MAX);

	if (problem == VY_TOKEN_OK)
		problem = vy_keys_verify(&jws, now, &key_expires);
	if (problem == VY_TOKEN_OK)
		problem = vy_claims_check(jws.payload, &rules, &expires);
	if (problem != VY_TOKEN_OK)
		return problem;
	if (!vy_identity_parse(CurrentMemoryContext, jws.payload, &verdict->identity))
		return VY_TOKEN_CLAIMS;
	verdict->identity.claims = jws.payload;
	verdict->identity.credential = VY_CREDENTIAL_TOKEN;
	verdict->expires = Min((expires - UNIX_EPOCH_OFFSET) * USECS_PER_SEC, key_expires);
	return VY_TOKEN_OK;
}

static VyTokenProblem
judge_api_key(VyStr key, Verdict *verdict)
{
	const char *role = vy_api_key_role(key, GetCurrentStatementStartTimestamp(), &verdict->expires);
	VyStr claims = vy_cstr(role ? psprintf("{\"role\":\"%s\"}", role) : NULL);

	if (role == NULL || !vy_identity_parse(CurrentMemoryContext, claims, &verdict->identity))
		return VY_TOKEN_BAD_API_KEY;
	verdict->identity.claims = claims;
	verdict->identity.credential = VY_CREDENTIAL_API_KEY;
	return VY_TOKEN_OK;
}

/* The oid of a role that tokens may take; InvalidOid otherwise. A superuser or one of our own roles never, whatever the setting says. */
static Oid
allowed_role(const char *name)
{
	bool named = vy_list_has(vy_cstr(token_roles), vy_cstr(name)) && strncmp(name, "vyricon_", strlen("vyricon_")) != 0;
	HeapTuple tuple;
	Oid role = InvalidOid;

	for (size_t i = 0; i < lengthof(builtin_roles); i++)
		named |= strcmp(name, builtin_roles[i]) == 0;
	tuple = named ? SearchSysCache1(AUTHNAME, CStringGetDatum(name)) : NULL;
	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	if (!((Form_pg_authid) GETSTRUCT(tuple))->rolsuper)
		role = ((Form_pg_authid) GETSTRUCT(tuple))->oid;
	ReleaseSysCache(tuple);
	return role;
}

static void
raise_problem(VyTokenProblem problem)
{
	ereport(ERROR, (errcode(ERRCODE_VY_UNAUTHORIZED), errmsg("%s", vy_token_problem_text(problem))));
}

static void
on_role_change(Datum arg pg_attribute_unused(), int cache_id pg_attribute_unused(), uint32 hash pg_attribute_unused())
{
	roles_changed = true;
	nobody_known = false;
}
