/*
 * api_key.c: rows of auth.api_keys. A key is shown once, when it is made; only its SHA-256 is kept. With 256 random bits in it a plain hash
 * is enough, and looking it up by an index tells nothing about other keys.
 */
#include "auth/api_key.h"

#include <openssl/crypto.h>

#include "base/b64url.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "core/cache.h"
#include "core/query.h"
#include "utils/timestamp.h"

#define KEY_BYTES 32
#define KEY_MAX 128
#define SHOWN_LETTERS 6

typedef struct KeyKind
{
	const char *kind;
	const char *prefix;
	const char *role;
} KeyKind;

static const KeyKind kinds[] = {
	{"publishable", "sb_publishable_", "anon"},
	{"secret", "sb_secret_", "service_role"},
};

static VyCache cache = {.schema = "auth", .table = "api_keys"};

VY_QUERY(find_key, .sql = "SELECT kind, expires_at FROM auth.api_keys WHERE hash = $1 AND revoked_at IS NULL", .nargs = 1,
		 .types = {BYTEAOID}, .expect = SPI_OK_SELECT);

VY_QUERY(insert_key, .sql = "INSERT INTO auth.api_keys (kind, name, hash, prefix, expires_at) VALUES ($1, $2, $3, $4, $5)", .nargs = 5,
		 .types = {TEXTOID, TEXTOID, BYTEAOID, TEXTOID, TIMESTAMPTZOID}, .expect = SPI_OK_INSERT);

VY_QUERY(revoke_key, .sql = "UPDATE auth.api_keys SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL", .nargs = 1,
		 .types = {UUIDOID}, .expect = SPI_OK_UPDATE);

static const KeyKind *find_kind(VyStr name);
static bytea *hash_key(VyStr key);

/* Returns the key, the only time it is seen. */
VY_FUNCTION(vyricon_auth_create_api_key)
{
	const KeyKind *kind = PG_ARGISNULL(0) ? NULL : find_kind(vy_text_str(PG_GETARG_TEXT_PP(0)));
	uint8 random[KEY_BYTES];
	char letters[VY_B64URL_ENCODED_SIZE(KEY_BYTES)];
	size_t n;
	char *key;
	Datum args[5];
	bool nulls[5] = {false, false, false, false, PG_ARGISNULL(2)};

	if (kind == NULL || PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_VY_INVALID), errmsg("an API key needs a kind and a name"),
						errhint("The kind is \"publishable\" (role anon) or \"secret\" (role service_role).")));
	if (!pg_strong_random(random, sizeof(random)) || vy_b64url_encode(letters, sizeof(letters), &n, random, sizeof(random)) != 0)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not make random bytes")));
	key = psprintf("%s%.*s", kind->prefix, (int) n, letters);
	args[0] = CStringGetTextDatum(kind->kind);
	args[1] = PG_GETARG_DATUM(1);
	args[2] = PointerGetDatum(hash_key(vy_cstr(key)));
	args[3] = PointerGetDatum(cstring_to_text_with_len(key, (int) strlen(kind->prefix) + SHOWN_LETTERS));
	args[4] = nulls[4] ? (Datum) 0 : PG_GETARG_DATUM(2);
	vy_query_run(&insert_key, args, nulls);
	OPENSSL_cleanse(random, sizeof(random));
	OPENSSL_cleanse(letters, sizeof(letters));
	PG_RETURN_TEXT_P(cstring_to_text(key));
}

VY_FUNCTION(vyricon_auth_revoke_api_key)
{
	Datum id = PG_GETARG_DATUM(0);

	PG_RETURN_BOOL(vy_query_run(&revoke_key, &id, NULL) == 1);
}

bool
vy_api_key_looks_like(VyStr key)
{
	for (size_t i = 0; i < lengthof(kinds); i++)
		if (vy_str_starts(key, kinds[i].prefix))
			return true;
	return false;
}

const char *
vy_api_key_role(VyStr key, TimestampTz now, TimestampTz *expires)
{
	const KeyKind *kind;
	Datum hash;
	Datum row[2];
	bool nulls[2];

	if (key.n > KEY_MAX || !vy_cache_table_exists(&cache))
		return NULL;
	hash = PointerGetDatum(hash_key(key));
	if (!vy_query_row(&find_key, &hash, NULL, 2, row, nulls))
		return NULL;
	*expires = nulls[1] ? DT_NOEND : DatumGetTimestampTz(row[1]);
	kind = find_kind(vy_text_str(DatumGetTextPP(row[0])));
	return kind != NULL && *expires > now ? kind->role : NULL;
}

uint64
vy_api_key_version(void)
{
	if (!vy_cache_fresh(&cache) && vy_cache_table_exists(&cache))
		vy_cache_filled(&cache);
	return cache.version;
}

static const KeyKind *
find_kind(VyStr name)
{
	for (size_t i = 0; i < lengthof(kinds); i++)
		if (vy_str_is(name, kinds[i].kind))
			return &kinds[i];
	return NULL;
}

static bytea *
hash_key(VyStr key)
{
	bytea *hash = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);
	bool ok = context != NULL && pg_cryptohash_init(context) == 0 && pg_cryptohash_update(context, (const uint8 *) key.p, key.n) == 0 &&
			  pg_cryptohash_final(context, (uint8 *) VARDATA(hash), PG_SHA256_DIGEST_LENGTH) == 0;

	pg_cryptohash_free(context);
	if (!ok)
		elog(ERROR, "SHA-256 failed");
	SET_VARSIZE(hash, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	return hash;
}
