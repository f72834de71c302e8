/*
 * metrics.c: vyricon.metrics() and GET /metrics/v1: jobs, workers and events in Prometheus' text format.
 *
 * A scrape costs the same whatever the tables hold: of the jobs only those are counted that are not done, by index and up to a bound; what
 * the worker did is counted in shared memory as it happens, since the server started.
 */
#include "jobs/metrics.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

#include "access/htup_details.h"
#include "core/query.h"
#include "http/http.h"
#include "jobs/worker.h"

#define MOST_COUNTED 10000
#define MOST_LOOKED_AT 1000

/* The queued jobs of a lane (sql_lane.c: each has its own index), at most so many of each priority, in the order in which they are taken.
 */
#define QUEUED(lane, condition, most)                                                                                      \
	"unnest('{1,0,-1}'::int2[]) AS p (priority), LATERAL (SELECT j.id, j.kind, j.run_at, j.subject FROM vyricon.jobs AS j" \
	" WHERE j.state = 'queued' AND j.kind " lane " 'sql' AND j.priority = p.priority" condition " ORDER BY j.run_at, j.id LIMIT " most ")"
#define QUEUED_TO_SEND QUEUED("<>", "", "$2")
#define QUEUED_TO_CALL QUEUED("=", "", "$2")
#define DUE_TO_SEND QUEUED("<>", " AND j.run_at <= now()", "$1")
#define DUE_TO_CALL QUEUED("=", " AND j.run_at <= now()", "$1")

/* Known kinds are there with 0 too: a series that comes and goes is a trap for alerts. Kinds need no quoting: they are names in C. */
VY_QUERY(count_jobs,
		 .sql = "SELECT c.kind, c.state, sum(c.n)::bigint FROM (SELECT k.kind, s.state, 0 AS n"
				" FROM unnest($1) AS k (kind), unnest('{queued,in_flight,failed,unknown}'::text[]) AS s (state)"
				" UNION ALL SELECT q.kind, 'queued', 1 FROM " QUEUED_TO_SEND " AS q"
				" UNION ALL SELECT q.kind, 'queued', 1 FROM " QUEUED_TO_CALL " AS q"
				" UNION ALL SELECT f.kind, 'in_flight', 1 FROM ("
				"SELECT j.kind FROM vyricon.jobs AS j WHERE j.state = 'in_flight' ORDER BY j.lease_until LIMIT $2) AS f"
				" UNION ALL SELECT w.kind, s.state, 1 FROM unnest('{failed,unknown}'::text[]) AS s (state),"
				" LATERAL (SELECT j.kind FROM vyricon.jobs AS j WHERE j.state = s.state AND j.state IN ('failed', 'unknown')"
				" ORDER BY j.kind LIMIT $2) AS w) AS c GROUP BY c.kind, c.state",
		 .nargs = 2, .types = {TEXTARRAYOID, INT4OID}, .expect = SPI_OK_SELECT);

VY_QUERY(find_overdue,
		 .sql = "SELECT (EXTRACT(epoch FROM clock_timestamp() - min(d.run_at)))::double precision FROM ("
				"SELECT q.* FROM " DUE_TO_SEND " AS q UNION ALL SELECT q.* FROM " DUE_TO_CALL " AS q) AS d"
				" WHERE d.subject IS NULL OR NOT EXISTS (SELECT FROM vyricon.jobs AS b"
				" WHERE b.subject = d.subject AND b.id < d.id AND b.state IN ('queued', 'in_flight'))",
		 .nargs = 1, .types = {INT4OID}, .expect = SPI_OK_SELECT);

VY_QUERY(count_events, .sql = "SELECT last_id FROM vyricon.event_counter WHERE only_row", .expect = SPI_OK_SELECT);

static const char *const outcomes[VY_OUTCOMES] = {
	[VY_OUTCOME_NOT_SENT] = "not_sent", [VY_OUTCOME_DONE] = "done",   [VY_OUTCOME_REFUSED] = "refused",
	[VY_OUTCOME_LATER] = "later",       [VY_OUTCOME_ERROR] = "error", [VY_OUTCOME_LOST] = "lost",
};

static const char *const worker_states[] = {"running", "waiting", "held", "copy"};

static void write_jobs(StringInfo out);
static void write_overdue(StringInfo out);
static void write_attempts(StringInfo out);
static void write_workers(StringInfo out);
static void write_events(StringInfo out);

typedef struct Metric
{
	const char *name;
	const char *type;
	const char *help;
	void (*write)(StringInfo out);
} Metric;

static const Metric metrics[] = {
	{"vyricon_jobs", "gauge", "Jobs that are not done, by kind and state; of a state (queued: and priority) at most 10000 are counted.",
	 write_jobs},
	{"vyricon_jobs_overdue_seconds", "gauge", "How long the job has waited that is due longest.", write_overdue},
	{"vyricon_job_attempts_total", "counter", "Attempts that the worker recorded, by what became of them.", write_attempts},
	{"vyricon_workers", "gauge", "Databases of this cluster that a worker is meant for, by its state.", write_workers},
	{"vyricon_events_total", "counter", "Events that were announced.", write_events},
};

static void write_all(StringInfo out);
static void write_count(void *arg, HeapTuple row, TupleDesc desc);
static void show(VyRequest *request, VyResponse *response);

static const VyRoute routes[] = {
	{VY_GET | VY_HEAD, "/metrics/v1", show, &vy_dialect, VY_ROUTE_PLATFORM | VY_ROUTE_SERVICE,
	 "Jobs, workers and events in Prometheus' text format", InvalidOid},
};

VY_FUNCTION(vyricon_metrics)
{
	StringInfoData out;

	initStringInfo(&out);
	write_all(&out);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

void
vy_metrics_init(void)
{
	VY_ROUTES_ADD(routes);
}

void
vy_metrics_attempt(const VyJobKind *kind, VyOutcome outcome)
{
	int i = 0;
	VyShmWorker *place;

	while (i < VY_SHM_KINDS && vy_job_kind_at(i) != NULL && vy_job_kind_at(i) != kind)
		i++;
	LWLockAcquire(vy_shm->lock, LW_SHARED);
	place = vy_place_find(MyDatabaseId, false);
	if (place != NULL && kind != NULL && i < VY_SHM_KINDS)
		pg_atomic_fetch_add_u64(&place->attempts[i][outcome], 1);
	LWLockRelease(vy_shm->lock);
}

double
vy_metrics_overdue(void)
{
	Datum most = Int32GetDatum(MOST_LOOKED_AT);
	Datum seconds;
	bool isnull;

	return vy_query_row(&find_overdue, &most, NULL, 1, &seconds, &isnull) && !isnull ? Max(DatumGetFloat8(seconds), 0) : 0;
}

static void
show(VyRequest *request __attribute__((unused)), VyResponse *response)
{
	vy_response_header(response, "content-type", VY_STR("text/plain; version=0.0.4; charset=utf-8"));
	write_all(&response->body);
}

static void
write_all(StringInfo out)
{
	for (size_t i = 0; i < lengthof(metrics); i++)
	{
		const Metric *metric = &metrics[i];

		appendStringInfo(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name, metric->type);
		metric->write(out);
	}
}

static void
write_jobs(StringInfo out)
{
	Datum kinds[VY_SHM_KINDS];
	int n = 0;
	Datum args[2];

	for (; n < VY_SHM_KINDS && vy_job_kind_at(n) != NULL; n++)
		kinds[n] = CStringGetTextDatum(vy_job_kind_at(n)->name);
	args[0] = PointerGetDatum(construct_array(kinds, n, TEXTOID, -1, false, TYPALIGN_INT));
	args[1] = Int32GetDatum(MOST_COUNTED);
	(void) vy_query_each(&count_jobs, args, NULL, write_count, out);
}

static void
write_count(void *arg, HeapTuple row, TupleDesc desc)
{
	Datum values[3];
	bool nulls[3];

	heap_deform_tuple(row, desc, values, nulls);
	appendStringInfo((StringInfo) arg, "vyricon_jobs{kind=\"%s\",state=\"%s\"} %lld\n", TextDatumGetCString(values[0]),
					 TextDatumGetCString(values[1]), (long long) DatumGetInt64(values[2]));
}

static void
write_overdue(StringInfo out)
{
	appendStringInfo(out, "vyricon_jobs_overdue_seconds %.3f\n", vy_metrics_overdue());
}

/* None without a worker: nothing counts them. */
static void
write_attempts(StringInfo out)
{
	VyShmWorker *place;

	if (vy_shm == NULL)
		return;
	LWLockAcquire(vy_shm->lock, LW_SHARED);
	place = vy_place_find(MyDatabaseId, false);
	for (int i = 0; place != NULL && i < VY_SHM_KINDS && vy_job_kind_at(i) != NULL; i++)
		for (int outcome = 0; outcome < VY_OUTCOMES; outcome++)
			appendStringInfo(out, "vyricon_job_attempts_total{kind=\"%s\",outcome=\"%s\"} " UINT64_FORMAT "\n", vy_job_kind_at(i)->name,
							 outcomes[outcome], pg_atomic_read_u64(&place->attempts[i][outcome]));
	LWLockRelease(vy_shm->lock);
}

static void
write_workers(StringInfo out)
{
	int counts[lengthof(worker_states)] = {0};

	if (vy_shm == NULL)
		return;
	LWLockAcquire(vy_shm->lock, LW_SHARED);
	for (int i = 0; i < VY_SHM_WORKERS; i++)
		for (size_t state = 0; state < lengthof(worker_states) && OidIsValid(vy_shm->workers[i].database); state++)
			counts[state] += strcmp(vy_place_state(&vy_shm->workers[i]), worker_states[state]) == 0;
	LWLockRelease(vy_shm->lock);
	for (size_t state = 0; state < lengthof(worker_states); state++)
		appendStringInfo(out, "vyricon_workers{state=\"%s\"} %d\n", worker_states[state], counts[state]);
}

/* Their ids have no gaps. */
static void
write_events(StringInfo out)
{
	Datum last;
	bool isnull;

	if (vy_query_row(&count_events, NULL, NULL, 1, &last, &isnull))
		appendStringInfo(out, "vyricon_events_total %lld\n", (long long) DatumGetInt64(last));
}
