/*
 * answer.c: from the database's packed answer to libmicrohttpd's response, without copying: the response owns the PGresult.
 */
#include "shim.h"

#include <malloc.h>

#include "base/field.h"

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
passes(const VyHeader *header)
{
	if (header->value.n == 0 || vy_str_starts(header->name, "x-vyricon-shim-"))
		return false;
	for (size_t i = 0; i < sizeof(own_headers) / sizeof(own_headers[0]); i++)
		if (vy_str_is(header->name, own_headers[i]))
			return false;
	return true;
}

/*
 * libmicrohttpd makes three allocations of a header and looks at it four times; an answer has fifteen. So it gets one, of the first name,
 * with a value that is as long as all the rest, and the rest is then written over that value where it lies: lines and all.
 */
static bool
add_headers(struct MHD_Response *response, const VyWireAnswer *answer)
{
	char filler[VY_CONNECTION_MEMORY];
	const VyHeader *first = NULL;
	size_t n = 0;
	char *at;
	for (size_t i = answer->nheaders; i-- > 0;)
		if (passes(&answer->headers[i]))
		{
			first = &answer->headers[i];
			if (!vy_field_name_ok(first->name) || !vy_field_value_ok(first->value))
				return false;
			n += strlen("\r\n: ") + first->name.n + first->value.n;
		}
	if (!first)
		return true;
	n -= strlen("\r\n: ") + first->name.n;
	memset(filler, 'a', n);
	filler[n] = '\0';
	/* behind the name stands a length that has been read already */
	((char *) (uintptr_t) first->name.p)[first->name.n] = '\0';
	if (MHD_add_response_header(response, first->name.p, filler) != MHD_YES)
		return false;
	at = (char *) (uintptr_t) MHD_get_response_header(response, first->name.p);
	at = mempcpy(at, first->value.p, first->value.n);
	for (const VyHeader *header = first + 1; header < answer->headers + answer->nheaders; header++)
		if (passes(header))
		{
			at = mempcpy(mempcpy(at, "\r\n", 2), header->name.p, header->name.n);
			at = mempcpy(mempcpy(at, ": ", 2), header->value.p, header->value.n);
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
	if (add_headers(response, &answer) && (!request->closing || MHD_add_response_header(response, "connection", "close") == MHD_YES))
	{
		queued = vy_queue(connection, answer.status, response);
		request->status = answer.status;
		request->answer_bytes = answer.body.n;
		request->phase = VY_PHASE_ANSWERED;
	}
	MHD_destroy_response(response);
	return request->phase == VY_PHASE_ANSWERED ? queued : vy_refuse(request, connection, VY_INTERNAL);
}
