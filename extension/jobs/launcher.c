/*
 * launcher.c: one process per cluster that starts one worker per database.
 *
 * It connects to no database and cannot see which of them has an installation, so it lets a worker look into each new database once; the
 * worker keeps its place in shared memory where it found one. Afterwards setup() says so by raising "wanted".
 */
#include "jobs/worker.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define LOOK_MS 60000L

/* Databases that somebody may connect to, templates left out. */
typedef struct Cluster
{
	Oid worker_role; /* invalid: the extension was never installed in this cluster */
	List *databases;
} Cluster;

static List *looked_at; /* of these, the ones that have had their look */

static void attach(void);
static void detach(int code, Datum arg);
static long start_what_is_due(void);
static Cluster read_cluster(void);
static void forget_dropped(const Cluster *cluster);
static void look_into_new(const Cluster *cluster);
static long due_in(VyShmWorker *place, const Cluster *cluster);
static bool start_worker(Oid database, Oid role);

PGDLLEXPORT void vyricon_launcher_main(Datum arg) pg_attribute_noreturn();

void
vyricon_launcher_main(Datum arg __attribute__((unused)))
{
	vy_worker_signals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_appname("vyricon launcher");
	attach();
	while (vy_worker_wait(start_what_is_due(), -1))
		;
	proc_exit(0);
}

void
vy_launcher_init(void)
{
	BackgroundWorker worker = {
		.bgw_name = "vyricon launcher",
		.bgw_type = "vyricon launcher",
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = VY_WORKER_RESTART_MS / 1000,
		.bgw_library_name = "vyricon",
		.bgw_function_name = "vyricon_launcher_main",
	};

	RegisterBackgroundWorker(&worker);
}

void
vy_launcher_wake(void)
{
	if (vy_shm->launcher_latch != NULL)
		SetLatch(vy_shm->launcher_latch);
}

static void
attach(void)
{
	LWLockAcquire(vy_shm->lock, LW_EXCLUSIVE);
	vy_shm->launcher_pid = MyProcPid;
	vy_shm->launcher_latch = MyLatch;
	LWLockRelease(vy_shm->lock);
	before_shmem_exit(detach, (Datum) 0);
}

static void
detach(int code __attribute__((unused)), Datum arg __attribute__((unused)))
{
	LWLockAcquire(vy_shm->lock, LW_EXCLUSIVE);
	vy_shm->launcher_pid = 0;
	vy_shm->launcher_latch = NULL;
	LWLockRelease(vy_shm->lock);
}

/* Returns the milliseconds until the next start can be due. */
static long
start_what_is_due(void)
{
	Cluster cluster = read_cluster();
	List *due = NIL;
	long wait = LOOK_MS;
	ListCell *lc;

	if (!OidIsValid(cluster.worker_role))
		return wait;
	LWLockAcquire(vy_shm->lock, LW_EXCLUSIVE);
	forget_dropped(&cluster);
	look_into_new(&cluster);
	for (int i = 0; i < VY_SHM_WORKERS; i++)
	{
		VyShmWorker *place = &vy_shm->workers[i];
		long ms = due_in(place, &cluster);

		if (ms == 0)
		{
			/* Until the worker has taken its place, this keeps the launcher from starting a second one. */
			place->not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), VY_WORKER_RESTART_MS);
			due = lappend_oid(due, place->database);
			ms = VY_WORKER_RESTART_MS;
		}
		wait = Min(wait, ms);
	}
	LWLockRelease(vy_shm->lock);
	foreach (lc, due)
		if (!start_worker(lfirst_oid(lc), cluster.worker_role))
			break;
	list_free(due);
	list_free(cluster.databases);
	return wait;
}

static Cluster
read_cluster(void)
{
	MemoryContext lasting = CurrentMemoryContext;
	Cluster cluster = {InvalidOid, NIL};
	Relation relation;
	TableScanDesc scan;
	HeapTuple tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	cluster.worker_role = get_role_oid("vyricon_worker", true);
	relation = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(relation, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext before = MemoryContextSwitchTo(lasting);

		if (database->datallowconn && !database->datistemplate)
			cluster.databases = lappend_oid(cluster.databases, database->oid);
		MemoryContextSwitchTo(before);
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	CommitTransactionCommand();
	return cluster;
}

static void
forget_dropped(const Cluster *cluster)
{
	for (int i = 0; i < VY_SHM_WORKERS; i++)
	{
		VyShmWorker *place = &vy_shm->workers[i];

		if (!vy_place_is_manned(place) && place->holds == 0 && !list_member_oid(cluster->databases, place->database))
			place->database = InvalidOid;
	}
}

static void
look_into_new(const Cluster *cluster)
{
	MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);
	List *seen = NIL;
	ListCell *lc;

	foreach (lc, cluster->databases)
	{
		Oid database = lfirst_oid(lc);
		VyShmWorker *place = list_member_oid(looked_at, database) ? NULL : vy_place_find(database, true);

		if (place != NULL)
			place->wanted = true;
		if (place != NULL || list_member_oid(looked_at, database))
			seen = lappend_oid(seen, database);
	}
	list_free(looked_at);
	looked_at = seen;
	MemoryContextSwitchTo(before);
}

static long
due_in(VyShmWorker *place, const Cluster *cluster)
{
	if (!OidIsValid(place->database) || !place->wanted || place->pid != 0 || place->holds > 0 ||
		!list_member_oid(cluster->databases, place->database))
		return LOOK_MS;
	return Min(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), place->not_before), LOOK_MS);
}

/* A full table of background workers is waited out, and said once. */
static bool
start_worker(Oid database, Oid role)
{
	BackgroundWorker worker = {
		.bgw_type = "vyricon worker",
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_library_name = "vyricon",
		.bgw_function_name = "vyricon_worker_main",
		.bgw_main_arg = ObjectIdGetDatum(database),
	};
	bool started;

	snprintf(worker.bgw_name, BGW_MAXLEN, "vyricon worker for database %u", database);
	memcpy(worker.bgw_extra, &role, sizeof(role));
	started = RegisterDynamicBackgroundWorker(&worker, NULL);
	if (!started && !vy_shm->out_of_slots)
		ereport(LOG, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED), errmsg("no free slot for a Vyricon worker"),
					  errhint("Raise max_worker_processes.")));
	LWLockAcquire(vy_shm->lock, LW_EXCLUSIVE);
	vy_shm->out_of_slots = !started;
	LWLockRelease(vy_shm->lock);
	return started;
}
