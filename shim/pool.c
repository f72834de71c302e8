/*
 * pool.c: which request goes to which database connection, and when.
 *
 * Reads share few connections, so that pipelining saves system calls; writes spread over three quarters, so that commits are grouped;
 * routes that have been slow lately keep to the last quarter. Only a few requests are sent ahead on a connection, none behind a statement
 * that has run for some milliseconds; the others wait here, in a queue that is bounded by the wait to expect, and go to whichever
 * connection is free first.
 */
#include "pool.h"

#include "options.h"

#include <stdlib.h>

#include "base/head.h"
#include "base/pace.h"
#include "base/sqlstate.h"
#include "base/textarray.h"

#define READ_BACKENDS 4
#define READ_DEPTH 8
#define BATCH_DEPTH 24
#define BATCH_US 600
#define WRITE_DEPTH 3
#define BUSY_US 5000
#define SLOW_ROUTE_US 50000
#define MAX_REPEATS 3
#define CONNECT_TIMEOUT_US 10000000
#define NFIELDS 8

static const int field_codes[NFIELDS] = {PG_DIAG_SQLSTATE,    PG_DIAG_MESSAGE_PRIMARY, PG_DIAG_MESSAGE_DETAIL, PG_DIAG_MESSAGE_HINT,
										 PG_DIAG_SCHEMA_NAME, PG_DIAG_TABLE_NAME,      PG_DIAG_COLUMN_NAME,    PG_DIAG_CONSTRAINT_NAME};

static void
enqueue(VyPool *pool, VyRequest *request, bool first)
{
	VyQueue *queue = &pool->lanes[request->lane];
	request->next = first ? queue->first : NULL;
	if (!queue->first)
	{
		queue->first = queue->last = request;
		queue->left_us = pool->loop->now_us;
	}
	else if (first)
		queue->first = request;
	else
	{
		queue->last->next = request;
		queue->last = request;
	}
	queue->n++;
	pool->nqueued++;
	vy_count(&pool->loop->counters.queued, 1);
}

static VyRequest *
dequeue(VyPool *pool, VyLane lane)
{
	VyQueue *queue = &pool->lanes[lane];
	VyRequest *request = queue->first;
	queue->first = request->next;
	if (!queue->first)
		queue->last = NULL;
	queue->each_ns = vy_pace(queue->each_ns, (pool->loop->now_us - queue->left_us) * 1000);
	queue->left_us = pool->loop->now_us;
	queue->n--;
	pool->nqueued--;
	vy_count(&pool->loop->counters.queued, -1);
	return request;
}

static void
refuse(VyRequest *request, VyRefusal why)
{
	request->refusal = why;
	vy_server_finish(request);
}

static bool
takes_more(const VyBackend *backend, int max_depth, int64_t busy_us)
{
	return backend->state == VY_BACKEND_READY && !backend->retiring && backend->depth < max_depth &&
		   (backend->depth == 0 || backend->pool->loop->now_us - backend->since_us <= busy_us);
}

static VyBackend *
least_busy(VyPool *pool, int from, int to, int max_depth)
{
	VyBackend *best = NULL;
	for (int i = to - 1; i >= from; i--)
		if (takes_more(&pool->backends[i], max_depth, BUSY_US) && (!best || pool->backends[i].depth < best->depth))
			best = &pool->backends[i];
	return best;
}

/* To wake another process costs as much as a short statement: a running one is given up to BATCH_US of work first. */
static VyBackend *
join_batch(VyPool *pool, int to, int64_t each_us)
{
	for (int i = 0; i < to; i++)
		if (pool->backends[i].depth > 0 && pool->backends[i].depth * (each_us + 10) < BATCH_US &&
			takes_more(&pool->backends[i], BATCH_DEPTH, BATCH_US))
			return &pool->backends[i];
	return NULL;
}

static VyBackend *
choose(VyPool *pool, VyLane lane, const VyRequest *request)
{
	int n = pool->nbackends;
	int nslow = n >= 4 ? n / 4 : 1;
	int nread = n < READ_BACKENDS ? n : READ_BACKENDS;
	int64_t each_us = pool->route_us[request->route];
	VyBackend *backend;
	if (lane == VY_LANE_WRITE)
		return least_busy(pool, 0, n > nslow ? n - nslow : n, WRITE_DEPTH);
	if (lane == VY_LANE_SLOW)
		return least_busy(pool, n - nslow, n, 1);
	if ((backend = join_batch(pool, nread, each_us)) || (backend = least_busy(pool, 0, nread, each_us < BATCH_US ? READ_DEPTH : 1)))
		return backend;
	/* more at a time than there are processors only makes all of them late, and this loop too: unless those that run are stuck */
	return least_busy(pool, 0, nread, BATCH_DEPTH + 1) ? NULL : least_busy(pool, nread, n - nslow, 1);
}

static void
pump(VyPool *pool)
{
	for (int lane = 0; lane < VY_LANES; lane++)
		while (pool->lanes[lane].first)
		{
			VyBackend *backend = choose(pool, (VyLane) lane, pool->lanes[lane].first);
			if (!backend)
				break;
			vy_backend_send(backend, dequeue(pool, (VyLane) lane));
		}
}

/* Refused at once rather than after a wait that is known beforehand, of which slow routes may have ten times as much, but not the whole
 * queue. */
static bool
is_full(const VyPool *pool, VyLane lane)
{
	const VyQueue *queue = &pool->lanes[lane];
	unsigned most = (unsigned) vy_options.queue;
	return pool->nqueued >= most || (lane == VY_LANE_SLOW && queue->n > most / 2) ||
		   (queue->n >= 2 * (unsigned) pool->nbackends &&
			queue->n * queue->each_ns > vy_options.queue_delay_ms * (lane == VY_LANE_SLOW ? 10000000 : 1000000));
}

/* False: refused at once. */
bool
vy_pool_admit(VyRequest *request)
{
	VyPool *pool = request->loop->pool;
	request->route = vy_head_route(vy_cstr(request->method), vy_str(request->target, request->path_len)) % VY_ROUTE_SLOTS;
	request->lane = pool->route_us[request->route] > SLOW_ROUTE_US ? VY_LANE_SLOW : request->read_only ? VY_LANE_READ : VY_LANE_WRITE;
	request->queued_us = pool->loop->now_us;
	if (pool->nready == 0 && pool->not_ready)
		request->refusal = VY_NOT_READY;
	else if (is_full(pool, request->lane))
		request->refusal = VY_QUEUE_FULL;
	return request->refusal == VY_ACCEPTED;
}

void
vy_pool_submit(VyRequest *request)
{
	VyPool *pool = request->loop->pool;
	VyBackend *backend = pool->lanes[request->lane].first ? NULL : choose(pool, request->lane, request);
	if (backend)
		vy_backend_send(backend, request);
	else
		enqueue(pool, request, false);
}

/* The error's fields, for http_failed(). */
static bool
pack_fields(VyRequest *request)
{
	VyStr fields[NFIELDS];
	for (int i = 0; i < NFIELDS; i++)
		fields[i] = vy_cstr(PQresultErrorField(request->result, field_codes[i]));
	request->fields_len = vy_textarray_size(fields, NFIELDS);
	request->fields = malloc(request->fields_len);
	if (request->fields)
		vy_textarray_write(request->fields, fields, NFIELDS);
	return request->fields != NULL;
}

static void
drop_result(VyRequest *request)
{
	PQclear(request->result);
	request->result = NULL;
}

/*
 * Its connection was lost after it was sent. Nobody knows whether it ran: what only reads is sent once more, what may have written is not.
 * Had it failed already, it was rolled back, and only the wording is lost. A ticket may be used up.
 */
void
vy_pool_lost(VyPool *pool, VyRequest *request)
{
	drop_result(request);
	if (!request->read_only && !request->failing && !request->resuming)
		refuse(request, VY_OUTCOME_UNKNOWN);
	else if (request->lost_once || request->failing || request->resuming)
		refuse(request, VY_DATABASE_GONE);
	else
	{
		request->lost_once = true;
		vy_count(&pool->loop->counters.repeats, 1);
		enqueue(pool, request, true);
	}
}

static void
fail(VyBackend *backend, VyRequest *request)
{
	VyPool *pool = backend->pool;
	VyErrorClass class = vy_error_class(PQresultErrorField(request->result, PG_DIAG_SQLSTATE));
	if (class == VY_ERROR_LOST)
	{
		vy_pool_lost(pool, request);
		return;
	}
	if (class == VY_ERROR_REPEAT && request->repeats < MAX_REPEATS && !request->failing)
	{
		request->repeats++;
		vy_count(&pool->loop->counters.repeats, 1);
		drop_result(request);
		enqueue(pool, request, true);
		return;
	}
	if (request->failing || !pack_fields(request))
	{
		if (class == VY_ERROR_MISSING)
			backend->retiring = true;
		drop_result(request);
		refuse(request, class == VY_ERROR_MISSING ? VY_NOT_READY : VY_INTERNAL);
		return;
	}
	drop_result(request);
	request->failing = true;
	enqueue(pool, request, true);
}

void
vy_pool_done(VyBackend *backend, VyRequest *request)
{
	VyPool *pool = backend->pool;
	int64_t took = pool->loop->now_us - backend->since_us;
	uint32_t *smoothed = &pool->route_us[request->route];
	*smoothed = (uint32_t) (((int64_t) *smoothed * 7 + (took < 10000000 ? took : 10000000)) / 8);
	if (request->result && PQresultStatus(request->result) == PGRES_TUPLES_OK)
		vy_server_finish(request);
	else if (request->result)
		fail(backend, request);
	else
		refuse(request, VY_INTERNAL);
}

static void
expire(VyPool *pool)
{
	int64_t wait = vy_options.queue_wait_ms * 1000;
	bool hopeless = pool->nready == 0 && pool->not_ready;
	for (int lane = 0; lane < VY_LANES; lane++)
		while (pool->lanes[lane].first && (hopeless || pool->loop->now_us - pool->lanes[lane].first->queued_us >= wait))
			refuse(dequeue(pool, (VyLane) lane), hopeless ? VY_NOT_READY : pool->nready > 0 ? VY_QUEUE_FULL : VY_DATABASE_GONE);
}

static int64_t
backend_due(const VyBackend *backend)
{
	if (backend->state == VY_BACKEND_DOWN)
		return backend->listens && backend->pool->loop->nwaiting == 0 ? INT64_MAX : backend->retry_us;
	if (backend->state != VY_BACKEND_READY)
		return backend->since_us + CONNECT_TIMEOUT_US;
	return backend->depth > 0 ? backend->since_us + vy_options.answer_timeout_ms * 1000 : INT64_MAX;
}

/* The end of a loop turn: send what this turn's requests wrote, connect, give up what takes too long. */
void
vy_pool_turn(VyPool *pool)
{
	for (int i = 0; i <= pool->nbackends; i++)
	{
		VyBackend *backend = &pool->backends[i];
		if (backend_due(backend) > pool->loop->now_us)
			continue;
		if (backend->state != VY_BACKEND_DOWN)
			vy_backend_lose(backend, "no answer in time");
		else if (!pool->loop->stopping)
			vy_backend_connect(backend);
	}
	if (pool->nqueued > 0)
	{
		expire(pool);
		pump(pool);
	}
	for (int i = 0; i < pool->nbackends; i++)
		if (pool->backends[i].corked)
			vy_backend_flush(&pool->backends[i]);
}

int64_t
vy_pool_due(const VyPool *pool)
{
	int64_t due = INT64_MAX;
	for (int i = 0; i <= pool->nbackends; i++)
	{
		int64_t at = backend_due(&pool->backends[i]);
		if (at < due && !(pool->loop->stopping && pool->backends[i].state == VY_BACKEND_DOWN))
			due = at;
	}
	for (int lane = 0; lane < VY_LANES; lane++)
		if (pool->lanes[lane].first && pool->lanes[lane].first->queued_us + vy_options.queue_wait_ms * 1000 < due)
			due = pool->lanes[lane].first->queued_us + vy_options.queue_wait_ms * 1000;
	return due;
}

VyPool *
vy_pool_new(VyLoop *loop)
{
	VyPool *pool = calloc(1, sizeof(*pool) + (size_t) (vy_options.pool + 1) * sizeof(VyBackend));
	if (!pool)
		return NULL;
	pool->loop = loop;
	pool->nbackends = (int) vy_options.pool;
	for (int i = 0; i <= pool->nbackends; i++)
		pool->backends[i] = (VyBackend){.pool = pool, .fd = -1, .listens = i == pool->nbackends};
	return pool;
}

/* The drain time is over: nothing stays in the pool. */
void
vy_pool_fail_all(VyPool *pool)
{
	for (int i = 0; i <= pool->nbackends; i++)
		if (pool->backends[i].state != VY_BACKEND_DOWN)
			vy_backend_lose(&pool->backends[i], "stopping");
	for (int lane = 0; lane < VY_LANES; lane++)
		while (pool->lanes[lane].first)
			refuse(dequeue(pool, (VyLane) lane), VY_STOPPING);
}

void
vy_pool_free(VyPool *pool)
{
	for (int i = 0; i <= pool->nbackends; i++)
		vy_backend_close(&pool->backends[i]);
	free(pool);
}
