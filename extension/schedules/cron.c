/*
 * cron.c: see cron.h. A field is a set of bits; the next time is looked for day by day, and inside of a day by these bits.
 */
#include "schedules/cron.h"

/* The Gregorian calendar begins again after so many years, with the same days of the week. */
#define CYCLE_YEARS 400
#define LAST_YEAR 300000

typedef enum Field
{
	MINUTE,
	HOUR,
	DAY,
	MONTH,
	WEEKDAY
} Field;

static const char months[][4] = {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};
static const char weekdays[][4] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static const struct
{
	int low;
	int high;
	const char (*names)[4]; /* of low and those that follow */
	int nnames;
	const char *problem;
} fields[VY_CRON_FIELDS] = {
	[MINUTE] = {0, 59, NULL, 0, "has a minute that is no list of numbers from 0 to 59"},
	[HOUR] = {0, 23, NULL, 0, "has an hour that is no list of numbers from 0 to 23"},
	[DAY] = {1, 31, NULL, 0, "has a day of the month that is no list of numbers from 1 to 31"},
	[MONTH] = {1, 12, months, 12, "has a month that is no list of numbers from 1 to 12, or of jan to dec"},
	[WEEKDAY] = {0, 7, weekdays, 7, "has a day of the week that is no list of numbers from 0 to 7, or of sun to sat"},
};

static const struct
{
	const char *word;
	const char *means;
} words[] = {
	{"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
	{"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"},
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_letter(char c)
{
	c = vy_ascii_lower(c);
	return c >= 'a' && c <= 'z';
}

/* The next word, cut off the front of *left; empty: there is none. */
static VyStr
cut_word(VyStr *left)
{
	VyStr word;
	size_t from = 0;
	size_t to;

	if (left->n == 0)
		return *left;
	while (from < left->n && is_blank(left->p[from]))
		from++;
	for (to = from; to < left->n && !is_blank(left->p[to]);)
		to++;
	word = vy_str(left->p + from, to - from);
	*left = vy_str(left->p + to, left->n - to);
	return word;
}

static bool
skip(VyStr *text, char c)
{
	if (text->n == 0 || *text->p != c)
		return false;
	*text = vy_str(text->p + 1, text->n - 1);
	return true;
}

static bool
read_number(VyStr *text, int *out)
{
	size_t n = 0;

	*out = 0;
	for (; n < text->n && n < 3 && text->p[n] >= '0' && text->p[n] <= '9'; n++)
		*out = *out * 10 + (text->p[n] - '0');
	*text = vy_str(text->p + n, text->n - n);
	return n > 0;
}

static bool
read_value(VyStr *text, Field field, int *out)
{
	VyStr name = *text;

	if (read_number(text, out))
		return *out >= fields[field].low && *out <= fields[field].high;
	for (name.n = 0; name.n < text->n && is_letter(text->p[name.n]);)
		name.n++;
	*text = vy_str(text->p + name.n, text->n - name.n);
	for (int i = 0; i < fields[field].nnames; i++)
		if (vy_str_same(name, vy_cstr(fields[field].names[i])))
		{
			*out = fields[field].low + i;
			return true;
		}
	return false;
}

/* One of a list: "*", a value or a range; a step only where there is something to step over. */
static bool
read_item(VyStr *text, Field field, uint64_t *set)
{
	int low = fields[field].low;
	int high = fields[field].high;
	int step = 1;
	bool several = skip(text, '*');

	if (!several)
	{
		if (!read_value(text, field, &low))
			return false;
		high = low;
		several = skip(text, '-');
		if (several && !read_value(text, field, &high))
			return false;
		/* "fri-sun" */
		if (field == WEEKDAY && high == 0 && low > 0)
			high = 7;
	}
	/* A step over the whole field would be a mistake about what it means: every 90 minutes cannot be said here. */
	if (several && skip(text, '/') && (!read_number(text, &step) || step < 1 || step > fields[field].high - fields[field].low + 1))
		return false;
	for (int value = low; value <= high; value += step)
		*set |= UINT64_C(1) << value;
	return low <= high;
}

static bool
read_list(VyStr text, Field field, uint64_t *set)
{
	*set = 0;
	do
		if (!read_item(&text, field, set))
			return false;
	while (skip(&text, ','));
	return text.n == 0;
}

static bool
has(const VyCron *cron, Field field, int value)
{
	return (cron->fields[field] >> value & 1) != 0;
}

/* The first value of the field from this one on; -1: there is none. */
static int
first_from(const VyCron *cron, Field field, int value)
{
	uint64_t rest = cron->fields[field] >> value << value;

	return rest == 0 ? -1 : __builtin_ctzll(rest);
}

static int
days_in(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % CYCLE_YEARS == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* 0: Sunday. Years begin in March here: a leap day is their last. */
static int
weekday_of(int year, int month, int day)
{
	static const int offsets[] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
	int y = month < 3 ? year - 1 : year;

	return (y + y / 4 - y / 100 + y / CYCLE_YEARS + offsets[month - 1] + day) % 7;
}

/* A day of the week comes in every month, and each date on every day of the week. */
static bool
ever_comes(const VyCron *cron)
{
	const int leap_year = 2000;

	if (!cron->any_day && !cron->any_weekday)
		return true;
	for (int month = 1; month <= 12; month++)
		if (has(cron, MONTH, month) && first_from(cron, DAY, 1) <= days_in(leap_year, month))
			return true;
	return false;
}

bool
vy_cron_is(VyStr text)
{
	VyStr first = cut_word(&text);
	int n = first.n > 0;

	if (first.n >= 2 && first.p[0] == '@' && is_letter(first.p[1]))
		return true;
	while (cut_word(&text).n > 0)
		n++;
	return n == VY_CRON_FIELDS;
}

bool
vy_cron_parse(VyCron *out, VyStr text, const char **problem)
{
	VyStr left = text;
	VyStr word = cut_word(&left);

	if (word.n > 0 && word.p[0] == '@')
	{
		*problem = "begins with an @ word that is none of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually";
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (vy_str_same(word, vy_cstr(words[i].word)) && cut_word(&left).n == 0)
				return vy_cron_parse(out, vy_cstr(words[i].means), problem);
		return false;
	}
	for (int i = 0; i < VY_CRON_FIELDS; i++, word = cut_word(&left))
	{
		*problem = word.n == 0 ? "has fewer than five fields" : fields[i].problem;
		if (word.n == 0 || !read_list(word, (Field) i, &out->fields[i]))
			return false;
		if (i == DAY)
			out->any_day = word.p[0] == '*';
		if (i == WEEKDAY)
			out->any_weekday = word.p[0] == '*';
	}
	*problem = word.n > 0 ? "has more than five fields" : "names a day that never comes";
	if (has(out, WEEKDAY, 7))
		out->fields[WEEKDAY] |= 1;
	return word.n == 0 && ever_comes(out);
}

static bool
day_matches(const VyCron *cron, const VyMinute *at)
{
	bool day = has(cron, DAY, at->day);
	bool weekday = has(cron, WEEKDAY, weekday_of(at->year, at->month, at->day));

	if (!has(cron, MONTH, at->month))
		return false;
	return cron->any_day || cron->any_weekday ? day && weekday : day || weekday;
}

/* To the next day, or to the first of the next month when this one is not asked for. */
static void
step_day(const VyCron *cron, VyMinute *at)
{
	if (has(cron, MONTH, at->month) && at->day < days_in(at->year, at->month))
	{
		at->day++;
		return;
	}
	at->day = 1;
	at->month = at->month % 12 + 1;
	at->year += at->month == 1;
}

bool
vy_cron_next(const VyCron *cron, VyMinute *at)
{
	VyMinute next = *at;
	int later = first_from(cron, MINUTE, at->minute + 1);

	if (at->year < 1 || at->year > LAST_YEAR)
		return false;
	if (day_matches(cron, at))
	{
		next.hour = first_from(cron, HOUR, at->hour + (later < 0));
		next.minute = later >= 0 && next.hour == at->hour ? later : first_from(cron, MINUTE, 0);
		if (next.hour >= 0)
		{
			*at = next;
			return true;
		}
	}
	next.hour = first_from(cron, HOUR, 0);
	next.minute = first_from(cron, MINUTE, 0);
	do
		step_day(cron, &next);
	while (!day_matches(cron, &next) && next.year <= at->year + CYCLE_YEARS);
	*at = next;
	return true;
}
