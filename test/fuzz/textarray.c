/*
 * textarray.c: items made of the input come back from PostgreSQL's binary form, read here as array_recv() reads it.
 */
#include "base/textarray.h"

#include "fuzz.h"

#define MAX_ITEMS 12

static uint32_t
number(const uint8_t **at, const uint8_t *end)
{
	uint32_t value = 0;

	REQUIRE(end - *at >= 4);
	for (int i = 0; i < 4; i++)
		value = value << 8 | *(*at)++;
	return value;
}

static void
items_come_back(const uint8_t *at, const uint8_t *end, const VyStr *items, size_t n)
{
	REQUIRE(number(&at, end) == 1 && number(&at, end) == 1 && number(&at, end) == 25 && number(&at, end) == n && number(&at, end) == 1);
	for (size_t i = 0; i < n; i++)
	{
		uint32_t length = number(&at, end);

		if (items[i].p == NULL)
		{
			REQUIRE(length == UINT32_MAX);
			continue;
		}
		REQUIRE(length == items[i].n && (size_t) (end - at) >= length);
		REQUIRE(length == 0 || memcmp(at, items[i].p, length) == 0);
		at += length;
	}
	REQUIRE(at == end);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Feed feed = {data, size};
	VyStr items[MAX_ITEMS];
	size_t n = feed_byte(&feed) % (MAX_ITEMS + 1);
	size_t need;
	uint8_t *out;

	/* An empty feed_str() is absent, hence NULL; one of 200 and more is an empty text. */
	for (size_t i = 0; i < n; i++)
		items[i] = feed.left > 0 && *feed.at >= 200 ? (feed_byte(&feed), vy_str(block(0), 0)) : feed_str(&feed, 199);
	need = vy_textarray_size(items, n);
	out = block(need);
	vy_textarray_write(out, items, n);
	items_come_back(out, out + need, items, n);
	free(out);
	for (size_t i = 0; i < n; i++)
		drop(items[i]);
	return 0;
}
