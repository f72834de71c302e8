/*
 * gcra.h: the generic cell rate algorithm (ITU-T I.371), and limits written as text.
 *
 * A limit lets `count` requests through at once and then one each period / count. All that is remembered of a subject is one time, at which
 * it would be back to nothing; a subject whose time has passed is as good as new, so forgetting it changes nothing.
 */
#ifndef VY_GCRA_H
#define VY_GCRA_H

#include "base/base.h"

typedef struct VyRate
{
	int64_t count;
	int64_t period_us;
} VyRate;

typedef struct VyGcra
{
	bool passes;
	int64_t remaining; /* requests that would pass now */
	int64_t reset_us; /* until count of them would */
	int64_t retry_us; /* until one would; 0: now */
} VyGcra;

#define VY_RATE_MAX_COUNT 1000000000
#define VY_RATE_MAX_PERIOD_US INT64_C(2678400000000) /* 31 days */

/* One request at now_us. *time is the subject's, 0 at first; it moves only when the request passes. Every time is of one clock. */
VyGcra vy_gcra(int64_t *time, int64_t now_us, VyRate rate);

/* "10/min", "100/15 minutes": s sec second(s), m min minute(s), h hour(s), d day(s); at most one each microsecond. */
VY_MUST_CHECK bool vy_rate_parse(VyRate *out, VyStr text);

#endif
