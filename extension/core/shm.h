/*
 * shm.h: the one piece of shared memory, made while the library is preloaded; vy_shm is NULL otherwise.
 * Holds no pointer into a process. Each room adds a struct of its own here, guarded as its comment says.
 */
#ifndef VY_SHM_H
#define VY_SHM_H

#include "core/core.h"
#include "port/atomics.h"
#include "storage/latch.h"
#include "storage/lwlock.h"

#define VY_SHM_WORKERS 32

/* One database's worker; guarded by VyShm.lock. */
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
} VyShmWorker;

typedef struct VyShm
{
	LWLock *lock;
	pid_t launcher_pid;
	Latch *launcher_latch;
	VyShmWorker workers[VY_SHM_WORKERS];
	pg_atomic_uint64 requests; /* answered by vyricon.http_wire() */
	pg_atomic_uint64 refused; /* of these: expected refusals, kept out of the server log */
} VyShm;

extern VyShm *vy_shm;

/* Hooks for request and start-up of shared memory; called from _PG_init while preloading. */
void vy_shm_init(void);

#endif
