/*
 * claims.c: accepted claims hold now and not at their end, with the issuer and an audience that were asked for; whatever is refused for its
 * time is refused for that alone. Input: the claims as JSON.
 */
#include "auth/claims.h"

#include "base/json.h"

#include "fuzz.h"

#define NOW INT64_C(1700000000)

/* The text of a JSON string is the wanted one. */
static bool
says(VyStr string, const char *wanted)
{
	char *text = block(string.n);
	size_t n = vy_json_unescape(text, string);
	bool same = n == strlen(wanted) && memcmp(text, wanted, n) == 0;

	free(text);
	return same;
}

static bool
for_audience(VyStr claims, const char *wanted)
{
	VyStr value;
	VyJsonKind kind = vy_json_get(claims, "aud", &value);
	VyJsonIter it = vy_json_iter(value);
	bool found = kind == VY_JSON_NONE || (kind == VY_JSON_STRING && says(value, wanted));

	while (kind == VY_JSON_ARRAY && vy_json_next(&it))
		found |= says(it.value, wanted);
	return found;
}

static VyTokenProblem
check(VyStr claims, int64_t now, const char *issuer, const char *audiences, int64_t *expires)
{
	VyClaimRules rules = {now, vy_cstr(issuer), vy_cstr(audiences)};

	return vy_claims_check(claims, &rules, expires);
}

static void
accepted(VyStr claims, int64_t expires)
{
	static const char *const dates[] = {"nbf", "iat"};
	VyStr value;
	int64_t ignored;

	REQUIRE(vy_json_get(claims, "exp", &value) == VY_JSON_NUMBER && expires > NOW);
	REQUIRE(check(claims, expires - 1, "", "", &ignored) == VY_TOKEN_OK && ignored == expires);
	REQUIRE(check(claims, expires, "", "", &ignored) == VY_TOKEN_EXPIRED);
	for (size_t i = 0; i < LENGTH(dates); i++)
	{
		VyJsonKind kind = vy_json_get(claims, dates[i], &value);

		REQUIRE(kind == VY_JSON_NONE || kind == VY_JSON_NUMBER);
	}
	REQUIRE(vy_json_get(claims, "role", &value) == VY_JSON_NONE || value.p[0] == '"' || value.p[0] == 'n');
}

static void
lists(const char *text, size_t n)
{
	VyStr list = exact(text, n);
	VyStr left = list;

	while (left.n > 0)
	{
		VyStr item = cut_at(&left, ',');

		while (item.n > 0 && item.p[0] == ' ')
			item = vy_str(item.p + 1, item.n - 1);
		while (item.n > 0 && item.p[item.n - 1] == ' ')
			item.n--;
		REQUIRE(vy_list_has(list, item) == (item.n > 0));
	}
	REQUIRE(!vy_list_has(list, VY_STR("a,b")) && !vy_list_has(list, VY_STR(" ")));
	drop(list);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	VyStr claims = exact(data, size);
	int64_t expires = -1;
	int64_t other;
	VyTokenProblem problem = check(claims, NOW, "", "", &expires);
	VyTokenProblem strict = check(claims, NOW, "https://i", "authenticated, b", &other);
	VyStr value;

	if (problem == VY_TOKEN_OK)
	{
		accepted(claims, expires);
		REQUIRE(strict == VY_TOKEN_OK || strict == VY_TOKEN_ISSUER || strict == VY_TOKEN_AUDIENCE);
		REQUIRE((strict == VY_TOKEN_ISSUER) == (vy_json_get(claims, "iss", &value) != VY_JSON_STRING || !says(value, "https://i")));
		if (strict != VY_TOKEN_ISSUER)
			REQUIRE((strict == VY_TOKEN_OK) == (for_audience(claims, "authenticated") || for_audience(claims, "b")));
	}
	else
		REQUIRE(strict == problem || (problem == VY_TOKEN_CLAIMS && strict == VY_TOKEN_ISSUER));
	if (problem == VY_TOKEN_EXPIRED)
		REQUIRE(expires >= VY_CLAIMS_LEEWAY && expires <= NOW);
	lists((const char *) data, size);
	drop(claims);
	return 0;
}
