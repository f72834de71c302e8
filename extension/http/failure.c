/*
 * failure.c: SQLSTATE to status, and what of an error's text may leave the server (failure.h).
 *
 * A client sees the message, and detail and hint where they cannot speak of other people's rows: details of integrity violations (class 23)
 * name keys and whole rows, so they are dropped; where the row in the way may be one that the caller cannot read, the message, which names
 * constraint and table, is replaced. Hints at limits (class 54) speak of the server's settings to whoever runs it. Of a 5xx nothing leaves
 * but the code and the request id.
 */
#include "http/failure.h"

#include "base/json.h"
#include "core/json_writer.h"
#include "utils/formatting.h"

/* After PostgREST's Error.hs. A longer prefix stands before a shorter one. */
static const struct
{
	const char *prefix;
	int status;
} statuses[] = {
	{"23503", 409}, {"23505", 409}, {"25006", 405}, {"21000", 400}, {"22023", 400}, {"42883", 404}, {"42P01", 404}, {"42P17", 500},
	{"53400", 500}, {"57014", 504}, {"57P01", 503}, {"57P02", 503}, {"57P03", 503}, {"P0001", 400}, {"54000", 413}, {"54001", 400},
	{"40001", 503}, {"40P01", 503}, {"55P03", 503}, {"08", 503},    {"09", 500},    {"0L", 403},    {"0P", 403},    {"25", 500},
	{"28", 403},    {"2D", 500},    {"38", 500},    {"39", 500},    {"3B", 500},    {"40", 500},    {"53", 503},    {"54", 500},
	{"55", 500},    {"57", 500},    {"58", 500},    {"F0", 500},    {"HV", 500},    {"P0", 500},    {"XX", 500},
};

/* Violations by other rows, as long as PostgreSQL found them: what a function raises itself is its own affair. */
static const struct
{
	const char *sqlstate;
	const char *message;
} conflicts[] = {
	{"23503", "the row refers to one that is not there, or another row refers to it"},
	{"23505", "there is a row with the same key"},
	{"23P01", "there is a row that excludes this one"},
};

static bool render_pgrst(VyRequest *request, VyResponse *response, const VyFailure *failure);
static const char *shown_message(const VyFailure *failure);
static char *json_text(VyStr object, const char *key);
static void render_ours(VyRequest *request, VyResponse *response, const char *code, const char *message, const char *detail,
						const char *hint);

const VyDialect vy_dialect = {"vyricon", "no-store", render_ours, "VY401", "VY401"};

int
vy_failure_status(const char *sqlstate, bool anonymous)
{
	if ((strncmp(sqlstate, "VY", 2) == 0 || strncmp(sqlstate, "PT", 2) == 0) && strspn(sqlstate + 2, "0123456789") == 3 &&
		sqlstate[2] >= '2' && sqlstate[2] <= '5')
		return atoi(sqlstate + 2);
	if (strcmp(sqlstate, "42501") == 0)
		return anonymous ? 401 : 403;
	for (size_t i = 0; i < lengthof(statuses); i++)
		if (strncmp(sqlstate, statuses[i].prefix, strlen(statuses[i].prefix)) == 0)
			return statuses[i].status;
	return 400;
}

void
vy_refuse(VyRequest *request, VyResponse *response, int status, const char *code, const char *message, const char *detail, const char *hint)
{
	const VyDialect *dialect = vy_failure_dialect(request);

	vy_response_clear(response);
	response->status = status;
	response->etag = false;
	vy_response_header(response, "content-type", VY_STR("application/json; charset=utf-8"));
	if (status == 401)
		vy_response_header(response, "www-authenticate", VY_STR("Bearer"));
	if (status == 503)
		vy_response_header(response, "retry-after", VY_STR("1"));
	dialect->render(request, response, code, message, detail, hint);
}

void
vy_failure_render(VyRequest *request, VyResponse *response, const VyFailure *failure)
{
	bool anonymous = request->caller == NULL || request->caller->credential == VY_CREDENTIAL_NONE ||
					 vy_str_is(vy_cstr(request->caller->role_name), "anon");
	int status = vy_failure_status(failure->sqlstate, anonymous);
	bool integrity = strncmp(failure->sqlstate, "23", 2) == 0;
	bool limit = strncmp(failure->sqlstate, "54", 2) == 0;

	if (strcmp(failure->sqlstate, "PGRST") == 0 && render_pgrst(request, response, failure))
		return;
	if (status >= 500 && strncmp(failure->sqlstate, "VY", 2) != 0 && strncmp(failure->sqlstate, "PT", 2) != 0)
		vy_refuse(request, response, status, failure->sqlstate,
				  status == 504   ? "the request took too long"
				  : status == 503 ? "the service is not available now"
								  : "internal error",
				  NULL, NULL);
	else
		vy_refuse(request, response, status, failure->sqlstate, shown_message(failure), integrity ? NULL : failure->detail,
				  limit ? NULL : failure->hint);
}

static const char *
shown_message(const VyFailure *failure)
{
	for (size_t i = 0; failure->constraint != NULL && i < lengthof(conflicts); i++)
		if (strcmp(failure->sqlstate, conflicts[i].sqlstate) == 0)
			return conflicts[i].message;
	return failure->message;
}

const VyDialect *
vy_failure_dialect(const VyRequest *request)
{
	if (request->route != NULL && request->route->dialect != NULL)
		return request->route->dialect;
	if (request->nearest != NULL && request->nearest->dialect != NULL)
		return request->nearest->dialect;
	return &vy_dialect;
}

/*
 * PostgREST's full control: message is {"code","message","details","hint"}, detail is {"status","headers"}. False: not of that form.
 */
static bool
render_pgrst(VyRequest *request, VyResponse *response, const VyFailure *failure)
{
	VyStr message = vy_cstr(failure->message);
	VyStr detail = vy_cstr(failure->detail);
	VyStr value;
	int64_t status;

	if (message.p == NULL || detail.p == NULL || vy_json_check(message, 8, NULL) != VY_JSON_OK ||
		vy_json_check(detail, 8, NULL) != VY_JSON_OK || vy_json_kind(message) != VY_JSON_OBJECT || vy_json_kind(detail) != VY_JSON_OBJECT)
		return false;
	if (vy_json_get(detail, "status", &value) != VY_JSON_NUMBER || !vy_json_int64(value, &status) || status < 200 || status > 599)
		return false;
	vy_refuse(request, response, (int) status, json_text(message, "code"), json_text(message, "message"), json_text(message, "details"),
			  json_text(message, "hint"));
	if (vy_json_get(detail, "headers", &value) == VY_JSON_OBJECT)
	{
		VyJsonIter it = vy_json_iter(value);

		while (vy_json_next(&it))
			if (it.kind == VY_JSON_STRING && memchr(it.value.p, '\\', it.value.n) == NULL && memchr(it.key.p, '\\', it.key.n) == NULL)
				vy_response_header(response, asc_tolower(it.key.p, it.key.n), vy_str(it.value.p + 1, it.value.n - 2));
	}
	return true;
}

static char *
json_text(VyStr object, const char *key)
{
	VyStr value;
	char *text;

	if (vy_json_get(object, key, &value) != VY_JSON_STRING)
		return NULL;
	text = palloc(value.n + 1);
	text[vy_json_unescape(text, value)] = '\0';
	return text;
}

static void
append_member(StringInfo out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(out, ",\"%s\":", name);
	vy_json_string(out, value, strlen(value));
}

static void
render_ours(VyRequest *request, VyResponse *response, const char *code, const char *message, const char *detail, const char *hint)
{
	StringInfo out = &response->body;

	appendStringInfoString(out, "{\"code\":");
	vy_json_string(out, code ? code : "", code ? strlen(code) : 0);
	append_member(out, "message", message ? message : "");
	append_member(out, "details", detail);
	append_member(out, "hint", hint);
	if (request->request_id.p != NULL)
		append_member(out, "request_id", vy_str_dup(request->request_id));
	appendStringInfoChar(out, '}');
}
