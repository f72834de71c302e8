/*
 * origin.c: what origin.h says.
 */
#include "base/origin.h"

typedef enum SiteVerdict
{
	OURS,
	FOREIGN,
	IF_LISTED
} SiteVerdict;

static const struct
{
	VyStr site;
	SiteVerdict verdict;
} sites[] = {
	{VY_STR_INIT("same-origin"), OURS},
	{VY_STR_INIT("none"), OURS},
	{VY_STR_INIT("same-site"), IF_LISTED},
	{VY_STR_INIT("cross-site"), FOREIGN},
};

static const VyStr loopback[] = {VY_STR_INIT("localhost"), VY_STR_INIT("127.0.0.1"), VY_STR_INIT("[::1]")};

bool
vy_origin_listed(const char *list, VyStr origin)
{
	while (*list != '\0')
	{
		size_t n;

		list += strspn(list, " ,");
		n = strcspn(list, " ,");
		if (n > 0 && vy_str_eq(origin, vy_str(list, n)) && !vy_str_is(origin, "null") && !vy_str_is(origin, "*"))
			return true;
		list += n;
	}
	return false;
}

static bool
is_loopback(VyStr host)
{
	for (size_t i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++)
		if (vy_str_starts(host, loopback[i].p) && (host.n == loopback[i].n || host.p[loopback[i].n] == ':'))
			return true;
	return false;
}

bool
vy_origin_is(VyStr origin, VyStr host)
{
	bool https = vy_str_starts(origin, "https://");
	size_t scheme = https ? strlen("https://") : strlen("http://");

	if (host.n == 0 || (!https && (!vy_str_starts(origin, "http://") || !is_loopback(host))))
		return false;
	return vy_str_same(vy_str(origin.p + scheme, origin.n - scheme), host);
}

VyOriginVerdict
vy_origin_judge(VyStr site, VyStr origin, VyStr host, const char *list)
{
	if (site.p == NULL && origin.p == NULL)
		return VY_ORIGIN_SILENT;
	for (size_t i = 0; site.p != NULL && i < sizeof(sites) / sizeof(sites[0]); i++)
		if (vy_str_eq(site, sites[i].site))
			return sites[i].verdict == OURS || (sites[i].verdict == IF_LISTED && vy_origin_listed(list, origin)) ? VY_ORIGIN_OURS
																												 : VY_ORIGIN_FOREIGN;
	if (site.p == NULL && (vy_origin_listed(list, origin) || vy_origin_is(origin, host)))
		return VY_ORIGIN_OURS;
	return VY_ORIGIN_FOREIGN;
}
