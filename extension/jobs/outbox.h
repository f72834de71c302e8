/*
 * outbox.h: rows of vyricon.jobs from claim to record. Each function is a few statements in the transaction of its caller.
 */
#ifndef VY_OUTBOX_H
#define VY_OUTBOX_H

#include "jobs/transfer.h"
#include "utils/timestamp.h"

/*
 * Claims up to max due jobs and pushes a prepared transfer for each to list; those that were settled without the network are among them.
 * Returns the number claimed.
 */
int vy_outbox_claim(int max, dlist_head *list);

/* Writes the outcome and applies the answer, unless somebody else has taken the job over since. */
void vy_outbox_record(VyTransfer *transfer);

/* The outcome of an attempt that was no transfer; false: somebody else has taken the job over since. An empty answer or problem: none. */
bool vy_outbox_settle(int64 id, const VyJobTry *attempt, VyOutcome outcome, VyStr answer, const char *problem);

/*
 * Jobs in flight whose lease has ended (all: every one of them, when no other worker can be alive; kind: every one of that kind) count as
 * lost, unless somebody holds their row.
 */
int64 vy_outbox_expire(bool all, const char *kind);

/* When the next job is due or the next lease ends; DT_NOEND: there is none. */
TimestampTz vy_outbox_next(void);

void vy_outbox_init(void);

#endif
