/*
 * schedules.c: vyricon.schedule() and what becomes of its rows.
 *
 * A firing enqueues its job, whose key holds the planned time, in the transaction that moves next_at on: it happens once, whatever crashes.
 * Times that passed while nobody was there to fire are made up for by one job, not by one each.
 */
#include "schedules/schedules.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/timestamp.h"

#include "base/field.h"
#include "core/attempt.h"
#include "core/query.h"
#include "core/shm.h"
#include "jobs/enqueue.h"
#include "jobs/jobs.h"
#include "schedules/when.h"

#define MAX_NAME 200
#define MAX_TIMES 1000
#define BATCH 100

typedef enum Argument
{
	NAME,
	WHEN,
	KIND,
	PAYLOAD,
	TIME_ZONE,
	ENABLED,
	NARGUMENTS
} Argument;

/* The columns of read_row(). */
#define ROW "name, every, cron, time_zone, kind, payload, next_at, role_name, user_id, claims"
#define NCOLUMNS 10

typedef struct Schedule
{
	dlist_node node;
	const char *name;
	Interval *every;
	const char *cron;
	const char *time_zone;
	const char *kind;
	Jsonb *payload;
	TimestampTz planned;
	VyJobOwner owner;

	TimestampTz now;
	TimestampTz next; /* DT_NOEND: never, until it is scheduled anew */
	int64 job;
} Schedule;

VY_QUERY(
	put_schedule,
	.sql = "INSERT INTO vyricon.schedules AS s (name, every, cron, time_zone, kind, payload, enabled, next_at, role_name, user_id, claims)"
		   " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (name) DO UPDATE SET"
		   /* The same times again go on as they were: a migration may run at each start of an application. */
		   " next_at = CASE WHEN s.enabled AND s.next_at < 'infinity' AND (s.every, s.cron, s.time_zone) IS NOT DISTINCT FROM"
		   " (excluded.every, excluded.cron, excluded.time_zone) THEN s.next_at ELSE excluded.next_at END,"
		   " every = excluded.every, cron = excluded.cron, time_zone = excluded.time_zone, kind = excluded.kind,"
		   " payload = excluded.payload, enabled = excluded.enabled, problem = NULL, role_name = excluded.role_name,"
		   " user_id = excluded.user_id, claims = excluded.claims RETURNING next_at",
	.nargs = 11, .types = {TEXTOID, INTERVALOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, BOOLOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID},
	.expect = SPI_OK_INSERT_RETURNING);

VY_QUERY(drop_schedule, .sql = "DELETE FROM vyricon.schedules WHERE name = $1", .nargs = 1, .types = {TEXTOID}, .expect = SPI_OK_DELETE);

VY_QUERY(find_due,
		 .sql = "SELECT " ROW " FROM vyricon.schedules WHERE enabled AND next_at <= $1 ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED",
		 .nargs = 2, .types = {TIMESTAMPTZOID, INT4OID}, .expect = SPI_OK_SELECT);

VY_QUERY(find_next, .sql = "SELECT next_at FROM vyricon.schedules WHERE enabled AND next_at > $1 ORDER BY next_at LIMIT 1", .nargs = 1,
		 .types = {TIMESTAMPTZOID}, .expect = SPI_OK_SELECT);

VY_QUERY(find_enabled, .sql = "SELECT " ROW " FROM vyricon.schedules WHERE enabled AND name > $1 ORDER BY name LIMIT $2 FOR UPDATE",
		 .nargs = 2, .types = {TEXTOID, INT4OID}, .expect = SPI_OK_SELECT);

VY_QUERY(record_firing,
		 .sql = "UPDATE vyricon.schedules SET next_at = $2, last_job = COALESCE($3, last_job), problem = $4,"
				" last_at = CASE WHEN $3 IS NULL THEN last_at ELSE now() END WHERE name = $1",
		 .nargs = 4, .types = {TEXTOID, TIMESTAMPTZOID, INT8OID, TEXTOID}, .expect = SPI_OK_UPDATE);

static bool rescheduled;
static TimestampTz looked_at;

static int64 run_due(void);
static TimestampTz next_due(void);
static void check_arguments(FunctionCallInfo fcinfo);
static Datum text_or_null(VyStr text, bool *isnull);
static void read_row(void *arg, HeapTuple row, TupleDesc desc);
static void plan(void *arg);
static void fire(void *arg);
static const char *key_of(const Schedule *schedule);
static void record(const Schedule *schedule, const char *problem);
static void ring_at_end(void);
static void on_transaction_end(XactEvent event, void *arg);

/* The period is for what nobody rang for: a prepared transaction that committed. */
static const int period = 60;
static const VyJob jobs[] = {{"schedules", run_due, &period, next_due}};

VY_FUNCTION(vyricon_schedule)
{
	VyJobOwner owner = vy_job_owner();
	TimestampTz now = GetCurrentTimestamp();
	Datum args[11];
	bool nulls[11] = {false};
	VyWhen when;
	Datum next;
	bool isnull;

	check_arguments(fcinfo);
	when = vy_when_text(text_to_cstring(PG_GETARG_TEXT_PP(WHEN)), text_to_cstring(PG_GETARG_TEXT_PP(TIME_ZONE)));
	vy_job_check(text_to_cstring(PG_GETARG_TEXT_PP(KIND)), PG_GETARG_JSONB_P(PAYLOAD));
	args[0] = PG_GETARG_DATUM(NAME);
	args[1] = PointerGetDatum(when.every);
	nulls[1] = when.every == NULL;
	args[2] = text_or_null(vy_cstr(when.text), &nulls[2]);
	args[3] = CStringGetTextDatum(pg_get_timezone_name(when.zone));
	args[4] = PG_GETARG_DATUM(KIND);
	args[5] = PG_GETARG_DATUM(PAYLOAD);
	args[6] = PG_GETARG_DATUM(ENABLED);
	args[7] = TimestampTzGetDatum(vy_when_next(&when, now, now));
	args[8] = CStringGetTextDatum(owner.role_name);
	args[9] = text_or_null(owner.user_id, &nulls[9]);
	args[10] = text_or_null(owner.claims, &nulls[10]);
	if (!vy_query_row(&put_schedule, args, nulls, 1, &next, &isnull))
		elog(ERROR, "a schedule was not stored");
	ring_at_end();
	if (!PG_GETARG_BOOL(ENABLED))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(next);
}

VY_FUNCTION(vyricon_unschedule)
{
	Datum name = PG_GETARG_DATUM(0);
	bool done = vy_query_run(&drop_schedule, &name, NULL) > 0;

	ring_at_end();
	PG_RETURN_BOOL(done);
}

VY_FUNCTION(vyricon_schedule_times)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	VyWhen when = vy_when_text(text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)));
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(2);
	int32 n = PG_GETARG_INT32(3);
	bool isnull = false;

	if (TIMESTAMP_NOT_FINITE(at) || n < 0 || n > MAX_TIMES)
		ereport(ERROR, (errcode(ERRCODE_VY_INVALID), errmsg("times are shown after a finite time, and at most %d of them", MAX_TIMES)));
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	for (int32 i = 0; i < n; i++)
	{
		Datum value;

		at = vy_when_next(&when, at, at);
		value = TimestampTzGetDatum(at);
		tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
	}
	return (Datum) 0;
}

void
vy_schedules_init(void)
{
	vy_jobs_add(jobs, lengthof(jobs));
	RegisterXactCallback(on_transaction_end, NULL);
}

/* Each in a subtransaction: one whose job cannot be enqueued any more does not stop the others. */
static int64
run_due(void)
{
	Datum args[2] = {TimestampTzGetDatum(looked_at = GetCurrentTimestamp()), Int32GetDatum(BATCH)};
	int64 fired = 0;
	uint64 n;

	do
	{
		dlist_head due = DLIST_STATIC_INIT(due);
		dlist_iter iter;

		n = vy_query_each(&find_due, args, NULL, read_row, &due);
		dlist_foreach(iter, &due)
		{
			Schedule *schedule = dlist_container(Schedule, node, iter.cur);
			const char *problem;
			bool done = vy_attempt_keep(fire, schedule, &problem);

			fired += done;
			record(schedule, done ? NULL : problem);
		}
	} while (n == BATCH);
	/* The worker knows what it has done itself. */
	if (fired > 0 && !IsBackgroundWorker)
		ring_at_end();
	return fired;
}

/* A row that somebody has locked is waited for by its ring, not looked at again and again. */
static TimestampTz
next_due(void)
{
	Datum after = TimestampTzGetDatum(looked_at);
	Datum at;
	bool isnull;

	return vy_query_row(&find_next, &after, NULL, 1, &at, &isnull) ? DatumGetTimestampTz(at) : DT_NOEND;
}

void
vy_schedules_restart(void)
{
	const char *after = "";
	uint64 n;

	looked_at = GetCurrentTimestamp();
	do
	{
		Datum args[2] = {CStringGetTextDatum(after), Int32GetDatum(BATCH)};
		dlist_head rows = DLIST_STATIC_INIT(rows);
		dlist_iter iter;

		n = vy_query_each(&find_enabled, args, NULL, read_row, &rows);
		dlist_foreach(iter, &rows)
		{
			Schedule *schedule = dlist_container(Schedule, node, iter.cur);
			const char *problem;

			schedule->planned = looked_at;
			record(schedule, vy_attempt(plan, schedule, &problem) ? NULL : problem);
			after = schedule->name;
		}
	} while (n == BATCH);
}

static void
check_arguments(FunctionCallInfo fcinfo)
{
	size_t n;

	for (int i = 0; i < NARGUMENTS; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("nothing about a schedule may be null")));
	n = VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(NAME));
	if (n < 1 || n > MAX_NAME)
		ereport(ERROR, (errcode(ERRCODE_VY_INVALID), errmsg("a schedule's name has 1 to %d bytes", MAX_NAME)));
}

static Datum
text_or_null(VyStr text, bool *isnull)
{
	*isnull = text.p == NULL;
	return text.p == NULL ? (Datum) 0 : PointerGetDatum(vy_str_text(text));
}

static void
read_row(void *arg, HeapTuple row, TupleDesc desc)
{
	Datum values[NCOLUMNS];
	bool nulls[NCOLUMNS];
	Schedule *schedule = palloc0(sizeof(Schedule));

	heap_deform_tuple(row, desc, values, nulls);
	schedule->name = TextDatumGetCString(values[0]);
	if (!nulls[1])
	{
		schedule->every = palloc(sizeof(Interval));
		*schedule->every = *DatumGetIntervalP(values[1]);
	}
	schedule->cron = nulls[2] ? NULL : TextDatumGetCString(values[2]);
	schedule->time_zone = TextDatumGetCString(values[3]);
	schedule->kind = TextDatumGetCString(values[4]);
	schedule->payload = DatumGetJsonbPCopy(values[5]);
	schedule->planned = DatumGetTimestampTz(values[6]);
	schedule->owner = (VyJobOwner){TextDatumGetCString(values[7]), vy_cstr(nulls[8] ? NULL : TextDatumGetCString(values[8])),
								   vy_cstr(nulls[9] ? NULL : TextDatumGetCString(values[9]))};
	schedule->now = looked_at;
	schedule->next = DT_NOEND;
	dlist_push_tail((dlist_head *) arg, &schedule->node);
}

static void
plan(void *arg)
{
	Schedule *schedule = arg;
	VyWhen when = vy_when_row(schedule->every, schedule->cron, schedule->time_zone);

	schedule->next = vy_when_next(&when, schedule->planned, schedule->now);
}

/* As who scheduled it: a kind may look at what the current user may do. */
static void
fire(void *arg)
{
	Schedule *schedule = arg;
	Oid user;
	int sec_context;

	plan(schedule);
	GetUserIdAndSecContext(&user, &sec_context);
	SetUserIdAndSecContext(get_role_oid(schedule->owner.role_name, false), sec_context | SECURITY_LOCAL_USERID_CHANGE);
	schedule->job = vy_job_put(schedule->kind, schedule->payload, &schedule->owner, key_of(schedule));
	SetUserIdAndSecContext(user, sec_context);
}

/* The planned time to the millisecond; no interval is shorter than a second. */
static const char *
key_of(const Schedule *schedule)
{
	char planned[VY_FIELD_TIME];

	vy_field_time(planned, schedule->planned + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY);
	return psprintf("schedule:%s:%s", schedule->name, planned);
}

static void
record(const Schedule *schedule, const char *problem)
{
	Datum args[4] = {CStringGetTextDatum(schedule->name), TimestampTzGetDatum(schedule->next), Int64GetDatum(schedule->job), (Datum) 0};
	bool nulls[4] = {false, false, problem != NULL || schedule->job == 0, false};

	args[3] = text_or_null(vy_cstr(problem), &nulls[3]);
	(void) vy_query_run(&record_firing, args, nulls);
}

static void
ring_at_end(void)
{
	rescheduled = true;
}

/* Also after a rollback: the worker may have passed over a row that was locked. */
static void
on_transaction_end(XactEvent event, void *arg __attribute__((unused)))
{
	if (!rescheduled || (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE))
		return;
	rescheduled = false;
	if (vy_shm == NULL)
		return;
	for (int i = 0; i < VY_SHM_WORKERS; i++)
	{
		VyShmWorker *place = &vy_shm->workers[i];

		if (place->database == MyDatabaseId && pg_atomic_exchange_u32(&place->rescheduled, 1) == 0 && place->latch != NULL)
			SetLatch(place->latch);
	}
}
