/*
 * sql_worker.h: what a process that runs sql jobs is started with.
 */
#ifndef VY_SQL_WORKER_H
#define VY_SQL_WORKER_H

#include "core/core.h"

typedef struct VySqlWorkerStart
{
	Oid role; /* the worker's */
	int slot; /* in VyShmWorker.sql */
} VySqlWorkerStart;

void vy_sql_worker_init(void);

#endif
