/*
 * job_histories.c: many short histories of workers that die, stall and overlap, and of peers that break.
 * A history is a function of its seed. The first is JOB_SEED (default 1), the others follow: a failure names the seed that begins with it.
 */
#include "base/job.h"

#include "tap.h"

#define SECOND INT64_C(1000)
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
	test_runs();
	return tap_done();
}
