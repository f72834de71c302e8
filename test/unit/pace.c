/*
 * pace.c: the pace of a queue follows a slowdown and a recovery, and forgives one stall.
 */
#include "base/pace.h"

#include "tap.h"

#define MS INT64_C(1000000)

static int64_t
after(int64_t mean, int64_t gap, int n)
{
	for (int i = 0; i < n; i++)
		mean = vy_pace(mean, gap);
	return mean;
}

static void
test_follows(void)
{
	static const int64_t gaps[] = {0, 1000, 83000, MS, 100 * MS, 10000 * MS};

	for (size_t i = 0; i < LENGTH(gaps); i++)
	{
		int64_t mean = after(83000, gaps[i], 300);

		ok(mean >= gaps[i] * 99 / 100 && mean <= gaps[i] * 101 / 100 + 32, "gaps of %ld ns are a pace of %ld ns", (long) gaps[i],
		   (long) mean);
	}
}

static void
test_stall(void)
{
	int64_t mean = vy_pace(83000, 50 * MS);

	ok(mean > 83000 && mean * 92 < 45 * MS, "after a stall of 50 ms, 92 that wait for 83 us each are told %ld us",
	   (long) (mean * 92 / 1000));
	ok(after(vy_pace(83000, 10000 * MS), 83000, 40) < 110000, "forty gaps later it is forgotten, however long it was");
}

static void
test_slowdown(void)
{
	ok(after(83000, 10 * MS, 40) > 5 * MS, "a hundredfold slowdown is known after forty gaps");
	ok(after(0, 100 * MS, 40) > 45 * MS, "and so is a queue that was never seen");
}

int
main(void)
{
	test_follows();
	test_stall();
	test_slowdown();
	return tap_done();
}
