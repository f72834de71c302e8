/*
 * answer.c: from the database's packed answer to libmicrohttpd's response, without copying: the response owns the PGresult.
 */
#include "shim.h"

#include <malloc.h>

/* Answers above this size are given back to the system at once. */
#define BIG_ANSWER (1 << 20)

/* What libmicrohttpd writes itself, from what it knows better: in less than so many bytes, with the status line. */
#define OWN_BYTES 160
static const char *const own_headers[] = {"content-length", "connection", "transfer-encoding", "date"};

static void
release_result(void *result)
{
	bool big = PQgetlength(result, 0, 0) > BIG_ANSWER;
	PQclear(result);
	if (big)
		malloc_trim(0);
}

static bool
passes(VyStr name)
{
	if (vy_str_starts(name, "x-vyricon-shim-"))
		return false;
	for (size_t i = 0; i < sizeof(own_headers) / sizeof(own_headers[0]); i++)
		if (vy_str_is(name, own_headers[i]))
			return false;
	return true;
}

/*
 * libmicrohttpd takes C strings. Behind every name and every value but the last stands a length that has been read already: its first byte
 * becomes the NUL. The last value is copied, since the body follows it.
 */
static bool
add_headers(struct MHD_Response *response, const VyWireAnswer *answer)
{
	for (size_t i = 0; i < answer->nheaders; i++)
	{
		VyHeader header = answer->headers[i];
		char last[4096];
		const char *value = header.value.p;
		if (!passes(header.name))
			continue;
		((char *) (uintptr_t) header.name.p)[header.name.n] = '\0';
		if (i + 1 < answer->nheaders)
			((char *) (uintptr_t) header.value.p)[header.value.n] = '\0';
		else if (header.value.n < sizeof(last))
		{
			memcpy(last, header.value.p, header.value.n);
			last[header.value.n] = '\0';
			value = last;
		}
		else
			return false;
		if (header.value.n > 0 && MHD_add_response_header(response, header.name.p, value) != MHD_YES)
			return false;
	}
	return true;
}

enum MHD_Result
vy_answer_result(VyRequest *request, struct MHD_Connection *connection)
{
	VyWireAnswer answer = {.headers = request->loop->headers, .max_headers = VY_MAX_ANSWER_HEADERS};
	PGresult *result = request->result;
	size_t n;
	struct MHD_Response *response;
	enum MHD_Result queued = MHD_NO;
	bool ok;
	n = PQntuples(result) == 1 && PQnfields(result) == 1 ? (size_t) PQgetlength(result, 0, 0) : 0;
	if (n == 0 || !vy_wire_answer_read(&answer, (const uint8_t *) PQgetvalue(result, 0, 0), n) || answer.status < 200 ||
		answer.status > 599)
		return vy_refuse(request, connection, VY_INTERNAL);
	/* there a header takes less than in the packed answer */
	if (n - answer.body.n + OWN_BYTES + request->head_memory > VY_CONNECTION_MEMORY)
		return vy_refuse(request, connection, VY_ANSWER_TOO_LARGE);
	response =
		MHD_create_response_from_buffer_with_free_callback_cls(answer.body.n, (void *) (uintptr_t) answer.body.p, release_result, result);
	if (!response)
		return vy_refuse(request, connection, VY_INTERNAL);
	request->result = NULL; /* the response's now */
	ok = add_headers(response, &answer);
	if (ok && request->closing)
		ok = MHD_add_response_header(response, "connection", "close") == MHD_YES;
	if (ok)
		queued = vy_queue(connection, answer.status, response);
	MHD_destroy_response(response);
	if (!ok)
		return vy_refuse(request, connection, VY_INTERNAL);
	request->status = answer.status;
	request->answer_bytes = answer.body.n;
	request->phase = VY_PHASE_ANSWERED;
	return queued;
}
