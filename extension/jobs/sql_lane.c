/*
 * sql_lane.c: the database's worker sees that due sql jobs are run: a process that waits for some is woken, and another one is started as
 * long as vyricon.sql_workers allows. A function may take minutes, so it never runs in the worker itself, which others wait for.
 */
#include "jobs/sql.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/latch.h"
#include "utils/snapmgr.h"

#include "core/query.h"
#include "core/settings.h"
#include "jobs/outbox.h"
#include "jobs/sql_worker.h"
#include "jobs/wait.h"
#include "jobs/worker.h"

#define LONGEST_WAIT_MS 60000L

int vy_sql_workers;

static TimestampTz next_at = 0; /* when a job is due, or a start may be tried again */
static int workers_then; /* vyricon.sql_workers at the last look */
static bool out_of_slots;

static const VySetting settings[] = {
	{"vyricon.sql_workers", "How many sql jobs of a database run at the same time; 0: they wait.", PGC_SIGHUP, 0, PGC_INT, &vy_sql_workers,
	 NULL, 1, 0, VY_SHM_SQL_WORKERS},
};

/* A job waits while an earlier one of its subject is not finished. More than there can be processes is not counted. */
VY_QUERY(count_due,
		 .sql = "SELECT count(*)::int4 FROM (VALUES (1::int2), (0::int2), (-1::int2)) AS p (priority), LATERAL ("
				"SELECT FROM vyricon.jobs AS q WHERE q.state = 'queued' AND q.kind = 'sql' AND q.priority = p.priority"
				" AND q.run_at <= $2 AND (q.subject IS NULL OR NOT EXISTS (SELECT FROM vyricon.jobs AS b"
				" WHERE b.subject = q.subject AND b.id < q.id AND b.state IN ('queued', 'in_flight')))"
				" ORDER BY q.run_at, q.id LIMIT $1) AS due",
		 .nargs = 2, .types = {INT4OID, TIMESTAMPTZOID}, .expect = SPI_OK_SELECT);

VY_QUERY(next_due,
		 .sql = "SELECT min(first.run_at) FROM (VALUES (1::int2), (0::int2), (-1::int2)) AS p (priority), LATERAL ("
				"SELECT q.run_at FROM vyricon.jobs AS q WHERE q.state = 'queued' AND q.kind = 'sql' AND q.priority = p.priority"
				" AND q.run_at > $1 ORDER BY q.run_at, q.id LIMIT 1) AS first",
		 .nargs = 1, .types = {TIMESTAMPTZOID}, .expect = SPI_OK_SELECT);

static int look_for_due(VyShmWorker *place);
static int wake_or_reserve(VyShmWorker *place, int due, int *slots);
static bool start(VyShmWorker *place, int slot);
static long until(TimestampTz at);

void
vy_sql_init(void)
{
	VY_SETTINGS_DEFINE(settings);
	vy_sql_worker_init();
}

void
vy_sql_lane_look_soon(void)
{
	next_at = 0;
}

long
vy_sql_lane_turn(VyShmWorker *place, bool look)
{
	int slots[VY_SHM_SQL_WORKERS];
	int n;

	if (!look && until(next_at) > 0 && workers_then == vy_sql_workers)
		return until(next_at);
	workers_then = vy_sql_workers;
	n = wake_or_reserve(place, look_for_due(place), slots);
	for (int i = 0; i < n; i++)
		if (!start(place, slots[i]))
			next_at = Min(next_at, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), VY_WORKER_RESTART_MS));
	return until(next_at);
}

int
vy_sql_due(TimestampTz *next)
{
	Datum now = TimestampTzGetDatum(GetCurrentTimestamp());
	Datum args[2] = {Int32GetDatum(VY_SHM_SQL_WORKERS), now};
	Datum count;
	Datum at;
	bool isnull;

	if (!vy_query_row(&count_due, args, NULL, 1, &count, &isnull) || isnull)
		elog(ERROR, "due jobs were not counted");
	*next = vy_query_row(&next_due, &now, NULL, 1, &at, &isnull) && !isnull ? DatumGetTimestampTz(at) : DT_NOEND;
	return DatumGetInt32(count);
}

static int
look_for_due(VyShmWorker *place)
{
	bool lost;
	int due;

	LWLockAcquire(vy_shm->lock, LW_EXCLUSIVE);
	lost = place->sql_lost;
	place->sql_lost = false;
	LWLockRelease(vy_shm->lock);
	vy_worker_begin("looking for sql jobs");
	while (lost && vy_outbox_expire(false, vy_sql_kind.name) > 0)
		CHECK_FOR_INTERRUPTS();
	due = vy_sql_due(&next_at);
	vy_worker_commit();
	return vy_sql_workers > 0 ? due : 0;
}

/* Who has nothing to do comes first. Returns how many more are needed, and which slots are theirs. */
static int
wake_or_reserve(VyShmWorker *place, int due, int *slots)
{
	TimestampTz now = GetCurrentTimestamp();
	int n = 0;

	LWLockAcquire(vy_shm->lock, LW_EXCLUSIVE);
	for (int i = 0; i < vy_sql_workers; i++)
	{
		VyShmSqlWorker *worker = &place->sql[i];

		if (worker->pid != 0 && !worker->busy && due > 0)
			SetLatch(worker->latch);
		if (worker->pid != 0 ? !worker->busy : worker->reserved_until > now)
			due--;
		/* one that was started and never came */
		if (worker->pid == 0 && worker->reserved_until > now)
			next_at = Min(next_at, worker->reserved_until);
	}
	for (int i = 0; i < vy_sql_workers && due > 0; i++)
	{
		VyShmSqlWorker *worker = &place->sql[i];

		if (worker->pid != 0 || worker->reserved_until > now)
			continue;
		if (place->sql_not_before > now)
		{
			next_at = Min(next_at, place->sql_not_before);
			break;
		}
		worker->reserved_until = TimestampTzPlusMilliseconds(now, VY_WORKER_RESTART_MS);
		next_at = Min(next_at, worker->reserved_until);
		slots[n++] = i;
		due--;
	}
	LWLockRelease(vy_shm->lock);
	return n;
}

/* A full table of background workers is waited out, and said once. */
static bool
start(VyShmWorker *place, int slot)
{
	VySqlWorkerStart extra = {GetSessionUserId(), slot};
	BackgroundWorker worker = {
		.bgw_type = "vyricon sql worker",
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_library_name = "vyricon",
		.bgw_function_name = "vyricon_sql_worker_main",
		.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId),
	};

	snprintf(worker.bgw_name, BGW_MAXLEN, "vyricon sql worker %d for database %u", slot + 1, MyDatabaseId);
	memcpy(worker.bgw_extra, &extra, sizeof(extra));
	if (RegisterDynamicBackgroundWorker(&worker, NULL))
	{
		out_of_slots = false;
		return true;
	}
	LWLockAcquire(vy_shm->lock, LW_EXCLUSIVE);
	place->sql[slot].reserved_until = 0;
	LWLockRelease(vy_shm->lock);
	if (!out_of_slots)
		ereport(LOG, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED), errmsg("no free slot for a process that runs sql jobs"),
					  errhint("Raise max_worker_processes.")));
	out_of_slots = true;
	return false;
}

static long
until(TimestampTz at)
{
	return at == DT_NOEND ? LONGEST_WAIT_MS : Min(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), at), LONGEST_WAIT_MS);
}
