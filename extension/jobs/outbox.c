/*
 * outbox.c: rows of vyricon.jobs from claim to record.
 *
 * A claim raises "attempts", and whoever records must name that number: it is a fencing token. So a worker that was slow for longer than
 * its lease writes nothing over what its successor did.
 */
#include "jobs/outbox.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"

#include "access/htup_details.h"
#include "core/attempt.h"
#include "core/query.h"
#include "core/settings.h"
#include "jobs/event.h"
#include "jobs/wait.h"

#define MAX_HEADERS 64
#define BATCH 100
#define HIGHEST_PRIORITY 1
#define LOWEST_PRIORITY (-1)

/* The columns of read_row() and of vy_outbox_expire(). */
typedef enum Column
{
	ID,
	KIND,
	ATTEMPTS,
	MAX_ATTEMPTS,
	REPEATABLE,
	DOUBTFUL,
	IDEMPOTENCY_KEY,
	SECRET_NAME,
	REQUEST,
	NCOLUMNS
} Column;

typedef struct Claim
{
	dlist_head *list;
	int n;
} Claim;

static int lease_ms;
static int backoff_first_ms;
static int backoff_longest_ms;
static TimestampTz claimed_at; /* what is due later than this was not looked at */

static const VySetting settings[] = {
	{"vyricon.job_lease", "Time after which a job whose worker is gone counts as lost; longer than vyricon.job_timeout.", PGC_SIGHUP,
	 GUC_UNIT_MS, PGC_INT, &lease_ms, NULL, 60000, 1000, 3600000},
	{"vyricon.job_backoff", "Wait before a job's second attempt; it doubles with each one.", PGC_SIGHUP, GUC_UNIT_MS, PGC_INT,
	 &backoff_first_ms, NULL, 1000, 1, 3600000},
	{"vyricon.job_backoff_max", "Longest wait before a job's next attempt.", PGC_SIGHUP, GUC_UNIT_MS, PGC_INT, &backoff_longest_ms, NULL,
	 3600000, 1, 86400000},
};

/*
 * In the order of the index; a job waits while an earlier one of its subject is not finished. The time is a parameter: a function that
 * changes while it runs is no bound for an index, and all that is due later would be read each time.
 */
VY_QUERY(claim_jobs,
		 .sql =
			 "UPDATE vyricon.jobs AS j SET state = 'in_flight', attempts = j.attempts + 1,"
			 " lease_until = clock_timestamp() + $2 * interval '1 millisecond' WHERE j.id = ANY (ARRAY("
			 "SELECT q.id FROM vyricon.jobs AS q WHERE q.state = 'queued' AND q.kind <> 'sql' AND q.priority = $3 AND q.run_at <= $4"
			 " AND (q.subject IS NULL OR NOT EXISTS (SELECT FROM vyricon.jobs AS b WHERE b.subject = q.subject AND b.id < q.id"
			 " AND b.state IN ('queued', 'in_flight'))) ORDER BY q.run_at, q.id LIMIT $1 FOR UPDATE SKIP LOCKED))"
			 " RETURNING j.id, j.kind, j.attempts, j.max_attempts, j.repeatable, j.doubtful, j.idempotency_key, j.secret_name, j.request",
		 .nargs = 4, .types = {INT4OID, INT4OID, INT2OID, TIMESTAMPTZOID}, .expect = SPI_OK_UPDATE_RETURNING);

VY_QUERY(record_attempt,
		 .sql = "UPDATE vyricon.jobs SET state = $3, doubtful = $4, lease_until = NULL,"
				" run_at = CASE WHEN $3 = 'queued' THEN clock_timestamp() + $5 * interval '1 millisecond' ELSE run_at END,"
				" finished_at = CASE WHEN $3 <> 'queued' THEN clock_timestamp() END, status = $6, answer = $7, problem = $8"
				" WHERE id = $1 AND attempts = $2 AND state = 'in_flight'",
		 .nargs = 8, .types = {INT8OID, INT4OID, TEXTOID, BOOLOID, INT8OID, INT4OID, TEXTOID, TEXTOID}, .expect = SPI_OK_UPDATE);

VY_QUERY(find_expired,
		 .sql = "SELECT id, kind, attempts, max_attempts, repeatable, doubtful FROM vyricon.jobs WHERE state = 'in_flight'"
				" AND (lease_until < clock_timestamp() OR $1 OR kind = $3) ORDER BY lease_until LIMIT $2 FOR UPDATE SKIP LOCKED",
		 .nargs = 3, .types = {BOOLOID, INT4OID, TEXTOID}, .expect = SPI_OK_SELECT);

/* A lease that ended long ago and is still there is locked by whoever records: not worth a turn of the worker every moment. */
VY_QUERY(next_due,
		 .sql = "SELECT LEAST((SELECT min(first.run_at) FROM (VALUES (1::int2), (0::int2), (-1::int2)) AS p (priority), LATERAL ("
				"SELECT q.run_at FROM vyricon.jobs AS q WHERE q.state = 'queued' AND q.kind <> 'sql' AND q.priority = p.priority"
				" AND q.run_at > $1 ORDER BY q.run_at, q.id LIMIT 1) AS first),"
				" (SELECT f.lease_until FROM vyricon.jobs AS f WHERE f.state = 'in_flight'"
				" AND f.lease_until > $1 - interval '1 second' ORDER BY f.lease_until LIMIT 1))",
		 .nargs = 1, .types = {TIMESTAMPTZOID}, .expect = SPI_OK_SELECT);

static void add_transfer(void *arg, HeapTuple row, TupleDesc desc);
static void prepare(VyTransfer *transfer);
static void prepare_kind(void *arg);
static void read_row(VyTransfer *transfer, HeapTuple row, TupleDesc desc);
static void read_request(VyTransfer *transfer, bytea *packed);
static void read_try(void *arg, HeapTuple row, TupleDesc desc);
static void record(void *arg);
static bool write_fate(int64 id, const VyJobTry *attempt, VyOutcome outcome, int64 retry_after_ms, const Datum *rest, const bool *nulls,
					   VyJobState *state);
static Datum text_or_null(const char *text, size_t n, bool *isnull);

void
vy_outbox_init(void)
{
	VY_SETTINGS_DEFINE(settings);
}

int
vy_outbox_claim(int max, dlist_head *list)
{
	Claim claim = {list, 0};
	Datum now = TimestampTzGetDatum(claimed_at = GetCurrentTimestamp());
	dlist_iter iter;

	for (int16 priority = HIGHEST_PRIORITY; priority >= LOWEST_PRIORITY && claim.n < max; priority--)
	{
		Datum args[4] = {Int32GetDatum(max - claim.n), Int32GetDatum(lease_ms), Int16GetDatum(priority), now};

		(void) vy_query_each(&claim_jobs, args, NULL, add_transfer, &claim);
	}
	dlist_foreach(iter, list) prepare(dlist_container(VyTransfer, node, iter.cur));
	return claim.n;
}

void
vy_outbox_record(VyTransfer *transfer)
{
	const char *message;

	if (transfer->kind == NULL || transfer->kind->apply == NULL)
		record(transfer);
	else if (!vy_attempt_keep(record, transfer, &message))
	{
		vy_transfer_settle(transfer, VY_OUTCOME_ERROR, "the answer could not be applied: %s", message);
		transfer->kind = NULL;
		record(transfer);
	}
}

static void
record(void *arg)
{
	VyTransfer *transfer = arg;
	bool printable = pg_verify_mbstr(PG_UTF8, transfer->body, (int) transfer->body_len, true);
	Datum rest[3];
	bool nulls[3] = {transfer->status == 0};
	VyJobState state;

	rest[0] = Int32GetDatum((int32) transfer->status);
	rest[1] = text_or_null(transfer->body, printable ? transfer->body_len : 0, &nulls[1]);
	rest[2] = text_or_null(transfer->problem, strlen(transfer->problem), &nulls[2]);
	if (write_fate(transfer->job.id, &transfer->job.attempt, transfer->outcome, transfer->retry_after_ms, rest, nulls, &state) &&
		transfer->kind != NULL && transfer->kind->apply != NULL)
		transfer->kind->apply(transfer, state);
}

bool
vy_outbox_settle(int64 id, const VyJobTry *attempt, VyOutcome outcome, VyStr answer, const char *problem)
{
	Datum rest[3] = {(Datum) 0};
	bool nulls[3] = {true};
	VyJobState state;

	rest[1] = text_or_null(answer.p, answer.n, &nulls[1]);
	rest[2] = text_or_null(problem, strlen(problem), &nulls[2]);
	return write_fate(id, attempt, outcome, 0, rest, nulls, &state);
}

int64
vy_outbox_expire(bool all, const char *kind)
{
	Datum args[3] = {BoolGetDatum(all), Int32GetDatum(BATCH), kind != NULL ? CStringGetTextDatum(kind) : (Datum) 0};
	bool arg_nulls[3] = {false, false, kind == NULL};
	dlist_head list = DLIST_STATIC_INIT(list);
	dlist_iter iter;
	Datum rest[3] = {(Datum) 0, (Datum) 0, CStringGetTextDatum("its worker ended before an answer was recorded")};
	bool nulls[3] = {true, true, false};
	int64 n = 0;

	(void) vy_query_each(&find_expired, args, arg_nulls, read_try, &list);
	dlist_foreach(iter, &list)
	{
		const VyTransfer *transfer = dlist_container(VyTransfer, node, iter.cur);
		bool undone = transfer->kind != NULL && transfer->kind->in_database;
		VyJobState state;

		(void) write_fate(transfer->job.id, &transfer->job.attempt, undone ? VY_OUTCOME_NOT_SENT : VY_OUTCOME_LOST, 0, rest, nulls, &state);
		n++;
	}
	return n;
}

TimestampTz
vy_outbox_next(void)
{
	Datum now = TimestampTzGetDatum(claimed_at);
	Datum at;
	bool isnull;

	return vy_query_row(&next_due, &now, NULL, 1, &at, &isnull) && !isnull ? DatumGetTimestampTz(at) : DT_NOEND;
}

/* In a context that outlives the transaction: it goes with the transfer. */
static void
add_transfer(void *arg, HeapTuple row, TupleDesc desc)
{
	Claim *claim = arg;
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "vyricon transfer", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	VyTransfer *transfer = palloc0(sizeof(VyTransfer));

	transfer->context = context;
	transfer->sockets[0] = transfer->sockets[1] = CURL_SOCKET_BAD;
	dlist_push_tail(claim->list, &transfer->node);
	claim->n++;
	read_row(transfer, row, desc);
	MemoryContextSwitchTo(before);
}

/* A job that cannot be prepared must not take the others with it: a secret may not open under this root key. */
static void
prepare(VyTransfer *transfer)
{
	MemoryContext before = MemoryContextSwitchTo(transfer->context);
	const char *message;

	if (transfer->kind == NULL)
		vy_transfer_settle(transfer, VY_OUTCOME_REFUSED, "this server does not know its kind");
	else if (transfer->job.secret_name == NULL)
		transfer->kind->prepare(transfer);
	else if (!vy_attempt(prepare_kind, transfer, &message))
		vy_transfer_settle(transfer, VY_OUTCOME_NOT_SENT, "it could not be prepared: %s", message);
	MemoryContextSwitchTo(before);
}

static void
prepare_kind(void *arg)
{
	VyTransfer *transfer = arg;

	transfer->kind->prepare(transfer);
}

static void
read_row(VyTransfer *transfer, HeapTuple row, TupleDesc desc)
{
	Datum values[NCOLUMNS];
	bool nulls[NCOLUMNS];
	VyJobRow *job = &transfer->job;

	heap_deform_tuple(row, desc, values, nulls);
	job->id = DatumGetInt64(values[ID]);
	job->attempt = (VyJobTry){DatumGetBool(values[REPEATABLE]), DatumGetBool(values[DOUBTFUL]), DatumGetInt32(values[ATTEMPTS]),
							  DatumGetInt32(values[MAX_ATTEMPTS])};
	job->idempotency_key = TextDatumGetCString(values[IDEMPOTENCY_KEY]);
	job->secret_name = nulls[SECRET_NAME] ? NULL : TextDatumGetCString(values[SECRET_NAME]);
	transfer->kind = vy_job_kind_find(TextDatumGetCString(values[KIND]));
	read_request(transfer, DatumGetByteaPCopy(values[REQUEST]));
}

/* The strings are inside the copy; method and target become C strings, since curl wants them so. */
static void
read_request(VyTransfer *transfer, bytea *packed)
{
	VyWireRequest *request = &transfer->job.request;

	request->max_headers = MAX_HEADERS;
	request->headers = palloc(MAX_HEADERS * sizeof(VyHeader));
	if (!vy_wire_request_read(request, (const uint8_t *) VARDATA(packed), VARSIZE(packed) - VARHDRSZ))
	{
		transfer->kind = NULL;
		return;
	}
	request->method.p = vy_str_dup(request->method);
	request->target.p = vy_str_dup(request->target);
}

static void
read_try(void *arg, HeapTuple row, TupleDesc desc)
{
	Datum values[DOUBTFUL + 1];
	bool nulls[DOUBTFUL + 1];
	VyTransfer *transfer = palloc0(sizeof(VyTransfer));

	heap_deform_tuple(row, desc, values, nulls);
	transfer->job.id = DatumGetInt64(values[ID]);
	transfer->kind = vy_job_kind_find(TextDatumGetCString(values[KIND]));
	transfer->job.attempt = (VyJobTry){DatumGetBool(values[REPEATABLE]), DatumGetBool(values[DOUBTFUL]), DatumGetInt32(values[ATTEMPTS]),
									   DatumGetInt32(values[MAX_ATTEMPTS])};
	dlist_push_tail((dlist_head *) arg, &transfer->node);
}

/* False: somebody else has taken the job over. */
static bool
write_fate(int64 id, const VyJobTry *attempt, VyOutcome outcome, int64 retry_after_ms, const Datum *rest, const bool *nulls,
		   VyJobState *state)
{
	VyBackoff backoff = {backoff_first_ms, Max(backoff_longest_ms, backoff_first_ms)};
	VyJobFate fate;
	uint32 random;
	Datum args[8];
	bool arg_nulls[8] = {false, false, false, false, false, nulls[0], nulls[1], nulls[2]};

	if (!pg_strong_random(&random, sizeof(random)))
		random = 0;
	fate = vy_job_fate(attempt, outcome, &backoff, retry_after_ms, random);
	args[0] = Int64GetDatum(id);
	args[1] = Int32GetDatum(attempt->attempts);
	args[2] = CStringGetTextDatum(vy_job_state_name(fate.state));
	args[3] = BoolGetDatum(fate.doubtful);
	args[4] = Int64GetDatum(fate.delay_ms);
	args[5] = rest[0];
	args[6] = rest[1];
	args[7] = rest[2];
	*state = fate.state;
	if (vy_query_run(&record_attempt, args, arg_nulls) == 0)
		return false;
	if (fate.state != VY_JOB_QUEUED)
	{
		vy_event_add(psprintf("job.%s", vy_job_state_name(fate.state)), psprintf("%lld", (long long) id));
		vy_wait_ended(id);
	}
	return true;
}

static Datum
text_or_null(const char *text, size_t n, bool *isnull)
{
	*isnull = n == 0;
	return n == 0 ? (Datum) 0 : PointerGetDatum(cstring_to_text_with_len(text, (int) n));
}
