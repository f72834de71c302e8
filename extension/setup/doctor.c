/*
 * doctor.c: vyricon.doctor(): what keeps jobs from being done, from the preloaded library to the single job that waits for somebody.
 *
 * Findings are rows. Each looks at what was read before the first one; those about jobs are left out where the tables are not there, or
 * belong to another installation.
 */
#include "jobs/kind.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/wait_event.h"

#include "core/query.h"
#include "jobs/metrics.h"
#include "jobs/worker.h"

#define OVERDUE_S 60
#define MOST_COUNTED 10000
#define START_MS 2000
#define LOOK_MS 20

typedef struct Patient
{
	bool preloaded;
	bool launcher;
	bool out_of_slots;
	VyHome home;
	const char *state; /* of the worker; NULL: no place in shared memory is this database's */
	bool running;
} Patient;

typedef struct Finding
{
	const char *name;
	const char *(*find)(const Patient *patient); /* a fact; NULL: there is none */
	const char *hint;
} Finding;

VY_QUERY(count_state,
		 .sql =
			 "SELECT count(*), min(s.id) FROM (SELECT j.id FROM vyricon.jobs AS j WHERE j.state = $1 AND j.state IN ('failed', 'unknown')"
			 " ORDER BY j.kind LIMIT $2) AS s",
		 .nargs = 2, .types = {TEXTOID, INT4OID}, .expect = SPI_OK_SELECT);

static Patient examine(void);
static bool about_to_start(const Patient *patient);
static const char *find_preload(const Patient *patient);
static const char *find_launcher(const Patient *patient);
static const char *find_slots(const Patient *patient);
static const char *find_copy(const Patient *patient);
static const char *find_place(const Patient *patient);
static const char *find_worker(const Patient *patient);
static const char *find_overdue(const Patient *patient);
static const char *find_failed(const Patient *patient);
static const char *find_unknown(const Patient *patient);
static const char *find_lease(const Patient *patient);
static const char *count_waiting(const Patient *patient, const char *state, const char *one, const char *many);

static const Finding findings[] = {
	{"preload", find_preload, "Add vyricon to shared_preload_libraries in postgresql.conf and restart PostgreSQL."},
	{"launcher", find_launcher,
	 "It starts with PostgreSQL: see whether max_worker_processes has room for it, then restart; the server's log says why it ended."},
	{"worker slots", find_slots, "Raise max_worker_processes and restart PostgreSQL."},
	{"copy", find_copy, "SELECT vyricon.setup(adopt => true); if it shall live on its own."},
	{"worker place", find_place, "SELECT vyricon.setup(); asks for one. There are 32 in a cluster; vyricon.stat_workers shows them."},
	{"worker", find_worker,
	 "Held: until the statement ends that copies, renames or drops the database; else the server's log says why it ended."},
	{"overdue jobs", find_overdue, "If the worker runs, its peers are slow: raise vyricon.jobs_in_flight, or lower vyricon.job_timeout."},
	{"failed jobs", find_failed, "They had no effect: mend the cause, then vyricon.retry(job), or delete the row."},
	{"unknown jobs", find_unknown, "They may have had their effect: ask the peer, then vyricon.retry(job), or delete the row."},
	{"job_lease", find_lease, "Raise vyricon.job_lease above vyricon.job_timeout."},
};

VY_FUNCTION(vyricon_doctor)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Patient patient = examine();

	InitMaterializedSRF(fcinfo, 0);
	for (int waited = 0; waited < START_MS && about_to_start(&patient); waited += LOOK_MS)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, LOOK_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		patient = examine();
	}
	for (size_t i = 0; i < lengthof(findings); i++)
	{
		const char *fact = findings[i].find(&patient);
		Datum values[3];
		bool nulls[3] = {false, false, false};

		if (fact == NULL)
			continue;
		values[0] = CStringGetTextDatum(findings[i].name);
		values[1] = CStringGetTextDatum(fact);
		values[2] = CStringGetTextDatum(findings[i].hint);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

static Patient
examine(void)
{
	Patient patient = {.preloaded = vy_shm != NULL, .home = VY_HOME_NONE};
	VyShmWorker *place;

	if (vy_shm == NULL)
		return patient;
	patient.home = vy_jobs_home();
	LWLockAcquire(vy_shm->lock, LW_SHARED);
	patient.launcher = vy_shm->launcher_pid != 0;
	for (int i = 0; i < VY_SHM_WORKERS; i++)
		patient.out_of_slots = patient.out_of_slots || (vy_shm->out_of_slots && OidIsValid(vy_shm->workers[i].database) &&
														vy_shm->workers[i].wanted && vy_shm->workers[i].pid == 0);
	place = vy_place_find(MyDatabaseId, false);
	if (place != NULL)
	{
		patient.state = vy_place_state(place);
		patient.running = place->pid != 0;
	}
	LWLockRelease(vy_shm->lock);
	return patient;
}

/* Just after setup() or a restart that is no finding. */
static bool
about_to_start(const Patient *patient)
{
	return patient->launcher && patient->home == VY_HOME_HERE && !patient->running && !patient->out_of_slots && patient->state != NULL &&
		   strcmp(patient->state, "held") != 0;
}

static const char *
find_preload(const Patient *patient)
{
	return patient->preloaded ? NULL : "vyricon is not preloaded: there are no workers, and no request is answered";
}

static const char *
find_launcher(const Patient *patient)
{
	return !patient->preloaded || patient->launcher ? NULL : "the launcher does not run: no worker is started";
}

static const char *
find_slots(const Patient *patient)
{
	return patient->out_of_slots ? "there is no free slot for a worker" : NULL;
}

static const char *
find_copy(const Patient *patient)
{
	return patient->home == VY_HOME_COPY ? "this database is a copy of another installation: no job runs" : NULL;
}

static const char *
find_place(const Patient *patient)
{
	return patient->home == VY_HOME_HERE && patient->state == NULL ? "no worker knows of this database" : NULL;
}

static const char *
find_worker(const Patient *patient)
{
	if (patient->home != VY_HOME_HERE || patient->running || patient->state == NULL || !patient->launcher || patient->out_of_slots)
		return NULL;
	return psprintf("the worker does not run: %s", patient->state);
}

static const char *
find_overdue(const Patient *patient)
{
	double seconds = patient->home == VY_HOME_HERE ? vy_metrics_overdue() : 0;

	return seconds > OVERDUE_S ? psprintf("a job is due for %.0f seconds, and nobody works it", seconds) : NULL;
}

static const char *
find_failed(const Patient *patient)
{
	return count_waiting(patient, "failed", "job failed", "jobs failed");
}

static const char *
find_unknown(const Patient *patient)
{
	return count_waiting(patient, "unknown", "job has an unknown outcome", "jobs have an unknown outcome");
}

static const char *
count_waiting(const Patient *patient, const char *state, const char *one, const char *many)
{
	Datum args[2] = {CStringGetTextDatum(state), Int32GetDatum(MOST_COUNTED)};
	Datum values[2];
	bool nulls[2];
	long long n;

	if (patient->home != VY_HOME_HERE || !vy_query_row(&count_state, args, NULL, 2, values, nulls) || DatumGetInt64(values[0]) == 0)
		return NULL;
	n = (long long) DatumGetInt64(values[0]);
	return psprintf("%lld %s%s, such as %lld", n, n == MOST_COUNTED ? "or more " : "", n == 1 ? one : many,
					(long long) DatumGetInt64(values[1]));
}

/* A job whose attempt outlasts its lease counts as lost while it is still under way. */
static const char *
find_lease(const Patient *patient __attribute__((unused)))
{
	int lease = atoi(GetConfigOption("vyricon.job_lease", false, false));
	int timeout = atoi(GetConfigOption("vyricon.job_timeout", false, false));

	return lease <= timeout ? psprintf("vyricon.job_lease (%d ms) is not longer than vyricon.job_timeout (%d ms)", lease, timeout) : NULL;
}
