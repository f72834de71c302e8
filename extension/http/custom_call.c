/*
 * custom_call.c: a request handed to the function of a user's route, and its result as the answer.
 *
 * The function runs as the caller: EXECUTE is checked against the caller's role, on every call. A function of jsonb is given
 * {"params":{...},"query":{...},"body":...}; a name that the query string has twice holds an array. What it returns is the answer's body.
 */
#include "http/custom.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

#include "base/json.h"
#include "base/url.h"
#include "base/utf8.h"
#include "core/json_writer.h"

#define MAX_PAIRS 1000
#define MAX_BODY_DEPTH 128

typedef struct Pair
{
	VyStr name;
	VyStr value;
	int position;
} Pair;

/* Headers that a handler may not set: the server's own. */
static const char *const server_headers[] = {
	"connection", "content-length", "date", "keep-alive", "server", "trailer", "transfer-encoding", "upgrade", "x-request-id",
};

static Datum call_as_caller(Oid function, Datum argument, bool *isnull);
static Datum request_row(const VyRequest *request, Oid type);
static bool append_body(StringInfo out, VyRequest *request, VyResponse *response);
static bool body_is(VyStr type, const char *name);
static void append_params(StringInfo out, const VyRequest *request);
static void append_headers(StringInfo out, const VyRequest *request);
static void append_pairs(StringInfo out, VyStr encoded);
static int compare_pairs(const void *a, const void *b);
static VyStr decode(VyStr in);
static Datum jsonb_of(StringInfo text);
static void answer_json(VyResponse *response, Datum result, bool isnull);
static void answer_row(VyResponse *response, Datum result, bool isnull);
static void copy_headers(VyResponse *response, VyStr object);
static bool header_is_allowed(VyStr name, VyStr value);

void
vy_custom_handle(VyRequest *request, VyResponse *response)
{
	Oid function = request->route->function;
	Datum result;
	bool isnull;

	if (!OidIsValid(function))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION), errmsg("the function of this route does not exist"),
						errhint("Create it again, or take the route back with vyricon.unroute().")));
	if (vy_custom_takes_request(request->route))
	{
		Oid *types;
		int n;

		(void) get_func_signature(function, &types, &n);
		result = call_as_caller(function, request_row(request, types[0]), &isnull);
		answer_row(response, result, isnull);
	}
	else
	{
		StringInfoData input;

		initStringInfo(&input);
		appendStringInfoString(&input, "{\"params\":");
		append_params(&input, request);
		appendStringInfoString(&input, ",\"query\":");
		append_pairs(&input, request->query);
		appendStringInfoString(&input, ",\"body\":");
		if (!append_body(&input, request, response))
			return;
		appendStringInfoChar(&input, '}');
		result = call_as_caller(function, jsonb_of(&input), &isnull);
		answer_json(response, result, isnull);
	}
	response->etag = request->read_only && response->status == 200;
}

static Datum
call_as_caller(Oid function, Datum argument, bool *isnull)
{
	FmgrInfo flinfo;
	LOCAL_FCINFO(fcinfo, 1);
	Datum result;

	if (pg_proc_aclcheck(function, GetUserId(), ACL_EXECUTE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION, get_func_name(function));
	fmgr_info(function, &flinfo);
	InitFunctionCallInfoData(*fcinfo, &flinfo, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = argument;
	fcinfo->args[0].isnull = false;
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	result = FunctionCallInvoke(fcinfo);
	PopActiveSnapshot();
	*isnull = fcinfo->isnull;
	return result;
}

static Datum
request_row(const VyRequest *request, Oid type)
{
	TupleDesc desc = lookup_rowtype_tupdesc_copy(type, -1);
	Datum values[6];
	bool nulls[6] = {false, false, false, false, false, request->body.n == 0};
	StringInfoData text;
	bytea *body = palloc(VARHDRSZ + request->body.n);

	if (desc->natts != lengthof(values))
		elog(ERROR, "type vyricon.request has %d columns", desc->natts);
	values[0] = PointerGetDatum(vy_str_text(request->method_name));
	values[1] = PointerGetDatum(vy_str_text(request->path));
	initStringInfo(&text);
	append_params(&text, request);
	values[2] = jsonb_of(&text);
	resetStringInfo(&text);
	append_pairs(&text, request->query);
	values[3] = jsonb_of(&text);
	resetStringInfo(&text);
	append_headers(&text, request);
	values[4] = jsonb_of(&text);
	SET_VARSIZE(body, VARHDRSZ + request->body.n);
	if (request->body.n > 0)
		memcpy(VARDATA(body), request->body.p, request->body.n);
	values[5] = PointerGetDatum(body);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

/* The body as a JSON value; false: refused. */
static bool
append_body(StringInfo out, VyRequest *request, VyResponse *response)
{
	VyStr type = vy_request_header(request, "content-type");

	if (request->body.n == 0)
		appendStringInfoString(out, "null");
	else if (type.p == NULL || body_is(type, "application/json"))
	{
		if (vy_json_check(request->body, MAX_BODY_DEPTH, NULL) != VY_JSON_OK)
		{
			vy_refuse(request, response, 400, "VY400", "the body is not valid JSON", NULL, NULL);
			return false;
		}
		vy_append(out, request->body);
	}
	else if (body_is(type, "application/x-www-form-urlencoded"))
		append_pairs(out, request->body);
	else
	{
		vy_refuse(request, response, 415, "VY415", "this route takes JSON", NULL, "Send content-type: application/json.");
		return false;
	}
	return true;
}

static bool
body_is(VyStr type, const char *name)
{
	size_t n = strlen(name);

	return type.n >= n && vy_str_same(vy_str(type.p, n), vy_cstr(name)) && (type.n == n || type.p[n] == ';' || type.p[n] == ' ');
}

static void
append_params(StringInfo out, const VyRequest *request)
{
	appendStringInfoChar(out, '{');
	for (int i = 0; i < request->nparams; i++)
	{
		if (i > 0)
			appendStringInfoChar(out, ',');
		vy_json_string(out, request->param_names[i].p, request->param_names[i].n);
		appendStringInfoChar(out, ':');
		vy_json_string(out, request->params[i].p, request->params[i].n);
	}
	appendStringInfoChar(out, '}');
}

/* Without credentials: a handler asks auth.uid() and friends who is calling. */
static void
append_headers(StringInfo out, const VyRequest *request)
{
	bool first = true;

	appendStringInfoChar(out, '{');
	for (size_t i = 0; i < request->nheaders; i++)
	{
		const VyHeader *header = &request->headers[i];

		if (vy_str_is(header->name, "authorization") || vy_str_is(header->name, "apikey") || vy_str_is(header->name, "cookie") ||
			!vy_utf8_valid(header->value.p, header->value.n))
			continue;
		if (!first)
			appendStringInfoChar(out, ',');
		first = false;
		vy_json_string(out, header->name.p, header->name.n);
		appendStringInfoChar(out, ':');
		vy_json_string(out, header->value.p, header->value.n);
	}
	appendStringInfoChar(out, '}');
}

/* A query string or form as an object; a name that occurs more than once holds an array in order. */
static void
append_pairs(StringInfo out, VyStr encoded)
{
	Pair *pairs = palloc(sizeof(Pair) * MAX_PAIRS);
	VyStr name;
	VyStr value;
	int n = 0;

	while (encoded.p != NULL && vy_url_next_pair(&encoded, &name, &value))
	{
		if (n == MAX_PAIRS)
			ereport(ERROR, (errcode(ERRCODE_VY_BAD_REQUEST), errmsg("more than %d parameters", MAX_PAIRS)));
		pairs[n] = (Pair){decode(name), decode(value), n};
		n++;
	}
	qsort(pairs, n, sizeof(Pair), compare_pairs);
	appendStringInfoChar(out, '{');
	for (int i = 0; i < n; i++)
	{
		bool again = i > 0 && vy_str_eq(pairs[i - 1].name, pairs[i].name);
		bool more = i + 1 < n && vy_str_eq(pairs[i + 1].name, pairs[i].name);

		if (i > 0)
			appendStringInfoChar(out, ',');
		if (!again)
		{
			vy_json_string(out, pairs[i].name.p, pairs[i].name.n);
			appendStringInfoChar(out, ':');
			if (more)
				appendStringInfoChar(out, '[');
		}
		vy_json_string(out, pairs[i].value.p, pairs[i].value.n);
		if (again && !more)
			appendStringInfoChar(out, ']');
	}
	appendStringInfoChar(out, '}');
	pfree(pairs);
}

static int
compare_pairs(const void *a, const void *b)
{
	const Pair *x = a;
	const Pair *y = b;
	int order = memcmp(x->name.p, y->name.p, Min(x->name.n, y->name.n));

	if (order != 0)
		return order;
	if (x->name.n != y->name.n)
		return x->name.n < y->name.n ? -1 : 1;
	return x->position - y->position;
}

static VyStr
decode(VyStr in)
{
	char *out = palloc(in.n + 1);
	size_t n = 0;

	if (in.n > 0 && vy_url_decode(out, in.n, &n, in, true) != 0)
		ereport(ERROR, (errcode(ERRCODE_VY_BAD_REQUEST), errmsg("a parameter is not percent-encoded UTF-8")));
	return vy_str(out, n);
}

static Datum
jsonb_of(StringInfo text)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text->data));
}

static void
answer_json(VyResponse *response, Datum result, bool isnull)
{
	response->status = isnull ? 204 : 200;
	if (isnull)
		return;
	vy_response_header(response, "content-type", VY_STR("application/json; charset=utf-8"));
	(void) JsonbToCString(&response->body, &DatumGetJsonbP(result)->root, -1);
}

static void
answer_row(VyResponse *response, Datum result, bool isnull)
{
	HeapTupleHeader row;
	Datum value;

	response->status = 204;
	if (isnull)
		return;
	row = DatumGetHeapTupleHeader(result);
	value = GetAttributeByName(row, "status", &isnull);
	response->status = isnull ? 200 : DatumGetInt32(value);
	if (response->status < 200 || response->status > 599)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a handler returned status %d", response->status)));
	value = GetAttributeByName(row, "headers", &isnull);
	if (!isnull)
	{
		Jsonb *headers = DatumGetJsonbP(value);

		copy_headers(response, vy_cstr(JsonbToCString(NULL, &headers->root, -1)));
	}
	value = GetAttributeByName(row, "body", &isnull);
	if (!isnull && response->status != 204 && response->status != 304)
		vy_append(&response->body, vy_text_str(DatumGetByteaPP(value)));
}

static void
copy_headers(VyResponse *response, VyStr object)
{
	VyJsonIter it = vy_json_iter(object);

	if (!it.object)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the headers of an answer are not an object")));
	while (vy_json_next(&it))
	{
		char *name = palloc(it.key.n + 1);
		char *value = palloc(it.value.n + 1);
		VyStr n = vy_str(name, vy_json_unescape(name, it.key));
		VyStr v = vy_str(value, it.kind == VY_JSON_STRING ? vy_json_unescape(value, it.value) : 0);

		name[n.n] = '\0';
		for (size_t i = 0; i < n.n; i++)
			name[i] = vy_ascii_lower(name[i]);
		if (it.kind != VY_JSON_STRING || !header_is_allowed(n, v))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a handler may not set header \"%s\" to this value", name)));
		vy_response_header(response, name, v);
	}
}

/* A token as RFC 9110 has it, a value of one line, and none of the server's own. */
static bool
header_is_allowed(VyStr name, VyStr value)
{
	if (name.n == 0 || vy_str_starts(name, "x-vyricon-"))
		return false;
	for (size_t i = 0; i < lengthof(server_headers); i++)
		if (vy_str_is(name, server_headers[i]))
			return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || (signed char) name.p[i] < 0 || strchr("\"(),/:;<=>?@[\\]{}\177", name.p[i]) != NULL)
			return false;
	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char) value.p[i] < ' ' || value.p[i] == '\177')
			return false;
	return true;
}
