/*
 * idempotency.c: Idempotency-Key on every route that writes.
 *
 * The answer is stored in the transaction of what it answers for: there is never one without the other. A second request with the key finds
 * the advisory lock taken while the first one runs (409), or what it left (the same answer), or nothing, when it failed. So a client that
 * was told outcome_unknown, or nothing at all, sends the same again. Keys belong to their sender.
 */
#include "http/idempotency.h"

#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/hashfn.h"
#include "common/sha2.h"
#include "core/query.h"
#include "core/settings.h"
#include "http/request.h"
#include "utils/array.h"
#include "utils/builtins.h"

#define MAX_KEY 255
/* The first half of the advisory lock's name; the second is the key's hash. */
#define LOCK_CLASS 1448697934

static int retention_s;

static const VySetting settings[] = {
	{"vyricon.idempotency_retention", "How long the answer to an Idempotency-Key is kept.", PGC_SIGHUP, GUC_UNIT_S, PGC_INT, &retention_s,
	 NULL, 86400, 60, 31 * 86400},
};

VY_QUERY(take_lock, .sql = "SELECT pg_try_advisory_xact_lock($1, $2)", .nargs = 2, .types = {INT4OID, INT4OID}, .expect = SPI_OK_SELECT);

VY_QUERY(
	find_answer,
	.sql = "SELECT fingerprint, status, headers, body FROM vyricon.idempotency_keys WHERE subject = $1 AND key = $2 AND expires_at > now()",
	.nargs = 2, .types = {TEXTOID, TEXTOID}, .expect = SPI_OK_SELECT);

VY_QUERY(keep_answer,
		 .sql = "INSERT INTO vyricon.idempotency_keys (subject, key, fingerprint, status, headers, body, expires_at)"
				" VALUES ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 second')"
				" ON CONFLICT (subject, key) DO UPDATE SET fingerprint = excluded.fingerprint, status = excluded.status,"
				" headers = excluded.headers, body = excluded.body, expires_at = excluded.expires_at",
		 .nargs = 7, .types = {TEXTOID, TEXTOID, BYTEAOID, INT4OID, TEXTARRAYOID, BYTEAOID, INT4OID}, .expect = SPI_OK_INSERT);

static bool read_key(VyRequest *request, VyResponse *response, VyStr *key);
static bytea *fingerprint_of(const VyRequest *request);
static bool lock(const VyIdempotency *idempotency);
static bool answer_again(const VyIdempotency *idempotency, VyRequest *request, VyResponse *response);

void
vy_idempotency_init(void)
{
	VY_SETTINGS_DEFINE(settings);
}

bool
vy_idempotency_begin(VyIdempotency *idempotency, VyRequest *request, VyResponse *response)
{
	VyStr key;

	idempotency->subject = NULL;
	if (request->read_only)
		return true;
	if (!read_key(request, response, &key))
		return false;
	if (key.p == NULL)
		return true;
	idempotency->subject = request->caller->user_id.p != NULL ? psprintf("user %s", vy_str_dup(request->caller->user_id))
															  : psprintf("role %s", request->caller->role_name);
	idempotency->key = vy_str_dup(key);
	idempotency->fingerprint = fingerprint_of(request);
	idempotency->first_header = response->nheaders;
	if (lock(idempotency))
		return !answer_again(idempotency, request, response);
	vy_refuse(request, response, 409, "VY409", "a request with this Idempotency-Key is being served", NULL, "Send it again in a moment.");
	vy_response_header(response, "retry-after", VY_STR("1"));
	return false;
}

void
vy_idempotency_end(const VyIdempotency *idempotency, VyResponse *response)
{
	size_t n = response->nheaders - Min(idempotency->first_header, response->nheaders);
	Datum *texts;
	Datum args[7];

	if (idempotency->subject == NULL || response->status >= 400)
		return;
	texts = palloc(n * 2 * sizeof(Datum) + 1);
	for (size_t i = 0; i < n; i++)
	{
		texts[2 * i] = PointerGetDatum(vy_str_text(response->headers[idempotency->first_header + i].name));
		texts[2 * i + 1] = PointerGetDatum(vy_str_text(response->headers[idempotency->first_header + i].value));
	}
	args[0] = CStringGetTextDatum(idempotency->subject);
	args[1] = CStringGetTextDatum(idempotency->key);
	args[2] = PointerGetDatum(idempotency->fingerprint);
	args[3] = Int32GetDatum(response->status);
	args[4] = PointerGetDatum(construct_array(texts, (int) n * 2, TEXTOID, -1, false, TYPALIGN_INT));
	args[5] = PointerGetDatum(
		cstring_to_text_with_len(response->body.data + response->body_start, response->body.len - (int) response->body_start));
	args[6] = Int32GetDatum(retention_s);
	(void) vy_query_run(&keep_answer, args, NULL);
}

/* The draft writes the key as a quoted string; most clients leave the quotes out. */
static bool
read_key(VyRequest *request, VyResponse *response, VyStr *key)
{
	*key = vy_request_header(request, "idempotency-key");
	if (key->p == NULL)
		return true;
	if (key->n >= 2 && key->p[0] == '"' && key->p[key->n - 1] == '"')
		*key = vy_str(key->p + 1, key->n - 2);
	for (size_t i = 0; i < key->n; i++)
		if (key->p[i] < '!' || key->p[i] > '~')
			key->n = MAX_KEY + 1;
	if (key->n >= 1 && key->n <= MAX_KEY)
		return true;
	vy_refuse(request, response, 400, "VY400", "the Idempotency-Key is not valid", NULL,
			  "Send 1 to 255 visible ASCII characters, such as a random UUID.");
	return false;
}

static bytea *
fingerprint_of(const VyRequest *request)
{
	const VyStr parts[] = {request->method_name, VY_STR(" "), request->target, VY_STR("\n"), request->body};
	bytea *digest = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);
	bool good = context != NULL && pg_cryptohash_init(context) == 0;

	for (size_t i = 0; i < lengthof(parts) && good; i++)
		good = parts[i].n == 0 || pg_cryptohash_update(context, (const uint8 *) parts[i].p, parts[i].n) == 0;
	good = good && pg_cryptohash_final(context, (uint8 *) VARDATA(digest), PG_SHA256_DIGEST_LENGTH) == 0;
	if (context != NULL)
		pg_cryptohash_free(context);
	if (!good)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute SHA-256")));
	SET_VARSIZE(digest, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	return digest;
}

/* Until the transaction ends. */
static bool
lock(const VyIdempotency *idempotency)
{
	const char *name = psprintf("%s\n%s", idempotency->subject, idempotency->key);
	Datum args[2] = {Int32GetDatum(LOCK_CLASS), Int32GetDatum((int32) hash_bytes((const unsigned char *) name, (int) strlen(name)))};
	Datum taken;
	bool isnull;

	return vy_query_row(&take_lock, args, NULL, 1, &taken, &isnull) && DatumGetBool(taken);
}

/* False: this is the first time. */
static bool
answer_again(const VyIdempotency *idempotency, VyRequest *request, VyResponse *response)
{
	Datum args[2] = {CStringGetTextDatum(idempotency->subject), CStringGetTextDatum(idempotency->key)};
	Datum row[4];
	bool nulls[4];
	Datum *texts;
	int n;

	if (!vy_query_row(&find_answer, args, NULL, 4, row, nulls))
		return false;
	if (!vy_str_eq(vy_text_str((text *) DatumGetByteaPP(row[0])), vy_text_str((text *) idempotency->fingerprint)))
	{
		vy_refuse(request, response, 422, "VY422", "the Idempotency-Key was used for another request", NULL,
				  "Make a new key for each new request.");
		return true;
	}
	response->status = DatumGetInt32(row[1]);
	deconstruct_array(DatumGetArrayTypeP(row[2]), TEXTOID, -1, false, TYPALIGN_INT, &texts, NULL, &n);
	for (int i = 0; i + 1 < n; i += 2)
		vy_response_header(response, TextDatumGetCString(texts[i]), vy_text_str(DatumGetTextPP(texts[i + 1])));
	vy_response_header(response, "idempotency-replayed", VY_STR("true"));
	vy_response_clear(response);
	appendBinaryStringInfo(&response->body, VARDATA_ANY(DatumGetByteaPP(row[3])), (int) VARSIZE_ANY_EXHDR(DatumGetByteaPP(row[3])));
	return true;
}
