/*
 * histogram.h: times in a log-linear histogram: 64 steps per power of two, so a bucket is at most 1.6 % wide and recording costs nothing.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define SUB_BITS 6
#define BUCKETS (64 << SUB_BITS)

typedef struct Histogram
{
	uint64_t counts[BUCKETS];
	uint64_t total;
	int64_t max;
} Histogram;

/* Log-linear: the top SUB_BITS + 1 bits of the value. */
static int
bucket_of(int64_t v)
{
	int shift;

	if (v < (2 << SUB_BITS))
		return v < 0 ? 0 : (int) v;
	shift = 63 - __builtin_clzll((unsigned long long) v) - SUB_BITS;
	return (shift << SUB_BITS) + (int) (v >> shift);
}

static int64_t
bucket_value(int b)
{
	int shift = (b >> SUB_BITS) - 1;

	if (b < (2 << SUB_BITS))
		return b;
	return (int64_t) ((b & ((1 << SUB_BITS) - 1)) | (1 << SUB_BITS)) << shift;
}

static void
record(Histogram *h, int64_t ns)
{
	h->counts[bucket_of(ns)]++;
	h->total++;
	if (ns > h->max)
		h->max = ns;
}

static double
percentile_us(const Histogram *h, double p)
{
	uint64_t want = (uint64_t) (p * (double) h->total);
	uint64_t seen = 0;

	if (h->total == 0)
		return 0;
	for (int b = 0; b < BUCKETS; b++)
	{
		seen += h->counts[b];
		if (seen > want)
			return (double) bucket_value(b) / 1000;
	}
	return (double) h->max / 1000;
}

#endif
