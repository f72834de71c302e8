/*
 * media.c: a name has always a type, and only what stands behind its last dot decides; three types are those of forms.
 */
#include "base/media.h"

#include "fuzz.h"

static const VyStr forms[] = {VY_STR_INIT("text/plain"), VY_STR_INIT("application/x-www-form-urlencoded"),
							  VY_STR_INIT("multipart/form-data")};
static const char unknown[] = "application/octet-stream";

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	VyStr name = exact(data, size);
	const char *type = vy_media_type(name);
	bool form = false;
	const char *dot = size > 0 ? memrchr(name.p, '.', size) : NULL;

	REQUIRE(type != NULL && strchr(type, '/') != NULL);
	if (dot == NULL || dot == name.p)
		REQUIRE(strcmp(type, unknown) == 0);
	else
	{
		VyStr tail = exact(dot - 1, (size_t) (name.p + size - dot) + 1);

		REQUIRE(strcmp(type, vy_media_type(tail)) == 0);
		drop(tail);
	}
	for (size_t i = 0; i < LENGTH(forms); i++)
		form = form || (size >= forms[i].n && vy_str_same(vy_str(name.p, forms[i].n), forms[i]) &&
						(size == forms[i].n || memchr(" \t;,", name.p[forms[i].n], 4) != NULL));
	REQUIRE(vy_media_is_form(name) == form);
	drop(name);
	return 0;
}
