/*
 * leftovers.h: what a handler leaves in the session and the next caller must not find.
 */
#ifndef VY_LEFTOVERS_H
#define VY_LEFTOVERS_H

#include "core/core.h"

/* Hooks ProcessUtility, to learn of PREPARE, DECLARE ... WITH HOLD and LISTEN while a request runs. */
void vy_leftovers_init(void);

/* Begins to watch; shared says that the session is not the shim's own, so that temporary tables from before must survive. */
void vy_leftovers_watch(bool shared);

/* Drops temporary tables, session advisory locks, LISTEN, held cursors, prepared statements and sequence memory. */
void vy_leftovers_clear(bool wrote);

/* The request failed: what a rollback does not undo is cleared. Raises nothing. */
void vy_leftovers_abort(void);

/* After an error: the transaction end removes the rest. */
void vy_leftovers_forget(void);

#endif
