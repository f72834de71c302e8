/*
 * cron.c: what is a time of cron and what is not, when it comes next, and the same answers as looking at each minute of some years.
 * sources: schedules/cron.c
 */
#include "schedules/cron.h"

#include "tap.h"

#define EXPRESSIONS 60
#define YEARS 3

static const char *const good[] = {"* * * * *",
								   "0 0 1 1 0",
								   "59 23 31 12 7",
								   "*/15 * * * *",
								   "0-30/10,45 8-18 * * mon-fri",
								   "0 0 * jan,JUL sun",
								   "0 0 * * fri-sun",
								   " 0\t0  1 * * ",
								   "0 0 29 2 *",
								   "0 0 31 1-2 *",
								   "0 0 30 2 mon",
								   "0 0 * * 5-7",
								   "*/60 */24 * * *",
								   "0 0 1-31/31 * *",
								   "@hourly",
								   "@Daily",
								   "@midnight",
								   "@weekly",
								   "@monthly",
								   "@yearly",
								   "@annually",
								   "0 0 * * sat-sun"};

static const struct
{
	const char *text;
	const char *problem;
} bad[] = {
	{"", "fewer than five"},
	{"* * * *", "fewer than five"},
	{"* * * * * *", "more than five"},
	{"60 * * * *", "a minute"},
	{"-1 * * * *", "a minute"},
	{"5- * * * *", "a minute"},
	{"5-1 * * * *", "a minute"},
	{"1,,2 * * * *", "a minute"},
	{"1, * * * *", "a minute"},
	{",1 * * * *", "a minute"},
	{"5/10 * * * *", "a minute"},
	{"*/0 * * * *", "a minute"},
	{"*/61 * * * *", "a minute"},
	{"*/ * * * *", "a minute"},
	{"** * * * *", "a minute"},
	{"*-5 * * * *", "a minute"},
	{"1000000000000 * * * *", "a minute"},
	{"jan * * * *", "a minute"},
	{"* 24 * * *", "an hour"},
	{"* * 0 * *", "a day of the month"},
	{"* * 32 * *", "a day of the month"},
	{"* * L * *", "a day of the month"},
	{"* * * 0 *", "a month"},
	{"* * * 13 *", "a month"},
	{"* * * january *", "a month"},
	{"* * * mon *", "a month"},
	{"* * * * 8", "a day of the week"},
	{"* * * * ?", "a day of the week"},
	{"* * * * 5#2", "a day of the week"},
	{"0 0 30 2 *", "never comes"},
	{"0 0 31 2,4,6,9,11 *", "never comes"},
	{"0 0 31 4 */2", "never comes"},
	{"@reboot", "@ word"},
	{"@daily x", "@ word"},
	{"@", "@ word"},
};

static const struct
{
	const char *text;
	const char *after;
	const char *next;
} times[] = {
	{"* * * * *", "2026-12-31 23:59", "2027-01-01 00:00"},        {"*/15 * * * *", "2026-01-01 10:44", "2026-01-01 10:45"},
	{"*/15 * * * *", "2026-01-01 10:45", "2026-01-01 11:00"},     {"30 9 * * *", "2026-01-01 09:30", "2026-01-02 09:30"},
	{"30 9,17 * * *", "2026-01-01 09:31", "2026-01-01 17:30"},    {"0 0 29 2 *", "2026-03-01 00:00", "2028-02-29 00:00"},
	{"0 0 29 2 *", "2096-02-29 00:00", "2104-02-29 00:00"},       {"0 0 29 2 *", "1999-01-01 00:00", "2000-02-29 00:00"},
	{"0 0 29 2 */7", "2032-02-29 00:00", "2060-02-29 00:00"},     {"0 0 31 * *", "2026-01-31 00:00", "2026-03-31 00:00"},
	{"0 0 13 * fri", "2026-11-06 00:00", "2026-11-13 00:00"},     {"0 0 13 * fri", "2026-11-26 12:00", "2026-11-27 00:00"},
	{"0 0 13 * fri", "2026-12-12 12:00", "2026-12-13 00:00"},     {"0 0 */2 * mon", "2026-11-23 12:00", "2026-12-07 00:00"},
	{"0 12 * * sun", "2026-11-25 00:00", "2026-11-29 12:00"},     {"0 12 * * 7", "2026-11-25 00:00", "2026-11-29 12:00"},
	{"0 12 * * fri-sun", "2026-11-27 12:00", "2026-11-28 12:00"}, {"0 12 * * fri-sun", "2026-11-29 12:00", "2026-12-04 12:00"},
	{"@hourly", "2026-11-25 10:00", "2026-11-25 11:00"},          {"@daily", "2026-11-25 10:00", "2026-11-26 00:00"},
	{"@weekly", "2026-11-25 10:00", "2026-11-29 00:00"},          {"@monthly", "2026-11-25 10:00", "2026-12-01 00:00"},
	{"@yearly", "2026-01-01 00:00", "2027-01-01 00:00"},
};

static const char *const meant[] = {"* * * * *", "a b c d e", "@daily", "@reboot", "  0 0 1 1 *  "};
static const char *const not_meant[] = {"5 minutes", "1 day 2 hours", "@ 5 minutes", "01:00:00", "", "* * * * * *", "@", "PT5M"};

static VyMinute
minute_of(const char *text)
{
	VyMinute at;

	if (sscanf(text, "%d-%d-%d %d:%d", &at.year, &at.month, &at.day, &at.hour, &at.minute) != 5)
		abort();
	return at;
}

static const char *
text_of(const VyMinute *at)
{
	static char text[2][64];
	static unsigned turn;
	char *out = text[turn++ % 2];

	snprintf(out, sizeof(text[0]), "%04d-%02d-%02d %02d:%02d", at->year, at->month, at->day, at->hour, at->minute);
	return out;
}

static bool
parse(VyCron *cron, const char *text, const char **problem)
{
	VyStr copy = tight(vy_cstr(text));
	bool parsed = vy_cron_parse(cron, copy, problem);

	free((char *) copy.p);
	return parsed;
}

static void
test_parse(void)
{
	VyCron cron;
	const char *problem;

	for (size_t i = 0; i < LENGTH(good); i++)
		ok(parse(&cron, good[i], &problem), "\"%s\" is read", good[i]);
	for (size_t i = 0; i < LENGTH(bad); i++)
		ok(!parse(&cron, bad[i].text, &problem) && strstr(problem, bad[i].problem) != NULL, "\"%s\" is refused: it %s", bad[i].text,
		   problem);
	for (size_t i = 0; i < LENGTH(meant); i++)
		ok(vy_cron_is(vy_cstr(meant[i])), "\"%s\" means to be cron", meant[i]);
	for (size_t i = 0; i < LENGTH(not_meant); i++)
		ok(!vy_cron_is(vy_cstr(not_meant[i])), "\"%s\" does not", not_meant[i]);
}

static void
test_times(void)
{
	VyCron cron;
	const char *problem;

	for (size_t i = 0; i < LENGTH(times); i++)
	{
		VyMinute at = minute_of(times[i].after);
		bool found = parse(&cron, times[i].text, &problem) && vy_cron_next(&cron, &at);

		ok(found && strcmp(text_of(&at), times[i].next) == 0, "\"%s\" after %s is %s", times[i].text, times[i].after, text_of(&at));
	}
	VyMinute before_christ = {-43, 3, 15, 12, 0};
	ok(parse(&cron, "* * * * *", &problem) && !vy_cron_next(&cron, &before_christ), "a year before the first has no next time");
}

/* The opinion of the test: each minute in its order, days counted one by one from a Thursday. */
static void
step_naively(VyMinute *at, int *weekday)
{
	bool leap = at->year % 4 == 0 && (at->year % 100 != 0 || at->year % 400 == 0);
	int last = at->month == 2 ? (leap ? 29 : 28) : at->month == 4 || at->month == 6 || at->month == 9 || at->month == 11 ? 30 : 31;

	if (++at->minute < 60)
		return;
	at->minute = 0;
	if (++at->hour < 24)
		return;
	at->hour = 0;
	*weekday = (*weekday + 1) % 7;
	if (++at->day <= last)
		return;
	at->day = 1;
	if (++at->month <= 12)
		return;
	at->month = 1;
	at->year++;
}

/* A field of random values; what it has is also marked in wanted. */
static void
random_field(char *out, size_t cap, int low, int high, bool *wanted)
{
	int kind = rand() % 5;
	int from = low + rand() % (high - low + 1);
	int to = from + rand() % (high - from + 1);
	int step = 1 + rand() % 9;

	step = step > high - low ? 1 : step;
	if (kind < 2)
		from = low, to = high, step = kind == 0 ? 1 : step;
	if (kind == 0)
		snprintf(out, cap, "*");
	else if (kind == 1)
		snprintf(out, cap, "*/%d", step);
	else if (kind == 2)
		snprintf(out, cap, "%d-%d/%d", from, to, step);
	else
		snprintf(out, cap, "%d,%d", from, to);
	for (int value = from; value <= to; value += kind < 3 ? step : to > from ? to - from : 1)
		wanted[value] = true;
}

static void
test_against_each_minute(void)
{
	static const int low[] = {0, 0, 1, 1, 0};
	static const int high[] = {59, 23, 31, 12, 6};

	for (int n = 0; n < EXPRESSIONS; n++)
	{
		bool wanted[5][64] = {{false}};
		char part[5][32];
		char text[256];
		const char *problem;
		VyCron cron;
		VyMinute naive = minute_of("2027-12-30 23:58");
		VyMinute found = naive;
		int weekday = 4;
		long times_seen = 0;
		bool same = true;

		for (int i = 0; i < 5; i++)
			random_field(part[i], sizeof(part[i]), low[i], high[i], wanted[i]);
		snprintf(text, sizeof(text), "%s %s %s %s %s", part[0], part[1], part[2], part[3], part[4]);
		if (!parse(&cron, text, &problem))
		{
			ok(strstr(problem, "never comes") != NULL, "\"%s\" never comes", text);
			continue;
		}
		while (same && naive.year <= 2027 + YEARS)
		{
			bool day, week;

			step_naively(&naive, &weekday);
			day = wanted[2][naive.day], week = wanted[4][weekday];
			if (!wanted[0][naive.minute] || !wanted[1][naive.hour] || !wanted[3][naive.month] ||
				!(part[2][0] == '*' || part[4][0] == '*' ? day && week : day || week))
				continue;
			times_seen++;
			same = vy_cron_next(&cron, &found) && memcmp(&found, &naive, sizeof(found)) == 0;
		}
		ok(same && (times_seen > 0 || vy_cron_next(&cron, &found)), "\"%s\": %ld times as each minute says (%s)", text, times_seen,
		   text_of(&found));
	}
}

int
main(void)
{
	srand(15);
	test_parse();
	test_times();
	test_against_each_minute();
	return tap_done();
}
