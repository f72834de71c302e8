/*
 * job.c: the fate of jobs as tables. Whole histories are in job_histories.c.
 */
#include "base/job.h"

#include "tap.h"

#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)

static const char *const outcome_names[VY_OUTCOMES] = {
	[VY_OUTCOME_NOT_SENT] = "not sent", [VY_OUTCOME_DONE] = "done",   [VY_OUTCOME_REFUSED] = "refused",
	[VY_OUTCOME_LATER] = "later",       [VY_OUTCOME_ERROR] = "error", [VY_OUTCOME_LOST] = "lost",
};

static const struct
{
	VyOutcome outcome;
	bool repeatable;
	bool doubtful; /* before */
	VyJobState state; /* with attempts left */
	VyJobState last; /* without */
	bool doubt; /* after */
} fates[] = {
	{VY_OUTCOME_NOT_SENT, false, false, VY_JOB_QUEUED, VY_JOB_FAILED, false},
	{VY_OUTCOME_NOT_SENT, false, true, VY_JOB_QUEUED, VY_JOB_UNKNOWN, true},
	{VY_OUTCOME_NOT_SENT, true, false, VY_JOB_QUEUED, VY_JOB_FAILED, false},
	{VY_OUTCOME_NOT_SENT, true, true, VY_JOB_QUEUED, VY_JOB_UNKNOWN, true},
	{VY_OUTCOME_DONE, false, false, VY_JOB_DONE, VY_JOB_DONE, false},
	{VY_OUTCOME_DONE, false, true, VY_JOB_DONE, VY_JOB_DONE, true},
	{VY_OUTCOME_DONE, true, false, VY_JOB_DONE, VY_JOB_DONE, false},
	{VY_OUTCOME_DONE, true, true, VY_JOB_DONE, VY_JOB_DONE, true},
	{VY_OUTCOME_REFUSED, false, false, VY_JOB_FAILED, VY_JOB_FAILED, false},
	{VY_OUTCOME_REFUSED, false, true, VY_JOB_UNKNOWN, VY_JOB_UNKNOWN, true},
	{VY_OUTCOME_REFUSED, true, false, VY_JOB_FAILED, VY_JOB_FAILED, false},
	{VY_OUTCOME_REFUSED, true, true, VY_JOB_UNKNOWN, VY_JOB_UNKNOWN, true},
	{VY_OUTCOME_LATER, false, false, VY_JOB_QUEUED, VY_JOB_FAILED, false},
	{VY_OUTCOME_LATER, false, true, VY_JOB_QUEUED, VY_JOB_UNKNOWN, true},
	{VY_OUTCOME_LATER, true, false, VY_JOB_QUEUED, VY_JOB_FAILED, false},
	{VY_OUTCOME_LATER, true, true, VY_JOB_QUEUED, VY_JOB_UNKNOWN, true},
	{VY_OUTCOME_ERROR, false, false, VY_JOB_UNKNOWN, VY_JOB_UNKNOWN, true},
	{VY_OUTCOME_ERROR, false, true, VY_JOB_UNKNOWN, VY_JOB_UNKNOWN, true},
	{VY_OUTCOME_ERROR, true, false, VY_JOB_QUEUED, VY_JOB_UNKNOWN, true},
	{VY_OUTCOME_ERROR, true, true, VY_JOB_QUEUED, VY_JOB_UNKNOWN, true},
	{VY_OUTCOME_LOST, false, false, VY_JOB_UNKNOWN, VY_JOB_UNKNOWN, true},
	{VY_OUTCOME_LOST, false, true, VY_JOB_UNKNOWN, VY_JOB_UNKNOWN, true},
	{VY_OUTCOME_LOST, true, false, VY_JOB_QUEUED, VY_JOB_UNKNOWN, true},
	{VY_OUTCOME_LOST, true, true, VY_JOB_QUEUED, VY_JOB_UNKNOWN, true},
};

static const struct
{
	unsigned status;
	VyOutcome outcome;
} http_outcomes[] = {
	{0, VY_OUTCOME_ERROR},     {100, VY_OUTCOME_ERROR},   {199, VY_OUTCOME_ERROR},   {200, VY_OUTCOME_DONE},    {201, VY_OUTCOME_DONE},
	{202, VY_OUTCOME_DONE},    {204, VY_OUTCOME_DONE},    {299, VY_OUTCOME_DONE},    {300, VY_OUTCOME_REFUSED}, {302, VY_OUTCOME_REFUSED},
	{303, VY_OUTCOME_ERROR},   {307, VY_OUTCOME_REFUSED}, {399, VY_OUTCOME_REFUSED}, {400, VY_OUTCOME_REFUSED}, {401, VY_OUTCOME_REFUSED},
	{404, VY_OUTCOME_REFUSED}, {407, VY_OUTCOME_REFUSED}, {408, VY_OUTCOME_LATER},   {409, VY_OUTCOME_REFUSED}, {422, VY_OUTCOME_REFUSED},
	{424, VY_OUTCOME_REFUSED}, {425, VY_OUTCOME_LATER},   {426, VY_OUTCOME_REFUSED}, {428, VY_OUTCOME_REFUSED}, {429, VY_OUTCOME_LATER},
	{430, VY_OUTCOME_REFUSED}, {499, VY_OUTCOME_REFUSED}, {500, VY_OUTCOME_ERROR},   {501, VY_OUTCOME_ERROR},   {502, VY_OUTCOME_ERROR},
	{503, VY_OUTCOME_ERROR},   {504, VY_OUTCOME_ERROR},   {599, VY_OUTCOME_ERROR},   {600, VY_OUTCOME_ERROR},   {65535, VY_OUTCOME_ERROR},
};

static const struct
{
	unsigned code;
	VyOutcome outcome;
} smtp_outcomes[] = {
	{0, VY_OUTCOME_LOST},      {199, VY_OUTCOME_LOST},    {200, VY_OUTCOME_DONE},    {250, VY_OUTCOME_DONE},
	{299, VY_OUTCOME_DONE},    {300, VY_OUTCOME_LOST},    {354, VY_OUTCOME_LOST},    {399, VY_OUTCOME_LOST},
	{400, VY_OUTCOME_LATER},   {421, VY_OUTCOME_LATER},   {451, VY_OUTCOME_LATER},   {499, VY_OUTCOME_LATER},
	{500, VY_OUTCOME_REFUSED}, {550, VY_OUTCOME_REFUSED}, {599, VY_OUTCOME_REFUSED}, {600, VY_OUTCOME_LOST},
};

static const struct
{
	VyJobState state;
	const char *name;
} state_names[] = {
	{VY_JOB_QUEUED, "queued"}, {VY_JOB_IN_FLIGHT, "in_flight"}, {VY_JOB_DONE, "done"},
	{VY_JOB_FAILED, "failed"}, {VY_JOB_UNKNOWN, "unknown"},     {VY_JOB_CANCELLED, "cancelled"},
};

static void
test_fates(void)
{
	const VyBackoff backoff = {SECOND, 60 * SECOND};

	for (size_t i = 0; i < LENGTH(fates); i++)
	{
		for (int attempts = 2; attempts <= 4; attempts++)
		{
			VyJobTry job = {fates[i].repeatable, fates[i].doubtful, attempts, 3};
			VyJobState want = attempts < 3 ? fates[i].state : fates[i].last;
			VyJobFate fate = vy_job_fate(&job, fates[i].outcome, &backoff, 0, 0);

			ok(fate.state == want && fate.doubtful == fates[i].doubt && fate.delay_ms == (want == VY_JOB_QUEUED ? 2 * SECOND : 0),
			   "%s, %s, %s, attempt %d of 3: %s", outcome_names[fates[i].outcome], fates[i].repeatable ? "repeatable" : "not repeatable",
			   fates[i].doubtful ? "doubtful" : "not doubtful", attempts, vy_job_state_name(want));
		}
	}
}

static void
test_outcomes(void)
{
	for (size_t i = 0; i < LENGTH(http_outcomes); i++)
		ok(vy_job_http_outcome(http_outcomes[i].status) == http_outcomes[i].outcome, "an HTTP answer of %u means: %s",
		   http_outcomes[i].status, outcome_names[http_outcomes[i].outcome]);
	for (size_t i = 0; i < LENGTH(smtp_outcomes); i++)
		ok(vy_job_smtp_outcome(smtp_outcomes[i].code) == smtp_outcomes[i].outcome, "an SMTP reply of %u means: %s", smtp_outcomes[i].code,
		   outcome_names[smtp_outcomes[i].outcome]);
}

static void
test_state_names(void)
{
	ok(LENGTH(state_names) == VY_JOB_STATES, "each state has a name");
	for (size_t i = 0; i < LENGTH(state_names); i++)
		ok(strcmp(vy_job_state_name(state_names[i].state), state_names[i].name) == 0, "one is called %s", state_names[i].name);
}

static int64_t
delay_ms(VyBackoff backoff, int attempts, int64_t retry_after_ms, uint32_t random)
{
	const VyJobTry job = {.attempts = attempts, .max_attempts = attempts + 1};

	return vy_job_fate(&job, VY_OUTCOME_LATER, &backoff, retry_after_ms, random).delay_ms;
}

static void
test_backoff(VyBackoff backoff)
{
	int64_t doubled = backoff.first_ms;
	bool within = true;
	bool whole = true;
	bool half = true;

	for (int attempts = 1; attempts <= 40; attempts++)
	{
		if (doubled > backoff.longest_ms)
			doubled = backoff.longest_ms;
		for (uint32_t i = 0; i < 1000; i++)
		{
			int64_t delay = delay_ms(backoff, attempts, 0, i * UINT32_C(4294967));

			within &= delay * 2 >= doubled && delay <= doubled;
		}
		whole &= delay_ms(backoff, attempts, 0, 0) == doubled;
		half &= delay_ms(backoff, attempts, 0, (uint32_t) (doubled / 2)) == doubled - doubled / 2;
		doubled *= 2;
	}
	ok(within, "from %lld to %lld ms: never below half of the doubled delay, never above it or the longest", (long long) backoff.first_ms,
	   (long long) backoff.longest_ms);
	ok(whole && half, "from %lld to %lld ms: as long as that and as short as half of it", (long long) backoff.first_ms,
	   (long long) backoff.longest_ms);
}

static void
test_retry_after(void)
{
	const VyBackoff backoff = {2 * SECOND, 60 * SECOND};

	ok(delay_ms(backoff, 1, 7 * SECOND, 0) == 7 * SECOND, "a peer that asks for more time gets just that");
	ok(delay_ms(backoff, 1, 600 * SECOND, 0) == 600 * SECOND, "also more than the longest delay");
	ok(delay_ms(backoff, 1, SECOND / 2, 0) == 2 * SECOND, "one that asks for less does not shorten the delay");
	ok(delay_ms(backoff, 1, 24 * HOUR, 0) == 24 * HOUR, "a day is kept");
	ok(delay_ms(backoff, 1, 24 * HOUR + 1, 0) == 24 * HOUR, "a day and a millisecond are a day");
	ok(delay_ms(backoff, 1, INT64_MAX, 0) == 24 * HOUR, "as is any longer time");
	ok(delay_ms(backoff, 1, -1, 0) == 2 * SECOND && delay_ms(backoff, 1, INT64_MIN, 0) == 2 * SECOND,
	   "a time that is over changes nothing");
}

int
main(void)
{
	test_fates();
	test_outcomes();
	test_state_names();
	test_backoff((VyBackoff){SECOND, 60 * SECOND});
	test_backoff((VyBackoff){1, 24 * HOUR});
	test_backoff((VyBackoff){7, 1001});
	test_backoff((VyBackoff){90 * SECOND, 60 * SECOND});
	test_backoff((VyBackoff){0, 60 * SECOND});
	test_retry_after();
	return tap_done();
}
