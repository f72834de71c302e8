/*
 * routes.c: the rows of /rest/v1, its settings, OPTIONS, the refusals of what is no resource, and the SQL of a request for
 * vyricon.explain().
 */
#include "rest/plans.h"

#include <limits.h>

#include "catalog/pg_class.h"
#include "rewrite/rewriteHandler.h"
#include "utils/rel.h"

#include "access/table.h"
#include "core/settings.h"
#include "rest/write.h"

static void refuse_method(VyRequest *request, VyResponse *response);
static void refuse_call_method(VyRequest *request, VyResponse *response);
static void refuse_path(VyRequest *request, VyResponse *response);

#define READS (VY_GET | VY_HEAD)
#define ALL (VY_GET | VY_HEAD | VY_POST | VY_PUT | VY_PATCH | VY_DELETE | VY_OPTIONS)

static const VyRoute routes[] = {
	{READS, "/rest/v1/:relation", vy_rest_read, &vy_rest_dialect, 0, "read rows of a table or view", InvalidOid},
	{VY_POST, "/rest/v1/:relation", vy_rest_insert, &vy_rest_dialect, 0, "insert rows", InvalidOid},
	{VY_PATCH, "/rest/v1/:relation", vy_rest_update, &vy_rest_dialect, 0, "update the filtered rows", InvalidOid},
	{VY_DELETE, "/rest/v1/:relation", vy_rest_delete, &vy_rest_dialect, 0, "delete the filtered rows", InvalidOid},
	{VY_OPTIONS, "/rest/v1/:relation", vy_rest_relation_options, &vy_rest_dialect, 0, NULL, InvalidOid},
	{VY_PUT, "/rest/v1/:relation", refuse_method, &vy_rest_dialect, VY_ROUTE_READS, NULL, InvalidOid},
	{READS | VY_POST, "/rest/v1/rpc/:function", vy_rest_call, &vy_rest_dialect, 0, "call a function", InvalidOid},
	{VY_OPTIONS, "/rest/v1/rpc/:function", vy_rest_function_options, &vy_rest_dialect, 0, NULL, InvalidOid},
	{VY_PUT | VY_PATCH | VY_DELETE, "/rest/v1/rpc/:function", refuse_call_method, &vy_rest_dialect, VY_ROUTE_READS, NULL, InvalidOid},
	{ALL, "/rest/v1/:relation/*path", refuse_path, &vy_rest_dialect, VY_ROUTE_READS, NULL, InvalidOid},
};

static const VySetting settings[] = {
	{"vyricon.schemas", "Schemas that /rest/v1 serves; the first is the default.", PGC_SUSET, GUC_LIST_INPUT, PGC_STRING, &vy_rest_schemas,
	 "public", 0, 0, 0},
	{"vyricon.max_rows", "Rows that a read of /rest/v1 returns at most; 0: no limit.", PGC_SUSET, 0, PGC_INT, &vy_rest_max_rows, NULL, 0, 0,
	 INT_MAX},
	{"response.headers", "Headers of the answer, as a JSON array of objects with one key.", PGC_USERSET, 0, PGC_STRING,
	 &vy_rest_response_headers, "", 0, 0, 0},
	{"response.status", "Status of the answer.", PGC_USERSET, 0, PGC_STRING, &vy_rest_response_status, "", 0, 0, 0},
};

void
vy_rest_init(void)
{
	VY_SETTINGS_DEFINE(settings);
	VY_ROUTES_ADD(routes);
	vy_rest_checks_init();
	vy_rest_cost_init();
	vy_rest_prefetch_init();
}

static void
refuse_method(VyRequest *request, VyResponse *response)
{
	vy_refuse(request, response, 405, "PGRST117",
			  psprintf("Unsupported HTTP method: %.*s", (int) request->method_name.n, request->method_name.p), NULL, NULL);
}

static void
refuse_call_method(VyRequest *request, VyResponse *response)
{
	vy_refuse(request, response, 405, "PGRST101",
			  psprintf("Cannot use the %.*s method on RPC", (int) request->method_name.n, request->method_name.p), NULL, NULL);
}

static void
refuse_path(VyRequest *request, VyResponse *response)
{
	vy_refuse(request, response, 404, "PGRST125", "Invalid path specified in request URL", NULL, NULL);
}

/* Allow from the catalogue, not from privileges. */
void
vy_rest_relation_options(VyRequest *request, VyResponse *response)
{
	static const struct
	{
		CmdType event;
		const char *name;
	} verbs[] = {{CMD_INSERT, ",POST"}, {CMD_UPDATE, ",PATCH"}, {CMD_DELETE, ",DELETE"}};
	VyRest rest;
	Relation rel;
	StringInfoData allow;
	int events;

	memset(&rest, 0, sizeof(rest));
	rest.request = request;
	rest.response = response;
	if (!vy_rest_profile(&rest, vy_request_header(request, "accept-profile")) || !vy_rest_find_relation(&rest, false))
		return;
	rel = table_open(rest.source.relid, AccessShareLock);
	events = rel->rd_rel->relkind == RELKIND_MATVIEW ? 0 : relation_is_updatable(rest.source.relid, NIL, true, NULL);
	table_close(rel, NoLock);
	initStringInfo(&allow);
	appendStringInfoString(&allow, "OPTIONS,GET,HEAD");
	for (size_t i = 0; i < lengthof(verbs); i++)
		if (events & (1 << verbs[i].event))
			appendStringInfoString(&allow, verbs[i].name);
	vy_response_header(response, "allow", vy_str(allow.data, (size_t) allow.len));
	vy_response_header(response, "access-control-allow-origin", VY_STR("*"));
}

bool
vy_rest_explain(VyRequest *request, VyResponse *response, StringInfo sql)
{
	VyRest rest;
	VyRestSql built;

	if (request->method & READS)
	{
		if (!vy_rest_begin(&rest, request, response, false) || !vy_rest_find_relation(&rest, false) || !vy_rest_sql_check(&rest))
			return false;
		vy_rest_read_sql(&rest, &built, vy_rest_page_limit(&rest));
	}
	else if (!vy_rest_write_sql(&rest, request, response, &built))
		return false;
	vy_rest_sql_readable(&built, sql);
	return true;
}
