/*
 * origin.c: whoever is told to be ours is the host or is listed, letter by letter; the judgement follows.
 */
#include "base/origin.h"

#include "fuzz.h"

static bool
naive_listed(const char *list, VyStr origin)
{
	char *copy = strdup(list);
	bool found = false;

	for (char *save = NULL, *word = strtok_r(copy, " ,", &save); word != NULL; word = strtok_r(NULL, " ,", &save))
		found = found || (vy_str_is(origin, word) && strcmp(word, "null") != 0 && strcmp(word, "*") != 0);
	free(copy);
	return found;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const VyStr sites[] = {
		{NULL, 0}, VY_STR_INIT("same-origin"), VY_STR_INIT("none"), VY_STR_INIT("same-site"), VY_STR_INIT("cross-site")};
	VyStr left = vy_str((const char *) data, size);
	VyStr which = cut_at(&left, '\n');
	VyStr part = cut_at(&left, '\n');
	VyStr origin = exact(part.p, part.n);
	VyStr host;
	VyStr site = which.n == 0 ? (VyStr){NULL, 0} : which.n == 1 ? sites[(uint8_t) which.p[0] % LENGTH(sites)] : which;
	char *list;
	bool known;
	VyOriginVerdict verdict;

	part = cut_at(&left, '\n');
	host = exact(part.p, part.n);
	list = strndup(left.n > 0 ? left.p : "", left.n);
	known = naive_listed(list, origin);
	REQUIRE(vy_origin_listed(list, origin) == known);
	if (vy_origin_is(origin, host))
	{
		size_t scheme = vy_str_starts(origin, "https://") ? 8 : 7;

		REQUIRE(host.n > 0 && origin.n == scheme + host.n && vy_str_same(vy_str(origin.p + scheme, host.n), host));
		REQUIRE(scheme == 8 || (vy_str_starts(origin, "http://") && strchr("l1[", host.p[0]) != NULL));
	}
	verdict = vy_origin_judge(site, origin, host, list);
	REQUIRE((verdict == VY_ORIGIN_SILENT) == (site.p == NULL && origin.p == NULL));
	if (site.p == NULL && origin.p != NULL)
		REQUIRE((verdict == VY_ORIGIN_OURS) == (known || vy_origin_is(origin, host)));
	if (vy_str_is(site, "cross-site"))
		REQUIRE(verdict == VY_ORIGIN_FOREIGN);
	if (vy_str_is(site, "same-site"))
		REQUIRE((verdict == VY_ORIGIN_OURS) == known);
	free(list);
	drop(host);
	drop(origin);
	return 0;
}
