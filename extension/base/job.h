/*
 * job.h: what becomes of a job after an attempt; rules without clock, network or database.
 *
 * An attempt is one try to have the effect at a peer. What matters is whether the effect may have happened: a job that cannot be repeated
 * without doing it twice is never sent again after that; it stays "unknown" until somebody who can find out says so.
 */
#ifndef VY_JOB_H
#define VY_JOB_H

#include "base/base.h"

typedef enum VyJobState
{
	VY_JOB_QUEUED,
	VY_JOB_IN_FLIGHT, /* claimed by a worker until its lease ends */
	VY_JOB_DONE,
	VY_JOB_FAILED, /* it had no effect, and will not be tried again by itself */
	VY_JOB_UNKNOWN, /* it may have had its effect, and may not be tried again by itself */
	VY_JOB_CANCELLED,
	VY_JOB_STATES
} VyJobState;

typedef enum VyOutcome
{
	VY_OUTCOME_NOT_SENT, /* nothing that has an effect left us: no connection, no TLS, refused before */
	VY_OUTCOME_DONE, /* the peer says that it did it */
	VY_OUTCOME_REFUSED, /* the peer says no, and would again */
	VY_OUTCOME_LATER, /* the peer says that it did nothing yet */
	VY_OUTCOME_ERROR, /* the peer says that it broke: before or after the effect */
	VY_OUTCOME_LOST, /* sent, and no whole answer came; the same when our own process died meanwhile */
	VY_OUTCOMES
} VyOutcome;

/* What is known of a job before the attempt is judged. */
typedef struct VyJobTry
{
	bool repeatable; /* the peer takes the same key twice as once */
	bool doubtful; /* an earlier attempt may have had the effect */
	int attempts; /* with this one */
	int max_attempts;
} VyJobTry;

typedef struct VyJobFate
{
	VyJobState state;
	bool doubtful;
	int64_t delay_ms; /* of QUEUED: not before this time has passed */
} VyJobFate;

/* Backoff: doubles from the first to the longest delay. */
typedef struct VyBackoff
{
	int64_t first_ms;
	int64_t longest_ms;
} VyBackoff;

/* retry_after_ms: what the peer asked for, or 0. random: any number, for the jitter (the upper half of the delay). */
VyJobFate vy_job_fate(const VyJobTry *job, VyOutcome outcome, const VyBackoff *backoff, int64_t retry_after_ms, uint32_t random);

/* "queued", "in_flight", ... */
const char *vy_job_state_name(VyJobState state);

/* Of an HTTP answer (RFC 9110; 425 and 429 are RFC 8470 and 6585). */
VyOutcome vy_job_http_outcome(unsigned status);

/* Of an SMTP reply to a whole message (RFC 5321, section 4.2). */
VyOutcome vy_job_smtp_outcome(unsigned code);

#endif
