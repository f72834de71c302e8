/*
 * event.c: events, from the transaction in which something happened to those who listen.
 *
 * Ids given by the writers would not be visible in their order, and a reader who remembers the last one would miss what commits later with
 * a lower one. So a row has no id, and is not shown, until it is announced: by one transaction at a time (the lock on
 * vyricon.event_counter), which gives ids above all that were ever given. A worker that is killed before that leaves rows without ids to
 * the next one. No user's transaction notifies: it would hold a lock of the whole cluster while its commit is flushed.
 */
#include "jobs/event.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "funcapi.h"
#include "utils/fmgrprotos.h"

#include "core/query.h"
#include "jobs/worker.h"

#define CHANNEL "vyricon"
#define BATCH 1000
#define FULL_QUEUE 0.9

VY_QUERY(put_event, .sql = "INSERT INTO vyricon.events (kind, ref) VALUES ($1, $2)", .nargs = 2, .types = {TEXTOID, TEXTOID},
		 .expect = SPI_OK_INSERT);

VY_QUERY(put_gathered, .sql = "INSERT INTO vyricon.events (kind, ref) SELECT g.kind, g.ref FROM unnest($1, $2) AS g (kind, ref)",
		 .nargs = 2, .types = {TEXTARRAYOID, TEXTARRAYOID}, .expect = SPI_OK_INSERT);

/* No row where there is nothing to announce, or somebody does it already. */
VY_QUERY(lock_counter,
		 .sql = "SELECT last_id FROM vyricon.event_counter WHERE only_row AND ($1 OR EXISTS ("
				"SELECT FROM vyricon.events AS e WHERE e.id IS NULL ORDER BY e.written LIMIT 1)) FOR UPDATE SKIP LOCKED",
		 .nargs = 1, .types = {BOOLOID}, .expect = SPI_OK_SELECT);

/* With a snapshot taken under the lock: the rows of whoever had it before are seen with their ids. */
VY_QUERY(give_ids,
		 .sql = "WITH waiting AS (SELECT n.written, $1 + row_number() OVER (ORDER BY n.written) AS id FROM ("
				"SELECT e.written FROM vyricon.events AS e WHERE e.id IS NULL ORDER BY e.written LIMIT $2) AS n),"
				" first AS (SELECT $1 + count(*) AS id FROM waiting),"
				" given AS (UPDATE vyricon.events AS e SET id = w.id FROM waiting AS w WHERE e.written = w.written RETURNING e.id, e.kind),"
				" put AS (INSERT INTO vyricon.events (id, kind, ref) SELECT f.id + g.n, g.kind, g.ref"
				" FROM first AS f, unnest($3, $4) WITH ORDINALITY AS g (kind, ref, n) RETURNING id, kind),"
				" counted AS (UPDATE vyricon.event_counter SET last_id = (SELECT f.id + cardinality($3) FROM first AS f) WHERE only_row)"
				" SELECT kind, max(id), max(max(id)) OVER (), count(*) FROM (SELECT * FROM given UNION ALL SELECT * FROM put) AS announced"
				" GROUP BY kind",
		 .nargs = 4, .types = {INT8OID, INT4OID, TEXTARRAYOID, TEXTARRAYOID}, .expect = SPI_OK_SELECT);

VY_QUERY(read_events, .sql = "SELECT id, at, kind, ref FROM vyricon.events WHERE id > $1 ORDER BY id LIMIT $2", .nargs = 2,
		 .types = {INT8OID, INT4OID}, .expect = SPI_OK_SELECT);

VY_QUERY(read_counter, .sql = "SELECT last_id, purged_id FROM vyricon.event_counter WHERE only_row", .expect = SPI_OK_SELECT);

typedef struct Batch
{
	int64 n;
	bool silent; /* notifications cannot be sent */
} Batch;

static bool added; /* and not announced by the same transaction */
static bool gathering; /* until the transaction announces */
static List *gathered; /* kind and ref in turn, as Datums, in TopTransactionContext */

static Datum every_second(const List *list, int from);
static void put_row(void *arg, HeapTuple row, TupleDesc desc);
static void refuse_gap(int64 since);
static void notify(void *arg, HeapTuple row, TupleDesc desc);
static bool queue_is_full(void);
static void on_transaction_end(XactEvent event, void *arg);

/* The counter is read after the rows: what was purged before they were read shows in it. */
VY_FUNCTION(vyricon_events_since)
{
	Datum args[2] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};

	InitMaterializedSRF(fcinfo, 0);
	(void) vy_query_each(&read_events, args, NULL, put_row, fcinfo->resultinfo);
	refuse_gap(PG_GETARG_INT64(0));
	return (Datum) 0;
}

VY_FUNCTION(vyricon_last_event)
{
	Datum last;
	bool isnull;

	PG_RETURN_DATUM(vy_query_row(&read_counter, NULL, NULL, 1, &last, &isnull) ? last : Int64GetDatum(0));
}

void
vy_event_init(void)
{
	RegisterXactCallback(on_transaction_end, NULL);
}

/* Never what a subtransaction may take back. */
void
vy_event_add(const char *kind, const char *ref)
{
	bool gather = gathering && GetCurrentTransactionNestLevel() == 1;
	MemoryContext before = gather ? MemoryContextSwitchTo(TopTransactionContext) : CurrentMemoryContext;
	Datum args[2] = {CStringGetTextDatum(kind), CStringGetTextDatum(ref)};

	if (gather)
		gathered = lappend(lappend(gathered, DatumGetPointer(args[0])), DatumGetPointer(args[1]));
	else
	{
		(void) vy_query_run(&put_event, args, NULL);
		added = true;
	}
	MemoryContextSwitchTo(before);
}

void
vy_events_gather(void)
{
	gathering = true;
}

int64
vy_events_announce(void)
{
	bool some = gathered != NIL;
	Datum wanted = BoolGetDatum(some);
	Datum args[4] = {(Datum) 0, Int32GetDatum(BATCH), every_second(gathered, 0), every_second(gathered, 1)};
	Batch batch = {0, false};
	bool isnull;

	gathering = false;
	gathered = NIL;
	if (!vy_query_row(&lock_counter, &wanted, NULL, 1, &args[0], &isnull))
	{
		added = added || (some && vy_query_run(&put_gathered, args + 2, NULL) > 0);
		return 0;
	}
	added = false;
	batch.silent = queue_is_full();
	(void) vy_query_each(&give_ids, args, NULL, notify, &batch);
	/* what is left, or what the worker could not announce because of us */
	if (batch.n >= BATCH || !IsBackgroundWorker)
		vy_ring_at_commit();
	return batch.n;
}

static Datum
every_second(const List *list, int from)
{
	int n = list_length(list) / 2;
	Datum *texts = palloc((n + 1) * sizeof(Datum));

	for (int i = 0; i < n; i++)
		texts[i] = PointerGetDatum(list_nth(list, 2 * i + from));
	return PointerGetDatum(construct_array(texts, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
put_row(void *arg, HeapTuple row, TupleDesc desc)
{
	ReturnSetInfo *result = arg;
	Datum values[4];
	bool nulls[4];

	heap_deform_tuple(row, desc, values, nulls);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* A reader who missed something must read what the events were about, not go on as if nothing had happened. */
static void
refuse_gap(int64 since)
{
	Datum counter[2];
	bool nulls[2];
	int64 last;
	int64 purged;

	if (!vy_query_row(&read_counter, NULL, NULL, 2, counter, nulls))
		return;
	last = DatumGetInt64(counter[0]);
	purged = DatumGetInt64(counter[1]);
	if (since < purged)
		ereport(ERROR, (errcode(ERRCODE_VY_GONE), errmsg("events after %lld are no longer all there", (long long) since),
						errdetail("Those up to %lld were purged; the last one is %lld.", (long long) purged, (long long) last),
						errhint("Take vyricon.last_event(), read the present state, and go on from that id.")));
	if (since > last)
		ereport(ERROR, (errcode(ERRCODE_VY_GONE), errmsg("there was no event %lld here yet", (long long) since),
						errdetail("The last one is %lld.", (long long) last),
						errhint("The id is from another database, or from before a restore: take vyricon.last_event(), read the present "
								"state, and go on from that id.")));
}

/* One kind of the batch. Kinds are names in C, which need no quoting. */
static void
notify(void *arg, HeapTuple row, TupleDesc desc)
{
	Batch *batch = arg;
	Datum values[4];
	bool nulls[4];

	heap_deform_tuple(row, desc, values, nulls);
	batch->n += DatumGetInt64(values[3]);
	if (!batch->silent)
		Async_Notify(CHANNEL, psprintf("{\"v\":1,\"kind\":\"%s\",\"id\":%lld,\"tick\":%lld}", TextDatumGetCString(values[0]),
									   (long long) DatumGetInt64(values[1]), (long long) DatumGetInt64(values[2])));
}

/* A queue that somebody's idle listener keeps full would make the commit fail, and with it what is recorded there. Said once. */
static bool
queue_is_full(void)
{
	static bool was_full;
	bool full = DatumGetFloat8(DirectFunctionCall1(pg_notification_queue_usage, (Datum) 0)) > FULL_QUEUE;

	if (full && !was_full)
		ereport(LOG, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("events are not notified: the notification queue is full"),
					  errhint("Some session that listens has a transaction open; pg_notification_queue_usage() tells when it is over.")));
	was_full = full;
	return full;
}

/* Before the commit's ring goes out (enqueue.c): the worker announces what this transaction did not. */
static void
on_transaction_end(XactEvent event, void *arg __attribute__((unused)))
{
	if (event == XACT_EVENT_PRE_COMMIT && added)
		vy_ring_at_commit();
	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE || event == XACT_EVENT_ABORT)
	{
		added = false;
		gathering = false;
		gathered = NIL;
	}
}
