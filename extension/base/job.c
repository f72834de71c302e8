/*
 * job.c: the fate of a job as a table of outcomes.
 */
#include "base/job.h"

/* No peer keeps a job waiting for longer than this. */
#define LONGEST_RETRY_AFTER_MS (24 * 3600 * INT64_C(1000))

typedef enum Next
{
	END, /* at this state */
	AGAIN, /* as long as there are attempts left */
	AGAIN_IF_REPEATABLE /* otherwise nobody knows */
} Next;

static const struct
{
	Next next;
	VyJobState end;
	bool doubtful; /* may have had its effect, whatever later attempts say */
} rules[VY_OUTCOMES] = {
	[VY_OUTCOME_NOT_SENT] = {AGAIN, VY_JOB_FAILED, false},
	[VY_OUTCOME_DONE] = {END, VY_JOB_DONE, false},
	[VY_OUTCOME_REFUSED] = {END, VY_JOB_FAILED, false},
	[VY_OUTCOME_LATER] = {AGAIN, VY_JOB_FAILED, false},
	[VY_OUTCOME_ERROR] = {AGAIN_IF_REPEATABLE, VY_JOB_UNKNOWN, true},
	[VY_OUTCOME_LOST] = {AGAIN_IF_REPEATABLE, VY_JOB_UNKNOWN, true},
};

static const char *const state_names[VY_JOB_STATES] = {
	[VY_JOB_QUEUED] = "queued", [VY_JOB_IN_FLIGHT] = "in_flight", [VY_JOB_DONE] = "done",
	[VY_JOB_FAILED] = "failed", [VY_JOB_UNKNOWN] = "unknown",     [VY_JOB_CANCELLED] = "cancelled",
};

static int64_t
backoff_ms(const VyBackoff *backoff, int attempts, uint32_t random)
{
	int64_t delay = backoff->first_ms;

	for (int i = 1; i < attempts && delay < backoff->longest_ms; i++)
		delay *= 2;
	if (delay > backoff->longest_ms)
		delay = backoff->longest_ms;
	return delay - (int64_t) (random % (uint64_t) (delay / 2 + 1));
}

VyJobFate
vy_job_fate(const VyJobTry *job, VyOutcome outcome, const VyBackoff *backoff, int64_t retry_after_ms, uint32_t random)
{
	VyJobFate fate = {rules[outcome].end, job->doubtful || rules[outcome].doubtful, 0};

	if (rules[outcome].next == AGAIN_IF_REPEATABLE && !job->repeatable)
		return fate;
	if (rules[outcome].next == END || job->attempts >= job->max_attempts)
	{
		if (fate.state == VY_JOB_FAILED && fate.doubtful)
			fate.state = VY_JOB_UNKNOWN;
		return fate;
	}
	fate.state = VY_JOB_QUEUED;
	fate.delay_ms = backoff_ms(backoff, job->attempts, random);
	if (retry_after_ms > LONGEST_RETRY_AFTER_MS)
		retry_after_ms = LONGEST_RETRY_AFTER_MS;
	if (fate.delay_ms < retry_after_ms)
		fate.delay_ms = retry_after_ms;
	return fate;
}

const char *
vy_job_state_name(VyJobState state)
{
	return state_names[state];
}

/*
 * 408, 425 and 429 say that the request was not processed. Errors of the server say nothing of the kind, 503 neither: some proxies answer
 * it when the server behind them broke in the middle. 303 is the answer to a request that was processed.
 */
VyOutcome
vy_job_http_outcome(unsigned status)
{
	if (status >= 200 && status < 300)
		return VY_OUTCOME_DONE;
	if (status == 408 || status == 425 || status == 429)
		return VY_OUTCOME_LATER;
	return status >= 300 && status < 500 && status != 303 ? VY_OUTCOME_REFUSED : VY_OUTCOME_ERROR;
}

VyOutcome
vy_job_smtp_outcome(unsigned code)
{
	if (code >= 200 && code < 300)
		return VY_OUTCOME_DONE;
	return code >= 500 && code < 600 ? VY_OUTCOME_REFUSED : code >= 400 && code < 500 ? VY_OUTCOME_LATER : VY_OUTCOME_LOST;
}
