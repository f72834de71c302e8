/*
 * setup.h: is this database ready, and does its installation belong here.
 */
#ifndef VY_SETUP_H
#define VY_SETUP_H

#include "core/core.h"

/* True: library, SQL functions and tables agree. Otherwise *why says in one line what to run. A few nanoseconds when ready. */
bool vy_setup_ready(const char **why);

void vy_setup_init(void);

#endif
