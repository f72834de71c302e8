/*
 * textarray.c: number of dimensions, has-nulls, element type, size, lower bound; then length and bytes of each item, length -1 for NULL.
 */
#include "base/textarray.h"

#define TEXT_OID 25

static uint8_t *
put_number(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t) (value >> (8 * (3 - i)));
	return at + 4;
}

size_t
vy_textarray_size(const VyStr *items, size_t n)
{
	size_t size = 5 * 4;

	for (size_t i = 0; i < n; i++)
		size += 4 + (items[i].p ? items[i].n : 0);
	return size;
}

void
vy_textarray_write(uint8_t *out, const VyStr *items, size_t n)
{
	const uint32_t head[] = {1, 1, TEXT_OID, (uint32_t) n, 1};

	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		out = put_number(out, head[i]);
	for (size_t i = 0; i < n; i++)
	{
		out = put_number(out, items[i].p ? (uint32_t) items[i].n : UINT32_MAX);
		if (!items[i].p || items[i].n == 0)
			continue;
		memcpy(out, items[i].p, items[i].n);
		out += items[i].n;
	}
}
