/*
 * cost.c: a statement that the planner expects to be too expensive is refused before it runs (vyricon.max_plan_cost).
 * Of a request only, whoever wrote the statement: a filter on a column without an index, or a function that does the same.
 */
#include "rest/nodes.h"

#include <limits.h>

#include "auth/identity.h"
#include "core/settings.h"
#include "executor/executor.h"

static int max_plan_cost;
static ExecutorStart_hook_type previous_start;

static const VySetting settings[] = {
	{"vyricon.max_plan_cost", "Cost by the planner's estimate at which a statement of a request is refused; 0: no limit.", PGC_SUSET, 0,
	 PGC_INT, &max_plan_cost, NULL, 0, 0, INT_MAX},
};

static void start_executor(QueryDesc *query, int flags);

void
vy_rest_cost_init(void)
{
	VY_SETTINGS_DEFINE(settings);
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = start_executor;
}

static void
start_executor(QueryDesc *query, int flags)
{
	double cost = query->plannedstmt->planTree->total_cost;

	if (max_plan_cost > 0 && cost > max_plan_cost && vy_identity_in_request() && (flags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
		ereport(ERROR, (errcode(ERRCODE_VY_TOO_LARGE), errmsg("the request is too expensive"),
						errdetail("It is expected to cost %.0f, and %d is allowed.", cost, max_plan_cost),
						errhint("Filter by a column that has an index, or ask for fewer rows; vyricon.explain() shows the plan.")));
	if (previous_start != NULL)
		previous_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
}
