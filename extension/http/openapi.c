/*
 * openapi.c: GET /openapi.json, the description of the API for its caller (OpenAPI 3.1).
 *
 * What the caller may not use is not in it. Relations and functions come from the catalogue (openapi_tables.c), everything else from the
 * route rows, so a new route describes itself. Under /rest/v1 the rows are patterns over the catalogue and are left out.
 */
#include "http/openapi.h"

#include "utils/guc.h"
#include "utils/varlena.h"

#include "core/json_writer.h"
#include "http/custom.h"

/* The methods that OpenAPI describes; HEAD and OPTIONS follow from the others. */
typedef struct Operation
{
	unsigned method;
	const char *name;
	bool body;
} Operation;

/* What a route answers besides 200. */
typedef struct Answer
{
	unsigned methods;
	unsigned flags;
	bool parameters; /* the pattern has one */
	int status;
	const char *text;
} Answer;

static const Operation operations[] = {
	{VY_GET, "get", false}, {VY_PUT, "put", true}, {VY_POST, "post", true}, {VY_PATCH, "patch", true}, {VY_DELETE, "delete", false},
};

static const Answer answers[] = {
	{VY_POST | VY_PUT | VY_PATCH, 0, false, 400, "The body or a parameter is malformed"},
	{~0u, 0, false, 401, "The credential is not accepted"},
	{~0u, VY_ROUTE_SERVICE, false, 403, "Only the service role may do this"},
	{~0u, 0, true, 404, "There is no such thing"},
};

/* Query parameters and answers that every relation shares. */
static const char shared_parts[] =
	"\"parameters\":{"
	"\"select\":{\"name\":\"select\",\"in\":\"query\",\"description\":\"Columns, comma separated\",\"schema\":{\"type\":\"string\"}},"
	"\"order\":{\"name\":\"order\",\"in\":\"query\",\"description\":\"Columns, each with .asc or .desc, .nullsfirst or .nullslast\","
	"\"schema\":{\"type\":\"string\"}},"
	"\"limit\":{\"name\":\"limit\",\"in\":\"query\",\"description\":\"At most so many rows\",\"schema\":{\"type\":\"integer\",\"minimum\":0}},"
	"\"offset\":{\"name\":\"offset\",\"in\":\"query\",\"description\":\"Rows to pass over\",\"schema\":{\"type\":\"integer\",\"minimum\":0}},"
	"\"prefer\":{\"name\":\"Prefer\",\"in\":\"header\",\"description\":\"return=representation, return=minimal, count=exact\","
	"\"schema\":{\"type\":\"string\"}}},"
	"\"responses\":{"
	"\"refused\":{\"description\":\"A refusal\",\"content\":"
	"{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/.Refusal\"}}}}},"
	"\"securitySchemes\":{"
	"\"apikey\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"apikey\",\"description\":\"A publishable or a secret key\"},"
	"\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\",\"bearerFormat\":\"JWT\",\"description\":\"A user's access token\"}}";

/* The leading dot keeps it apart from every table's key. */
static const char refusal_schema[] =
	"{\"type\":\"object\",\"required\":[\"code\",\"message\"],"
	"\"properties\":{\"code\":{\"type\":\"string\"},\"message\":{\"type\":\"string\"},"
	"\"details\":{\"type\":[\"string\",\"null\"]},\"hint\":{\"type\":[\"string\",\"null\"]},\"request_id\":{\"type\":\"string\"}}}";

static const char *choose_schema(VyRequest *request, VyResponse *response);
static void put_routes(VyOpenApi *api, const VyRequest *request, const VyRoute *rows, size_t n, bool built_in);
static bool is_shown(const VyRequest *request, const VyRoute *route);
static void put_path(VyOpenApi *api, const VyRoute *rows, size_t n, size_t at, const VyRequest *request, bool built_in);
static void put_operation(StringInfo out, const VyRoute *route, const Operation *operation, bool built_in);
static void put_parameters(StringInfo out, const char *pattern);
static char *path_template(const char *pattern);
static char *tag_of(const char *pattern, bool built_in);

void
vy_openapi_handle(VyRequest *request, VyResponse *response)
{
	const char *schema = choose_schema(request, response);
	StringInfo out = &response->body;
	const VyRoute *rows;
	VyOpenApi api;
	size_t n;

	if (schema == NULL)
		return;
	initStringInfo(&api.paths);
	initStringInfo(&api.schemas);
	vy_openapi_member(&api.schemas, ".Refusal");
	appendStringInfoString(&api.schemas, refusal_schema);
	vy_openapi_tables(&api, schema);
	n = vy_custom_routes(&rows);
	put_routes(&api, request, rows, n, false);
	rows = vy_routes_builtin(&n);
	put_routes(&api, request, rows, n, true);

	appendStringInfoString(out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":");
	vy_json_string(out, schema, strlen(schema));
	appendStringInfoString(out, ",\"version\":\"" VY_VERSION "\"},\"servers\":[{\"url\":\"/\"}],");
	appendStringInfoString(out, "\"security\":[{},{\"apikey\":[]},{\"apikey\":[],\"bearer\":[]},{\"bearer\":[]}],\"paths\":{");
	appendBinaryStringInfo(out, api.paths.data, api.paths.len);
	appendStringInfoString(out, "},\"components\":{\"schemas\":{");
	appendBinaryStringInfo(out, api.schemas.data, api.schemas.len);
	appendStringInfo(out, "},%s}}", shared_parts);
	response->status = 200;
	response->etag = true;
	vy_response_header(response, "content-type", VY_STR("application/json; charset=utf-8"));
}

void
vy_openapi_member(StringInfo object, const char *name)
{
	if (object->len > 0)
		appendStringInfoChar(object, ',');
	vy_json_string(object, name, strlen(name));
	appendStringInfoChar(object, ':');
}

char *
vy_openapi_key(const char *name)
{
	StringInfoData key;

	initStringInfo(&key);
	for (const char *p = name; *p != '\0'; p++)
	{
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_' || *p == '-')
			appendStringInfoChar(&key, *p);
		else
			appendStringInfo(&key, ".%02x", (unsigned char) *p);
	}
	return key.data;
}

/* The schema that Accept-Profile names, else the first that is exposed; NULL: refused. */
static const char *
choose_schema(VyRequest *request, VyResponse *response)
{
	const char *setting = GetConfigOption("vyricon.schemas", true, false);
	VyStr wanted = vy_request_header(request, "accept-profile");
	List *names = NIL;
	ListCell *cell;

	if (setting == NULL || !SplitIdentifierString(pstrdup(setting), ',', &names) || names == NIL)
		ereport(ERROR, (errcode(ERRCODE_VY_NOT_FOUND), errmsg("no schema is exposed"), errhint("Set vyricon.schemas.")));
	if (wanted.p == NULL)
		return linitial(names);
	foreach (cell, names)
		if (vy_str_is(wanted, lfirst(cell)))
			return lfirst(cell);
	vy_refuse(request, response, 406, "PGRST106", "this schema is not exposed", NULL, psprintf("These are: %s.", setting));
	return NULL;
}

static void
put_routes(VyOpenApi *api, const VyRequest *request, const VyRoute *rows, size_t n, bool built_in)
{
	for (size_t i = 0; i < n; i++)
	{
		bool again = false;

		/* Rows with the same path share one item, at the first of them. */
		for (size_t j = 0; j < i && !again; j++)
			again = is_shown(request, &rows[j]) && strcmp(path_template(rows[i].pattern), path_template(rows[j].pattern)) == 0;
		if (!again && is_shown(request, &rows[i]))
			put_path(api, rows, n, i, request, built_in);
	}
}

static bool
is_shown(const VyRequest *request, const VyRoute *route)
{
	if (route->handler != vy_custom_handle && (route->summary == NULL || strncmp(route->pattern, "/rest/v1/", 9) == 0))
		return false;
	if (route->flags & VY_ROUTE_DEV && !vy_dev)
		return false;
	return (route->flags & VY_ROUTE_SERVICE) == 0 || strcmp(request->caller->role_name, "service_role") == 0;
}

static void
put_path(VyOpenApi *api, const VyRoute *rows, size_t n, size_t at, const VyRequest *request, bool built_in)
{
	const char *path = path_template(rows[at].pattern);
	StringInfoData item;
	unsigned done = 0;

	initStringInfo(&item);
	for (size_t i = at; i < n; i++)
	{
		if (!is_shown(request, &rows[i]) || strcmp(path_template(rows[i].pattern), path) != 0)
			continue;
		for (size_t j = 0; j < lengthof(operations); j++)
		{
			if ((rows[i].methods & operations[j].method & ~done) == 0)
				continue;
			vy_openapi_member(&item, operations[j].name);
			put_operation(&item, &rows[i], &operations[j], built_in);
			done |= operations[j].method;
		}
	}
	if (done == 0)
		return;
	vy_openapi_member(&api->paths, path);
	appendStringInfo(&api->paths, "{%s}", item.data);
}

static void
put_operation(StringInfo out, const VyRoute *route, const Operation *operation, bool built_in)
{
	const char *type = route->flags & VY_ROUTE_HTML ? "text/html" : "application/json";
	bool has_parameters = strpbrk(route->pattern, ":*") != NULL;
	StringInfoData parameters;

	appendStringInfo(out, "{\"tags\":[\"%s\"],\"operationId\":\"route_%s%s\"", tag_of(route->pattern, built_in), operation->name,
					 vy_openapi_key(route->pattern));
	if (route->summary != NULL)
	{
		appendStringInfoString(out, ",\"summary\":");
		vy_json_string(out, route->summary, strlen(route->summary));
	}
	if (has_parameters)
	{
		initStringInfo(&parameters);
		put_parameters(&parameters, route->pattern);
		appendStringInfo(out, ",\"parameters\":[%s]", parameters.data);
	}
	if (operation->body)
		appendStringInfoString(out, ",\"requestBody\":{\"content\":{\"application/json\":{\"schema\":{}}}}");
	appendStringInfo(out, ",\"responses\":{\"200\":{\"description\":\"Done\",\"content\":{\"%s\":{\"schema\":{}}}}", type);
	if (!built_in)
		appendStringInfoString(out, ",\"204\":{\"description\":\"Done, nothing to say\"}");
	for (size_t i = 0; i < lengthof(answers); i++)
	{
		const Answer *answer = &answers[i];

		if ((answer->methods & operation->method) == 0 || (answer->flags & route->flags) != answer->flags ||
			(answer->parameters && !has_parameters))
			continue;
		appendStringInfo(out,
						 ",\"%d\":{\"description\":\"%s\",\"content\":{\"application/json\":{\"schema\":"
						 "{\"$ref\":\"#/components/schemas/.Refusal\"}}}}",
						 answer->status, answer->text);
	}
	appendStringInfoString(out, ",\"default\":{\"$ref\":\"#/components/responses/refused\"}}}");
}

static void
put_parameters(StringInfo out, const char *pattern)
{
	for (const char *p = pattern; *p != '\0'; p++)
	{
		size_t n;

		if (p[0] != '/' || (p[1] != ':' && p[1] != '*'))
			continue;
		n = strcspn(p + 2, "/");
		if (out->len > 0)
			appendStringInfoChar(out, ',');
		appendStringInfo(out, "{\"name\":\"%.*s\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"}}", (int) n, p + 2);
	}
}

/* "/tours/:id/book" as "/tours/{id}/book". */
static char *
path_template(const char *pattern)
{
	StringInfoData out;

	initStringInfo(&out);
	for (const char *p = pattern; *p != '\0'; p++)
	{
		size_t n;

		appendStringInfoChar(&out, *p);
		if (p[0] != '/' || (p[1] != ':' && p[1] != '*'))
			continue;
		n = strcspn(p + 2, "/");
		appendStringInfo(&out, "{%.*s}", (int) n, p + 2);
		p += n + 1;
	}
	return out.data;
}

/* A room's name for its routes; "routes" for those of users. */
static char *
tag_of(const char *pattern, bool built_in)
{
	size_t n = strcspn(pattern + 1, "/");

	return built_in && strncmp(pattern + 1 + n, "/v1", 3) == 0 ? pnstrdup(pattern + 1, n) : pstrdup(built_in ? "http" : "routes");
}
