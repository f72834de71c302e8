/*
 * backend.c: one database connection: made without blocking, prepared, then a pipeline of requests, each followed by its own sync.
 *
 * A result is handed on at its sync and not before: errors at commit come after the row.
 */
#include "pool.h"

#include "options.h"

#include <stdlib.h>
#include <sys/epoll.h>

#include "base/field.h"

#define FIRST_BACKOFF_US 50000
#define MAX_BACKOFF_US 250000
#define BYTEA_OID 17
#define TEXT_ARRAY_OID 1009
#define TEXT_OID 25
#define BOOL_OID 16
#define MAX_PARAMS 3

/* libpq keeps the buffers that a message made it grow; above this size the connection is replaced instead. */
#define BIG_MESSAGE (1 << 20)

#define LISTEN "LISTEN vyricon_wait"

typedef struct Statement
{
	const char *name;
	const char *sql;
	int nparams;
	Oid types[MAX_PARAMS];
} Statement;

enum
{
	STATEMENT_WIRE,
	STATEMENT_FAILED,
	STATEMENT_RESUME,
	STATEMENTS
};

static const Statement statements[STATEMENTS] = {
	[STATEMENT_WIRE] = {"vy_wire", "SELECT vyricon.http_wire($1)", 1, {BYTEA_OID}},
	[STATEMENT_FAILED] = {"vy_failed", "SELECT vyricon.http_failed($1, $2)", 2, {BYTEA_OID, TEXT_ARRAY_OID}},
	[STATEMENT_RESUME] = {"vy_resume", "SELECT vyricon.http_resume($1, $2, $3)", 3, {BYTEA_OID, TEXT_OID, BOOL_OID}},
};

static const int binary_formats[MAX_PARAMS] = {1, 1, 1};

/* Begun only, unless at_once. */
PGconn *
vy_connect(bool at_once)
{
	static const char *const names[] = {"connect_timeout", "dbname", "fallback_application_name", "client_encoding", NULL};
	char *database = vy_options_database();
	const char *const values[] = {"5", database, "vyricon", "UTF8", NULL};
	PGconn *conn = at_once ? PQconnectdbParams(names, values, 1) : PQconnectStartParams(names, values, 1);
	free(database);
	return conn;
}

static void
watch(VyBackend *backend, unsigned events)
{
	int fd = PQsocket(backend->conn);
	struct epoll_event event = {.events = events, .data.ptr = backend};
	if (fd == backend->fd && events == backend->watched)
		return;
	/* libpq may have closed its socket and opened another one with the same number */
	if (epoll_ctl(backend->pool->loop->epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0)
		epoll_ctl(backend->pool->loop->epoll_fd, EPOLL_CTL_ADD, fd, &event);
	backend->fd = fd;
	backend->watched = events;
}

static void
quiet_notice(void *arg, const PGresult *result)
{
	(void) arg;
	(void) result;
}

void
vy_backend_connect(VyBackend *backend)
{
	backend->conn = vy_connect(false);
	backend->fd = -1;
	backend->watched = 0;
	backend->since_us = backend->pool->loop->now_us;
	backend->state = VY_BACKEND_CONNECTING;
	backend->setup_failed = false;
	backend->retiring = false;
	if (!backend->conn || PQstatus(backend->conn) == CONNECTION_BAD)
	{
		vy_backend_lose(backend, backend->conn ? PQerrorMessage(backend->conn) : "out of memory");
		return;
	}
	PQsetNoticeReceiver(backend->conn, quiet_notice, NULL);
	watch(backend, EPOLLOUT);
}

void
vy_backend_close(VyBackend *backend)
{
	VyPool *pool = backend->pool;
	if (backend->state == VY_BACKEND_READY && !backend->listens)
	{
		pool->nready--;
		vy_count(&pool->loop->counters.connections_ready, -1);
	}
	vy_cork_close(backend->fd);
	PQfinish(backend->conn);
	backend->conn = NULL;
	backend->fd = -1;
	backend->corked = false;
	backend->state = VY_BACKEND_DOWN;
}

static void
tell_outage(VyPool *pool, const char *why)
{
	char text[1024];
	if (pool->told || pool->nready > 0 || pool->loop->stopping)
		return;
	pool->told = true;
	vy_field_quote(text, sizeof(text), vy_str(why, strcspn(why, "\n")));
	vy_log_event("database_unavailable", ",\"loop\":%d,\"message\":%s", pool->loop->number, text);
}

/* The connection is gone, or must go: what was sent is lost, and it is made again after a while. */
void
vy_backend_lose(VyBackend *backend, const char *why)
{
	VyPool *pool = backend->pool;
	VyRequest *request = backend->first;
	bool was_ready = backend->state == VY_BACKEND_READY;
	char reason[256];
	/* the text may belong to the connection */
	snprintf(reason, sizeof(reason), "%s", why);
	if (was_ready)
	{
		backend->backoff_us = 0;
		vy_count(&pool->loop->counters.connections_lost, 1);
	}
	backend->retry_us = pool->loop->now_us + backend->backoff_us;
	backend->backoff_us = backend->backoff_us ? backend->backoff_us * 2 : FIRST_BACKOFF_US;
	if (backend->backoff_us > MAX_BACKOFF_US)
		backend->backoff_us = MAX_BACKOFF_US;
	vy_backend_close(backend);
	tell_outage(pool, reason);
	backend->first = backend->last = NULL;
	vy_count(&pool->loop->counters.in_database, -backend->depth);
	backend->depth = 0;
	while (request)
	{
		VyRequest *next = request->next;
		vy_pool_lost(pool, request);
		request = next;
	}
}

static void
begin_setup(VyBackend *backend)
{
	PGconn *conn = backend->conn;
	bool ok = PQsetnonblocking(conn, 1) == 0 && PQenterPipelineMode(conn) == 1;
	for (int i = 0; ok && i < STATEMENTS && !backend->listens; i++)
		ok = PQsendPrepare(conn, statements[i].name, statements[i].sql, statements[i].nparams, statements[i].types) == 1;
	ok = ok && PQsendQueryParams(conn, backend->listens ? LISTEN : "SELECT vyricon.ready()", 0, NULL, NULL, NULL, NULL, 0) == 1 &&
		 PQpipelineSync(conn) == 1;
	if (!ok)
	{
		vy_backend_lose(backend, PQerrorMessage(conn));
		return;
	}
	backend->state = VY_BACKEND_PREPARING;
	watch(backend, EPOLLIN);
}

static void
continue_connecting(VyBackend *backend)
{
	switch (PQconnectPoll(backend->conn))
	{
		case PGRES_POLLING_READING:
			backend->watched = 0;
			watch(backend, EPOLLIN);
			break;
		case PGRES_POLLING_WRITING:
			backend->watched = 0;
			watch(backend, EPOLLOUT);
			break;
		case PGRES_POLLING_OK:
			begin_setup(backend);
			break;
		default:
			vy_backend_lose(backend, PQerrorMessage(backend->conn));
			break;
	}
}

static void
become_ready(VyBackend *backend)
{
	VyPool *pool = backend->pool;
	if (backend->listens)
	{
		backend->state = VY_BACKEND_READY;
		backend->backoff_us = 0;
		vy_park_resume_all(pool->loop, false);
		return;
	}
	if (!vy_cork_open(backend->fd))
	{
		vy_backend_lose(backend, "too many open files");
		return;
	}
	backend->state = VY_BACKEND_READY;
	backend->backoff_us = 0;
	pool->nready++;
	pool->not_ready = false;
	vy_count(&pool->loop->counters.connections_ready, 1);
	if (pool->nready == 1 && pool->told)
		vy_log_event("database_available", ",\"loop\":%d", pool->loop->number);
	pool->told = false;
}

/* Results of the setup. An error here means that the extension, or the right to call it, is missing. */
static void
take_setup_result(VyBackend *backend, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	if (status == PGRES_FATAL_ERROR && !backend->setup_failed)
	{
		backend->setup_failed = true;
		tell_outage(backend->pool, PQresultErrorMessage(result));
	}
	PQclear(result);
	if (status != PGRES_PIPELINE_SYNC)
		return;
	if (!backend->setup_failed)
	{
		become_ready(backend);
		return;
	}
	backend->pool->not_ready = backend->pool->nready == 0;
	vy_backend_lose(backend, "the database is not set up: run vyricon init");
}

void
vy_backend_send(VyBackend *backend, VyRequest *request)
{
	const Statement *statement = &statements[request->failing ? STATEMENT_FAILED : request->resuming ? STATEMENT_RESUME : STATEMENT_WIRE];
	const char *values[MAX_PARAMS] = {request->packed, (const char *) request->fields, request->final ? "\1" : "\0"};
	int lengths[MAX_PARAMS] = {(int) request->packed_len, (int) request->fields_len, 1};
	if (statement == &statements[STATEMENT_RESUME])
	{
		values[1] = request->ticket.text;
		lengths[1] = (int) strlen(request->ticket.text);
	}
	request->next = NULL;
	if (backend->last)
		backend->last->next = request;
	else
	{
		backend->first = request;
		backend->since_us = backend->pool->loop->now_us;
	}
	backend->last = request;
	backend->depth++;
	backend->corked = true;
	vy_count(&backend->pool->loop->counters.in_database, 1);
	if (PQsendQueryPrepared(backend->conn, statement->name, statement->nparams, values, lengths, binary_formats, 1) != 1 ||
		PQpipelineSync(backend->conn) != 1)
		vy_backend_lose(backend, PQerrorMessage(backend->conn));
}

/* Sends what this turn's requests wrote. */
void
vy_backend_flush(VyBackend *backend)
{
	bool pending = false;
	backend->corked = false;
	if (vy_cork_flush(backend->fd, &pending))
		watch(backend, pending ? EPOLLIN | EPOLLOUT : EPOLLIN);
	else
		vy_backend_lose(backend, "the connection was closed");
}

static void
finish_first(VyBackend *backend)
{
	VyRequest *request = backend->first;
	if (!request)
		return;
	backend->first = request->next;
	if (!backend->first)
		backend->last = NULL;
	backend->depth--;
	vy_count(&backend->pool->loop->counters.in_database, -1);
	if (request->packed_len > BIG_MESSAGE ||
		(request->result && PQntuples(request->result) == 1 && PQgetlength(request->result, 0, 0) > BIG_MESSAGE))
		backend->retiring = true;
	vy_pool_done(backend, request);
	backend->since_us = backend->pool->loop->now_us;
}

/* An error stays; anything else makes place for what comes later. */
static void
hold_result(VyRequest *request, PGresult *result)
{
	if (!request || (request->result && PQresultStatus(request->result) == PGRES_FATAL_ERROR))
	{
		PQclear(result);
		return;
	}
	PQclear(request->result);
	request->result = result;
}

static void
take_results(VyBackend *backend)
{
	while (backend->state >= VY_BACKEND_PREPARING && !PQisBusy(backend->conn))
	{
		PGresult *result = PQgetResult(backend->conn);
		if (PQstatus(backend->conn) == CONNECTION_BAD)
		{
			hold_result(backend->first, result);
			vy_backend_lose(backend, PQerrorMessage(backend->conn));
			return;
		}
		if (!result)
		{
			if (backend->state == VY_BACKEND_READY && backend->depth == 0)
				break;
			continue;
		}
		if (backend->state == VY_BACKEND_PREPARING)
		{
			take_setup_result(backend, result);
			if (backend->state != VY_BACKEND_PREPARING)
				break;
			continue;
		}
		if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
		{
			PQclear(result);
			finish_first(backend);
			if (backend->depth == 0)
				break;
			continue;
		}
		hold_result(backend->first, result);
	}
	if (backend->retiring && backend->depth == 0 && backend->state == VY_BACKEND_READY)
	{
		backend->retry_us = backend->pool->loop->now_us;
		vy_backend_close(backend);
	}
}

static void
take_notifications(VyBackend *backend)
{
	PGnotify *notification;
	while (backend->state == VY_BACKEND_READY && (notification = PQnotifies(backend->conn)) != NULL)
	{
		vy_park_notified(backend->pool->loop, strtoll(notification->extra, NULL, 10));
		PQfreemem(notification);
	}
}

void
vy_backend_event(void *arg)
{
	VyBackend *backend = arg;
	if (backend->state == VY_BACKEND_DOWN)
		return;
	if (backend->state == VY_BACKEND_CONNECTING)
	{
		continue_connecting(backend);
		return;
	}
	if (PQconsumeInput(backend->conn) != 1)
	{
		/* what came before the end may still hold whole answers */
		take_results(backend);
		if (backend->state >= VY_BACKEND_PREPARING)
			vy_backend_lose(backend, PQerrorMessage(backend->conn));
		return;
	}
	take_results(backend);
	if (backend->listens)
		take_notifications(backend);
	if (backend->state == VY_BACKEND_READY && (backend->watched & EPOLLOUT))
		vy_backend_flush(backend);
}
