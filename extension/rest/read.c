/*
 * read.c: GET and HEAD on a relation.
 * One statement writes the page straight into the answer; only when a count is asked for and the page may not be all, a second one counts.
 */
#include "rest/plans.h"

static int64 count_rows(VyRest *rest);
static int64 run_count(VyRest *rest, int64 limit);
static void begin_count(VyRest *rest, VyRestSql *sql);

void
vy_rest_read_sql(VyRest *rest, VyRestSql *sql, int64 limit)
{
	vy_rest_sql_init(sql);
	vy_rest_sql_text(sql, "SELECT ");
	vy_rest_sql_select(rest, sql);
	vy_rest_sql_text(sql, " FROM ");
	vy_rest_sql_relation(sql, rest->schema, rest->source.name);
	vy_rest_sql_text(sql, " AS t");
	vy_rest_sql_where(rest, sql);
	vy_rest_sql_order(rest, sql);
	vy_rest_sql_limit(sql, limit, rest->query.offset);
}

/* What the request and vyricon.max_rows allow; -1: everything. */
int64
vy_rest_page_limit(const VyRest *rest)
{
	int64 limit = rest->query.limit;

	if (vy_rest_max_rows > 0 && (limit < 0 || limit > vy_rest_max_rows))
		limit = vy_rest_max_rows;
	return limit;
}

void
vy_rest_read(VyRequest *request, VyResponse *response)
{
	VyRest rest;
	VyRestSql sql;
	int64 limit;
	int64 total = -1;
	int64 rows;

	if (!vy_rest_begin(&rest, request, response, false) || !vy_rest_find_relation(&rest, false) || !vy_rest_sql_check(&rest))
		return;
	limit = vy_rest_page_limit(&rest);
	vy_rest_read_sql(&rest, &sql, limit);
	if (!rest.singular)
		appendStringInfoChar(&response->body, '[');
	rows = (int64) vy_rest_run(&sql, VY_REST_ROWS, &response->body);
	if (!rest.singular)
		appendStringInfoChar(&response->body, ']');
	if (rest.prefer.count != VY_REST_COUNT_NONE)
	{
		bool all = rest.query.offset == 0 && (limit < 0 || rows < limit) && rest.prefer.count != VY_REST_COUNT_PLANNED;

		total = all ? rows : count_rows(&rest);
	}
	(void) vy_rest_answer_page(&rest, rows, total);
}

/* Everything of a page's answer but the body; false: refused. */
bool
vy_rest_answer_page(VyRest *rest, int64 rows, int64 total)
{
	VyResponse *response = rest->response;
	int64 offset = rest->query.offset;

	if (total >= 0 && offset > total)
	{
		vy_response_clear(response);
		vy_response_headerf(response, "content-range", "*/" INT64_FORMAT, total);
		return vy_rest_refuse(
			rest, 416, "PGRST103", "Requested range not satisfiable",
			psprintf("An offset of " INT64_FORMAT " was requested, but there are only " INT64_FORMAT " rows.", offset, total), NULL);
	}
	if (rest->singular && rows != 1)
	{
		vy_response_clear(response);
		return vy_rest_refuse(rest, 406, "PGRST116", "Cannot coerce the result to a single JSON object",
							  psprintf("The result contains " INT64_FORMAT " rows", rows), NULL);
	}
	response->etag = true;
	vy_rest_answer_type(rest);
	vy_rest_answer_range(rest, offset, rows, total);
	vy_rest_preference_applied(rest, false, false);
	vy_rest_answer_guc(rest);
	return true;
}

/* exact; planned: the planner's estimate; estimated: exact up to vyricon.max_rows, the planner's beyond. */
static int64
count_rows(VyRest *rest)
{
	VyRestSql sql;
	int64 planned;
	int64 counted;

	if (rest->prefer.count == VY_REST_COUNT_EXACT || (rest->prefer.count == VY_REST_COUNT_ESTIMATED && vy_rest_max_rows == 0))
		return run_count(rest, -1);
	vy_rest_sql_init(&sql);
	vy_rest_sql_text(&sql, "SELECT 1");
	begin_count(rest, &sql);
	planned = vy_rest_estimate(&sql);
	if (rest->prefer.count == VY_REST_COUNT_PLANNED)
		return planned;
	counted = run_count(rest, (int64) vy_rest_max_rows + 1);
	return counted > vy_rest_max_rows ? Max(counted, planned) : counted;
}

static int64
run_count(VyRest *rest, int64 limit)
{
	VyRestSql sql;
	StringInfoData out;

	vy_rest_sql_init(&sql);
	initStringInfo(&out);
	vy_rest_sql_text(&sql, "SELECT pg_catalog.count(*) FROM (SELECT 1");
	begin_count(rest, &sql);
	vy_rest_sql_limit(&sql, limit, 0);
	vy_rest_sql_text(&sql, ") AS c");
	(void) vy_rest_run(&sql, VY_REST_VALUES, &out);
	return strtoi64(out.data, NULL, 10);
}

static void
begin_count(VyRest *rest, VyRestSql *sql)
{
	vy_rest_sql_text(sql, " FROM ");
	vy_rest_sql_relation(sql, rest->schema, rest->source.name);
	vy_rest_sql_text(sql, " AS t");
	vy_rest_sql_where(rest, sql);
}
