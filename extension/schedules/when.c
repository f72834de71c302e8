/*
 * when.c: see when.h. The calendar is cron.c; the zones are PostgreSQL's.
 */
#include "schedules/when.h"

#include "core/attempt.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#define MOST_DAYS 3660

typedef struct Reading
{
	const char *text;
	Interval *every;
} Reading;

static void read_interval(void *arg);
static VyWhen with_interval(Interval *every, pg_tz *zone);
static VyWhen with_cron(const char *text, pg_tz *zone);
static pg_tz *find_zone(const char *name);
static VyMinute clock_at(TimestampTz at, pg_tz *zone);
static TimestampTz time_of(const VyMinute *shown, pg_tz *zone);
pg_attribute_noreturn() static void refuse_range(void);

VyWhen
vy_when_text(const char *text, const char *zone)
{
	Reading reading = {text, NULL};
	const char *message;

	if (vy_cron_is(vy_cstr(text)))
		return with_cron(text, find_zone(zone));
	if (!vy_attempt(read_interval, &reading, &message))
		ereport(
			ERROR,
			(errcode(ERRCODE_VY_INVALID), errmsg("\"%s\" is neither an interval nor a time of cron", text),
			 errhint("Write an interval such as '5 minutes', or cron's minute, hour, day, month and day of the week: '0 9 * * mon-fri'.")));
	return with_interval(reading.every, find_zone(zone));
}

VyWhen
vy_when_row(Interval *every, const char *cron, const char *zone)
{
	return cron != NULL ? with_cron(cron, find_zone(zone)) : with_interval(every, find_zone(zone));
}

TimestampTz
vy_when_next(const VyWhen *when, TimestampTz planned, TimestampTz now)
{
	TimestampTz next = planned;
	TimestampTz again;
	VyMinute shown;

	if (when->every != NULL)
	{
		if (Max(next, now) > END_TIMESTAMP - MOST_DAYS * USECS_PER_DAY)
			refuse_range();
		return next > now ? next : next + ((now - next) / when->every_us + 1) * when->every_us;
	}
	/* A clock that will show this minute again is asked from before it showed it first. */
	shown = clock_at(now, when->zone);
	again = time_of(&shown, when->zone);
	if (again > now)
		shown = clock_at(now - (again - now) - USECS_PER_MINUTE, when->zone);
	do
	{
		if (!vy_cron_next(&when->cron, &shown))
			refuse_range();
		next = time_of(&shown, when->zone);
	} while (next <= now);
	return next;
}

static void
read_interval(void *arg)
{
	Reading *reading = arg;

	reading->every = DatumGetIntervalP(
		DirectFunctionCall3(interval_in, CStringGetDatum(reading->text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

/* Months are of different lengths: that is cron's part. */
static VyWhen
with_interval(Interval *every, pg_tz *zone)
{
	VyWhen when = {.every = every, .zone = zone};

	if (every->month != 0)
		ereport(ERROR, (errcode(ERRCODE_VY_INVALID), errmsg("a schedule's interval has no months or years"),
						errdetail("They are of different lengths."), errhint("Write it for cron: '@monthly' or '0 9 1 * *'.")));
	if (Abs((int64) every->day) <= MOST_DAYS && Abs(every->time / USECS_PER_DAY) <= MOST_DAYS)
		when.every_us = every->day * USECS_PER_DAY + every->time;
	if (when.every_us < USECS_PER_SEC || when.every_us > MOST_DAYS * USECS_PER_DAY)
		ereport(ERROR, (errcode(ERRCODE_VY_INVALID), errmsg("a schedule's interval is 1 second to %d days", MOST_DAYS)));
	return when;
}

static VyWhen
with_cron(const char *text, pg_tz *zone)
{
	VyWhen when = {.text = text, .zone = zone};
	const char *problem;

	if (!vy_cron_parse(&when.cron, vy_cstr(text), &problem))
		ereport(ERROR, (errcode(ERRCODE_VY_INVALID), errmsg("\"%s\" is no time of cron", text), errdetail("It %s.", problem),
						errhint("The fields are minute, hour, day of the month, month and day of the week: '0 9 * * mon-fri'.")));
	return when;
}

static pg_tz *
find_zone(const char *name)
{
	pg_tz *zone = strlen(name) <= TZ_STRLEN_MAX ? pg_tzset(name) : NULL;

	if (zone == NULL || !pg_tz_acceptable(zone))
		ereport(ERROR, (errcode(ERRCODE_VY_INVALID), errmsg("there is no such time zone"),
						errhint("pg_timezone_names lists them: 'UTC', 'Europe/Berlin'.")));
	return zone;
}

static VyMinute
clock_at(TimestampTz at, pg_tz *zone)
{
	struct pg_tm tm;
	fsec_t fsec;
	int offset;

	if (timestamp2tm(at, &offset, &tm, &fsec, NULL, zone) != 0)
		refuse_range();
	return (VyMinute){tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min};
}

/* PostgreSQL reads what is shown twice as the second time, and what is never shown as if the clock had not been put forward. */
static TimestampTz
time_of(const VyMinute *shown, pg_tz *zone)
{
	struct pg_tm tm = {
		.tm_year = shown->year, .tm_mon = shown->month, .tm_mday = shown->day, .tm_hour = shown->hour, .tm_min = shown->minute};
	int offset = DetermineTimeZoneOffset(&tm, zone);
	TimestampTz at;
	VyMinute really;
	pg_time_t before;
	pg_time_t boundary;
	long offsets[2];
	int dst[2];

	if (tm2timestamp(&tm, 0, &offset, &at) != 0)
		refuse_range();
	really = clock_at(at, zone);
	if (memcmp(&really, shown, sizeof(really)) == 0)
		return at;
	/* The clock was put forward in the day before. */
	before = timestamptz_to_time_t(at) - SECS_PER_DAY;
	if (pg_next_dst_boundary(&before, &offsets[0], &dst[0], &boundary, &offsets[1], &dst[1], zone) != 1)
		return at;
	return Min(at, time_t_to_timestamptz(boundary));
}

static void
refuse_range(void)
{
	ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("a schedule has no next time in the range of timestamps")));
}
