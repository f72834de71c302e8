/*
 * pace.h: how fast a queue moves: a running mean of the time between one that leaves and the next.
 *
 * A gap counts for 16 times the mean and a millisecond at most: one stall (a disk that takes 50 ms for a commit) says nothing of the wait
 * to expect after it, while a real slowdown is known after some thirty gaps, for each may count for more than the last.
 */
#ifndef VY_PACE_H
#define VY_PACE_H

#include "base/base.h"

static inline int64_t
vy_pace(int64_t mean_ns, int64_t gap_ns)
{
	int64_t most = 16 * mean_ns + 1000000;

	return mean_ns + ((gap_ns < most ? gap_ns : most) - mean_ns) / 32;
}

#endif
