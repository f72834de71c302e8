/*
 * access.h: what a caller may do.
 */
#ifndef VY_ACCESS_H
#define VY_ACCESS_H

#include "core/core.h"

void vy_access_init(void);

#endif
