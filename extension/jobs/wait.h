/*
 * wait.h: the answer that a job has ended, for a client that waits for it (RFC 7240, Prefer: wait=N).
 */
#ifndef VY_WAIT_H
#define VY_WAIT_H

#include "http/http.h"

/*
 * Writes the job as the answer to the request. Where the client asked to wait and the job has not ended, a ticket for the shim goes into
 * the headers: it answers when the job has ended or the time is over. The handler must not have left the platform's role
 * (VY_ROUTE_PLATFORM). False: the caller enqueued no such job, and nothing is written.
 */
VY_MUST_CHECK bool vy_response_wait(VyRequest *request, VyResponse *response, int64 job);

/*
 * The same for the bearer of a ticket, whatever the request's own credentials say. last: without waiting any longer. False: no such ticket,
 * or it was used or has expired.
 */
VY_MUST_CHECK bool vy_wait_resume(VyRequest *request, VyResponse *response, VyStr ticket, bool last);

/* A job has ended in this transaction. */
void vy_wait_ended(int64 job);

/* Once before that commits: those who wait for these jobs are told. */
void vy_wait_tell(void);

void vy_wait_init(void);

#endif
