/*
 * dispatcher.h: the worker's task that sends jobs: libcurl's multi interface on the worker's wait.
 *
 * A turn records what ended, in one transaction; claims what is due, in another; and starts it outside of any.
 */
#ifndef VY_DISPATCHER_H
#define VY_DISPATCHER_H

#include "core/core.h"

/* A descriptor that is readable when a transfer can go on; -1: nothing was ever sent. */
int vy_dispatcher_fd(void);

/* look: a job may be due that was not when it last looked. Returns the milliseconds until the next turn at the latest. */
long vy_dispatcher_turn(bool look);

/* Lets transfers in flight end for a while, records them, and gives up the rest: their leases do not end before they are judged lost. */
void vy_dispatcher_leave(void);

void vy_dispatcher_init(void);

#endif
