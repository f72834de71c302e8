/*
 * answer.c: from the database's packed answer to libmicrohttpd's response, without copying: the response owns the PGresult.
 */
#include "shim.h"

#include <malloc.h>

#include "base/passing.h"

/* Answers above this size are given back to the system at once. */
#define BIG_ANSWER (1 << 20)

/* What libmicrohttpd writes itself takes less than so many bytes, with the status line. */
#define OWN_BYTES 160

static void
release_result(void *result)
{
	bool big = PQgetlength(result, 0, 0) > BIG_ANSWER;
	PQclear(result);
	if (big)
		malloc_trim(0);
}

bool
vy_answer_headers(struct MHD_Response *response, const VyHeader *headers, size_t n)
{
	char filler[VY_CONNECTION_MEMORY];
	size_t size;
	if (!vy_passing_size(headers, n, &size))
		return false;
	if (size == 0 || size >= sizeof(filler))
		return size == 0;
	memset(filler, 'a', size);
	filler[size] = '\0';
	if (MHD_add_response_header(response, headers[0].name.p, filler) != MHD_YES)
		return false;
	vy_passing_write((char *) (uintptr_t) MHD_get_response_header(response, headers[0].name.p), headers, n);
	return true;
}

enum MHD_Result
vy_answer_result(VyRequest *request, struct MHD_Connection *connection)
{
	VyWireAnswer answer = {.headers = request->loop->headers, .max_headers = VY_MAX_ANSWER_HEADERS};
	PGresult *result = request->result;
	size_t n;
	VyStr wait = {NULL, 0};
	struct MHD_Response *response;
	enum MHD_Result queued = MHD_NO;
	n = PQntuples(result) == 1 && PQnfields(result) == 1 ? (size_t) PQgetlength(result, 0, 0) : 0;
	if (n == 0 || !vy_wire_answer_read(&answer, (const uint8_t *) PQgetvalue(result, 0, 0), n) || answer.status < 200 ||
		answer.status > 599)
		return vy_refuse(request, connection, VY_INTERNAL);
	answer.nheaders = vy_passing_keep(answer.headers, answer.nheaders, &wait);
	if (wait.p && vy_park(request, wait))
		return MHD_YES;
	/* behind a name stands a length that has been read already */
	if (answer.nheaders > 0)
		((char *) (uintptr_t) answer.headers[0].name.p)[answer.headers[0].name.n] = '\0';
	/* there a header takes less than in the packed answer */
	if (n - answer.body.n + OWN_BYTES + request->head_memory > VY_CONNECTION_MEMORY)
		return vy_refuse(request, connection, VY_ANSWER_TOO_LARGE);
	response =
		MHD_create_response_from_buffer_with_free_callback_cls(answer.body.n, (void *) (uintptr_t) answer.body.p, release_result, result);
	if (!response)
		return vy_refuse(request, connection, VY_INTERNAL);
	request->result = NULL; /* the response's now */
	if (vy_answer_headers(response, answer.headers, answer.nheaders) &&
		(!request->closing || MHD_add_response_header(response, "connection", "close") == MHD_YES))
	{
		queued = vy_queue(connection, answer.status, response);
		request->status = answer.status;
		request->answer_bytes = answer.body.n;
		request->phase = VY_PHASE_ANSWERED;
	}
	MHD_destroy_response(response);
	return request->phase == VY_PHASE_ANSWERED ? queued : vy_refuse(request, connection, VY_INTERNAL);
}
