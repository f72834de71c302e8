/*
 * worker.c: the process that works for one database: its loop, signals and latch.
 *
 * It takes its place in shared memory before it connects. Whoever wants the database for itself (leave.c) raises the place's holds and
 * waits until no pid stands there; so a worker is either seen and asked to leave, or sees the hold and never connects.
 */
#include "jobs/worker.h"

#include <signal.h>

#include "access/xact.h"
#include "jobs/dispatcher.h"
#include "jobs/event.h"
#include "jobs/sql.h"
#include "jobs/wait.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* Commits come faster than looks are worth: those of this time are one look. The first after a pause is not kept waiting. */
#define GATHER_MS 2

static VyShmWorker *my_place;

static bool take_place(Oid database);
static void give_up_place(int code, Datum arg);
static VyHome look_around(void);
static bool still_home(void);
static void work(void);
static void on_terminate(SIGNAL_ARGS);

PGDLLEXPORT void vyricon_worker_main(Datum arg) pg_attribute_noreturn();

void
vyricon_worker_main(Datum arg)
{
	Oid database = DatumGetObjectId(arg);
	Oid role;
	VyHome home;

	memcpy(&role, MyBgworkerEntry->bgw_extra, sizeof(role));
	vy_worker_signals();
	if (!take_place(database))
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(database, role, 0);
	pgstat_report_appname("vyricon worker");

	home = look_around();
	LWLockAcquire(vy_shm->lock, LW_EXCLUSIVE);
	my_place->copy = home == VY_HOME_COPY;
	my_place->wanted = my_place->wanted || home == VY_HOME_HERE;
	LWLockRelease(vy_shm->lock);
	if (home == VY_HOME_HERE)
		work();
	proc_exit(0);
}

VyShmWorker *
vy_place_find(Oid database, bool claim)
{
	VyShmWorker *unused = NULL;

	for (int i = 0; i < VY_SHM_WORKERS; i++)
	{
		VyShmWorker *place = &vy_shm->workers[i];

		if (place->database == database)
			return place;
		if (!OidIsValid(place->database) && unused == NULL)
			unused = place;
	}
	if (!claim || unused == NULL)
		return NULL;
	memset(unused, 0, sizeof(*unused));
	unused->database = database;
	return unused;
}

bool
vy_place_is_manned(const VyShmWorker *place)
{
	bool manned = place->pid != 0;

	for (int i = 0; i < VY_SHM_SQL_WORKERS; i++)
		manned = manned || place->sql[i].pid != 0;
	return manned;
}

/* A pid is its own as long as the caller has the lock: a worker takes the lock to leave. */
void
vy_place_dismiss(const VyShmWorker *place, bool all)
{
	if (all && place->pid != 0)
		kill(place->pid, SIGTERM);
	for (int i = 0; i < VY_SHM_SQL_WORKERS; i++)
		if (place->sql[i].pid != 0)
			kill(place->sql[i].pid, SIGTERM);
}

void
vy_place_free(VyShmWorker *place)
{
	if (!place->wanted && !place->copy && place->holds == 0 && !vy_place_is_manned(place))
		place->database = InvalidOid;
}

void
vy_place_ring(VyShmWorker *place)
{
	if (pg_atomic_exchange_u32(&place->bell, 1) == 0 && place->latch != NULL)
		SetLatch(place->latch);
}

/* wanted is lowered before the worker looks: a setup() that commits meanwhile raises it again and gets a worker that sees it. */
static bool
take_place(Oid database)
{
	LWLockAcquire(vy_shm->lock, LW_EXCLUSIVE);
	my_place = vy_place_find(database, false);
	if (my_place != NULL && my_place->pid == 0 && my_place->holds == 0)
	{
		my_place->pid = MyProcPid;
		my_place->latch = MyLatch;
		my_place->wanted = false;
		before_shmem_exit(give_up_place, (Datum) 0);
	}
	else
		my_place = NULL;
	LWLockRelease(vy_shm->lock);
	return my_place != NULL;
}

static void
give_up_place(int code, Datum arg __attribute__((unused)))
{
	LWLockAcquire(vy_shm->lock, LW_EXCLUSIVE);
	my_place->pid = 0;
	my_place->latch = NULL;
	if (code != 0)
	{
		my_place->wanted = true;
		my_place->not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), VY_WORKER_RESTART_MS);
	}
	else
		my_place->not_before = 0;
	if (!my_place->wanted)
		vy_place_dismiss(my_place, false);
	vy_place_free(my_place);
	vy_launcher_wake();
	LWLockRelease(vy_shm->lock);
}

/* Also announces the events that others committed. */
static VyHome
look_around(void)
{
	VyHome home;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	home = vy_jobs_home();
	if (home == VY_HOME_HERE)
		(void) vy_events_announce();
	PopActiveSnapshot();
	CommitTransactionCommand();
	return home;
}

/* Before jobs are looked for: DROP EXTENSION, a restore over the database or a changed root key end the work. */
static bool
still_home(void)
{
	VyHome home = look_around();

	if (home == VY_HOME_HERE)
		return true;
	LWLockAcquire(vy_shm->lock, LW_EXCLUSIVE);
	my_place->copy = home == VY_HOME_COPY;
	my_place->wanted = false;
	LWLockRelease(vy_shm->lock);
	return false;
}

static void
work(void)
{
	TimestampTz looked = 0;
	long wait;
	long turn; /* Min() evaluates twice */

	do
	{
		TimestampTz now = GetCurrentTimestamp();
		bool gathered = TimestampDifferenceExceeds(looked, now, GATHER_MS);
		bool look =
			gathered && (pg_atomic_exchange_u32(&my_place->bell, 0) != 0 || TimestampDifferenceExceeds(looked, now, VY_WORKER_LOOK_MS));

		if (look && !still_home())
			break;
		looked = look ? now : looked;
		wait = vy_jobs_run_due(my_place);
		turn = vy_dispatcher_turn(look);
		wait = Min(wait, turn);
		turn = vy_sql_lane_turn(my_place, look);
		wait = Min(wait, turn);
		if (pg_atomic_read_u32(&my_place->bell) != 0)
			wait = Min(wait, GATHER_MS);
	} while (vy_worker_wait(wait, vy_dispatcher_fd()));
	vy_dispatcher_leave();
}

void
vy_worker_signals(void)
{
	pqsignal(SIGTERM, on_terminate);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
}

/* Idle processes leave by themselves; die() also ends a statement in the middle of a job. */
static void
on_terminate(SIGNAL_ARGS)
{
	ShutdownRequestPending = true;
	die(postgres_signal_arg);
}

void
vy_worker_begin(const char *activity)
{
	/* or now() would be the start of the process */
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, activity);
}

void
vy_worker_commit(void)
{
	vy_wait_tell();
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
}

bool
vy_worker_wait(long ms, int fd)
{
	int wake = WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH | (fd >= 0 ? WL_SOCKET_READABLE : 0);

	if (!ShutdownRequestPending)
		(void) WaitLatchOrSocket(MyLatch, wake, fd >= 0 ? fd : PGINVALID_SOCKET, ms, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	if (ShutdownRequestPending)
		return false;
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	return true;
}
