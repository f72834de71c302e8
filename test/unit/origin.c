/*
 * origin.c: whose page a request comes from.
 */
#include "base/origin.h"

#include "tap.h"

#define ABSENT  \
	{           \
		NULL, 0 \
	}

typedef struct Case
{
	VyStr site;
	VyStr origin;
	VyStr host;
	VyOriginVerdict verdict;
} Case;

static const char list[] = "https://app.example.com, https://other.example ,null,*";

static const Case cases[] = {
	{ABSENT, ABSENT, VY_STR_INIT("api.example.com"), VY_ORIGIN_SILENT},
	{VY_STR_INIT("same-origin"), ABSENT, VY_STR_INIT("api.example.com"), VY_ORIGIN_OURS},
	{VY_STR_INIT("same-origin"), VY_STR_INIT("https://api.example.com"), VY_STR_INIT("api.example.com"), VY_ORIGIN_OURS},
	{VY_STR_INIT("none"), ABSENT, VY_STR_INIT("api.example.com"), VY_ORIGIN_OURS},
	{VY_STR_INIT("same-site"), ABSENT, VY_STR_INIT("api.example.com"), VY_ORIGIN_FOREIGN},
	{VY_STR_INIT("same-site"), VY_STR_INIT("https://evil.example.com"), VY_STR_INIT("api.example.com"), VY_ORIGIN_FOREIGN},
	{VY_STR_INIT("same-site"), VY_STR_INIT("https://app.example.com"), VY_STR_INIT("api.example.com"), VY_ORIGIN_OURS},
	{VY_STR_INIT("same-site"), VY_STR_INIT("null"), VY_STR_INIT("api.example.com"), VY_ORIGIN_FOREIGN},
	{VY_STR_INIT("same-site"), VY_STR_INIT("*"), VY_STR_INIT("api.example.com"), VY_ORIGIN_FOREIGN},
	{VY_STR_INIT("cross-site"), VY_STR_INIT("https://app.example.com"), VY_STR_INIT("api.example.com"), VY_ORIGIN_FOREIGN},
	{VY_STR_INIT("cross-site"), ABSENT, VY_STR_INIT("api.example.com"), VY_ORIGIN_FOREIGN},
	{VY_STR_INIT(""), VY_STR_INIT("https://api.example.com"), VY_STR_INIT("api.example.com"), VY_ORIGIN_FOREIGN},
	{VY_STR_INIT("Same-Origin"), VY_STR_INIT("https://api.example.com"), VY_STR_INIT("api.example.com"), VY_ORIGIN_FOREIGN},
	{VY_STR_INIT("same-origin, cross-site"), ABSENT, VY_STR_INIT("api.example.com"), VY_ORIGIN_FOREIGN},
	{ABSENT, VY_STR_INIT("https://api.example.com"), VY_STR_INIT("api.example.com"), VY_ORIGIN_OURS},
	{ABSENT, VY_STR_INIT("https://API.example.com"), VY_STR_INIT("api.example.COM"), VY_ORIGIN_OURS},
	{ABSENT, VY_STR_INIT("https://api.example.com:8443"), VY_STR_INIT("api.example.com:8443"), VY_ORIGIN_OURS},
	{ABSENT, VY_STR_INIT("https://api.example.com:8443"), VY_STR_INIT("api.example.com"), VY_ORIGIN_FOREIGN},
	{ABSENT, VY_STR_INIT("http://api.example.com"), VY_STR_INIT("api.example.com"), VY_ORIGIN_FOREIGN},
	{ABSENT, VY_STR_INIT("https://api.example.com.evil.com"), VY_STR_INIT("api.example.com"), VY_ORIGIN_FOREIGN},
	{ABSENT, VY_STR_INIT("https://apixexample.com"), VY_STR_INIT("api.example.com"), VY_ORIGIN_FOREIGN},
	{ABSENT, VY_STR_INIT("https://app.example.com"), VY_STR_INIT("api.example.com"), VY_ORIGIN_OURS},
	{ABSENT, VY_STR_INIT("https://other.example"), VY_STR_INIT("api.example.com"), VY_ORIGIN_OURS},
	{ABSENT, VY_STR_INIT("https://app.example.com/"), VY_STR_INIT("api.example.com"), VY_ORIGIN_FOREIGN},
	{ABSENT, VY_STR_INIT("null"), VY_STR_INIT("null"), VY_ORIGIN_FOREIGN},
	{ABSENT, VY_STR_INIT("*"), VY_STR_INIT("*"), VY_ORIGIN_FOREIGN},
	{ABSENT, VY_STR_INIT(""), VY_STR_INIT(""), VY_ORIGIN_FOREIGN},
	{ABSENT, VY_STR_INIT("https://"), VY_STR_INIT(""), VY_ORIGIN_FOREIGN},
	{ABSENT, VY_STR_INIT("https://api.example.com"), ABSENT, VY_ORIGIN_FOREIGN},
	{ABSENT, VY_STR_INIT("http://localhost:3000"), VY_STR_INIT("localhost:3000"), VY_ORIGIN_OURS},
	{ABSENT, VY_STR_INIT("http://127.0.0.1"), VY_STR_INIT("127.0.0.1"), VY_ORIGIN_OURS},
	{ABSENT, VY_STR_INIT("http://[::1]:8000"), VY_STR_INIT("[::1]:8000"), VY_ORIGIN_OURS},
	{ABSENT, VY_STR_INIT("http://localhost:3000"), VY_STR_INIT("localhost:8000"), VY_ORIGIN_FOREIGN},
	{ABSENT, VY_STR_INIT("http://localhost.evil.com"), VY_STR_INIT("localhost.evil.com"), VY_ORIGIN_FOREIGN},
	{ABSENT, VY_STR_INIT("ftp://localhost"), VY_STR_INIT("localhost"), VY_ORIGIN_FOREIGN},
	{ABSENT, VY_STR_INIT("http"), VY_STR_INIT("localhost"), VY_ORIGIN_FOREIGN},
};

int
main(void)
{
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		const Case *c = &cases[i];

		ok(vy_origin_judge(c->site, c->origin, c->host, list) == c->verdict, "site %.*s, origin %.*s, host %.*s", (int) c->site.n,
		   c->site.p ? c->site.p : "", (int) c->origin.n, c->origin.p ? c->origin.p : "", (int) c->host.n, c->host.p ? c->host.p : "");
	}
	ok(vy_origin_judge((VyStr) ABSENT, VY_STR("https://a"), VY_STR("b"), "") == VY_ORIGIN_FOREIGN, "an empty list names nobody");
	return tap_done();
}
