/*
 * cron.h: times as crontab(5) writes them, in some local time that knows neither zones nor clock changes.
 *
 * Five fields: minute, hour, day of the month, month, day of the week. Each is a list of numbers, names (jan to dec, sun to sat), ranges
 * and
 * "*", the last two with a step ("10-50/20"). Sunday is 0 and 7. When neither day field begins with "*", a day that one of them has will do
 * (POSIX); otherwise both must have it. Or one word: @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually.
 */
#ifndef VY_CRON_H
#define VY_CRON_H

#include "base/base.h"

#define VY_CRON_FIELDS 5

typedef struct VyCron
{
	uint64_t fields[VY_CRON_FIELDS]; /* bit n: the field has n */
	bool any_day; /* its field begins with "*" */
	bool any_weekday;
} VyCron;

typedef struct VyMinute
{
	int year; /* 1 and later */
	int month; /* 1 to 12 */
	int day;
	int hour;
	int minute;
} VyMinute;

/* Whether a text means to be one of these: five words, or "@" and a letter. */
bool vy_cron_is(VyStr text);

/* False: *problem says why, as what follows "it" does. What can never come, such as a 30th of February, is refused too. */
VY_MUST_CHECK bool vy_cron_parse(VyCron *out, VyStr text, const char **problem);

/* The first minute after *at that cron has; false, and *at unchanged: its year is none of those above. */
VY_MUST_CHECK bool vy_cron_next(const VyCron *cron, VyMinute *at);

#endif
