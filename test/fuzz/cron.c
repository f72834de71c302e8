/*
 * cron.c: what is read has a next time and that is later, real and asked for; and none of the minutes right before it is.
 */
#include "schedules/cron.h"

#include "fuzz.h"

#define LOOKED_BACK 100

static bool
bit(const VyCron *cron, int field, int n)
{
	return (cron->fields[field] >> n & 1) != 0;
}

static int64_t
order(const VyMinute *at)
{
	return (((at->year * INT64_C(16) + at->month) * 32 + at->day) * 32 + at->hour) * 64 + at->minute;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	VyStr text = exact(data, size);
	VyMinute at = {2026, 11, 25, 23, 59};
	VyCron cron;
	const char *problem = NULL;
	bool parsed = vy_cron_parse(&cron, text, &problem);

	REQUIRE(problem != NULL || parsed);
	REQUIRE(!parsed || vy_cron_is(text));
	for (int i = 0; parsed && i < LOOKED_BACK; i++)
	{
		VyMinute before = at;
		VyMinute again;

		REQUIRE(vy_cron_next(&cron, &at));
		REQUIRE(order(&at) > order(&before) && at.year <= before.year + 40);
		REQUIRE(bit(&cron, 0, at.minute) && bit(&cron, 1, at.hour) && bit(&cron, 3, at.month));
		REQUIRE(at.minute < 60 && at.hour < 24 && at.day >= 1 && at.day <= 31 && at.month >= 1 && at.month <= 12);
		if (cron.any_day)
			REQUIRE(bit(&cron, 2, at.day));
		again = at;
		if (again.minute-- > 0 && order(&again) >= order(&before))
			REQUIRE(vy_cron_next(&cron, &again) && order(&again) == order(&at));
	}
	drop(text);
	return 0;
}
