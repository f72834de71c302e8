/*
 * limit.c: the stages "limit by address" and "limit by caller" of a request, and the table in shared memory behind them.
 *
 * The table has a fixed size. An entry whose time has passed is as good as none, so its place is free; one that counts is never given to
 * somebody else, whoever floods the table. A subject that finds no place shares one time with all others like it under the same limit: it
 * may be refused too early, and is never unlimited. Keys are hashed with a secret of this start of the server.
 */
#include "http/limit.h"

#include <time.h>

#include "base/url.h"
#include "common/hashfn.h"
#include "core/shm.h"
#include "http/request.h"
#include "http/route.h"

#define MICROSECONDS INT64CONST(1000000)

const char *const vy_limit_subjects[] = {
	[VY_LIMIT_ADDRESS] = "address",
	[VY_LIMIT_KEY] = "key",
	[VY_LIMIT_USER] = "user",
	[VY_LIMIT_ORGANIZATION] = "organization",
};

static bool apply(VyRequest *request, VyResponse *response, bool caller_known);
static VyStr subject_of(const VyRequest *request, VyLimitSubject subject);
static VyStr address_of(const VyRequest *request);
static VyGcra take(const VyLimit *limit, VyStr subject);
static VyGcra take_shared(const VyLimit *limit, int64 now_us);
static void tell(VyResponse *response, const VyLimit *limit, const VyGcra *verdict);

bool
vy_limit_address(VyRequest *request, VyResponse *response)
{
	return apply(request, response, false);
}

bool
vy_limit_caller(VyRequest *request, VyResponse *response)
{
	return apply(request, response, true);
}

static bool
apply(VyRequest *request, VyResponse *response, bool caller_known)
{
	const VyLimit *rows;
	size_t n = vy_limit_rows(&rows);
	VyStr path = request->path;
	char *decoded;

	if (n == 0)
		return true;
	/* "%74ours" is "tours" to the route that answers; a path that cannot be decoded has none. */
	decoded = palloc(path.n + 1);
	if (vy_url_decode(decoded, path.n, &path.n, request->path, false) == 0)
		path.p = decoded;
	for (size_t i = 0; i < n; i++)
	{
		const VyLimit *limit = &rows[i];
		VyStr subject;
		VyGcra verdict;

		if ((limit->subject != VY_LIMIT_ADDRESS) != caller_known || (limit->methods & request->method) == 0 ||
			!vy_route_matches(limit->pattern, path))
			continue;
		subject = subject_of(request, limit->subject);
		if (subject.p == NULL)
			continue;
		verdict = take(limit, subject);
		tell(response, limit, &verdict);
		if (verdict.passes)
			continue;
		vy_refuse(request, response, 429, "VY429", "too many requests", NULL, "Wait as long as Retry-After says.");
		return false;
	}
	return true;
}

/* The bytes that are counted; p == NULL: nobody, as for SQL clients that give no address. */
static VyStr
subject_of(const VyRequest *request, VyLimitSubject subject)
{
	VyStr found = {NULL, 0};

	switch (subject)
	{
		case VY_LIMIT_ADDRESS:
			break;
		case VY_LIMIT_KEY:
			found = vy_request_header(request, "apikey");
			break;
		case VY_LIMIT_USER:
			found = request->caller->user_id;
			break;
		case VY_LIMIT_ORGANIZATION:
			found = request->caller->org_id;
			break;
	}
	return found.p != NULL ? found : address_of(request);
}

/* A whole /64 is one client's to choose from. */
static VyStr
address_of(const VyRequest *request)
{
	if (request->peer.family == 0)
		return (VyStr){NULL, 0};
	return vy_str((const char *) request->peer.addr, request->peer.family == 4 ? 4 : 8);
}

/* Monotonic, and the same in all backends of a server. */
static int64
read_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64) t.tv_sec * MICROSECONDS + t.tv_nsec / 1000;
}

static VyGcra
take(const VyLimit *limit, VyStr subject)
{
	uint64 seed = vy_shm->limit_seed ^ (uint64) limit->id << 2 ^ subject.n << 40;
	uint64 key = hash_bytes_extended((const unsigned char *) subject.p, (int) subject.n, seed) | 1;
	VyShmLimits *bucket = &vy_shm->limits[(key >> 1) % VY_SHM_LIMIT_BUCKETS];
	int64 now_us = read_clock();
	int free_at = -1;
	int at = -1;
	VyGcra verdict = {0};

	SpinLockAcquire(&bucket->lock);
	for (int i = 0; i < VY_SHM_LIMITS && at < 0; i++)
	{
		if (bucket->keys[i] == key)
			at = i;
		else if (bucket->times[i] <= now_us)
			free_at = i;
	}
	if (at < 0 && free_at >= 0)
	{
		at = free_at;
		bucket->keys[at] = key;
		bucket->times[at] = 0;
	}
	if (at >= 0)
		verdict = vy_gcra(&bucket->times[at], now_us, limit->rate);
	SpinLockRelease(&bucket->lock);
	return at >= 0 ? verdict : take_shared(limit, now_us);
}

static VyGcra
take_shared(const VyLimit *limit, int64 now_us)
{
	VyShmSharedLimit *shared = &vy_shm->shared_limits[(uint64) limit->id % VY_SHM_SHARED_LIMITS];
	VyGcra verdict;

	SpinLockAcquire(&shared->lock);
	verdict = vy_gcra(&shared->time, now_us, limit->rate);
	SpinLockRelease(&shared->lock);
	return verdict;
}

/* draft-ietf-httpapi-ratelimit-headers: of the limit that is nearest to refusing. */
static void
tell(VyResponse *response, const VyLimit *limit, const VyGcra *verdict)
{
	const char *name = vy_limit_subjects[limit->subject];

	if (verdict->passes && response->limit_left >= 0 && verdict->remaining >= response->limit_left)
		return;
	response->limit_left = verdict->remaining;
	vy_response_headerf(response, "ratelimit-policy", "\"%s\";q=" INT64_FORMAT ";w=" INT64_FORMAT, name, limit->rate.count,
						Max(limit->rate.period_us / MICROSECONDS, 1));
	vy_response_headerf(response, "ratelimit", "\"%s\";r=" INT64_FORMAT ";t=" INT64_FORMAT, name, verdict->remaining,
						(verdict->reset_us + MICROSECONDS - 1) / MICROSECONDS);
	if (!verdict->passes)
		vy_response_headerf(response, "retry-after", INT64_FORMAT, (verdict->retry_us + MICROSECONDS - 1) / MICROSECONDS);
}
