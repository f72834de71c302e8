/*
 * server.c: libmicrohttpd's callbacks: a request from its first line to its answer.
 *
 * on_request() is called once with the whole head, then with the body in pieces, then without: there the packed request goes to the pool,
 * and the call returns without an answer. libmicrohttpd then calls again in each of its turns, until the pool has called vy_server_finish()
 * and the answer is there. Suspending the connection instead would cost three system calls; as it is, a waiting request costs a call of a
 * function that returns, and the pool bounds how many wait.
 */
#include "options.h"
#include "shim.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/field.h"
#include "base/head.h"

#define MAX_FREE_REQUESTS 256
#define FIRST_BODY 65536
#define KEEP_PACKED 4096

typedef struct Collector
{
	VyRequest *request;
	size_t nheaders;
	size_t names_len;
	bool proxied;
	VyStr forwarded;
} Collector;

static VyRequest *
new_request(VyLoop *loop)
{
	VyRequest *request = loop->free_requests;
	if (request)
	{
		loop->free_requests = request->next;
		loop->nfree--;
	}
	else
		request = calloc(1, sizeof(*request));
	if (!request)
		return NULL;
	memset(request, 0, offsetof(VyRequest, target));
	request->loop = loop;
	loop->nrequests++;
	return request;
}

/* Its buffers stay with it, unless they have grown. */
static void
free_request(VyRequest *request)
{
	VyLoop *loop = request->loop;
	free(request->fields);
	PQclear(request->result);
	loop->nrequests--;
	if (loop->nfree >= MAX_FREE_REQUESTS || request->packed_cap > KEEP_PACKED)
	{
		free(request->packed);
		free(request->target);
		free(request);
		return;
	}
	request->next = loop->free_requests;
	loop->free_requests = request;
	loop->nfree++;
}

static bool
reserve(void **bytes, size_t *cap, size_t need)
{
	void *grown = need > *cap ? realloc(*bytes, need) : *bytes;
	if (!grown)
		return false;
	*cap = need > *cap ? need : *cap;
	*bytes = grown;
	return true;
}

static bool
take_id(VyRequest *request, VyStr id)
{
	if (!vy_field_id_ok(id))
		return false;
	memcpy(request->id, id.p, id.n);
	request->id[id.n] = '\0';
	return true;
}

void
vy_server_make_id(VyLoop *loop, char id[static VY_ID_MAX + 1])
{
	if (loop->nrandom < 16)
	{
		ssize_t n = getrandom(loop->random, sizeof(loop->random), 0);
		loop->nrandom = n > 0 ? (size_t) n : sizeof(loop->random);
	}
	loop->nrandom -= 16;
	vy_field_hex(id, loop->random + loop->nrandom, 16);
}

static enum MHD_Result
collect_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value, size_t value_len)
{
	Collector *collector = cls;
	VyRequest *request = collector->request;
	VyLoop *loop = request->loop;
	char *lower = loop->names + collector->names_len;
	(void) kind;
	if (collector->names_len + name_len > sizeof(loop->names))
		return MHD_NO;
	for (size_t i = 0; i < name_len; i++)
		lower[i] = vy_ascii_lower(name[i]);
	if (name_len == 12 && memcmp(lower, "x-request-id", 12) == 0)
	{
		take_id(request, vy_str(value, value_len));
		return MHD_YES;
	}
	if (name_len > 12 && memcmp(lower, "x-forwarded-", 12) == 0)
	{
		if (!collector->proxied)
			return MHD_YES;
		if (name_len == 15 && memcmp(lower + 12, "for", 3) == 0)
			collector->forwarded = vy_str(value, value_len);
	}
	collector->names_len += name_len;
	loop->headers[collector->nheaders++] = (VyHeader){vy_str(lower, name_len), vy_str(value, value_len)};
	return MHD_YES;
}

/* Everything but the body, which is appended as it comes. */
static bool
pack_head(VyRequest *request, struct MHD_Connection *connection, size_t content_length)
{
	VyLoop *loop = request->loop;
	Collector collector = {.request = request, .proxied = vy_options_trusts(&request->client->peer)};
	VyWireRequest wire;
	size_t size;
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, collect_header, &collector);
	if (!request->id[0])
		vy_server_make_id(request->loop, request->id);
	loop->headers[collector.nheaders++] = (VyHeader){VY_STR("x-request-id"), vy_cstr(request->id)};
	wire = (VyWireRequest){
		.peer = vy_options_client(request->client->peer, collector.forwarded),
		.method = vy_cstr(request->method),
		.target = vy_str(request->target, request->target_len),
		.headers = loop->headers,
		.nheaders = collector.nheaders,
	};
	size = vy_wire_request_size(&wire);
	if (!reserve(&request->packed, &request->packed_cap, size + (content_length < FIRST_BODY ? content_length : FIRST_BODY)) ||
		!vy_wire_request_write(request->packed, size, &wire))
		return false;
	request->packed_len = size;
	request->body_at = size;
	return true;
}

static bool
append_body(VyRequest *request, const char *bytes, size_t n)
{
	size_t need = request->packed_len + n;
	if (need - request->body_at > (size_t) vy_options.max_body)
		return false;
	if (need > request->packed_cap && !reserve(&request->packed, &request->packed_cap, 2 * need))
		return false;
	memcpy((uint8_t *) request->packed + request->packed_len, bytes, n);
	request->packed_len = need;
	return true;
}

static enum MHD_Result
refuse_head(VyRequest *request, struct MHD_Connection *connection, VyRefusal why)
{
	if (!request->id[0])
		vy_server_make_id(request->loop, request->id);
	return vy_refuse(request, connection, why);
}

static enum MHD_Result
begin_request(VyRequest *request, struct MHD_Connection *connection, const char *method, const char *version)
{
	size_t content_length;
	VyRefusal verdict;
	request->method = method;
	request->closing = request->loop->stopping;
	verdict = vy_framing_check(request, connection, version, &content_length);
	request->uri = NULL;
	if (verdict == VY_ACCEPTED && !vy_head_method(vy_cstr(request->method), &request->read_only))
		verdict = VY_BAD_METHOD;
	if (verdict != VY_ACCEPTED)
		return refuse_head(request, connection, verdict);
	request->phase = VY_PHASE_BODY;
	if (content_length == 0)
		return MHD_YES;
	vy_loop_deadline(request->client, VY_DEADLINE_BODY);
	return pack_head(request, connection, content_length) ? MHD_YES : refuse_head(request, connection, VY_INTERNAL);
}

/* The whole request is there: a file, or a question for the database. */
static enum MHD_Result
end_request(VyRequest *request, struct MHD_Connection *connection)
{
	enum MHD_Result result;
	vy_loop_deadline(request->client, VY_DEADLINE_NONE);
	if (request->read_only && vy_static_answer(request->loop->files, request, connection, &result))
		return result;
	if (!request->packed_len && !pack_head(request, connection, 0))
		return refuse_head(request, connection, VY_INTERNAL);
	if (!vy_pool_admit(request))
		return refuse_head(request, connection, request->refusal);
	vy_wire_body_appended((uint8_t *) request->packed + request->body_at, request->packed_len - request->body_at);
	request->phase = VY_PHASE_POOL;
	request->loop->nparked++;
	vy_pool_submit(request);
	return MHD_YES;
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *upload,
		   size_t *upload_len, void **state)
{
	VyRequest *request = *state;
	(void) cls;
	(void) url;
	if (!request)
		return MHD_NO;
	switch (request->phase)
	{
		case VY_PHASE_HEAD:
			return begin_request(request, connection, method, version);
		case VY_PHASE_BODY:
			if (*upload_len > 0)
			{
				bool ok = append_body(request, upload, *upload_len);
				*upload_len = 0;
				return ok ? MHD_YES : MHD_NO;
			}
			return end_request(request, connection);
		case VY_PHASE_ANSWER:
			vy_loop_deadline(request->client, VY_DEADLINE_SEND);
			request->closing |= request->loop->stopping;
			return request->refusal ? refuse_head(request, connection, request->refusal) : vy_answer_result(request, connection);
		case VY_PHASE_POOL:
		case VY_PHASE_PARKED:
		case VY_PHASE_ANSWERED:
			return MHD_YES;
		case VY_PHASE_LEFT:
			return MHD_NO;
	}
	return MHD_NO;
}

void
vy_server_finish(VyRequest *request)
{
	if (!request->mhd)
	{
		free_request(request);
		return;
	}
	request->phase = VY_PHASE_ANSWER;
	request->loop->nparked--;
	request->loop->run_http = true;
	if (request->suspended)
		MHD_resume_connection(request->mhd);
	request->suspended = false;
}

/* The request line is in. The target is copied here: later it is decoded in place. */
static void *
on_target(void *cls, const char *uri, struct MHD_Connection *connection)
{
	VyLoop *loop = cls;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	VyRequest *request = info && info->socket_context ? new_request(loop) : NULL;
	const char *query = strchr(uri, '?');
	if (!request)
		return NULL;
	request->client = info->socket_context;
	request->client->request = request;
	request->mhd = connection;
	request->uri = uri;
	request->began_us = loop->now_us;
	request->target_len = strlen(uri);
	request->path_len = query ? (size_t) (query - uri) : request->target_len;
	if (!reserve(&request->target, &request->target_cap, request->target_len + 1))
	{
		free_request(request);
		return NULL;
	}
	memcpy(request->target, uri, request->target_len + 1);
	vy_loop_deadline(request->client, VY_DEADLINE_HEAD);
	return request;
}

static void
count_request(VyRequest *request)
{
	VyCounters *counters = &request->loop->counters;
	int64_t took = request->loop->now_us - request->began_us - request->waited_us;
	int bucket = 0;
	while (bucket < VY_LATENCY_BUCKETS - 1 && took > vy_latency_bounds_us[bucket])
		bucket++;
	vy_count(&counters->requests[request->status / 100 % 6], 1);
	vy_count(&counters->bytes_out, (int64_t) request->answer_bytes);
	vy_count(&counters->latency[bucket], 1);
	vy_count(&counters->latency_us, took);
}

static void
on_completed(void *cls, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code)
{
	VyRequest *request = *state;
	VyLoop *loop = cls;
	(void) connection;
	(void) code;
	if (!request)
		return;
	*state = NULL;
	request->client->request = NULL;
	if (request->status > 0)
	{
		count_request(request);
		vy_log_request(request);
	}
	vy_loop_deadline(request->client, VY_DEADLINE_IDLE);
	if (request->phase == VY_PHASE_POOL)
	{
		/* the client left; the pool still has the request */
		request->loop->nparked--;
		request->mhd = NULL;
		return;
	}
	free_request(request);
	vy_loop_served_one(loop);
}

static void
read_peer(VyPeer *peer, const struct sockaddr *address)
{
	if (address && address->sa_family == AF_INET)
		vy_peer_set(peer, 4, (const uint8_t *) &((const struct sockaddr_in *) (const void *) address)->sin_addr);
	else if (address && address->sa_family == AF_INET6)
		vy_peer_set(peer, 6, ((const struct sockaddr_in6 *) (const void *) address)->sin6_addr.s6_addr);
}

static void
on_connection(void *cls, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code)
{
	VyLoop *loop = cls;
	VyClient *client = *context;
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
	{
		const union MHD_ConnectionInfo *fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		const union MHD_ConnectionInfo *address = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
		client = calloc(1, sizeof(*client));
		if (!client)
			return;
		client->loop = loop;
		client->fd = fd ? fd->connect_fd : -1;
		read_peer(&client->peer, address ? address->client_addr : NULL);
		*context = client;
		vy_count(&loop->counters.clients, 1);
		vy_loop_deadline(client, VY_DEADLINE_HEAD);
	}
	else if (client)
	{
		vy_loop_deadline(client, VY_DEADLINE_NONE);
		vy_count(&loop->counters.clients, -1);
		free(client);
		*context = NULL;
	}
}

/* The database decodes targets, once and per segment. */
static size_t
leave_escaped(void *cls, struct MHD_Connection *connection, char *text)
{
	(void) cls;
	(void) connection;
	return strlen(text);
}

struct MHD_Daemon *
vy_server_start(VyLoop *loop)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, loop, MHD_OPTION_LISTEN_SOCKET,
							loop->listen_fd, MHD_OPTION_URI_LOG_CALLBACK, on_target, loop, MHD_OPTION_NOTIFY_COMPLETED, on_completed, loop,
							MHD_OPTION_NOTIFY_CONNECTION, on_connection, loop, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, loop,
							MHD_OPTION_CONNECTION_LIMIT, (unsigned) vy_options.connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
							(size_t) VY_CONNECTION_MEMORY, MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned) vy_options.per_address,
							MHD_OPTION_END);
}
