/*
 * media.c: content types by name.
 */
#include "base/media.h"

#include "tap.h"

static const struct
{
	VyStr name;
	const char *type;
} cases[] = {
	{VY_STR("/index.html"), "text/html; charset=utf-8"},
	{VY_STR("/a/b.css"), "text/css; charset=utf-8"},
	{VY_STR("/app.js"), "text/javascript; charset=utf-8"},
	{VY_STR("/logo.svg"), "image/svg+xml"},
	{VY_STR("/f.woff2"), "font/woff2"},
	{VY_STR("/README"), "application/octet-stream"},
	{VY_STR(".js"), "application/octet-stream"},
	{VY_STR(""), "application/octet-stream"},
};

int
main(void)
{
	VyHeader headers[VY_MEDIA_HEADERS];

	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		VyStr name = tight(cases[i].name);

		ok(strcmp(vy_media_type(name), cases[i].type) == 0, "%s is %s", shown(cases[i].name), cases[i].type);
		free((char *) name.p);
	}
	ok(vy_media_headers(headers, VY_STR("/index.html"), VY_STR("\"e\"")) == 8 && vy_str_is(headers[7].name, "content-security-policy") &&
		   vy_str_is(headers[0].value, "\"e\"") && vy_str_is(headers[1].value, "text/html; charset=utf-8"),
	   "a page has its ETag, its type and a policy");
	ok(vy_media_headers(headers, VY_STR("/app.js"), VY_STR("\"e\"")) == 7 && vy_str_is(headers[2].value, "no-cache") &&
		   vy_str_is(headers[3].value, "nosniff"),
	   "another file has no policy, and is asked about each time");
	ok(vy_media_is_form(VY_STR("text/plain")) && vy_media_is_form(VY_STR("Text/Plain;charset=utf-8")) &&
		   vy_media_is_form(VY_STR("application/x-www-form-urlencoded")) && vy_media_is_form(VY_STR("multipart/form-data; boundary=x")),
	   "what a form can send");
	ok(!vy_media_is_form(VY_STR("application/json")) && !vy_media_is_form(VY_STR("text/plainer")) && !vy_media_is_form(VY_STR("")) &&
		   !vy_media_is_form(VY_STR("text/csv")),
	   "what it cannot");
	return tap_done();
}
