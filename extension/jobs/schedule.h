/*
 * schedule.h: jobs that come again and again: rows of vyricon.schedules.
 */
#ifndef VY_SCHEDULE_H
#define VY_SCHEDULE_H

#include "core/core.h"
#include "datatype/timestamp.h"

/* Enqueues a job for each schedule that is due; how many. */
int64 vy_schedules_run(void);

/* When the next one is due, of those that were not when vy_schedules_run() looked; DT_NOEND: none. */
TimestampTz vy_schedules_next(void);

/* A copy begins to live on its own: nothing that was due in the original counts as missed. */
void vy_schedules_restart(void);

void vy_schedules_init(void);

#endif
