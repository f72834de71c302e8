/*
 * pool.h: between pool.c (which request goes where, and when) and backend.c (one database connection).
 */
#ifndef VY_POOL_H
#define VY_POOL_H

#include "shim.h"

#define VY_ROUTE_SLOTS 1024

typedef enum VyBackendState
{
	VY_BACKEND_DOWN,
	VY_BACKEND_CONNECTING,
	VY_BACKEND_PREPARING,
	VY_BACKEND_READY
} VyBackendState;

typedef struct VyBackend
{
	VyPool *pool;
	PGconn *conn;
	VyBackendState state;
	int fd;
	unsigned watched; /* epoll events */
	VyRequest *first; /* sent, in order; the first one is being run */
	VyRequest *last;
	int depth;
	int64_t since_us; /* since when the first one runs, or the connection is being made */
	int64_t retry_us; /* DOWN: when to connect again */
	int64_t backoff_us;
	bool corked; /* something to send at the end of the turn */
	bool retiring; /* takes no more requests; replaced when empty */
	bool setup_failed;
	bool listens; /* for notifications, takes no requests, and is made when somebody waits */
} VyBackend;

typedef struct VyQueue
{
	VyRequest *first;
	VyRequest *last;
	unsigned n;
	int64_t left_us; /* when the last one left, or the first one came */
	int64_t each_ns; /* from one leaving to the next while somebody waits, smoothed */
} VyQueue;

struct VyPool
{
	VyLoop *loop;
	int nbackends;
	int nready;
	bool not_ready; /* the database answers, but the extension is not there */
	bool told; /* this outage has been logged */
	unsigned nqueued;
	VyQueue lanes[VY_LANES];
	uint32_t route_us[VY_ROUTE_SLOTS]; /* how long statements of a route take, smoothed */
	VyBackend backends[]; /* and one more, which listens */
};

/* backend.c */
void vy_backend_connect(VyBackend *backend);
void vy_backend_send(VyBackend *backend, VyRequest *request);
void vy_backend_flush(VyBackend *backend);
void vy_backend_lose(VyBackend *backend, const char *why);
void vy_backend_close(VyBackend *backend);

/* pool.c, called by backend.c */
void vy_pool_done(VyBackend *backend, VyRequest *request); /* its result, error or row, is in request->result */
void vy_pool_lost(VyPool *pool, VyRequest *request);

#endif
