/*
 * utf8.c: the fast validator agrees with the naive one, whatever stands around the text.
 */
#include "base/utf8.h"

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	VyStr text = exact(data, size);
	bool valid = vy_utf8_valid(text.p, text.n);
	size_t middle = size / 2;

	REQUIRE(valid == naive_utf8(text.p, text.n));
	/* Two valid halves are a valid whole, and a valid whole with one valid half has two. */
	if (size > 0 && vy_utf8_valid(text.p, middle))
		REQUIRE(vy_utf8_valid(text.p + middle, size - middle) == valid);
	/* Seven positions against the eight-byte steps. */
	for (size_t shift = 1; size > 0 && shift < 8; shift++)
	{
		char *shifted = block(size + shift);

		memset(shifted, 'x', shift);
		memcpy(shifted + shift, text.p, size);
		REQUIRE(vy_utf8_valid(shifted, size + shift) == valid);
		free(shifted);
	}
	drop(text);
	return 0;
}
