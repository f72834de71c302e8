/*
 * metrics.h: jobs, workers and events in numbers.
 */
#ifndef VY_METRICS_H
#define VY_METRICS_H

#include "jobs/kind.h"

/* The worker recorded an attempt. kind is NULL where this server does not know it. */
void vy_metrics_attempt(const VyJobKind *kind, VyOutcome outcome);

/* Seconds that a job waits which is due and stands behind no other of its subject: the longest; 0: there is none. */
double vy_metrics_overdue(void);

void vy_metrics_init(void);

#endif
