/*
 * wait.c: answering a request when a job has ended, without a connection or a transaction that waits (wait.h).
 *
 * The request's transaction leaves a ticket and is over; the shim keeps the client. The worker that records the end finds the ticket and
 * notifies, and the shim shows the ticket's secret and gets the answer (http_resume() in http.c). No end is missed: the job's row is locked
 * FOR SHARE while it is looked at, so the worker's UPDATE of it comes either before, and the job has ended, or after the ticket was
 * committed.
 *
 * vyricon.cancel() is called in users' transactions, which do not notify (that serialises commits): who waits for a cancelled job learns it
 * when his time is over.
 */
#include "jobs/wait.h"

#include <openssl/crypto.h>

#include "access/xact.h"
#include "base/field.h"
#include "base/json.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "core/query.h"
#include "core/settings.h"
#include "jobs/worker.h"
#include "utils/array.h"

#define SECRET_BYTES 32
#define MAX_ENDED 256

/* A ticket outlives the wait by this: the shim may have to wait for a connection, or for the server's restart. */
#define GRACE_MS 60000

#define SHOW_JOB                                                                                                            \
	"SELECT json_build_object('id', id, 'kind', kind, 'state', state, 'attempts', attempts, 'max_attempts', max_attempts,"  \
	" 'run_at', run_at, 'created_at', created_at, 'finished_at', finished_at, 'status', status, 'answer', answer,"          \
	" 'problem', problem)::text, state IN ('queued', 'in_flight') FROM vyricon.jobs WHERE id = $1 AND ($2 = 'service_role'" \
	" OR (role_name = $2 AND user_id = $3))"

VY_QUERY(show_job, .sql = SHOW_JOB, .nargs = 3, .types = {INT8OID, TEXTOID, TEXTOID}, .expect = SPI_OK_SELECT);

VY_QUERY(show_and_hold_job, .sql = SHOW_JOB " FOR SHARE", .nargs = 3, .types = {INT8OID, TEXTOID, TEXTOID}, .expect = SPI_OK_SELECT);

VY_QUERY(put_ticket,
		 .sql = "INSERT INTO vyricon.tickets (hash, job, role_name, user_id, expires_at)"
				" VALUES ($1, $2, $3, $4, clock_timestamp() + $5 * interval '1 millisecond') RETURNING id",
		 .nargs = 5, .types = {BYTEAOID, INT8OID, TEXTOID, TEXTOID, INT8OID}, .expect = SPI_OK_INSERT_RETURNING);

VY_QUERY(find_ticket,
		 .sql = "SELECT hash, job, role_name, user_id FROM vyricon.tickets WHERE id = $1 AND expires_at > clock_timestamp() FOR UPDATE",
		 .nargs = 1, .types = {INT8OID}, .expect = SPI_OK_SELECT);

VY_QUERY(use_ticket, .sql = "DELETE FROM vyricon.tickets WHERE id = $1", .nargs = 1, .types = {INT8OID}, .expect = SPI_OK_DELETE);

VY_QUERY(tell_waiting, .sql = "SELECT pg_notify('vyricon_wait', id::text) FROM vyricon.tickets WHERE job = ANY ($1)", .nargs = 1,
		 .types = {INT8ARRAYOID}, .expect = SPI_OK_SELECT);

/* A job and who asks for it: the parameters of SHOW_JOB. */
typedef struct Question
{
	Datum args[3];
	bool nulls[3];
} Question;

static int max_wait_s;

static Datum ended[MAX_ENDED];
static int nended;

static const VySetting settings[] = {
	{"vyricon.max_wait", "Longest time that a client may wait for an answer with Prefer: wait; 0: nobody waits.", PGC_SIGHUP, GUC_UNIT_S,
	 PGC_INT, &max_wait_s, NULL, 30, 0, 3600},
};

static int64 preferred_wait(const VyRequest *request);
static VyStr trim(VyStr word);
static bool show(VyQuery *query, const Question *question, VyResponse *response, bool *going);
static void tell_applied(VyResponse *response, int64 seconds);
static void write_ticket(VyResponse *response, const Question *question, int64 wait_ms);
static bool read_ticket(VyStr ticket, int64_t *id, VyStr *secret);
static bytea *hash_secret(VyStr secret);

void
vy_wait_init(void)
{
	VY_SETTINGS_DEFINE(settings);
}

bool
vy_response_wait(VyRequest *request, VyResponse *response, int64 job)
{
	const VyIdentity *caller = request->caller;
	int64 seconds = preferred_wait(request);
	/* on a standby, or where somebody made the transaction read-only, there can be no ticket */
	bool wait = seconds > 0 && !XactReadOnly;
	Question question = {{Int64GetDatum(job), CStringGetTextDatum(caller->role_name), (Datum) 0},
						 {false, false, caller->user_id.p == NULL}};
	bool going;

	if (caller->user_id.p != NULL)
		question.args[2] = PointerGetDatum(vy_str_text(caller->user_id));
	if (!show(wait ? &show_and_hold_job : &show_job, &question, response, &going))
		return false;
	if (wait && going)
		write_ticket(response, &question, seconds * 1000);
	if (wait)
		tell_applied(response, seconds);
	return true;
}

/*
 * Here the row is not locked: the ticket was committed before, so the end that this statement does not see is notified after it. The ticket
 * stays as long as it has not been answered.
 */
bool
vy_wait_resume(VyRequest *request, VyResponse *response, VyStr ticket, bool last)
{
	Datum row[4];
	bool nulls[4];
	int64_t id;
	VyStr secret;
	Datum key;
	bytea *hash;
	Question question;
	bool going = false;

	if (!read_ticket(ticket, &id, &secret))
		return false;
	key = Int64GetDatum(id);
	if (!vy_query_row(&find_ticket, &key, NULL, 4, row, nulls))
		return false;
	hash = DatumGetByteaPP(row[0]);
	if (VARSIZE_ANY_EXHDR(hash) != PG_SHA256_DIGEST_LENGTH ||
		CRYPTO_memcmp(VARDATA_ANY(hash), VARDATA(hash_secret(secret)), PG_SHA256_DIGEST_LENGTH) != 0)
		return false;
	question = (Question){{row[1], row[2], row[3]}, {false, false, nulls[3]}};
	if (!show(&show_job, &question, response, &going))
		return false;
	if (going && !last)
		vy_response_headerf(response, "x-vyricon-shim-wait", "%.*s 0", (int) ticket.n, ticket.p);
	else
		(void) vy_query_run(&use_ticket, &key, NULL);
	tell_applied(response, preferred_wait(request));
	return true;
}

void
vy_wait_ended(int64 job)
{
	if (nended == MAX_ENDED)
		vy_wait_tell();
	ended[nended++] = Int64GetDatum(job);
}

void
vy_wait_tell(void)
{
	Datum jobs;

	if (nended == 0)
		return;
	jobs = PointerGetDatum(construct_array(ended, nended, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	nended = 0;
	(void) vy_query_run(&tell_waiting, &jobs, NULL);
}

/* N of "Prefer: wait=N", the first one, in seconds and at most vyricon.max_wait; -1: there is none. */
static int64
preferred_wait(const VyRequest *request)
{
	for (size_t i = 0; i < request->nheaders; i++)
	{
		VyStr rest = request->headers[i].value;

		if (!vy_str_is(request->headers[i].name, "prefer"))
			continue;
		while (rest.n > 0)
		{
			const char *comma = memchr(rest.p, ',', rest.n);
			VyStr word = trim(vy_str(rest.p, comma != NULL ? (size_t) (comma - rest.p) : rest.n));
			size_t seconds;

			if (word.n > 5 && vy_str_same(vy_str(word.p, 5), VY_STR("wait=")) && vy_field_length(vy_str(word.p + 5, word.n - 5), &seconds))
				return Min((int64) seconds, max_wait_s);
			rest = comma != NULL ? vy_str(comma + 1, (size_t) (rest.p + rest.n - comma - 1)) : vy_str(NULL, 0);
		}
	}
	return -1;
}

static VyStr
trim(VyStr word)
{
	while (word.n > 0 && (word.p[0] == ' ' || word.p[0] == '\t'))
		word = vy_str(word.p + 1, word.n - 1);
	while (word.n > 0 && (word.p[word.n - 1] == ' ' || word.p[word.n - 1] == '\t'))
		word.n--;
	return word;
}

/* The job's JSON becomes the answer; *going: it has not ended. */
static bool
show(VyQuery *query, const Question *question, VyResponse *response, bool *going)
{
	Datum row[2];
	bool nulls[2];

	if (!vy_query_row(query, question->args, question->nulls, 2, row, nulls))
		return false;
	*going = DatumGetBool(row[1]);
	vy_response_header(response, "content-type", VY_STR("application/json; charset=utf-8"));
	vy_append(&response->body, vy_text_str(DatumGetTextPP(row[0])));
	return true;
}

static void
tell_applied(VyResponse *response, int64 seconds)
{
	if (seconds > 0)
		vy_response_headerf(response, "preference-applied", "wait=" INT64_FORMAT, seconds);
}

static void
write_ticket(VyResponse *response, const Question *question, int64 wait_ms)
{
	uint8 bytes[SECRET_BYTES];
	char secret[2 * SECRET_BYTES + 1];
	Datum args[5] = {(Datum) 0, question->args[0], question->args[1], question->args[2], Int64GetDatum(wait_ms + GRACE_MS)};
	bool nulls[5] = {false, false, false, question->nulls[2], false};
	Datum id;
	bool isnull;

	if (!pg_strong_random(bytes, sizeof(bytes)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("no random bytes for a ticket")));
	vy_field_hex(secret, bytes, sizeof(bytes));
	args[0] = PointerGetDatum(hash_secret(vy_str(secret, sizeof(secret) - 1)));
	if (!vy_query_row(&put_ticket, args, nulls, 1, &id, &isnull))
		elog(ERROR, "a ticket was not stored");
	vy_response_headerf(response, "x-vyricon-shim-wait", INT64_FORMAT ".%s " INT64_FORMAT, DatumGetInt64(id), secret, wait_ms);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	OPENSSL_cleanse(secret, sizeof(secret));
	/* a worker that came for the job meanwhile passed over its locked row */
	vy_ring_at_commit();
}

/* "<id>.<secret>". */
static bool
read_ticket(VyStr ticket, int64_t *id, VyStr *secret)
{
	const char *dot = memchr(ticket.p, '.', ticket.n);

	if (dot == NULL || !vy_json_int64(vy_str(ticket.p, (size_t) (dot - ticket.p)), id))
		return false;
	*secret = vy_str(dot + 1, (size_t) (ticket.p + ticket.n - dot - 1));
	return secret->n == 2 * SECRET_BYTES;
}

static bytea *
hash_secret(VyStr secret)
{
	bytea *hash = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);
	bool ok = context != NULL && pg_cryptohash_init(context) == 0 &&
			  pg_cryptohash_update(context, (const uint8 *) secret.p, secret.n) == 0 &&
			  pg_cryptohash_final(context, (uint8 *) VARDATA(hash), PG_SHA256_DIGEST_LENGTH) == 0;

	pg_cryptohash_free(context);
	if (!ok)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("a ticket could not be hashed")));
	SET_VARSIZE(hash, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	return hash;
}
