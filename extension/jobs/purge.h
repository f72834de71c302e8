/*
 * purge.h: the job that deletes rows which expired long ago.
 */
#ifndef VY_PURGE_H
#define VY_PURGE_H

#include "core/core.h"

int64 vy_purge_run(void);

#endif
