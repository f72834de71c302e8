/*
 * jobs.h: jobs are plain functions that do one batch and return a count. The database's worker calls them when they are due;
 * vyricon.run_job() calls one in the foreground, so tests need neither clocks nor sleeps.
 */
#ifndef VY_JOBS_H
#define VY_JOBS_H

#include "core/core.h"
#include "datatype/timestamp.h"

typedef struct VyJob
{
	const char *name;
	int64 (*run)(void); /* one batch in the transaction of the caller; a count of what was done */
	const int *period; /* seconds between two batches; 0: never */
	TimestampTz (*next)(void); /* when there is something to do again, perhaps before the period ends; NULL: not known */
} VyJob;

/* What the worker of a database finds there. */
typedef enum VyHome
{
	VY_HOME_NONE, /* no extension, or not set up */
	VY_HOME_COPY, /* an installation that belongs to another database, cluster or root key */
	VY_HOME_HERE
} VyHome;

/* A room's rows, registered from its init function. */
void vy_jobs_add(const VyJob *rows, size_t n);

/* Setup says here how to tell; no job runs unless it answers VY_HOME_HERE. Called inside a transaction. */
void vy_jobs_set_home(VyHome (*look)(void));

/* This database has an installation of its own: once the transaction commits, its worker is started. */
void vy_jobs_start_at_commit(void);

/* A copy begins to live on its own: what the original had to send waits for vyricon.retry(). Returns how many jobs. */
uint64 vy_jobs_park(void);

void vy_jobs_init(void);

#endif
