/*
 * shm.h: the one piece of shared memory, made while the library is preloaded; vy_shm is NULL otherwise.
 * Holds no pointer into a process. Each room adds a struct of its own here, guarded as its comment says.
 */
#ifndef VY_SHM_H
#define VY_SHM_H

#include "base/job.h"
#include "core/core.h"
#include "port/atomics.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/spin.h"

#define VY_SHM_WORKERS 32
#define VY_SHM_KINDS 32

#define VY_SHM_SQL_WORKERS 8

/* A process that runs sql jobs of a database (jobs/sql_worker.c); guarded by VyShm.lock. */
typedef struct VyShmSqlWorker
{
	pid_t pid; /* 0: not running */
	Latch *latch; /* its own, in shared memory too; NULL: it does not run */
	bool busy; /* it has a job, or is looking for one */
	TimestampTz reserved_until; /* it was started, and has to be here by then */
} VyShmSqlWorker;

/* One database's worker; guarded by VyShm.lock, but for bell, rescheduled and latch, which are rung without it, and attempts. */
typedef struct VyShmWorker
{
	Oid database; /* InvalidOid: free */
	pid_t pid; /* 0: not running */
	bool wanted; /* start it: setup() said so, it crashed, or nobody has looked yet */
	bool copy; /* it looked, and the installation there belongs to another database */
	int holds; /* sessions that copy, rename or drop the database: the worker stays away */
	uint64 runs; /* batches done, for vyricon.stat_workers */
	TimestampTz last_run;
	TimestampTz not_before; /* no start before this time */
	pg_atomic_uint32 bell; /* 1: a job was committed that the worker has not looked for */
	pg_atomic_uint32 rescheduled; /* 1: a schedule was changed and may be due earlier than the worker knows */
	Latch *latch; /* the worker's, in shared memory too; NULL: it does not run */
	VyShmSqlWorker sql[VY_SHM_SQL_WORKERS];
	bool sql_lost; /* one of them ended in the middle of a job */
	TimestampTz sql_not_before; /* no start of one before this time */
	pg_atomic_uint64 attempts[VY_SHM_KINDS][VY_OUTCOMES]; /* of jobs, for vyricon.metrics() */
} VyShmWorker;

#define VY_SHM_LIMITS 7
#define VY_SHM_LIMIT_BUCKETS 16384
#define VY_SHM_SHARED_LIMITS 256

/* Subjects of rate limits, by hash (http/limit.c); guarded by lock. */
typedef struct VyShmLimits
{
	slock_t lock;
	uint64 keys[VY_SHM_LIMITS];
	int64 times[VY_SHM_LIMITS]; /* microseconds of the monotonic clock */
} VyShmLimits;

/* For the subjects of a limit that found no place; guarded by lock. */
typedef struct VyShmSharedLimit
{
	slock_t lock;
	int64 time;
} VyShmSharedLimit;

#define VY_SHM_STATS 512
#define VY_SHM_STATUSES 5

/* Requests of one route (http/stat.c). */
typedef struct VyShmStat
{
	pg_atomic_uint64 key; /* hash of database, method and pattern; 0: free */
	pg_atomic_uint32 ready; /* what follows up to pattern is written */
	Oid database;
	char method[12];
	char pattern[96];
	pg_atomic_uint64 answers[VY_SHM_STATUSES]; /* 1xx to 5xx */
	pg_atomic_uint64 timed;
	pg_atomic_uint64 total_us;
	pg_atomic_uint64 max_us;
} VyShmStat;

typedef struct VyShm
{
	LWLock *lock;
	pid_t launcher_pid;
	Latch *launcher_latch;
	bool out_of_slots; /* no worker could be started the last time one was due: max_worker_processes */
	VyShmWorker workers[VY_SHM_WORKERS];
	pg_atomic_uint64 requests; /* answered by vyricon.http_wire() */
	pg_atomic_uint64 refused; /* of these: expected refusals, kept out of the server log */
	uint64 limit_seed; /* random, of this start of the server */
	VyShmSharedLimit shared_limits[VY_SHM_SHARED_LIMITS];
	VyShmLimits limits[VY_SHM_LIMIT_BUCKETS];
	VyShmStat stats[VY_SHM_STATS]; /* all zeros is empty */
} VyShm;

extern VyShm *vy_shm;

/* Hooks for request and start-up of shared memory; called from _PG_init while preloading. */
void vy_shm_init(void);

#endif
