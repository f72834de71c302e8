/*
 * random.c: strong random bytes from a stock, because a call of the library costs as much for 16 bytes as for 1024 (random.h).
 *
 * What is given out is wiped from the stock. A process that was forked with a stock in its memory makes one of its own.
 */
#include "core/random.h"

#define STOCK 1024

static uint8 stock[STOCK];
static size_t left;
static int owner;

void
vy_random_bytes(uint8 *out, size_t n)
{
	if (owner != MyProcPid || left < n)
	{
		left = 0;
		if (!pg_strong_random(stock, sizeof(stock)))
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("the system has no random bytes")));
		left = sizeof(stock);
		owner = MyProcPid;
	}
	left -= n;
	memcpy(out, stock + left, n);
	explicit_bzero(stock + left, n);
}
