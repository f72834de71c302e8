/*
 * http.h: request, response, route rows: all that a room needs to answer over HTTP.
 */
#ifndef VY_HTTP_H
#define VY_HTTP_H

#include "auth/identity.h"
#include "base/wire.h"
#include "core/core.h"

enum
{
	VY_GET = 1 << 0,
	VY_HEAD = 1 << 1,
	VY_POST = 1 << 2,
	VY_PUT = 1 << 3,
	VY_PATCH = 1 << 4,
	VY_DELETE = 1 << 5,
	VY_OPTIONS = 1 << 6
};

/* Route flags. */
enum
{
	VY_ROUTE_WRITES = 1 << 0, /* a GET that may write; never cached */
	VY_ROUTE_READS = 1 << 1, /* another method that runs read-only */
	VY_ROUTE_PLATFORM = 1 << 2, /* runs as the session's own user, not as the caller: the handler uses VyQuery only */
	VY_ROUTE_DEV = 1 << 3, /* 404 unless vyricon.dev is on */
	VY_ROUTE_SERVICE = 1 << 4, /* 403 unless the caller's role is service_role */
	VY_ROUTE_HTML = 1 << 5 /* a page: its own Content-Security-Policy */
};

#define VY_MAX_PARAMS 8
#define VY_MAX_HEADERS 100

typedef struct VyRequest VyRequest;
typedef struct VyResponse VyResponse;
typedef void (*VyHandler)(VyRequest *request, VyResponse *response);

/* How errors look under a prefix. One row per API. */
typedef struct VyDialect
{
	const char *name; /* "rest", "auth", "vyricon" */
	const char *cache_control;
	/* Writes the body (and headers) of a failure. code is an SQLSTATE or a dialect's own code; every text may be NULL. */
	void (*render)(VyRequest *request, VyResponse *response, const char *code, const char *message, const char *detail, const char *hint);
	/* The dialect's codes for a token that cannot be verified, and for one whose claims are refused. */
	const char *bad_token;
	const char *bad_claims;
} VyDialect;

/* {"code","message","details","hint","request_id"}: for all that has no dialect of its own. */
extern const VyDialect vy_dialect;

typedef struct VyRoute
{
	unsigned methods;
	const char *pattern; /* "/rest/v1/:relation"; a segment ":name" matches one segment, a last "*name" the rest of the path */
	VyHandler handler;
	const VyDialect *dialect;
	unsigned flags;
	const char *summary; /* for OpenAPI; NULL: not shown */
	Oid function; /* user rows: what vyricon.route() named */
} VyRoute;

/* All built-in rows, for the view vyricon.routes and OpenAPI. */
const VyRoute *vy_routes_builtin(size_t *n);

/* A room's rows, registered from its init function; shown by vyricon.routes, replaced with the code. */
void vy_routes_add(const VyRoute *rows, size_t n);
#define VY_ROUTES_ADD(rows) vy_routes_add((rows), lengthof(rows))

struct VyRequest
{
	unsigned method; /* one VY_GET ... bit; 0: unknown */
	VyStr method_name;
	VyStr target; /* as sent */
	VyStr path; /* percent-encoded, without query */
	VyStr query; /* behind '?', percent-encoded; p == NULL: none */
	VyHeader *headers;
	size_t nheaders;
	VyStr body;
	VyPeer peer;
	VyStr request_id;
	const VyRoute *route; /* NULL: none matched */
	const VyRoute *nearest; /* when none did: whose dialect the refusal has; may be NULL */
	int nparams;
	VyStr param_names[VY_MAX_PARAMS];
	VyStr params[VY_MAX_PARAMS]; /* decoded */
	const VyIdentity *caller;
	bool by_cookie; /* the caller's credential was a cookie, which a browser sends for any page */
	bool read_only;
};

struct VyResponse
{
	int status;
	size_t nheaders;
	VyHeader headers[VY_MAX_HEADERS];
	StringInfoData body; /* see vy_response_init(): room for the head stands before data[0] of the body */
	size_t body_start; /* the body is body.data + body_start .. body.len */
	bool etag; /* set by reads whose answer may be compared (If-None-Match) */
	int64 limit_left; /* requests left of the nearest rate limit; -1: none applies */
	StringInfoData why; /* for x-vyricon-why; empty: nothing to say */
};

/* Header by lower-case name: first value, or p == NULL. */
VyStr vy_request_header(const VyRequest *request, const char *name);

/* Path parameter by name. */
VyStr vy_request_param(const VyRequest *request, const char *name);

/* name and value are kept by reference: constants, or allocated in the request's context. An existing header of that name is replaced. */
void vy_response_header(VyResponse *response, const char *name, VyStr value);
void vy_response_headerf(VyResponse *response, const char *name, const char *format, ...) pg_attribute_printf(3, 4);

/* Drops what was written of the body so far. */
void vy_response_clear(VyResponse *response);

/* A refusal by return: status + body in the route's dialect. code: "PGRST116", "42501", "VY404" ... */
void vy_refuse(VyRequest *request, VyResponse *response, int status, const char *code, const char *message, const char *detail,
			   const char *hint);

/* What a page sends as X-CSRF-Token for this session (csrf.h); in the current context. */
char *vy_csrf_token(const VyIdentity *caller);

/* Bytes that an answer may have (vyricon.max_answer). */
size_t vy_http_max_answer(void);

extern bool vy_dev; /* vyricon.dev */

void vy_http_init(void);

#endif
