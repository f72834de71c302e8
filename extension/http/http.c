/*
 * http.c: the SQL face of the request path: vyricon.http_wire() for the shim, vyricon.http() for people and tests, vyricon.http_failed(),
 * vyricon.http_resume().
 *
 * http_wire() raises, so that everything rolls back; the shim then asks http_failed() in a transaction of its own to render the answer.
 * http() runs the same pipeline in a subtransaction and renders at once.
 */
#include "http/http.h"

#include <sched.h>
#include <sys/socket.h>

#include "access/xact.h"
#include "funcapi.h"
#include "catalog/pg_type.h"
#include "core/settings.h"
#include "core/shm.h"
#include "http/cors.h"
#include "http/csrf.h"
#include "http/dev.h"
#include "http/dispatch.h"
#include "http/docs.h"
#include "http/explain.h"
#include "http/failure.h"
#include "http/idempotency.h"
#include "http/openapi.h"
#include "http/request.h"
#include "http/response.h"
#include "http/route.h"
#include "http/stat.h"
#include "jobs/wait.h"
#include "rest/rest.h"
#include "utils/array.h"
#include "utils/formatting.h"
#include "utils/inet.h"
#include "utils/resowner.h"

bool vy_dev;
static int max_answer_kb;

/* True while http_wire() runs: its expected refusals stay out of the server log. */
static bool serving_wire;
static emit_log_hook_type previous_log_hook;

static const VySetting settings[] = {
	{"vyricon.dev", "Development: explains refusals, hands out tokens. Never in production.", PGC_SIGHUP, 0, PGC_BOOL, &vy_dev, NULL, 0, 0,
	 0},
	{"vyricon.max_answer", "Largest body of an answer.", PGC_SUSET, GUC_UNIT_KB, PGC_INT, &max_answer_kb, NULL, 32 * 1024, 64, 512 * 1024},
};

static const VyRoute routes[] = {
	{VY_GET | VY_HEAD, "/openapi.json", vy_openapi_handle, &vy_dialect, 0, "This description, by the caller's rights", InvalidOid},
	{VY_GET | VY_HEAD, "/rest/v1/", vy_openapi_handle, &vy_rest_dialect, 0, NULL, InvalidOid},
	{VY_GET | VY_HEAD, "/docs", vy_docs_handle, &vy_dialect, VY_ROUTE_PLATFORM | VY_ROUTE_HTML, "A page that shows it", InvalidOid},
	{VY_GET | VY_HEAD, "/docs/:file", vy_docs_handle, &vy_dialect, VY_ROUTE_PLATFORM | VY_ROUTE_HTML, NULL, InvalidOid},
	{VY_GET, "/dev/token/:email", vy_dev_token, &vy_dialect, VY_ROUTE_PLATFORM | VY_ROUTE_DEV, NULL, InvalidOid},
};

static void schedule_in_batches(void);
static void read_wire(VyRequest *request, VyWireRequest *wire, bytea *packed);
static void filter_log(ErrorData *error);
static void on_xact_end(XactEvent event, void *arg);
static Datum answer_row(FunctionCallInfo fcinfo, VyResponse *response);
static VyHeader *headers_of(ArrayType *array, size_t *n);
static void peer_of(VyPeer *peer, inet *address);
static void render_caught(VyRequest *request, VyResponse *response, const VyFailure *failure);

void
vy_http_init(void)
{
	VY_SETTINGS_DEFINE(settings);
	vy_request_settings_init();
	vy_cors_init();
	vy_csrf_init();
	vy_idempotency_init();
	VY_ROUTES_ADD(routes);
	RegisterXactCallback(on_xact_end, NULL);
	previous_log_hook = emit_log_hook;
	emit_log_hook = filter_log;
}

size_t
vy_http_max_answer(void)
{
	return (size_t) max_answer_kb * 1024;
}

VY_FUNCTION(vyricon_http_wire)
{
	VyWireRequest wire;
	VyHeader headers[VY_MAX_HEADERS];
	VyRequest request;
	VyResponse response;

	schedule_in_batches();
	wire.headers = headers;
	read_wire(&request, &wire, PG_GETARG_BYTEA_PP(0));
	serving_wire = true;
	vy_response_init(&response);
	vy_dispatch(&request, &response, false);
	serving_wire = false;
	if (vy_shm != NULL)
		pg_atomic_fetch_add_u64(&vy_shm->requests, 1);
	PG_RETURN_BYTEA_P(vy_response_pack(&response));
}

/* $2: sqlstate, message, detail, hint, schema, table, column, constraint. */
VY_FUNCTION(vyricon_http_failed)
{
	VyWireRequest wire;
	VyHeader headers[VY_MAX_HEADERS];
	VyRequest request;
	VyResponse response;
	VyFailure failure = {.sqlstate = "XX000"};
	Datum *fields;
	bool *nulls;
	int n;
	char *texts[8] = {NULL};

	wire.headers = headers;
	read_wire(&request, &wire, PG_GETARG_BYTEA_PP(0));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &fields, &nulls, &n);
	for (int i = 0; i < n && i < (int) lengthof(texts); i++)
		if (!nulls[i])
			texts[i] = TextDatumGetCString(fields[i]);
	if (texts[0] != NULL && strlen(texts[0]) == 5)
		strlcpy(failure.sqlstate, texts[0], sizeof(failure.sqlstate));
	failure.message = texts[1];
	failure.detail = texts[2];
	failure.hint = texts[3];
	failure.constraint = texts[7];
	vy_response_init(&response);
	render_caught(&request, &response, &failure);
	PG_RETURN_BYTEA_P(vy_response_pack(&response));
}

/* $2: the ticket that the request was answered with; $3: it has waited long enough. The request itself is not run again. */
VY_FUNCTION(vyricon_http_resume)
{
	VyWireRequest wire;
	VyHeader headers[VY_MAX_HEADERS];
	VyRequest request;
	VyResponse response;
	unsigned allowed;

	wire.headers = headers;
	read_wire(&request, &wire, PG_GETARG_BYTEA_PP(0));
	vy_response_init(&response);
	(void) vy_cors(&request, &response);
	(void) vy_route_find(&request, &allowed);
	if (!vy_wait_resume(&request, &response, vy_text_str(PG_GETARG_TEXT_PP(1)), PG_GETARG_BOOL(2)))
		vy_refuse(&request, &response, 404, "VY404", "there is no such ticket", NULL, NULL);
	vy_response_header(&response, "cache-control", vy_cstr(vy_failure_dialect(&request)->cache_control));
	vy_response_finish(&request, &response);
	PG_RETURN_BYTEA_P(vy_response_pack(&response));
}

VY_FUNCTION(vyricon_http)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	VyWireRequest wire = {0};
	VyRequest request;
	VyResponse *response = palloc(sizeof(VyResponse));
	VyFailure failure = {.sqlstate = ""};

	wire.method = vy_text_str(PG_GETARG_TEXT_PP(0));
	wire.target = vy_text_str(PG_GETARG_TEXT_PP(1));
	if (!PG_ARGISNULL(2))
		wire.headers = headers_of(PG_GETARG_ARRAYTYPE_P(2), &wire.nheaders);
	if (!PG_ARGISNULL(3))
		wire.body = vy_text_str((text *) PG_GETARG_BYTEA_PP(3));
	if (!PG_ARGISNULL(4))
		peer_of(&wire.peer, PG_GETARG_INET_PP(4));
	vy_request_init(&request, &wire);

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		vy_response_init(response);
		vy_dispatch(&request, response, true);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		memcpy(failure.sqlstate, unpack_sql_state(error->sqlerrcode), 6);
		failure.message = error->message;
		failure.detail = error->detail;
		failure.hint = error->hint;
		failure.constraint = error->constraint_name;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (failure.sqlstate[0] != '\0')
	{
		vy_response_init(response);
		render_caught(&request, response, &failure);
	}
	return answer_row(fcinfo, response);
}

/* The whole answer to an error, with the same headers as any other. */
static void
render_caught(VyRequest *request, VyResponse *response, const VyFailure *failure)
{
	unsigned allowed;

	(void) vy_cors(request, response);
	(void) vy_route_find(request, &allowed);
	if (vy_dispatch_identify(request, response))
		vy_failure_render(request, response, failure);
	vy_response_header(response, "cache-control", vy_cstr(vy_failure_dialect(request)->cache_control));
	vy_stat_request(request, response->status, -1);
	if (vy_dev)
		vy_explain_why(request, response);
	vy_response_finish(request, response);
}

/*
 * A backend that serves the shim gets several requests at a time; being woken for the next must not interrupt the shim or another backend
 * in the middle of one, which costs as much as a short statement. On two busy processors 10-20 % more lists, and half of their p99.
 */
static void
schedule_in_batches(void)
{
#ifdef SCHED_BATCH
	static bool done;

	if (!done)
		(void) sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
	done = true;
#endif
}

static void
read_wire(VyRequest *request, VyWireRequest *wire, bytea *packed)
{
	wire->max_headers = VY_MAX_HEADERS;
	if (!vy_wire_request_read(wire, (const uint8_t *) VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed)))
		ereport(ERROR, (errcode(ERRCODE_PROTOCOL_VIOLATION), errmsg("the packed request is not valid"),
						errhint("Shim and extension must be of the same version.")));
	vy_request_init(request, wire);
}

/* Before the error is written: a 4xx answer is the client's affair, not the operator's. */
static void
filter_log(ErrorData *error)
{
	if (serving_wire && error->elevel == ERROR && vy_failure_status(unpack_sql_state(error->sqlerrcode), false) < 500)
	{
		error->output_to_server = false;
		if (vy_shm != NULL)
			pg_atomic_fetch_add_u64(&vy_shm->refused, 1);
	}
	if (previous_log_hook != NULL)
		previous_log_hook(error);
}

static void
on_xact_end(XactEvent event, void *arg __attribute__((unused)))
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT)
	{
		serving_wire = false;
		vy_request_serve(NULL);
	}
}

static Datum
answer_row(FunctionCallInfo fcinfo, VyResponse *response)
{
	TupleDesc desc;
	Datum values[3];
	bool nulls[3] = {false, false, false};
	Datum *texts = palloc(response->nheaders * 2 * sizeof(Datum));

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "vyricon.http() must return a row");
	for (size_t i = 0; i < response->nheaders; i++)
	{
		texts[2 * i] = PointerGetDatum(vy_str_text(response->headers[i].name));
		texts[2 * i + 1] = PointerGetDatum(vy_str_text(response->headers[i].value));
	}
	values[0] = Int32GetDatum(response->status);
	values[1] = PointerGetDatum(construct_array(texts, (int) response->nheaders * 2, TEXTOID, -1, false, TYPALIGN_INT));
	values[2] = PointerGetDatum(
		cstring_to_text_with_len(response->body.data + response->body_start, response->body.len - (int) response->body_start));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* A flat array name, value, name, value. */
static VyHeader *
headers_of(ArrayType *array, size_t *n)
{
	Datum *texts;
	bool *nulls;
	int count;
	VyHeader *headers;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &texts, &nulls, &count);
	if (count % 2 != 0 || count / 2 > VY_MAX_HEADERS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("headers must be pairs of name and value, at most %d", VY_MAX_HEADERS)));
	headers = palloc((size_t) count / 2 * sizeof(VyHeader) + 1);
	for (int i = 0; i < count; i += 2)
	{
		if (nulls[i] || nulls[i + 1])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a header's name and value cannot be null")));
		headers[i / 2].name = vy_text_str(DatumGetTextPP(texts[i]));
		headers[i / 2].name.p = asc_tolower(headers[i / 2].name.p, headers[i / 2].name.n);
		headers[i / 2].value = vy_text_str(DatumGetTextPP(texts[i + 1]));
	}
	*n = (size_t) count / 2;
	return headers;
}

static void
peer_of(VyPeer *peer, inet *address)
{
	peer->family = ip_family(address) == PGSQL_AF_INET ? 4 : 6;
	memcpy(peer->addr, ip_addr(address), ip_family(address) == PGSQL_AF_INET ? 4 : 16);
}
