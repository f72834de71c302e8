/*
 * gcra.c: what passes a limit and when, with a clock of the test's own; limits as text.
 */
#include "base/gcra.h"

#include "tap.h"

#define SECOND INT64_C(1000000)

static const struct
{
	const char *text;
	int64_t count; /* 0: refused */
	int64_t period_us;
} rates[] = {
	{"10/min", 10, 60 * SECOND},
	{"1/s", 1, SECOND},
	{"100/15 minutes", 100, 900 * SECOND},
	{"5 / 2h", 5, 7200 * SECOND},
	{"3/Day", 3, 86400 * SECOND},
	{"1000000/s", 1000000, SECOND},
	{"1000001/s", 0, 0},
	{"31/31 days", 31, 31 * 86400 * SECOND},
	{"1/32 days", 0, 0},
	{"0/s", 0, 0},
	{"1/0 s", 0, 0},
	{"-1/s", 0, 0},
	{"10", 0, 0},
	{"10/", 0, 0},
	{"10/fortnight", 0, 0},
	{"10/min ", 0, 0},
	{"/min", 0, 0},
	{"", 0, 0},
	{"99999999999999999999/s", 0, 0},
	{"1/99999999999999999999 s", 0, 0},
};

static void
test_rates(void)
{
	VyRate rate;

	for (size_t i = 0; i < LENGTH(rates); i++)
	{
		VyStr text = tight(vy_cstr(rates[i].text));
		bool good = vy_rate_parse(&rate, text);

		ok(good == (rates[i].count > 0) && (!good || (rate.count == rates[i].count && rate.period_us == rates[i].period_us)),
		   "\"%s\" is %s", rates[i].text, rates[i].count ? "read" : "refused");
		free((char *) text.p);
	}
	ok(!vy_rate_parse(&rate, vy_str(NULL, 0)), "no text is no rate");
}

/* Ten times as many as may pass, evenly over some periods: count at once, then one each period / count. */
static void
test_flood(VyRate rate, int periods)
{
	int64_t time = 0;
	int64_t start = 5000 * SECOND;
	int64_t asked = rate.count * 10 * periods;
	int64_t passed = 0;
	int64_t want = rate.count + rate.count * periods;

	for (int64_t i = 0; i < asked; i++)
		passed += vy_gcra(&time, start + i * rate.period_us * periods / asked, rate).passes;
	ok(passed >= want - 1 && passed <= want, "a flood of %lld over %d periods: %lld pass, %lld may", (long long) asked, periods,
	   (long long) passed, (long long) want);
}

static void
test_one_subject(void)
{
	const VyRate rate = {3, 3 * SECOND};
	int64_t time = 0;
	VyGcra r = vy_gcra(&time, 100 * SECOND, rate);

	ok(r.passes && r.remaining == 2 && r.retry_us == 0 && r.reset_us == SECOND, "the first passes, two are left");
	r = vy_gcra(&time, 100 * SECOND, rate);
	ok(r.passes && r.remaining == 1, "the second passes");
	r = vy_gcra(&time, 100 * SECOND, rate);
	ok(r.passes && r.remaining == 0 && r.retry_us == SECOND && r.reset_us == 3 * SECOND,
	   "the third is the last, and says when the next may come");
	r = vy_gcra(&time, 100 * SECOND, rate);
	ok(!r.passes && r.retry_us == SECOND, "the fourth is refused");
	r = vy_gcra(&time, 101 * SECOND - 1, rate);
	ok(!r.passes && r.retry_us == 1, "a refusal costs nothing, and a microsecond early is early");
	r = vy_gcra(&time, 101 * SECOND, rate);
	ok(r.passes && r.remaining == 0, "when it said, it passes");
	r = vy_gcra(&time, 1000 * SECOND, rate);
	ok(r.passes && r.remaining == 2, "after a long time it is as good as new");
}

int
main(void)
{
	test_rates();
	test_one_subject();
	test_flood((VyRate){1, SECOND}, 10);
	test_flood((VyRate){7, SECOND}, 5);
	test_flood((VyRate){100, 10 * SECOND}, 3);
	test_flood((VyRate){1000, 60 * SECOND}, 2);
	test_flood((VyRate){1000000, SECOND}, 1);
	return tap_done();
}
