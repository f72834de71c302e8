/*
 * textarray.c: the bytes that PostgreSQL's array_send() makes of the same array.
 */
#include "base/textarray.h"

#include "tap.h"

int
main(void)
{
	static const uint8_t want[] = {0, 0, 0, 1, 0, 0, 0, 1,   0,   0,   0,   25,  0,   0, 0, 3, 0,
								   0, 0, 1, 0, 0, 0, 2, 'a', 'b', 255, 255, 255, 255, 0, 0, 0, 0};
	const VyStr items[] = {VY_STR("ab"), {NULL, 0}, VY_STR("")};
	uint8_t *out = malloc(sizeof(want));

	ok(vy_textarray_size(items, 3) == sizeof(want), "two texts and a NULL take 34 bytes");
	if (out)
		vy_textarray_write(out, items, 3);
	ok(out && memcmp(out, want, sizeof(want)) == 0, "two texts and a NULL are written as array_send() does");
	ok(vy_textarray_size(NULL, 0) == 20, "an array of nothing is its head");
	free(out);
	return tap_done();
}
