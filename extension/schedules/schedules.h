/*
 * schedules.h: jobs that come again and again: rows of vyricon.schedules.
 */
#ifndef VY_SCHEDULES_H
#define VY_SCHEDULES_H

#include "core/core.h"
#include "datatype/timestamp.h"

/* A copy begins to live on its own: nothing that was due in the original counts as missed. */
void vy_schedules_restart(void);

void vy_schedules_init(void);

#endif
