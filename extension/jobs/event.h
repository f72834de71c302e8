/*
 * event.h: what SQL clients hear of by LISTEN vyricon and read by vyricon.events_since().
 */
#ifndef VY_EVENT_H
#define VY_EVENT_H

#include "core/core.h"

/* In the transaction of what happened. kind: "job.done"; ref: the id of what it happened to. Nothing that is secret. */
void vy_event_add(const char *kind, const char *ref);

/* The worker's own, of the transaction that it is in, become rows only as it announces them: one statement for all. */
void vy_events_gather(void);

/*
 * Gives ids to what is visible and has none, and sends one notification per kind, all at the commit of the caller's transaction. Returns
 * how many; the worker is rung for what is left. Does nothing while another transaction announces.
 */
int64 vy_events_announce(void);

void vy_event_init(void);

#endif
