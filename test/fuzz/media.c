/*
 * media.c: a name has always a type, and only what stands behind its last dot decides.
 */
#include "base/media.h"

#include "fuzz.h"

static const char unknown[] = "application/octet-stream";

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	VyStr name = exact(data, size);
	const char *type = vy_media_type(name);
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
	drop(name);
	return 0;
}
