/*
 * enqueue.h: jobs that the platform itself enqueues for somebody.
 */
#ifndef VY_ENQUEUE_H
#define VY_ENQUEUE_H

#include "core/core.h"
#include "utils/jsonb.h"

/* Whose a job is. */
typedef struct VyJobOwner
{
	const char *role_name;
	VyStr user_id; /* p == NULL: none */
	VyStr claims;
} VyJobOwner;

/* The caller of the request, or the current user. */
VyJobOwner vy_job_owner(void);

/* Raises what vyricon.enqueue() would say to this kind and payload, and does nothing else. */
void vy_job_check(const char *kind, Jsonb *payload);

/* As vyricon.enqueue(kind, payload, key => key) does for its owner; returns the job. */
int64 vy_job_put(const char *kind, Jsonb *payload, const VyJobOwner *owner, const char *key);

#endif
