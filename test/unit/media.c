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
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		VyStr name = tight(cases[i].name);

		ok(strcmp(vy_media_type(name), cases[i].type) == 0, "%s is %s", shown(cases[i].name), cases[i].type);
		free((char *) name.p);
	}
	ok(vy_media_is_form(VY_STR("text/plain")) && vy_media_is_form(VY_STR("Text/Plain;charset=utf-8")) &&
		   vy_media_is_form(VY_STR("application/x-www-form-urlencoded")) && vy_media_is_form(VY_STR("multipart/form-data; boundary=x")),
	   "what a form can send");
	ok(!vy_media_is_form(VY_STR("application/json")) && !vy_media_is_form(VY_STR("text/plainer")) && !vy_media_is_form(VY_STR("")) &&
		   !vy_media_is_form(VY_STR("text/csv")),
	   "what it cannot");
	return tap_done();
}
