/*
 * docs.c: the page at /docs: a pinned viewer (docs/SHA256SUMS), working offline.
 * Its files are linked into the library: the same pages serve every backend, nothing is read or installed beside it. Paths are relative to
 * the folder in which make runs.
 */
#include "http/docs.h"

#define DOCS_VERSION "5.35.0"

/* name and name_end enclose the bytes of the file; visible in this library only. */
#define EMBED(name, path)                                                                                 \
	__asm__(".pushsection .rodata\n"                                                                      \
			".global " #name "\n.hidden " #name "\n.global " #name "_end\n.hidden " #name "_end\n"        \
			".balign 16\n" #name ":\n.incbin \"extension/http/docs/" path "\"\n" #name "_end:\n.byte 0\n" \
			".popsection\n");                                                                             \
	extern const char name[];                                                                             \
	extern const char name##_end[]

EMBED(vy_docs_index, "index.html");
EMBED(vy_docs_start, "start.js");
EMBED(vy_docs_script, "swagger-ui-bundle.js");
EMBED(vy_docs_style, "swagger-ui.css");

typedef struct File
{
	const char *name;
	const char *type;
	const char *cache_control;
	const char *start;
	const char *end;
} File;

/* The first row is the page itself. Its files are asked for with the version in the query, so they never change under one URL. */
static const File files[] = {
	{"", "text/html; charset=utf-8", "no-cache", vy_docs_index, vy_docs_index_end},
	{"start.js", "text/javascript; charset=utf-8", "no-cache", vy_docs_start, vy_docs_start_end},
	{"swagger-ui-bundle.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", vy_docs_script, vy_docs_script_end},
	{"swagger-ui.css", "text/css; charset=utf-8", "public, max-age=31536000, immutable", vy_docs_style, vy_docs_style_end},
};

static const char etag[] = "\"" DOCS_VERSION "-" VY_VERSION "\"";

/* The viewer's icons are data: URLs in its style sheet. */
static const char policy[] = "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static const File *find_file(VyStr name);

void
vy_docs_handle(VyRequest *request, VyResponse *response)
{
	const File *file = find_file(vy_request_param(request, "file"));

	if (file == NULL)
	{
		vy_refuse(request, response, 404, "VY404", "no such file", NULL, "The page is at /docs.");
		return;
	}
	response->status = 200;
	vy_response_header(response, "content-type", vy_cstr(file->type));
	vy_response_header(response, "cache-control", vy_cstr(file->cache_control));
	vy_response_header(response, "content-security-policy", VY_STR(policy));
	vy_response_header(response, "etag", VY_STR(etag));
	if (vy_str_is(vy_request_header(request, "if-none-match"), etag))
		response->status = 304;
	else
		vy_append(&response->body, vy_str(file->start, (size_t) (file->end - file->start)));
}

static const File *
find_file(VyStr name)
{
	for (size_t i = 0; i < lengthof(files); i++)
		if (vy_str_is(name, files[i].name))
			return &files[i];
	return NULL;
}
