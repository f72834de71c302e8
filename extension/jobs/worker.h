/*
 * worker.h: what the files of this room share about workers and their places in shared memory.
 */
#ifndef VY_WORKER_H
#define VY_WORKER_H

#include "core/shm.h"
#include "jobs/jobs.h"

#define VY_WORKER_RESTART_MS 5000

/* Nobody rings for a prepared transaction that commits, a row that was locked when it was due, a job that is due much later. */
#define VY_WORKER_LOOK_MS 60000

/* The place of a database in vy_shm->workers, or NULL; claim: takes a free one when there is none. The caller holds vy_shm->lock. */
VyShmWorker *vy_place_find(Oid database, bool claim);

/* "running", "waiting", "held" or "copy"; the caller holds vy_shm->lock or has a copy. */
const char *vy_place_state(const VyShmWorker *place);

/* Somebody works at this place: it must not be given to another database. The caller holds vy_shm->lock. */
bool vy_place_is_manned(const VyShmWorker *place);

/* Asks the processes there for sql jobs to leave, and with all the worker as well. The caller holds vy_shm->lock. */
void vy_place_dismiss(const VyShmWorker *place, bool all);

/* Gives the place back when nobody is or will be there. The caller holds vy_shm->lock. */
void vy_place_free(VyShmWorker *place);

/* Rings the place's bell: its worker looks for jobs. */
void vy_place_ring(VyShmWorker *place);

/* Tells the launcher to look again. The caller holds vy_shm->lock. */
void vy_launcher_wake(void);

/* SIGTERM and SIGHUP as both processes take them, then unblocks signals. */
void vy_worker_signals(void);

/* Waits for the latch or for fd (-1: none) to be readable, at most ms milliseconds, and does what signals asked for; false: leave. */
bool vy_worker_wait(long ms, int fd);

/* What the worker or a foreground caller finds in this database. */
VyHome vy_jobs_home(void);

/* Runs every job that is due, each in a transaction of its own; returns the milliseconds until the next one. */
long vy_jobs_run_due(VyShmWorker *place);

void vy_launcher_init(void);
void vy_enqueue_init(void);
void vy_manage_init(void);

/* The worker of this database looks for jobs once this transaction has committed. */
void vy_ring_at_commit(void);
void vy_leave_init(void);

/* A transaction of a background process, shown in pg_stat_activity; at its commit, who waits for a job that ended in it is told. */
void vy_worker_begin(const char *activity);
void vy_worker_commit(void);

#endif
