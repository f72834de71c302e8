/*
 * gcra.c: see gcra.h. The time of one request is rounded up to a whole microsecond, and count of them may be owed.
 */
#include "base/gcra.h"

static const struct
{
	const char *word;
	int64_t us;
} units[] = {
	{"s", 1000000},        {"sec", 1000000},     {"second", 1000000},   {"seconds", 1000000},  {"m", 60000000},
	{"min", 60000000},     {"minute", 60000000}, {"minutes", 60000000}, {"h", 3600000000},     {"hour", 3600000000},
	{"hours", 3600000000}, {"d", 86400000000},   {"day", 86400000000},  {"days", 86400000000},
};

VyGcra
vy_gcra(int64_t *time, int64_t now_us, VyRate rate)
{
	VyGcra result;
	int64_t each_us = (rate.period_us + rate.count - 1) / rate.count;
	int64_t most_us = each_us * rate.count;
	int64_t debt_us = *time > now_us ? *time - now_us : 0;

	result.passes = debt_us + each_us <= most_us;
	if (result.passes)
	{
		debt_us += each_us;
		*time = now_us + debt_us;
	}
	result.remaining = debt_us < most_us ? (most_us - debt_us) / each_us : 0;
	result.reset_us = debt_us;
	result.retry_us = result.remaining > 0 ? 0 : debt_us + each_us - most_us;
	return result;
}

static bool
read_number(VyStr *text, int64_t *out)
{
	size_t n = 0;

	*out = 0;
	for (; n < text->n && text->p[n] >= '0' && text->p[n] <= '9'; n++)
	{
		if (n == 10)
			return false;
		*out = *out * 10 + (text->p[n] - '0');
	}
	*text = vy_str(text->p + n, text->n - n);
	return n > 0;
}

static void
skip_blank(VyStr *text)
{
	while (text->n > 0 && *text->p == ' ')
		*text = vy_str(text->p + 1, text->n - 1);
}

bool
vy_rate_parse(VyRate *out, VyStr text)
{
	int64_t times = 1;

	if (text.p == NULL || !read_number(&text, &out->count) || out->count < 1 || out->count > VY_RATE_MAX_COUNT)
		return false;
	skip_blank(&text);
	if (text.n == 0 || *text.p != '/')
		return false;
	text = vy_str(text.p + 1, text.n - 1);
	skip_blank(&text);
	if (text.n > 0 && *text.p >= '0' && *text.p <= '9' && !read_number(&text, &times))
		return false;
	skip_blank(&text);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
	{
		if (!vy_str_same(text, vy_cstr(units[i].word)))
			continue;
		if (times < 1 || times > VY_RATE_MAX_PERIOD_US / units[i].us)
			return false;
		out->period_us = times * units[i].us;
		return out->count <= out->period_us;
	}
	return false;
}
