/*
 * claims.c: types, times, issuer and audience of a token's claims.
 * A date is a JSON number without an exponent, between 1970 and 9999; a fraction of a second is cut off. Everything else is refused rather
 * than rounded, since a date that two readers understand differently lets a token outlive its end.
 */
#include "auth/claims.h"

#include "base/json.h"

#define LAST_SECOND INT64_C(253402300799) /* of the year 9999 */
#define NAME_MAX_BYTES 255 /* of an audience or an issuer */

/* Claims that become identity: a string, null, or absent. */
static const char *const string_claims[] = {"sub", "role", "email", "org_id", "session_id", "iss"};

bool
vy_list_has(VyStr list, VyStr item)
{
	const char *at = list.p;
	const char *end = list.p ? list.p + list.n : NULL;

	while (at < end)
	{
		const char *comma = memchr(at, ',', (size_t) (end - at));
		const char *stop = comma ? comma : end;
		const char *next = comma ? comma + 1 : end;

		while (at < stop && *at == ' ')
			at++;
		while (stop > at && stop[-1] == ' ')
			stop--;
		if (stop > at && vy_str_eq(vy_str(at, (size_t) (stop - at)), item))
			return true;
		at = next;
	}
	return false;
}

/* False: not a date. */
static bool
read_date(VyJsonKind kind, VyStr value, int64_t *out)
{
	const char *point = memchr(value.p, '.', value.n);

	if (kind != VY_JSON_NUMBER || memchr(value.p, 'e', value.n) != NULL || memchr(value.p, 'E', value.n) != NULL)
		return false;
	if (point != NULL)
		value.n = (size_t) (point - value.p);
	return vy_json_int64(value, out) && *out >= 0 && *out <= LAST_SECOND;
}

/* nbf and iat: absent, or a date that has come. */
static VyTokenProblem
check_begun(VyStr claims, const char *name, int64_t now)
{
	VyStr value;
	VyJsonKind kind = vy_json_get(claims, name, &value);
	int64_t date;

	if (kind == VY_JSON_NONE)
		return VY_TOKEN_OK;
	if (!read_date(kind, value, &date))
		return VY_TOKEN_CLAIMS;
	return date > now + VY_CLAIMS_LEEWAY ? VY_TOKEN_NOT_YET : VY_TOKEN_OK;
}

static VyTokenProblem
check_times(VyStr claims, int64_t now, int64_t *expires)
{
	VyStr value;
	VyJsonKind kind = vy_json_get(claims, "exp", &value);
	VyTokenProblem problem;

	if (kind == VY_JSON_NONE || !read_date(kind, value, expires))
		return VY_TOKEN_CLAIMS;
	*expires += VY_CLAIMS_LEEWAY;
	if (*expires <= now)
		return VY_TOKEN_EXPIRED;
	problem = check_begun(claims, "nbf", now);
	return problem != VY_TOKEN_OK ? problem : check_begun(claims, "iat", now);
}

/* The unescaped text of a JSON string, in buffer; absent if it is too long to be one of ours. */
static VyStr
read_name(VyStr string, char buffer[NAME_MAX_BYTES])
{
	return string.n - 2 > NAME_MAX_BYTES ? vy_str(NULL, 0) : vy_str(buffer, vy_json_unescape(buffer, string));
}

static VyTokenProblem
check_audience(VyStr claims, VyStr audiences)
{
	char name[NAME_MAX_BYTES];
	VyStr value;
	VyJsonKind kind = vy_json_get(claims, "aud", &value);
	bool found = false;

	if (kind == VY_JSON_NONE)
		return VY_TOKEN_OK;
	if (kind == VY_JSON_STRING)
		found = vy_list_has(audiences, read_name(value, name));
	else if (kind == VY_JSON_ARRAY)
	{
		VyJsonIter it = vy_json_iter(value);

		while (vy_json_next(&it))
		{
			if (it.kind != VY_JSON_STRING)
				return VY_TOKEN_CLAIMS;
			found |= vy_list_has(audiences, read_name(it.value, name));
		}
	}
	else
		return VY_TOKEN_CLAIMS;
	return found || audiences.n == 0 ? VY_TOKEN_OK : VY_TOKEN_AUDIENCE;
}

static VyTokenProblem
check_issuer(VyStr claims, VyStr issuer)
{
	char name[NAME_MAX_BYTES];
	VyStr value;

	if (issuer.n == 0)
		return VY_TOKEN_OK;
	return vy_json_get(claims, "iss", &value) == VY_JSON_STRING && vy_str_eq(read_name(value, name), issuer) ? VY_TOKEN_OK
																											 : VY_TOKEN_ISSUER;
}

VyTokenProblem
vy_claims_check(VyStr claims, const VyClaimRules *rules, int64_t *expires)
{
	VyStr value;
	VyTokenProblem problem;

	if (vy_json_check(claims, VY_TOKEN_DEPTH, NULL) != VY_JSON_OK || vy_json_kind(claims) != VY_JSON_OBJECT ||
		vy_json_has_duplicates(claims))
		return VY_TOKEN_MALFORMED;
	for (size_t i = 0; i < sizeof(string_claims) / sizeof(string_claims[0]); i++)
	{
		VyJsonKind kind = vy_json_get(claims, string_claims[i], &value);

		if (kind != VY_JSON_NONE && kind != VY_JSON_NULL && kind != VY_JSON_STRING)
			return VY_TOKEN_CLAIMS;
	}
	problem = check_times(claims, rules->now, expires);
	if (problem == VY_TOKEN_OK)
		problem = check_issuer(claims, rules->issuer);
	if (problem == VY_TOKEN_OK)
		problem = check_audience(claims, rules->audiences);
	return problem;
}
