/*
 * media.c: file names to content types, as rows.
 */
#include "base/media.h"

#include "base/refusal.h"

static const struct
{
	const char *suffix;
	const char *type;
} types[] = {
	{".html", VY_MEDIA_HTML},
	{".css", "text/css; charset=utf-8"},
	{".js", "text/javascript; charset=utf-8"},
	{".mjs", "text/javascript; charset=utf-8"},
	{".json", "application/json"},
	{".map", "application/json"},
	{".webmanifest", "application/manifest+json"},
	{".svg", "image/svg+xml"},
	{".png", "image/png"},
	{".jpg", "image/jpeg"},
	{".jpeg", "image/jpeg"},
	{".gif", "image/gif"},
	{".webp", "image/webp"},
	{".avif", "image/avif"},
	{".ico", "image/x-icon"},
	{".woff2", "font/woff2"},
	{".woff", "font/woff"},
	{".txt", "text/plain; charset=utf-8"},
	{".md", "text/markdown; charset=utf-8"},
	{".xml", "application/xml"},
	{".pdf", "application/pdf"},
	{".wasm", "application/wasm"},
};

const char *
vy_media_type(VyStr name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
	{
		size_t n = strlen(types[i].suffix);

		if (name.n > n && memcmp(name.p + name.n - n, types[i].suffix, n) == 0)
			return types[i].type;
	}
	return "application/octet-stream";
}

size_t
vy_media_headers(VyHeader out[static VY_MEDIA_HEADERS], VyStr name, VyStr etag)
{
	const char *type = vy_media_type(name);
	const VyHeader headers[VY_MEDIA_HEADERS] = {
		{VY_STR("etag"), etag},
		{VY_STR("content-type"), vy_cstr(type)},
		{VY_STR("cache-control"), VY_STR("no-cache")},
		{VY_STR("x-content-type-options"), VY_STR("nosniff")},
		{VY_STR("referrer-policy"), VY_STR("no-referrer")},
		{VY_STR("cross-origin-resource-policy"), VY_STR("same-origin")},
		{VY_STR("strict-transport-security"), VY_STR("max-age=63072000; includeSubDomains")},
		{VY_STR("content-security-policy"), VY_STR(VY_PAGE_POLICY)},
	};

	memcpy(out, headers, sizeof(headers));
	return strcmp(type, VY_MEDIA_HTML) == 0 ? VY_MEDIA_HEADERS : VY_MEDIA_HEADERS - 1;
}

bool
vy_media_is_form(VyStr content_type)
{
	static const VyStr forms[] = {
		VY_STR_INIT("text/plain"),
		VY_STR_INIT("application/x-www-form-urlencoded"),
		VY_STR_INIT("multipart/form-data"),
	};
	size_t n = 0;

	while (n < content_type.n && memchr(" \t;,", content_type.p[n], 4) == NULL)
		n++;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (vy_str_same(vy_str(content_type.p, n), forms[i]))
			return true;
	return false;
}
