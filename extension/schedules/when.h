/*
 * when.h: when a schedule is due: each so long, or at times of cron on the clocks of a time zone.
 *
 * An interval is elapsed time: a day has 24 hours, whatever clocks do. Times of cron are what the clock on the wall shows: one that it
 * skips (spring) is due once, at the first minute after the gap; one that it shows twice (autumn) is due once, when it shows it the second
 * time.
 */
#ifndef VY_WHEN_H
#define VY_WHEN_H

#include "schedules/cron.h"
#include "core/core.h"
#include "datatype/timestamp.h"
#include "pgtime.h"

typedef struct VyWhen
{
	Interval *every; /* NULL: cron */
	int64 every_us;
	const char *text; /* of cron */
	VyCron cron;
	pg_tz *zone;
} VyWhen;

/* What people write: '5 minutes' or '0 9 * * mon-fri'. Raises what is wrong with it, or with the time zone. */
VyWhen vy_when_text(const char *text, const char *zone);

/* The same from a row; one of every and cron is NULL. */
VyWhen vy_when_row(Interval *every, const char *cron, const char *zone);

/* The first time after now of what was planned for another one; what was missed meanwhile is left out. */
TimestampTz vy_when_next(const VyWhen *when, TimestampTz planned, TimestampTz now);

#endif
