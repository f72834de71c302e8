/*
 * prefetch.c: no prefetching of pages that are in shared buffers anyway.
 *
 * A bitmap heap scan looks up each page one step ahead (effective_io_concurrency), which is 7 % of a list whose rows lie on a hundred
 * pages. A statement whose last run read nothing from outside shared buffers is run without it; one that did keeps the setting.
 */
#include "rest/nodes.h"

#include "executor/executor.h"
#include "rest/plans.h"
#include "storage/bufmgr.h"
#include "storage/proc.h"

LocalTransactionId vy_rest_warm;
static ExecutorStart_hook_type previous_start;

static void start_executor(QueryDesc *query, int flags);

void
vy_rest_prefetch_init(void)
{
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = start_executor;
}

/* The scan reads the setting as it starts. The variable, since set_config_option() costs more than is won. */
static void
start_executor(QueryDesc *query, int flags)
{
	int configured = effective_io_concurrency;

	if (LocalTransactionIdIsValid(vy_rest_warm) && vy_rest_warm == MyProc->lxid)
		effective_io_concurrency = 0;
	PG_TRY();
	{
		if (previous_start != NULL)
			previous_start(query, flags);
		else
			standard_ExecutorStart(query, flags);
	}
	PG_FINALLY();
	{
		effective_io_concurrency = configured;
	}
	PG_END_TRY();
}
