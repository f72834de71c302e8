/*
 * b64url.c: bytes come back from their text, and an accepted text is the only one of its bytes.
 */
#include "base/b64url.h"

#include "fuzz.h"

static void
bytes_come_back(VyStr bytes)
{
	size_t size = VY_B64URL_ENCODED_SIZE(bytes.n);
	char *text = block(size);
	uint8_t *again = block(bytes.n);
	size_t text_len;
	size_t again_len;

	REQUIRE(vy_b64url_encode(text, size, &text_len, (const uint8_t *) bytes.p, bytes.n) == 0 && text_len == size);
	REQUIRE(size == 0 || vy_b64url_encode(text, size - 1, &again_len, (const uint8_t *) bytes.p, bytes.n) == -1);
	REQUIRE(vy_b64url_decode(again, bytes.n, &again_len, text, text_len) == 0 && again_len == bytes.n);
	REQUIRE(bytes.n == 0 || memcmp(again, bytes.p, bytes.n) == 0);
	free(again);
	free(text);
}

static void
text_is_the_only_one(VyStr text)
{
	size_t cap = VY_B64URL_DECODED_SIZE(text.n);
	uint8_t *bytes = block(cap);
	char *again = block(text.n);
	size_t len;
	size_t again_len;

	if (vy_b64url_decode(bytes, cap, &len, text.p, text.n) == 0)
	{
		REQUIRE(vy_b64url_encode(again, text.n, &again_len, bytes, len) == 0 && again_len == text.n);
		REQUIRE(text.n == 0 || memcmp(again, text.p, text.n) == 0);
		REQUIRE(vy_b64url_decode(bytes, len, &len, text.p, text.n) == 0);
		REQUIRE(len == 0 || vy_b64url_decode(bytes, len - 1, &len, text.p, text.n) == -1);
	}
	free(again);
	free(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	VyStr input = exact(data, size);

	bytes_come_back(input);
	text_is_the_only_one(input);
	drop(input);
	return 0;
}
