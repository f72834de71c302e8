/*
 * refuse.c: the answers that the shim makes itself: JSON, with the headers of every answer of ours.
 *
 * A refusal that ends its connection is written to the socket here, since libmicrohttpd needs memory for an answer that a large head has
 * not left. The library answers heads that it cannot read itself: with a page of HTML, without these headers, and some of them twice. It
 * queues such an answer by a public function, and takes cookies apart, into a second copy that nobody reads, by what another one finds.
 * This file defines both for the whole program.
 */
#include "shim.h"

#include <dlfcn.h>
#include <strings.h>

#define DRAIN_READS 32

typedef enum MHD_Result Queue(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response);
typedef enum MHD_Result Lookup(struct MHD_Connection *connection, enum MHD_ValueKind kind, const char *key, size_t n, const char **value,
							   size_t *value_n);

bool
vy_answer_text(struct MHD_Response **response, const char *type, const char *text, size_t n)
{
	VyHeader headers[1 + VY_REFUSAL_HEADERS] = {{VY_STR("content-type"), vy_cstr(type)}};
	memcpy(headers + 1, vy_security_headers, sizeof(vy_security_headers));
	/* copied: the text does not change, though the parameter is not const */
	*response = MHD_create_response_from_buffer(n, (void *) (uintptr_t) text, MHD_RESPMEM_MUST_COPY);
	return *response && vy_answer_headers(*response, headers, 1 + VY_REFUSAL_HEADERS);
}

static void
note_refusal(VyRequest *request, VyRefusal why, size_t n)
{
	vy_count(&request->loop->counters.refused[why], 1);
	request->refusal = why;
	request->status = vy_refusal(why)->status;
	request->answer_bytes = n;
	request->phase = VY_PHASE_ANSWERED;
}

/* Unread bytes would make the kernel reset the connection, and the client lose the answer. */
static void
send_and_drain(int fd, const char *page, size_t n)
{
	char rest[4096];
	if (sendto(fd, page, n, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0) != (ssize_t) n || shutdown(fd, SHUT_WR) != 0)
		return;
	for (int i = 0; i < DRAIN_READS && recv(fd, rest, sizeof(rest), MSG_DONTWAIT) > 0; i++)
		continue;
}

enum MHD_Result
vy_refuse(VyRequest *request, struct MHD_Connection *connection, VyRefusal why)
{
	const VyRefusalRow *row = vy_refusal(why);
	bool no_body = request->method && strcmp(request->method, "HEAD") == 0;
	struct MHD_Response *response;
	char text[VY_REFUSAL_PAGE];
	size_t n = vy_refusal_body(text, row, vy_cstr(request->id));
	enum MHD_Result result = MHD_NO;
	note_refusal(request, why, n);
	if (row->closes || request->closing)
	{
		send_and_drain(request->client->fd, text, vy_refusal_page(text, row, vy_cstr(request->id), no_body));
		return MHD_NO;
	}
	if (vy_answer_text(&response, "application/json", text, n) &&
		MHD_add_response_header(response, "x-request-id", request->id) == MHD_YES &&
		(!row->later || MHD_add_response_header(response, "retry-after", "1") == MHD_YES))
		result = vy_queue(connection, row->status, response);
	if (response)
		MHD_destroy_response(response);
	return result;
}

enum MHD_Result
vy_queue(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response)
{
	static _Atomic(Queue *) real;
	if (!real)
		real = (Queue *) dlsym(RTLD_NEXT, "MHD_queue_response");
	return real(connection, status, response);
}

/* Only the library calls this. */
__attribute__((visibility("default"))) enum MHD_Result
MHD_queue_response(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	int fd = info ? info->connect_fd : -1;
	VyRefusal why = vy_refusal_of(status);
	VyClient *client;
	char page[VY_REFUSAL_PAGE];
	char id[VY_ID_MAX + 1] = "";
	size_t n;
	(void) response;
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	client = info ? info->socket_context : NULL;
	if (client)
		vy_server_make_id(client->loop, id);
	n = vy_refusal_page(page, vy_refusal(why), vy_cstr(id), false);
	if (client && client->request)
	{
		memcpy(client->request->id, id, sizeof(id));
		note_refusal(client->request, why, n);
	}
	else if (client)
		vy_count(&client->loop->counters.refused[why], 1);
	send_and_drain(fd, page, n);
	return MHD_NO;
}

__attribute__((visibility("default"))) enum MHD_Result
MHD_lookup_connection_value_n(struct MHD_Connection *connection, enum MHD_ValueKind kind, const char *key, size_t n, const char **value,
							  size_t *value_n)
{
	static _Atomic(Lookup *) real;
	if (n == 6 && strcasecmp(key, "cookie") == 0)
		return MHD_NO;
	if (!real)
		real = (Lookup *) dlsym(RTLD_NEXT, "MHD_lookup_connection_value_n");
	return real(connection, kind, key, n, value, value_n);
}
