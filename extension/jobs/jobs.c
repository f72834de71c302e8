/*
 * jobs.c: the list of jobs, and running them: when they are due (worker) or now (vyricon.run_job()).
 */
#include "jobs/jobs.h"

#include "access/xact.h"
#include "funcapi.h"
#include "pgstat.h"
#include "utils/acl.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/settings.h"
#include "jobs/dispatcher.h"
#include "jobs/event.h"
#include "jobs/metrics.h"
#include "jobs/outbox.h"
#include "jobs/purge.h"
#include "jobs/sql.h"
#include "jobs/wait.h"
#include "jobs/worker.h"

#define MAX_JOBS 64
#define LONGEST_WAIT_MS 60000L

typedef struct Registered
{
	const VyJob *job;
	TimestampTz due; /* 0: at once; used by the worker only */
} Registered;

static Registered registered[MAX_JOBS];
static int njobs;
static VyHome (*look_home)(void);
static bool start_at_commit;
static int purge_period;

/* The worker does it whenever it looks for jobs; as a job it is for the foreground. */
static const int when_rung = 0;

static const VySetting settings[] = {
	{"vyricon.purge_period", "Time between two purges of expired rows; 0 means never.", PGC_SIGHUP, GUC_UNIT_S, PGC_INT, &purge_period,
	 NULL, 600, 0, 86400},
};

static const VyJob jobs[] = {
	{"purge", vy_purge_run, &purge_period, NULL},
	{"announce", vy_events_announce, &when_rung, NULL},
};

static const VyJobKind *const kinds[] = {&vy_http_kind, &vy_sql_kind};

static void on_transaction_end(XactEvent event, void *arg);
static TimestampTz run_in_transaction(const VyJob *job);
static const VyJob *find_job(const char *name);

VY_FUNCTION(vyricon_run_job)
{
	const VyJob *job = find_job(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	if (vy_jobs_home() != VY_HOME_HERE)
		ereport(ERROR,
				(errcode(ERRCODE_VY_CONFLICT), errmsg("no job runs in a database that Vyricon does not call its own"),
				 errhint("SELECT vyricon.setup(); or, for a copy that shall live on its own, SELECT vyricon.setup(adopt => true);")));
	PG_RETURN_INT64(job->run());
}

/* One row per database that the launcher knows; behind view vyricon.stat_workers. */
VY_FUNCTION(vyricon_worker_places)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	VyShmWorker places[VY_SHM_WORKERS];

	InitMaterializedSRF(fcinfo, 0);
	if (vy_shm == NULL)
		return (Datum) 0;
	LWLockAcquire(vy_shm->lock, LW_SHARED);
	memcpy(places, vy_shm->workers, sizeof(places));
	LWLockRelease(vy_shm->lock);
	for (int i = 0; i < VY_SHM_WORKERS; i++)
	{
		const VyShmWorker *place = &places[i];
		Datum values[5] = {ObjectIdGetDatum(place->database), Int32GetDatum(place->pid), CStringGetTextDatum(vy_place_state(place)),
						   Int64GetDatum((int64) place->runs), TimestampTzGetDatum(place->last_run)};
		bool nulls[5] = {false, place->pid == 0, false, false, place->last_run == 0};

		if (OidIsValid(place->database))
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

void
vy_jobs_init(void)
{
	VY_SETTINGS_DEFINE(settings);
	vy_jobs_add(jobs, lengthof(jobs));
	vy_job_kinds_add(kinds, lengthof(kinds));
	vy_enqueue_init();
	vy_manage_init();
	vy_event_init();
	vy_metrics_init();
	vy_wait_init();
	vy_outbox_init();
	vy_transfer_init();
	vy_dispatcher_init();
	vy_sql_init();
	RegisterXactCallback(on_transaction_end, NULL);
	vy_leave_init();
	if (process_shared_preload_libraries_in_progress)
		vy_launcher_init();
}

void
vy_jobs_add(const VyJob *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		if (njobs == MAX_JOBS)
			elog(ERROR, "too many jobs");
		registered[njobs++] = (Registered){&rows[i], 0};
	}
}

void
vy_jobs_set_home(VyHome (*look)(void))
{
	look_home = look;
}

VyHome
vy_jobs_home(void)
{
	return look_home != NULL ? look_home() : VY_HOME_NONE;
}

void
vy_jobs_start_at_commit(void)
{
	start_at_commit = true;
}

/* Only a committed installation is worth a worker: an earlier one would find nothing and leave for good. */
static void
on_transaction_end(XactEvent event, void *arg __attribute__((unused)))
{
	if (!start_at_commit || (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE))
		return;
	start_at_commit = false;
	if (event == XACT_EVENT_COMMIT && vy_shm != NULL)
	{
		VyShmWorker *place;

		LWLockAcquire(vy_shm->lock, LW_EXCLUSIVE);
		place = vy_place_find(MyDatabaseId, true);
		if (place != NULL)
		{
			place->wanted = true;
			place->copy = false;
			place->not_before = 0;
		}
		vy_launcher_wake();
		LWLockRelease(vy_shm->lock);
	}
}

long
vy_jobs_run_due(VyShmWorker *place)
{
	TimestampTz now = GetCurrentTimestamp();
	bool rescheduled = pg_atomic_exchange_u32(&place->rescheduled, 0) != 0;
	long wait = LONGEST_WAIT_MS;

	for (int i = 0; i < njobs; i++)
	{
		const VyJob *job = registered[i].job;

		if (*job->period == 0)
			continue;
		if (registered[i].due <= now || (rescheduled && job->next != NULL))
		{
			TimestampTz next = run_in_transaction(job);

			now = GetCurrentTimestamp();
			registered[i].due = Min(next, TimestampTzPlusMilliseconds(now, *job->period * (int64) 1000));
			LWLockAcquire(vy_shm->lock, LW_EXCLUSIVE);
			place->runs++;
			place->last_run = now;
			LWLockRelease(vy_shm->lock);
		}
		wait = Min(wait, TimestampDifferenceMilliseconds(now, registered[i].due));
	}
	return wait;
}

/* Returns when it wants to run again at the latest. */
static TimestampTz
run_in_transaction(const VyJob *job)
{
	TimestampTz next = DT_NOEND;

	/* now() is the time of the statement, which nobody else sets in a worker. */
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, job->name);
	(void) job->run();
	if (job->next != NULL)
		next = job->next();
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
	return next;
}

static const VyJob *
find_job(const char *name)
{
	StringInfoData known;

	initStringInfo(&known);
	for (int i = 0; i < njobs; i++)
	{
		if (strcmp(registered[i].job->name, name) == 0)
			return registered[i].job;
		appendStringInfo(&known, "%s%s", i > 0 ? ", " : "", registered[i].job->name);
	}
	ereport(ERROR, (errcode(ERRCODE_VY_NOT_FOUND), errmsg("there is no job \"%s\"", name), errhint("Jobs are: %s.", known.data)));
}

const char *
vy_place_state(const VyShmWorker *place)
{
	if (place->pid != 0)
		return "running";
	if (place->copy)
		return "copy";
	return place->holds > 0 ? "held" : "waiting";
}
