/*
 * shim.h: what the files of the shim share.
 *
 * One event loop per thread does everything: libmicrohttpd in external epoll mode, libpq in non-blocking pipeline mode. Loops share nothing
 * but the options, which are read-only after the start, and counters, which have one writer each. Includes go one way:
 * options, log, refuse <- framing, static, pool <- park <- server <- loop <- serve, selftest, admin <- commands, main.
 */
#ifndef VY_SHIM_H
#define VY_SHIM_H

#include <libpq-fe.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/due.h"
#include "base/peer.h"
#include "base/refusal.h"
#include "base/ticket.h"

#define VY_MAX_REQUEST_HEADERS 64
#define VY_MAX_ANSWER_HEADERS 100
#define VY_MAX_TARGET 8192
#define VY_MAX_HEAD 12288
#define VY_ID_MAX 64
/* libmicrohttpd clears it after each request, which costs more than all that is done here: no larger than a head of VY_MAX_HEAD needs */
#define VY_CONNECTION_MEMORY 18432

typedef struct VyLoop VyLoop;
typedef struct VyClient VyClient;
typedef struct VyRequest VyRequest;
typedef struct VyPool VyPool;
typedef struct VyStatic VyStatic;

typedef enum VyDeadlineKind
{
	VY_DEADLINE_NONE,
	VY_DEADLINE_HEAD,
	VY_DEADLINE_BODY,
	VY_DEADLINE_IDLE,
	VY_DEADLINE_SEND,
	VY_DEADLINE_WAIT, /* of a parked request; the others cut their client */
	VY_DEADLINE_KINDS
} VyDeadlineKind;

struct VyClient
{
	VyDue due; /* first: entries of the lists of deadlines are clients */
	VyLoop *loop;
	int fd;
	VyRequest *request; /* between request line and end of the answer */
	VyPeer peer;
};

typedef enum VyPhase
{
	VY_PHASE_HEAD, /* the request line is in */
	VY_PHASE_BODY, /* the head is good; packed, but for the body */
	VY_PHASE_POOL, /* waits for the database */
	VY_PHASE_PARKED, /* waits for a job (park.c) */
	VY_PHASE_LEFT, /* the client left meanwhile */
	VY_PHASE_ANSWER, /* the result is there */
	VY_PHASE_ANSWERED /* libmicrohttpd has it */
} VyPhase;

typedef enum VyLane
{
	VY_LANE_READ,
	VY_LANE_WRITE,
	VY_LANE_SLOW,
	VY_LANES
} VyLane;

struct VyRequest
{
	VyRequest *next; /* in the free list, a lane's queue, or a database connection's row */
	VyLoop *loop;
	VyClient *client;
	struct MHD_Connection *mhd; /* NULL: the client left while the request was in the pool */
	VyPhase phase;
	VyRefusal refusal;
	VyLane lane;
	bool read_only; /* may be sent again when a connection is lost */
	bool lost_once;
	bool failing; /* http_failed() is asked for the answer */
	bool resuming; /* http_resume() is, after it was parked */
	bool final; /* and shall not go on waiting */
	bool suspended; /* libmicrohttpd leaves it alone */
	bool closing; /* the answer carries Connection: close */
	uint8_t repeats; /* after 40001 and 40P01 */
	unsigned status;
	uint32_t route; /* hash of method and path prefix */
	int64_t began_us;
	int64_t queued_us;
	int64_t parked_us;
	int64_t waited_us; /* while it was parked */
	int64_t wait_until_us;
	size_t answer_bytes;
	PGresult *result;
	const char *method;
	const char *uri; /* in libmicrohttpd's buffer: for the framing check only */
	size_t head_memory; /* what the head has taken of VY_CONNECTION_MEMORY */
	size_t target_len;
	size_t path_len;
	char id[VY_ID_MAX + 1];
	size_t packed_len;
	size_t body_at; /* offset of the body in packed */
	uint8_t *fields; /* of the error, packed for http_failed() */
	size_t fields_len;
	/* from here on kept for the next request */
	void *target; /* a copy: libmicrohttpd decodes its own in place */
	size_t target_cap;
	void *packed;
	size_t packed_cap;
	VyTicket ticket; /* of a parked request */
};

typedef _Atomic uint64_t VyCounter;

#define VY_LATENCY_BUCKETS 12

typedef struct VyCounters
{
	VyCounter requests[6]; /* by the status's first digit */
	VyCounter refused[VY_REFUSALS];
	VyCounter bytes_out;
	VyCounter clients;
	VyCounter queued;
	VyCounter in_database;
	VyCounter connections_ready;
	VyCounter connections_lost;
	VyCounter repeats;
	VyCounter parked;
	VyCounter latency[VY_LATENCY_BUCKETS];
	VyCounter latency_us;
} VyCounters;

static inline void
vy_count(VyCounter *counter, int64_t by)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + (uint64_t) by, memory_order_relaxed);
}

extern const int vy_latency_bounds_us[VY_LATENCY_BUCKETS - 1];

struct VyLoop
{
	int number;
	int listen_fd;
	int epoll_fd;
	int wake_fd;
	int signal_fd; /* of the first loop; else -1 */
	struct MHD_Daemon *daemon;
	VyPool *pool;
	VyStatic *files;
	int64_t now_us; /* of this turn, monotonic */
	int64_t wall_us; /* of this turn, since 1970 */
	bool run_http; /* libmicrohttpd has something to do this turn */
	_Atomic bool stop;
	_Atomic bool reload;
	bool stopping;
	int64_t stop_by_us;
	VyDueList deadlines[VY_DEADLINE_KINDS];
	VyRequest *free_requests;
	unsigned nfree;
	unsigned nrequests; /* between request line and end of the answer */
	unsigned nparked; /* of them, those that libmicrohttpd need not be called for */
	unsigned nwaiting; /* of these, those that wait for a job */
	unsigned nserved; /* requests that ended since events were last taken */
	bool settling; /* the last turn had an event for libmicrohttpd */
	VyCounters counters;
	VyHeard heard;
	size_t nrandom;
	uint8_t random[1024];
	size_t log_len;
	char log[16384];
	char names[VY_MAX_HEAD]; /* header names in lower case while a request is packed */
	VyHeader headers[VY_MAX_ANSWER_HEADERS];
};

/* loop.c */
VyLoop *vy_loop_new(int number, int listen_fd);
void *vy_loop_run(void *loop);
bool vy_loop_watch_signals(VyLoop *loop, int fd);
void vy_loop_wake(VyLoop *loop);
void vy_loop_free(VyLoop *loop);
void vy_loop_deadline(VyClient *client, VyDeadlineKind kind);
void vy_loop_served_one(VyLoop *loop);

/* server.c */
struct MHD_Daemon *vy_server_start(VyLoop *loop);
void vy_server_finish(VyRequest *request); /* the pool is done with it */
void vy_server_make_id(VyLoop *loop, char id[static VY_ID_MAX + 1]);

/* framing.c: looks at a whole head, through libmicrohttpd's pointers into its buffer */
VyRefusal vy_framing_check(VyRequest *request, struct MHD_Connection *connection, const char *version, size_t *content_length);

/*
 * answer.c, refuse.c. libmicrohttpd makes three allocations of each header and copies each by itself into each answer. So it gets one,
 * whose value is then overwritten where it lies, by all the others. The first name ends with a NUL.
 */
bool vy_answer_headers(struct MHD_Response *response, const VyHeader *headers, size_t n);
enum MHD_Result vy_answer_result(VyRequest *request, struct MHD_Connection *connection);
enum MHD_Result vy_refuse(VyRequest *request, struct MHD_Connection *connection, VyRefusal why);
/* In place of MHD_queue_response(). */
enum MHD_Result vy_queue(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response);
bool vy_answer_text(struct MHD_Response **response, const char *type, const char *text, size_t n);

/* pool.c, backend.c */
VyPool *vy_pool_new(VyLoop *loop);
PGconn *vy_connect(bool at_once);
bool vy_pool_admit(VyRequest *request); /* false: refused, request->refusal says why */
void vy_pool_submit(VyRequest *request);
void vy_backend_event(void *backend);
void vy_pool_turn(VyPool *pool);
int64_t vy_pool_due(const VyPool *pool); /* when it wants to be called without an event; INT64_MAX: never */
void vy_pool_fail_all(VyPool *pool);
void vy_pool_free(VyPool *pool);

/* park.c */
bool vy_park(VyRequest *request, VyStr wait); /* false: it is to be answered at once */
void vy_park_resume(VyClient *client, bool final);
void vy_park_resume_all(VyLoop *loop, bool final);
void vy_park_notified(VyLoop *loop, int64_t number);
void vy_park_left(void *odd);

/* cork.c */
bool vy_cork_open(int fd);
bool vy_cork_flush(int fd, bool *pending); /* false: the connection is gone */
void vy_cork_close(int fd);

/* static.c */
VyStatic *vy_static_new(const char *folder);
bool vy_static_answer(VyStatic *files, VyRequest *request, struct MHD_Connection *connection, enum MHD_Result *result);
void vy_static_reload(VyStatic *files);
void vy_static_free(VyStatic *files);

/* log.c */
void vy_log_request(VyRequest *request);
void vy_log_flush(VyLoop *loop);
void vy_log_event(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* admin.c */
bool vy_admin_start(VyLoop **loops, int nloops);
void vy_admin_stop(void);

/* selftest.c, serve.c, commands.c */
bool vy_selftest(void);
int vy_serve(const char *command, const char *argument);
void vy_serve_signal(uint32_t number);
int vy_listen(const char *host, int port, bool shared, int *bound_port);
int vy_command_steps(const char *command, const char *argument);
int vy_command_doctor(const char *command, const char *argument);

#endif
