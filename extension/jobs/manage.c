/*
 * manage.c: what is done with a job after it was enqueued: asked for over HTTP by its enqueuer, cancelled, tried again.
 */
#include "jobs/jobs.h"

#include "base/json.h"
#include "catalog/pg_type.h"
#include "core/query.h"
#include "jobs/event.h"
#include "jobs/wait.h"
#include "jobs/worker.h"

VY_QUERY(cancel_job,
		 .sql = "UPDATE vyricon.jobs SET state = 'cancelled', finished_at = clock_timestamp() WHERE id = $1 AND state = 'queued'",
		 .nargs = 1, .types = {INT8OID}, .expect = SPI_OK_UPDATE);

/* The attempts that were made stay counted: their number is what a worker that still has it would record under. */
VY_QUERY(retry_job,
		 .sql = "UPDATE vyricon.jobs SET state = 'queued', run_at = now(), finished_at = NULL, max_attempts = attempts + $2"
				" WHERE id = $1 AND state IN ('queued', 'failed', 'unknown', 'cancelled')",
		 .nargs = 2, .types = {INT8OID, INT4OID}, .expect = SPI_OK_UPDATE);

VY_QUERY(park_jobs,
		 .sql = "UPDATE vyricon.jobs SET state = 'queued', run_at = 'infinity', lease_until = NULL,"
				" problem = 'parked: this database was a copy' WHERE id = ANY (ARRAY("
				"(SELECT q.id FROM vyricon.jobs AS q WHERE q.state = 'queued' AND q.kind <> 'sql' AND q.run_at < 'infinity'"
				" ORDER BY q.priority DESC, q.run_at, q.id LIMIT 1000)"
				" UNION ALL (SELECT s.id FROM vyricon.jobs AS s WHERE s.state = 'queued' AND s.kind = 'sql' AND s.run_at < 'infinity'"
				" ORDER BY s.priority DESC, s.run_at, s.id LIMIT 1000)"
				" UNION ALL (SELECT f.id FROM vyricon.jobs AS f WHERE f.state = 'in_flight' ORDER BY f.lease_until LIMIT 1000)))",
		 .expect = SPI_OK_UPDATE);

#define MORE_ATTEMPTS 5

static void show(VyRequest *request, VyResponse *response);

static const VyRoute routes[] = {
	{VY_GET | VY_HEAD, "/jobs/v1/:id", show, &vy_dialect, VY_ROUTE_PLATFORM, "A job that the caller enqueued", InvalidOid},
};

VY_FUNCTION(vyricon_cancel)
{
	Datum id = PG_GETARG_DATUM(0);
	bool done = vy_query_run(&cancel_job, &id, NULL) > 0;

	if (done)
		vy_event_add("job.cancelled", psprintf("%lld", (long long) DatumGetInt64(id)));
	vy_ring_at_commit();
	PG_RETURN_BOOL(done);
}

VY_FUNCTION(vyricon_retry)
{
	Datum args[2] = {PG_GETARG_DATUM(0), Int32GetDatum(MORE_ATTEMPTS)};
	bool done = vy_query_run(&retry_job, args, NULL) > 0;

	vy_ring_at_commit();
	PG_RETURN_BOOL(done);
}

uint64
vy_jobs_park(void)
{
	uint64 parked = 0;
	uint64 n;

	while ((n = vy_query_run(&park_jobs, NULL, NULL)) > 0)
		parked += n;
	return parked;
}

void
vy_manage_init(void)
{
	VY_ROUTES_ADD(routes);
}

static void
show(VyRequest *request, VyResponse *response)
{
	int64_t id;

	if (!vy_json_int64(vy_request_param(request, "id"), &id) || !vy_response_wait(request, response, id))
		vy_refuse(request, response, 404, "VY404", "there is no such job", NULL, "Only who enqueued a job can ask for it.");
}
