/*
 * enqueue.c: vyricon.enqueue(): a row in the caller's transaction, and a ring of the worker's doorbell when that commits.
 *
 * The request is encoded here, once, and gets its idempotency key here: every attempt sends the same bytes.
 */
#include "jobs/jobs.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "auth/identity.h"
#include "base/field.h"
#include "core/insert.h"
#include "core/query.h"
#include "core/random.h"
#include "core/shm.h"
#include "jobs/enqueue.h"
#include "jobs/kind.h"
#include "jobs/worker.h"

#define MAX_REQUEST (1024 * 1024)
#define MAX_NAME 255
#define NARGS 13

typedef enum Argument
{
	KIND,
	PAYLOAD,
	RUN_AT,
	KEY,
	SUBJECT,
	PRIORITY
} Argument;

VY_QUERY(put_job,
		 .sql = "INSERT INTO vyricon.jobs (kind, repeatable, max_attempts, run_at, role_name, user_id, claims, subject, key, priority,"
				" secret_name, request, idempotency_key)"
				" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
				" ON CONFLICT (key, kind, role_name, (COALESCE(user_id, ''))) WHERE key IS NOT NULL DO NOTHING RETURNING id",
		 .nargs = NARGS,
		 .types = {TEXTOID, BOOLOID, INT4OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT2OID, TEXTOID, BYTEAOID,
				   TEXTOID},
		 .expect = SPI_OK_INSERT_RETURNING);

VY_QUERY(find_job,
		 .sql = "SELECT id, request = $5 AND secret_name IS NOT DISTINCT FROM $6 FROM vyricon.jobs"
				" WHERE key = $1 AND kind = $2 AND role_name = $3 AND COALESCE(user_id, '') = COALESCE($4, '')",
		 .nargs = 6, .types = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, BYTEAOID, TEXTOID}, .expect = SPI_OK_SELECT);

/* The same columns: most jobs have no key, and then there is nothing to look for before the row is written. */
static VyInsert put_keyless = {
	.schema = "vyricon",
	.table = "jobs",
	.ncolumns = NARGS,
	.columns = {"kind", "repeatable", "max_attempts", "run_at", "role_name", "user_id", "claims", "subject", "key", "priority",
				"secret_name", "request", "idempotency_key"},
	.types = {TEXTOID, BOOLOID, INT4OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT2OID, TEXTOID, BYTEAOID, TEXTOID},
	.returning = "id"};

static bool ring;
static TimestampTz ring_for = DT_NOEND; /* when the earliest job of this transaction is due */

static const VyJobKind *build(const char *name, Jsonb *jsonb, VyJobDraft *draft);
static Datum put(const VyJobKind *kind, const VyJobDraft *draft, const VyJobOwner *owner, Datum *args, bool *nulls);
static Datum optional_name(FunctionCallInfo fcinfo, Argument argument, const char *what, bool *isnull);
static bytea *encode(const VyWireRequest *request);
static char *make_key(void);
static void set_text(Datum *value, bool *isnull, const char *text, size_t n);
static Datum id_of(const Datum *args, const bool *nulls);
static void on_transaction_end(XactEvent event, void *arg);

VY_FUNCTION(vyricon_enqueue)
{
	VyJobOwner owner = vy_job_owner();
	VyJobDraft draft = {0};
	const VyJobKind *kind;
	Datum args[NARGS];
	bool nulls[NARGS] = {false};

	if (PG_ARGISNULL(KIND) || PG_ARGISNULL(PAYLOAD))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("kind and payload must not be null")));
	kind = build(text_to_cstring(PG_GETARG_TEXT_PP(KIND)), PG_GETARG_JSONB_P(PAYLOAD), &draft);
	args[3] = PG_ARGISNULL(RUN_AT) ? TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()) : PG_GETARG_DATUM(RUN_AT);
	args[7] = optional_name(fcinfo, SUBJECT, "subject", &nulls[7]);
	args[8] = optional_name(fcinfo, KEY, "key", &nulls[8]);
	args[9] = Int16GetDatum(PG_ARGISNULL(PRIORITY) ? 0 : (int16) Max(Min(PG_GETARG_INT32(PRIORITY), 1), -1));
	PG_RETURN_DATUM(put(kind, &draft, &owner, args, nulls));
}

VyJobOwner
vy_job_owner(void)
{
	const VyIdentity *caller = vy_identity_current();

	if (caller == NULL)
		return (VyJobOwner){.role_name = GetUserNameFromId(GetUserId(), false)};
	return (VyJobOwner){pstrdup(caller->role_name), caller->user_id, caller->claims};
}

void
vy_job_check(const char *kind, Jsonb *payload)
{
	VyJobDraft draft = {0};

	(void) build(kind, payload, &draft);
	(void) encode(&draft.request);
}

int64
vy_job_put(const char *kind, Jsonb *payload, const VyJobOwner *owner, const char *key)
{
	VyJobDraft draft = {0};
	const VyJobKind *found = build(kind, payload, &draft);
	Datum args[NARGS] = {
		[3] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()), [8] = CStringGetTextDatum(key), [9] = Int16GetDatum(0)};
	bool nulls[NARGS] = {[7] = true};

	return DatumGetInt64(put(found, &draft, owner, args, nulls));
}

static const VyJobKind *
build(const char *name, Jsonb *jsonb, VyJobDraft *draft)
{
	const VyJobKind *kind = vy_job_kind_find(name);
	char *payload;

	if (kind == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_VY_NOT_FOUND), errmsg("there is no such kind of job"), errhint("Kinds are: %s.", vy_job_kind_names())));
	if (!JB_ROOT_IS_OBJECT(jsonb))
		ereport(ERROR, (errcode(ERRCODE_VY_INVALID), errmsg("the job's payload is not an object")));
	payload = JsonbToCString(NULL, &jsonb->root, VARSIZE_ANY_EXHDR(jsonb));
	draft->key = make_key();
	kind->build(draft, vy_cstr(payload));
	return kind;
}

/* The caller has set run_at, subject, key and priority. */
static Datum
put(const VyJobKind *kind, const VyJobDraft *draft, const VyJobOwner *owner, Datum *args, bool *nulls)
{
	Datum id;
	bool isnull;

	args[0] = CStringGetTextDatum(kind->name);
	args[1] = BoolGetDatum(draft->repeatable);
	args[2] = Int32GetDatum(kind->max_attempts);
	args[4] = CStringGetTextDatum(owner->role_name);
	set_text(&args[5], &nulls[5], owner->user_id.p, owner->user_id.n);
	set_text(&args[6], &nulls[6], owner->claims.p, owner->claims.n);
	set_text(&args[10], &nulls[10], draft->secret_name, draft->secret_name != NULL ? strlen(draft->secret_name) : 0);
	args[11] = PointerGetDatum(encode(&draft->request));
	args[12] = CStringGetTextDatum(draft->key);
	if (!(nulls[8] && vy_insert_row(&put_keyless, args, nulls, &id)) && !vy_query_row(&put_job, args, nulls, 1, &id, &isnull))
		id = id_of(args, nulls);
	ring_for = Min(ring_for, DatumGetTimestampTz(args[3]));
	ring = true;
	return id;
}

void
vy_ring_at_commit(void)
{
	ring = true;
	ring_for = DT_NOBEGIN;
}

void
vy_enqueue_init(void)
{
	RegisterXactCallback(on_transaction_end, NULL);
}

static Datum
optional_name(FunctionCallInfo fcinfo, Argument argument, const char *what, bool *isnull)
{
	*isnull = PG_ARGISNULL(argument);
	if (*isnull)
		return (Datum) 0;
	if (VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(argument)) < 1 || VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(argument)) > MAX_NAME)
		ereport(ERROR, (errcode(ERRCODE_VY_INVALID), errmsg("a job's %s has 1 to %d bytes", what, MAX_NAME)));
	return PG_GETARG_DATUM(argument);
}

static char *
make_key(void)
{
	uint8 bytes[16];
	char text[4 + 2 * sizeof(bytes) + 1] = "vyr_";

	vy_random_bytes(bytes, sizeof(bytes));
	vy_field_hex(text + 4, bytes, sizeof(bytes));
	return pstrdup(text);
}

static void
set_text(Datum *value, bool *isnull, const char *text, size_t n)
{
	*isnull = text == NULL;
	*value = text != NULL ? PointerGetDatum(cstring_to_text_with_len(text, (int) n)) : (Datum) 0;
}

static bytea *
encode(const VyWireRequest *request)
{
	size_t n = vy_wire_request_size(request);
	bytea *packed;

	if (n > MAX_REQUEST)
		ereport(ERROR, (errcode(ERRCODE_VY_TOO_LARGE), errmsg("a job's request has at most %d bytes", MAX_REQUEST)));
	packed = palloc(VARHDRSZ + n);
	SET_VARSIZE(packed, VARHDRSZ + n);
	if (!vy_wire_request_write((uint8_t *) VARDATA(packed), n, request))
		elog(ERROR, "a request was not encoded");
	return packed;
}

/* The job that has this key already; whoever means another one by it made a mistake. */
static Datum
id_of(const Datum *args, const bool *nulls)
{
	Datum wanted[6] = {args[8], args[0], args[4], args[5], args[11], args[10]};
	bool wanted_nulls[6] = {false, false, false, nulls[5], false, nulls[10]};
	Datum found[2];
	bool isnull[2];

	if (!vy_query_row(&find_job, wanted, wanted_nulls, 2, found, isnull))
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE), errmsg("a job with this key was deleted in this moment")));
	if (!DatumGetBool(found[1]))
		ereport(ERROR, (errcode(ERRCODE_VY_CONFLICT), errmsg("there is another job with this key"),
						errdetail("Job %lld was enqueued with a different payload.", (long long) DatumGetInt64(found[0]))));
	return found[0];
}

/*
 * Only the first ring since the worker last looked wakes it, and what is due long after it looks again by itself is not worth waking it. A
 * place that has changed hands meanwhile wakes somebody for nothing.
 */
static void
on_transaction_end(XactEvent event, void *arg __attribute__((unused)))
{
	TimestampTz due = ring_for;

	if (!ring || (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE))
		return;
	ring = false;
	ring_for = DT_NOEND;
	if (event != XACT_EVENT_COMMIT || vy_shm == NULL ||
		due > TimestampTzPlusMilliseconds(GetCurrentTimestamp(), 2 * (int64) VY_WORKER_LOOK_MS))
		return;
	for (int i = 0; i < VY_SHM_WORKERS; i++)
		if (vy_shm->workers[i].database == MyDatabaseId)
			vy_place_ring(&vy_shm->workers[i]);
}
