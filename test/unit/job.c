/*
 * job.c: the fate of jobs as tables; then many short histories of workers that die, stall and overlap, and of peers that break.
 * A history is a function of its seed. The first is JOB_SEED (default 1), the others follow: a failure names the seed that begins with it.
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

/* The histories. */

#define RUNS 10000
#define JOBS 4
#define WORKERS 2
#define MAX_ATTEMPTS 5
#define LEASE (30 * SECOND)
#define DEADLINE (10 * SECOND)
#define MAX_STEPS 20000
#define ENOUGH 100 /* times that each fault must have been seen */

typedef enum Point
{
	AFTER_CLAIM,
	BEFORE_CONNECT,
	AFTER_BYTES_LEFT,
	AFTER_EFFECT,
	AFTER_ANSWER,
	BEFORE_COMMIT,
	AFTER_COMMIT,
	POINTS
} Point;

static const char *const point_names[POINTS] = {
	[AFTER_CLAIM] = "after the claim was committed",
	[BEFORE_CONNECT] = "before it connected",
	[AFTER_BYTES_LEFT] = "after bytes left",
	[AFTER_EFFECT] = "after the effect at the peer",
	[AFTER_ANSWER] = "after the answer",
	[BEFORE_COMMIT] = "before the record was committed",
	[AFTER_COMMIT] = "after the record was committed",
};

typedef enum Fault
{
	HEALTHY,
	REFUSES_CONNECTION,
	BREAKS_BEFORE,
	BREAKS_AFTER,
	RESETS_BEFORE,
	RESETS_AFTER,
	TIMES_OUT,
	TRUNCATES,
	DRIPS,
	BUSY,
	FORBIDS,
	FAULTS
} Fault;

static const struct
{
	const char *name;
	enum
	{
		NO_EFFECT,
		EFFECT,
		PERHAPS
	} effect;
	unsigned status; /* 0: none was sent */
	enum
	{
		WHOLE,
		CUT,
		OPEN
	} end;
} faults[FAULTS] = {
	[HEALTHY] = {"does it and says so", EFFECT, 200, WHOLE},
	[REFUSES_CONNECTION] = {"refuses the connection", NO_EFFECT, 0, CUT},
	[BREAKS_BEFORE] = {"answers 500 before the effect", NO_EFFECT, 500, WHOLE},
	[BREAKS_AFTER] = {"answers 500 after the effect", EFFECT, 500, WHOLE},
	[RESETS_BEFORE] = {"resets before the effect", NO_EFFECT, 0, CUT},
	[RESETS_AFTER] = {"resets after the effect", EFFECT, 0, CUT},
	[TIMES_OUT] = {"does not answer in time", PERHAPS, 0, OPEN},
	[TRUNCATES] = {"truncates its answer", PERHAPS, 200, CUT},
	[DRIPS] = {"drips until the deadline", PERHAPS, 200, OPEN},
	[BUSY] = {"answers 429 with Retry-After", NO_EFFECT, 429, WHOLE},
	[FORBIDS] = {"answers 403", NO_EFFECT, 403, WHOLE},
};

typedef enum Rule
{
	ONE_EFFECT,
	ALL_END,
	END_STAYS,
	DONE_IS_DONE,
	FAILED_IS_NOT,
	UNKNOWN_IS_DOUBTFUL,
	DOUBT_IS_KEPT,
	NOT_AGAIN,
	ATTEMPTS,
	PATIENCE,
	FENCE,
	RULES
} Rule;

static const char *const rule_names[RULES] = {
	[ONE_EFFECT] = "each key has at most one effect at its peer",
	[ALL_END] = "each job ends as done, failed, unknown or cancelled",
	[END_STAYS] = "a job that ended does not change",
	[DONE_IS_DONE] = "a done job has exactly one effect",
	[FAILED_IS_NOT] = "a failed job has none, nor has a cancelled one without doubt",
	[UNKNOWN_IS_DOUBTFUL] = "only a job with a doubtful attempt ends as unknown",
	[DOUBT_IS_KEPT] = "a job is doubtful if and only if an attempt was",
	[NOT_AGAIN] = "a job that cannot be repeated is not taken up again after a doubtful attempt",
	[ATTEMPTS] = "no job has more attempts than it may have",
	[PATIENCE] = "no job is taken up before the time that its peer asked for",
	[FENCE] = "only the worker that holds the lease records",
};

/* As the database has it. */
typedef struct Row
{
	VyJobState state;
	bool repeatable;
	bool doubtful;
	int attempts;
	int max_attempts;
	int64_t lease_until;
	int64_t not_before;
} Row;

typedef struct Worker
{
	enum
	{
		IDLE,
		CLAIMED,
		CONNECTING,
		WAITING,
		ANSWERED,
		RECORDING,
		RECORDED
	} step;
	int64_t stalled_until;
	int job;
	int attempt;
	int64_t deadline;
	VyOutcome outcome;
	int64_t retry_after;
} Worker;

/* What an attempt sent: it reaches the peer whatever became of the worker meanwhile. */
typedef struct Message
{
	enum
	{
		NEVER_SENT,
		TRAVELLING,
		TAKEN,
		ANSWERING
	} stage;
	Fault fault;
	int64_t arrives_at;
	bool had_effect;
	int64_t retry_after;
} Message;

/* What only the test knows. */
typedef struct Truth
{
	int effects;
	bool doubted;
	int64_t asked_until; /* by Retry-After */
	const Worker *holder;
} Truth;

typedef struct Run
{
	uint64_t seed;
	uint64_t random;
	int64_t now;
	int njobs;
	Row rows[JOBS];
	Truth truth[JOBS];
	Worker workers[WORKERS];
	Message messages[JOBS][MAX_ATTEMPTS];
	bool ledger[JOBS]; /* of the peer that honours keys; a job's number is its key */
} Run;

static Run run;

/* Over all runs. */
static struct
{
	int count;
	uint64_t seed; /* of the first */
} broken[RULES];
static int kills[POINTS];
static int seen[FAULTS];
static int ends[VY_JOB_STATES];
static int stale_records;
static int late_effects;

static void
must(bool holds, Rule rule)
{
	if (!holds && broken[rule].count++ == 0)
		broken[rule].seed = run.seed;
}

/* SplitMix64: seeds that follow each other are as good as any. */
static uint64_t
next_random(void)
{
	uint64_t z = run.random += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

static int
below(int64_t n)
{
	return (int) (next_random() % (uint64_t) n);
}

static bool
ended(const Row *row)
{
	return row->state != VY_JOB_QUEUED && row->state != VY_JOB_IN_FLIGHT;
}

static void
enqueue(void)
{
	run.rows[run.njobs++] = (Row){.state = VY_JOB_QUEUED, .repeatable = below(2), .max_attempts = 1 + below(MAX_ATTEMPTS)};
}

static void
cancel(int job)
{
	if (run.rows[job].state == VY_JOB_QUEUED)
		run.rows[job].state = VY_JOB_CANCELLED;
}

static void
claim(Worker *worker)
{
	int job = below(run.njobs);
	Row *row = &run.rows[job];

	if (row->state != VY_JOB_QUEUED || row->not_before > run.now)
		return;
	must(row->attempts < row->max_attempts, ATTEMPTS);
	must(run.now >= run.truth[job].asked_until, PATIENCE);
	if (row->attempts == MAX_ATTEMPTS)
		return;
	row->state = VY_JOB_IN_FLIGHT;
	row->attempts++;
	row->lease_until = run.now + LEASE;
	must(row->repeatable || !run.truth[job].doubted, NOT_AGAIN);
	run.truth[job].holder = worker;
	*worker = (Worker){.step = CLAIMED, .job = job, .attempt = row->attempts};
}

/* The end of an attempt, in the transaction that found out. */
static void
judge(int job, VyOutcome outcome, int64_t retry_after)
{
	const VyBackoff backoff = {SECOND, 20 * SECOND};
	Row *row = &run.rows[job];
	Truth *truth = &run.truth[job];
	VyJobTry try = {row->repeatable, row->doubtful, row->attempts, row->max_attempts};
	VyJobFate fate = vy_job_fate(&try, outcome, &backoff, retry_after, (uint32_t) next_random());

	must(!ended(row), END_STAYS);
	row->state = fate.state;
	row->doubtful = fate.doubtful;
	row->not_before = run.now + fate.delay_ms;
	truth->doubted |= outcome == VY_OUTCOME_LOST || outcome == VY_OUTCOME_ERROR;
	truth->asked_until = run.now + retry_after;
	truth->holder = NULL;
	must(row->doubtful == truth->doubted, DOUBT_IS_KEPT);
}

static void
record(const Worker *worker)
{
	const Row *row = &run.rows[worker->job];

	if (row->state != VY_JOB_IN_FLIGHT || row->attempts != worker->attempt)
	{
		stale_records++;
		return;
	}
	must(run.truth[worker->job].holder == worker, FENCE);
	judge(worker->job, worker->outcome, worker->retry_after);
}

static void
expire_leases(void)
{
	for (int job = 0; job < run.njobs; job++)
	{
		if (run.rows[job].state == VY_JOB_IN_FLIGHT && run.rows[job].lease_until <= run.now)
			judge(job, VY_OUTCOME_LOST, 0);
	}
}

/* Mostly. Otherwise the worker dies here, and another starts in its place, or it sleeps, perhaps for longer than its lease. */
static bool
goes_on(Worker *worker, Point point)
{
	int chance = below(80);

	if (chance == 0)
	{
		kills[point]++;
		*worker = (Worker){.step = IDLE};
	}
	else if (chance == 1)
		worker->stalled_until = run.now + below(2 * LEASE);
	return chance > 1;
}

static void
finish(Worker *worker, VyOutcome outcome)
{
	worker->outcome = outcome;
	worker->step = RECORDING;
}

static void
connect_and_send(Worker *worker)
{
	Fault fault = below(2) ? HEALTHY : (Fault) below(FAULTS);

	if (fault == REFUSES_CONNECTION)
	{
		seen[fault]++;
		finish(worker, VY_OUTCOME_NOT_SENT);
		return;
	}
	run.messages[worker->job][worker->attempt - 1] = (Message){
		.stage = TRAVELLING,
		.fault = fault,
		.arrives_at = run.now + (fault == TIMES_OUT ? DEADLINE + below(2 * LEASE) : below(2 * SECOND)),
		.retry_after = fault == BUSY ? 1 + below(60 * SECOND) : 0,
	};
	worker->deadline = run.now + DEADLINE;
	worker->step = WAITING;
}

static void
wait_for_answer(Worker *worker)
{
	const Message *message = &run.messages[worker->job][worker->attempt - 1];
	bool answering = message->stage == ANSWERING;

	if (message->stage == TRAVELLING && !goes_on(worker, AFTER_BYTES_LEFT))
		return;
	if (message->stage == TAKEN && message->had_effect && !goes_on(worker, AFTER_EFFECT))
		return;
	if (answering && faults[message->fault].end == WHOLE)
	{
		worker->outcome = vy_job_http_outcome(faults[message->fault].status);
		worker->retry_after = message->retry_after;
		worker->step = ANSWERED;
	}
	else if ((answering && faults[message->fault].end == CUT) || run.now >= worker->deadline)
		finish(worker, VY_OUTCOME_LOST);
}

static void
work(Worker *worker)
{
	if (run.now < worker->stalled_until)
		return;
	switch (worker->step)
	{
		case IDLE:
			if (run.njobs > 0)
				claim(worker);
			break;
		case CLAIMED:
			if (goes_on(worker, AFTER_CLAIM))
				worker->step = CONNECTING;
			break;
		case CONNECTING:
			if (goes_on(worker, BEFORE_CONNECT))
				connect_and_send(worker);
			break;
		case WAITING:
			wait_for_answer(worker);
			break;
		case ANSWERED:
			if (goes_on(worker, AFTER_ANSWER))
				worker->step = RECORDING;
			break;
		case RECORDING:
			if (goes_on(worker, BEFORE_COMMIT))
			{
				record(worker);
				worker->step = RECORDED;
			}
			break;
		case RECORDED:
			if (goes_on(worker, AFTER_COMMIT))
				*worker = (Worker){.step = IDLE};
			break;
	}
}

/* A peer that honours keys has an effect once for each, and gives the answer it gives in any case. */
static void
take(int job, int attempt, Message *message)
{
	Truth *truth = &run.truth[job];
	bool wants = faults[message->fault].effect == EFFECT || (faults[message->fault].effect == PERHAPS && below(2));

	message->stage = TAKEN;
	seen[message->fault]++;
	if (!wants)
		return;
	if (run.rows[job].repeatable && run.ledger[job])
		return;
	run.ledger[job] = run.rows[job].repeatable;
	truth->effects++;
	message->had_effect = true;
	late_effects += ended(&run.rows[job]) || run.rows[job].attempts > attempt;
	must(truth->effects == 1, ONE_EFFECT);
}

static void
deliver(int job, int attempt)
{
	Message *message = &run.messages[job][attempt - 1];

	if (message->stage == TRAVELLING && message->arrives_at <= run.now)
		take(job, attempt, message);
	else if (message->stage == TAKEN)
		message->stage = ANSWERING;
}

static bool
settled(void)
{
	for (int job = 0; job < JOBS; job++)
	{
		if (job >= run.njobs || !ended(&run.rows[job]))
			return false;
		for (int i = 0; i < MAX_ATTEMPTS; i++)
		{
			if (run.messages[job][i].stage == TRAVELLING)
				return false;
		}
	}
	for (int i = 0; i < WORKERS; i++)
	{
		if (run.workers[i].step != IDLE)
			return false;
	}
	return true;
}

/* One of those that act at the same time does one thing that no other can see half of. */
static void
step(void)
{
	switch (below(7))
	{
		case 0:
			if (run.njobs < JOBS)
				enqueue();
			else if (below(200) == 0)
				cancel(below(JOBS));
			break;
		case 1:
			expire_leases();
			break;
		case 2:
			run.now += INT64_C(1) << below(13);
			break;
		case 3:
		case 4:
			work(&run.workers[below(WORKERS)]);
			break;
		default:
			for (int job = 0; job < run.njobs; job++)
				deliver(job, 1 + below(MAX_ATTEMPTS));
			break;
	}
}

static void
judge_end(int job)
{
	const Row *row = &run.rows[job];
	const Truth *truth = &run.truth[job];

	ends[row->state]++;
	must(row->state != VY_JOB_DONE || truth->effects == 1, DONE_IS_DONE);
	must(row->state == VY_JOB_DONE || row->state == VY_JOB_UNKNOWN || (row->state == VY_JOB_CANCELLED && row->doubtful) ||
			 truth->effects == 0,
		 FAILED_IS_NOT);
	must(row->state != VY_JOB_UNKNOWN || truth->doubted, UNKNOWN_IS_DOUBTFUL);
}

static void
test_run(uint64_t seed)
{
	int steps = 0;

	run = (Run){.seed = seed, .random = seed};
	while (!settled() && steps++ < MAX_STEPS)
		step();
	must(settled(), ALL_END);
	for (int job = 0; job < run.njobs; job++)
		judge_end(job);
}

static void
test_runs(void)
{
	const char *text = getenv("JOB_SEED");
	uint64_t first = text ? strtoull(text, NULL, 10) : 1;

	printf("# JOB_SEED=%llu, %d runs\n", (unsigned long long) first, RUNS);
	for (uint64_t i = 0; i < RUNS; i++)
		test_run(first + i);
	for (int i = 0; i < RULES; i++)
	{
		if (!ok(broken[i].count == 0, "in %d runs %s", RUNS, rule_names[i]))
			printf("# broken %d times, first with JOB_SEED=%llu\n", broken[i].count, (unsigned long long) broken[i].seed);
	}
	for (int i = 0; i < POINTS; i++)
		ok(kills[i] >= ENOUGH, "a worker was killed %s: %d times", point_names[i], kills[i]);
	for (int i = 0; i < FAULTS; i++)
		ok(seen[i] >= ENOUGH, "a peer %s: %d times", faults[i].name, seen[i]);
	ok(stale_records >= ENOUGH, "a worker whose lease had ended may not record: %d times", stale_records);
	ok(late_effects >= ENOUGH, "an effect came after its attempt had been given up: %d times", late_effects);
	for (int i = VY_JOB_DONE; i < VY_JOB_STATES; i++)
		ok(ends[i] >= ENOUGH, "a job ended as %s: %d times", vy_job_state_name((VyJobState) i), ends[i]);
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
	test_runs();
	return tap_done();
}
