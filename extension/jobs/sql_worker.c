/*
 * sql_worker.c: the process that runs sql jobs, one after the other, each as who enqueued it.
 *
 * Three transactions: the claim; the function together with the record that it is done; and, when that one was rolled back, the record of
 * what went wrong. So the effect is there exactly when the job is done. The second one holds the job's row from its first statement on: a
 * job in flight whose row nobody holds has lost its process.
 *
 * Like the worker it takes its place in shared memory before it connects (worker.c). It leaves when nothing is due for a while. Asked to
 * leave, it cancels the function first; whoever catches that, or the end of its time, is ended with the process.
 */
#include "jobs/sql_worker.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "jit/jit.h"
#include "mb/pg_wchar.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "auth/identity.h"
#include "base/json.h"
#include "base/wire.h"
#include "core/json_writer.h"
#include "core/query.h"
#include "core/settings.h"
#include "jobs/fault.h"
#include "jobs/metrics.h"
#include "jobs/outbox.h"
#include "jobs/sql.h"
#include "jobs/wait.h"
#include "jobs/worker.h"

#define IDLE_MS 5000
#define LEASE_MORE_MS 60000
#define TICK_MS 1000
#define TICKS_TO_LEAVE 2 /* after it was asked to */
#define TICKS_TO_END 5 /* after its time was over */
#define PROBLEM_KEPT 1000
#define HIGHEST_PRIORITY 1
#define LOWEST_PRIORITY (-1)

typedef enum Column
{
	ID,
	ATTEMPTS,
	MAX_ATTEMPTS,
	HAS_SUBJECT,
	ROLE_NAME,
	CLAIMS,
	REQUEST,
	NCOLUMNS
} Column;

static int timeout_ms;
static VyShmWorker *my_place;
static VyShmSqlWorker *my_slot;
static MemoryContext job_context;
static TimeoutId tick;
static volatile sig_atomic_t running; /* a function of somebody else's */
static volatile sig_atomic_t ticks_left;
static bool called; /* it was found and allowed */

static const VySetting settings[] = {
	{"vyricon.sql_job_timeout", "Time that one attempt of a sql job may take.", PGC_SIGHUP, GUC_UNIT_MS, PGC_INT, &timeout_ms, NULL, 300000,
	 100, 86400000},
};

VY_QUERY(claim_job,
		 .sql = "UPDATE vyricon.jobs AS j SET state = 'in_flight', attempts = j.attempts + 1,"
				" lease_until = clock_timestamp() + $1 * interval '1 millisecond' WHERE j.id = ANY (ARRAY("
				"SELECT q.id FROM vyricon.jobs AS q WHERE q.state = 'queued' AND q.kind = 'sql' AND q.priority = $2"
				" AND q.run_at <= $3 AND (q.subject IS NULL OR NOT EXISTS (SELECT FROM vyricon.jobs AS b"
				" WHERE b.subject = q.subject AND b.id < q.id AND b.state IN ('queued', 'in_flight')))"
				" ORDER BY q.run_at, q.id LIMIT 1 FOR UPDATE SKIP LOCKED))"
				" RETURNING j.id, j.attempts, j.max_attempts, j.subject IS NOT NULL, j.role_name, j.claims, j.request",
		 .nargs = 3, .types = {INT8OID, INT2OID, TIMESTAMPTZOID}, .expect = SPI_OK_UPDATE_RETURNING);

VY_QUERY(hold_job, .sql = "SELECT id FROM vyricon.jobs WHERE id = $1 AND attempts = $2 AND state = 'in_flight' FOR UPDATE", .nargs = 2,
		 .types = {INT8OID, INT4OID}, .expect = SPI_OK_SELECT);

/* The attempt does not count, but its number stays used. */
VY_QUERY(release_job,
		 .sql = "UPDATE vyricon.jobs SET state = 'queued', lease_until = NULL, max_attempts = max_attempts + 1"
				" WHERE id = $1 AND attempts = $2 AND state = 'in_flight'",
		 .nargs = 2, .types = {INT8OID, INT4OID}, .expect = SPI_OK_UPDATE);

static bool take_slot(Oid database, int slot);
static void give_up_slot(int code, Datum arg);
static void set_busy(bool busy);
static void work(int slot);
static bool is_home(void);
static bool claim(VySqlJob *job, TimestampTz *next);
static void read_job(void *arg, HeapTuple row, TupleDesc desc);
static void run(const VySqlJob *job);
static void perform(const VySqlJob *job);
static void call_as_enqueuer(const VySqlJob *job, StringInfo answer);
static VyIdentity identity_of(const VySqlJob *job);
static void give_back(const VySqlJob *job);
static void record_failure(const VySqlJob *job, const ErrorData *error, bool timed_out);
static void arm(void);
static void disarm(void);
static void on_terminate(SIGNAL_ARGS);
static void on_tick(void);

PGDLLEXPORT void vyricon_sql_worker_main(Datum arg) pg_attribute_noreturn();

void
vyricon_sql_worker_main(Datum arg)
{
	Oid database = DatumGetObjectId(arg);
	VySqlWorkerStart start;

	memcpy(&start, MyBgworkerEntry->bgw_extra, sizeof(start));
	pqsignal(SIGTERM, on_terminate);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	if (!take_slot(database, start.slot))
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(database, start.role, 0);
	pgstat_report_appname("vyricon sql worker");
	tick = RegisterTimeout(USER_TIMEOUT, on_tick);
	job_context = AllocSetContextCreate(TopMemoryContext, "vyricon sql job", ALLOCSET_DEFAULT_SIZES);
	work(start.slot);
	proc_exit(0);
}

void
vy_sql_worker_init(void)
{
	VY_SETTINGS_DEFINE(settings);
}

static bool
take_slot(Oid database, int slot)
{
	LWLockAcquire(vy_shm->lock, LW_EXCLUSIVE);
	my_place = vy_place_find(database, false);
	if (my_place != NULL && my_place->holds == 0 && my_place->sql[slot].pid == 0)
	{
		my_slot = &my_place->sql[slot];
		*my_slot = (VyShmSqlWorker){MyProcPid, MyLatch, true, 0};
		before_shmem_exit(give_up_slot, (Datum) 0);
	}
	LWLockRelease(vy_shm->lock);
	return my_slot != NULL;
}

/* Whatever was decided while this process was there, the worker decides again. */
static void
give_up_slot(int code, Datum arg __attribute__((unused)))
{
	LWLockAcquire(vy_shm->lock, LW_EXCLUSIVE);
	my_place->sql_lost = my_place->sql_lost || my_slot->busy;
	if (code != 0)
		my_place->sql_not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), VY_WORKER_RESTART_MS);
	*my_slot = (VyShmSqlWorker){0};
	vy_place_ring(my_place);
	vy_place_free(my_place);
	LWLockRelease(vy_shm->lock);
}

static void
set_busy(bool busy)
{
	LWLockAcquire(vy_shm->lock, LW_EXCLUSIVE);
	my_slot->busy = busy;
	LWLockRelease(vy_shm->lock);
}

static void
work(int slot)
{
	TimestampTz idle_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), IDLE_MS);
	TimestampTz next = DT_NOEND;
	long wait;

	do
	{
		VySqlJob job;

		set_busy(true);
		if (!is_home())
			break;
		while (!ShutdownRequestPending && slot < vy_sql_workers && claim(&job, &next))
		{
			run(&job);
			MemoryContextReset(job_context);
			idle_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), IDLE_MS);
		}
		set_busy(false);
		wait = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), Min(idle_until, next));
	} while (slot < vy_sql_workers && idle_until > GetCurrentTimestamp() && vy_worker_wait(wait, -1));
}

/* As the worker does before it looks: DROP EXTENSION or a restore over the database end the work. */
static bool
is_home(void)
{
	bool here;

	vy_worker_begin("looking for sql jobs");
	here = vy_jobs_home() == VY_HOME_HERE;
	vy_worker_commit();
	return here;
}

/* False: none is due before next. A claim is on disk before it is worked on, or a job that takes the server down is tried for ever. */
static bool
claim(VySqlJob *job, TimestampTz *next)
{
	int64 lease_ms = (int64) timeout_ms + LEASE_MORE_MS;
	TimestampTz now = GetCurrentTimestamp();
	bool found = false;

	vy_worker_begin("claiming a job");
	for (int16 priority = HIGHEST_PRIORITY; priority >= LOWEST_PRIORITY && !found; priority--)
	{
		Datum args[3] = {Int64GetDatum(lease_ms), Int16GetDatum(priority), TimestampTzGetDatum(now)};

		found = vy_query_each(&claim_job, args, NULL, read_job, job) > 0;
	}
	if (found)
		ForceSyncCommit();
	else
		(void) vy_sql_due(next);
	vy_worker_commit();
	if (found)
		VY_FAULT_POINT("sql_claimed");
	return found;
}

static void
read_job(void *arg, HeapTuple row, TupleDesc desc)
{
	VySqlJob *job = arg;
	MemoryContext before = MemoryContextSwitchTo(job_context);
	VyWireRequest request = {.headers = NULL, .max_headers = 0};
	Datum values[NCOLUMNS];
	bool nulls[NCOLUMNS];
	bytea *packed;

	heap_deform_tuple(row, desc, values, nulls);
	packed = DatumGetByteaPCopy(values[REQUEST]);
	if (!vy_wire_request_read(&request, (const uint8_t *) VARDATA(packed), VARSIZE(packed) - VARHDRSZ))
		elog(ERROR, "a job's call cannot be read");
	*job = (VySqlJob){
		.id = DatumGetInt64(values[ID]),
		.attempts = DatumGetInt32(values[ATTEMPTS]),
		.max_attempts = DatumGetInt32(values[MAX_ATTEMPTS]),
		.has_subject = DatumGetBool(values[HAS_SUBJECT]),
		.role_name = TextDatumGetCString(values[ROLE_NAME]),
		.claims = nulls[CLAIMS] ? (VyStr){NULL, 0} : vy_text_str(DatumGetTextPCopy(values[CLAIMS])),
		.function = vy_str_dup(request.target),
		.args = request.body,
	};
	MemoryContextSwitchTo(before);
}

static void
run(const VySqlJob *job)
{
	TimestampTz began = GetCurrentTimestamp();

	called = false;
	PG_TRY();
	{
		perform(job);
	}
	PG_CATCH();
	{
		ErrorData *error;
		bool timed_out;

		/* What is asked of this process meanwhile waits until the failure is recorded. */
		HOLD_INTERRUPTS();
		disarm();
		MemoryContextSwitchTo(job_context);
		error = CopyErrorData();
		timed_out = error->sqlerrcode == ERRCODE_QUERY_CANCELED && TimestampDifferenceExceeds(began, GetCurrentTimestamp(), timeout_ms);
		if (!ShutdownRequestPending)
			EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		jit_reset_after_error();
		if (ShutdownRequestPending && error->sqlerrcode == ERRCODE_QUERY_CANCELED && !timed_out)
			give_back(job);
		else
			record_failure(job, error, timed_out);
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
}

/* Nothing is done for a job that somebody took over since it was claimed. */
static void
perform(const VySqlJob *job)
{
	Datum args[2] = {Int64GetDatum(job->id), Int32GetDatum(job->attempts)};
	VyJobTry attempt = {true, false, job->attempts, job->max_attempts};
	StringInfoData answer;
	bool held;

	MemoryContextSwitchTo(job_context);
	vy_worker_begin(psprintf("job " INT64_FORMAT ": %s", job->id, job->function));
	initStringInfo(&answer);
	held = vy_query_run(&hold_job, args, NULL) > 0;
	if (held)
	{
		VyStr kept;

		arm();
		call_as_enqueuer(job, &answer);
		disarm();
		VY_FAULT_POINT("sql_ran");
		kept = vy_str(answer.data, (size_t) pg_mbcliplen(answer.data, answer.len, VY_ANSWER_KEPT));
		if (!vy_outbox_settle(job->id, &attempt, VY_OUTCOME_DONE, kept, ""))
			ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE), errmsg("the job was taken over")));
		if (job->has_subject)
			vy_ring_at_commit();
		VY_FAULT_POINT("sql_recording");
	}
	vy_worker_commit();
	if (held)
		vy_metrics_attempt(&vy_sql_kind, VY_OUTCOME_DONE);
	VY_FAULT_POINT("sql_recorded");
}

/* Deferred triggers and constraints fire before the identity is left; what the function leaves in the session goes as after a request. */
static void
call_as_enqueuer(const VySqlJob *job, StringInfo answer)
{
	VyIdentity identity = identity_of(job);
	VyIdentityFrame frame;
	VySqlCall call;

	vy_identity_enter(&frame, &identity, false, false);
	call = vy_sql_call_find(identity.role, job->function, job->args);
	called = true;
	vy_sql_call_run(&call, answer);
	vy_identity_leave(&frame);
}

/* Enqueued outside a request there are no claims but the role. */
static VyIdentity
identity_of(const VySqlJob *job)
{
	VyIdentity identity;
	VyStr claims = job->claims;

	if (claims.p == NULL)
	{
		StringInfoData text;

		initStringInfo(&text);
		appendStringInfoString(&text, "{\"role\":");
		vy_json_string(&text, job->role_name, strlen(job->role_name));
		appendStringInfoChar(&text, '}');
		claims = vy_str(text.data, (size_t) text.len);
	}
	if (!vy_identity_parse(CurrentMemoryContext, claims, &identity))
		elog(ERROR, "the claims of a job are no JSON object");
	identity.role_name = job->role_name;
	identity.role = vy_sql_role(job->role_name);
	return identity;
}

static void
give_back(const VySqlJob *job)
{
	Datum args[2] = {Int64GetDatum(job->id), Int32GetDatum(job->attempts)};

	vy_worker_begin("giving a job back");
	(void) vy_query_run(&release_job, args, NULL);
	vy_worker_commit();
}

/* Nothing of it happened. Who is not allowed to call will not be the next time; everything else may pass. */
static void
record_failure(const VySqlJob *job, const ErrorData *error, bool timed_out)
{
	VyJobTry attempt = {true, false, job->attempts, job->max_attempts};
	VyOutcome outcome = !called && error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE ? VY_OUTCOME_REFUSED : VY_OUTCOME_NOT_SENT;
	const char *message = timed_out ? "it ran for longer than vyricon.sql_job_timeout" : error->message;
	char *problem;

	vy_worker_begin("recording a job");
	problem = psprintf("%s: %s", unpack_sql_state(error->sqlerrcode), message != NULL ? message : "");
	problem[pg_mbcliplen(problem, (int) strlen(problem), PROBLEM_KEPT)] = '\0';
	(void) vy_outbox_settle(job->id, &attempt, outcome, (VyStr){NULL, 0}, problem);
	if (job->has_subject)
		vy_ring_at_commit();
	vy_worker_commit();
	vy_metrics_attempt(&vy_sql_kind, outcome);
}

static void
arm(void)
{
	TimestampTz first = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), TICK_MS);

	ticks_left = timeout_ms / TICK_MS + TICKS_TO_END;
	running = true;
	enable_timeout_after(STATEMENT_TIMEOUT, timeout_ms);
	enable_timeout_every(tick, first, TICK_MS);
}

/* A cancel that was meant for the function must not hit what comes after it. */
static void
disarm(void)
{
	disable_timeout(STATEMENT_TIMEOUT, false);
	disable_timeout(tick, false);
	running = false;
	QueryCancelPending = false;
}

/* A function is cancelled, so that its job can be given back; without one the process ends at the next occasion. */
static void
on_terminate(SIGNAL_ARGS)
{
	int saved_errno = errno;

	ShutdownRequestPending = true;
	if (running)
	{
		InterruptPending = QueryCancelPending = true;
		SetLatch(MyLatch);
	}
	else
		die(postgres_signal_arg);
	errno = saved_errno;
}

/* Whoever caught the cancel cannot catch this. */
static void
on_tick(void)
{
	if (ShutdownRequestPending && ticks_left > TICKS_TO_LEAVE)
		ticks_left = TICKS_TO_LEAVE;
	if (--ticks_left <= 0)
		die(SIGTERM);
}
