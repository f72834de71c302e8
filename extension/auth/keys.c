/*
 * keys.c: the keys that tokens are signed and verified with: rows of auth.signing_keys, parsed once per backend.
 *
 * A key's life: standby (published, verifies, does not sign yet) -> active (signs) -> previous (verifies until it expires) -> revoked.
 * Private keys and HS256 secrets are rows of the secrets store; a public key is a PEM in the table, so a copy of the database without the
 * root key still verifies.
 */
#include "auth/keys.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "auth/jwk.h"
#include "auth/token.h"
#include "base/b64url.h"
#include "catalog/pg_type.h"
#include "core/cache.h"
#include "core/own.h"
#include "core/query.h"
#include "core/secrets.h"
#include "utils/timestamp.h"

/* Keys that a backend holds: the active one, then the newest. */
#define MAX_KEYS 64

/* Keys of one algorithm that a token without kid is tried with. */
#define MAX_TRIES 4

#define KID_BYTES 16

typedef struct SigningKey
{
	const VyJwsAlg *alg;
	const char *kid;
	bool active;
	bool broken; /* its PEM does not parse or does not fit alg */
	const char *public_pem; /* NULL: symmetric */
	const char *secret_name; /* NULL: verifies only */
	TimestampTz expires;
	EVP_PKEY *verifier; /* parsed at first use */
	EVP_PKEY *signer; /* opened at first use */
} SigningKey;

static VyCache cache = {.schema = "auth", .table = "signing_keys"};
static MemoryContext keys_context;
static SigningKey keys[MAX_KEYS];
static int nkeys;

VY_QUERY(live_keys,
		 .sql = "SELECT kid, alg, status = 'active', public_key, secret_name, expires_at FROM auth.signing_keys"
				" WHERE status <> 'revoked' AND (expires_at IS NULL OR expires_at > now())"
				" ORDER BY (status = 'active') DESC, created_at DESC LIMIT 64",
		 .expect = SPI_OK_SELECT);

VY_QUERY(insert_key,
		 .sql = "INSERT INTO auth.signing_keys (kid, alg, status, public_key, secret_name, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
		 .nargs = 6, .types = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}, .expect = SPI_OK_INSERT);

VY_QUERY(retire_active, .sql = "UPDATE auth.signing_keys SET status = 'previous', expires_at = now() + $1 WHERE status = 'active'",
		 .nargs = 1, .types = {INTERVALOID}, .expect = SPI_OK_UPDATE);

VY_QUERY(promote_standby, .sql = "UPDATE auth.signing_keys SET status = 'active' WHERE status = 'standby' RETURNING kid",
		 .expect = SPI_OK_UPDATE_RETURNING);

VY_QUERY(revoke_key, .sql = "UPDATE auth.signing_keys SET status = 'revoked', secret_name = NULL WHERE kid = $1 AND status <> 'revoked'",
		 .nargs = 1, .types = {TEXTOID}, .expect = SPI_OK_UPDATE);

VY_QUERY(drop_key_secret, .sql = "DELETE FROM vyricon.secrets WHERE name = (SELECT secret_name FROM auth.signing_keys WHERE kid = $1)",
		 .nargs = 1, .types = {TEXTOID}, .expect = SPI_OK_DELETE);

static void keep_row(void *arg, HeapTuple row, TupleDesc desc);
static EVP_PKEY *open_verifier(SigningKey *key);
static EVP_PKEY *open_signer(SigningKey *key);
static EVP_PKEY *open_secret(const SigningKey *key, const char *secret_name);
static EVP_PKEY *parse_pem(const char *pem, size_t n, bool private_key);
static const VyJwsAlg *required_alg(text *name);
static char *new_kid(void);
static void add_key(const char *kid, const VyJwsAlg *alg, const char *status, EVP_PKEY *key, bool has_private, const Datum *expires);
static void store_private(const char *secret_name, const VyJwsAlg *alg, EVP_PKEY *key);
static void check_kid(const char *kid);

/* A new key; active at once, or standby for the next rotation. */
VY_FUNCTION(vyricon_auth_create_signing_key)
{
	const VyJwsAlg *alg = required_alg(PG_GETARG_TEXT_PP(0));
	bool activate = PG_GETARG_BOOL(1);
	Datum keep = PG_GETARG_DATUM(2);
	char *kid = new_kid();
	EVP_PKEY *key = VY_OWN(CurrentMemoryContext, vy_jws_generate(alg), EVP_PKEY_free);

	if (key == NULL)
		elog(ERROR, "libcrypto could not make a key");
	if (activate)
		vy_query_run(&retire_active, &keep, NULL);
	add_key(kid, alg, activate ? "active" : "standby", key, true, NULL);
	PG_RETURN_TEXT_P(cstring_to_text(kid));
}

/* standby -> active, active -> previous for as long as its tokens may live. */
VY_FUNCTION(vyricon_auth_rotate_signing_key)
{
	Datum keep = PG_GETARG_DATUM(0);
	Datum kid;
	bool isnull;

	vy_query_run(&retire_active, &keep, NULL);
	if (!vy_query_row(&promote_standby, NULL, NULL, 1, &kid, &isnull))
		ereport(ERROR,
				(errcode(ERRCODE_VY_CONFLICT), errmsg("there is no standby signing key"),
				 errhint("Create one with auth.create_signing_key(activate => false); it is published at once, so that clients know it "
						 "before it signs.")));
	PG_RETURN_DATUM(kid);
}

/* A key made elsewhere: a PEM (private, or public to verify only), or the text of an HS256 secret. */
VY_FUNCTION(vyricon_auth_import_signing_key)
{
	char *kid = PG_ARGISNULL(0) ? new_kid() : text_to_cstring(PG_GETARG_TEXT_PP(0));
	VyStr pem;
	char *status;
	Datum expires = PG_ARGISNULL(4) ? (Datum) 0 : PG_GETARG_DATUM(4);
	const VyJwsAlg *alg;
	EVP_PKEY *key;
	bool has_private;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("alg, key and status are required")));
	alg = required_alg(PG_GETARG_TEXT_PP(1));
	pem = vy_text_str(PG_GETARG_TEXT_PP(2));
	status = text_to_cstring(PG_GETARG_TEXT_PP(3));
	check_kid(kid);
	key = vy_jws_alg_symmetric(alg) ? vy_jws_secret_key((const uint8_t *) pem.p, pem.n) : parse_pem(pem.p, pem.n, true);
	has_private = key != NULL;
	if (key == NULL)
		key = parse_pem(pem.p, pem.n, false);
	VY_OWN(CurrentMemoryContext, key, EVP_PKEY_free);
	if (!vy_jws_key_fits(alg, key))
		ereport(ERROR,
				(errcode(ERRCODE_VY_INVALID), errmsg("this is no key for %s", vy_jws_alg_name(alg)),
				 errhint("ES256 takes a PEM of a P-256 key, RS256 of an RSA key of 2048 to 4096 bits, EdDSA of an Ed25519 key; HS256 takes "
						 "a secret of at least 32 bytes.")));
	if (!has_private && strcmp(status, "previous") != 0)
		ereport(ERROR, (errcode(ERRCODE_VY_INVALID), errmsg("a public key cannot sign"),
						errhint("Import the private key, or use status \"previous\" to verify only.")));
	add_key(kid, alg, status, key, has_private, PG_ARGISNULL(4) ? NULL : &expires);
	PG_RETURN_TEXT_P(cstring_to_text(kid));
}

/* Tokens of this key are refused from the commit on. */
VY_FUNCTION(vyricon_auth_revoke_signing_key)
{
	Datum kid = PG_GETARG_DATUM(0);

	vy_query_run(&drop_key_secret, &kid, NULL);
	PG_RETURN_BOOL(vy_query_run(&revoke_key, &kid, NULL) == 1);
}

VY_FUNCTION(vyricon_auth_jwks)
{
	StringInfoData out;

	initStringInfo(&out);
	vy_token_jwks(&out);
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data)));
}

uint64
vy_keys_refresh(void)
{
	if (vy_cache_fresh(&cache))
		return cache.version;
	if (keys_context == NULL)
		keys_context = AllocSetContextCreate(TopMemoryContext, "vyricon signing keys", ALLOCSET_SMALL_SIZES);
	nkeys = 0;
	MemoryContextReset(keys_context);
	if (vy_cache_table_exists(&cache))
	{
		vy_query_each(&live_keys, NULL, NULL, keep_row, NULL);
		vy_cache_filled(&cache);
	}
	return cache.version;
}

static void
keep_row(void *arg pg_attribute_unused(), HeapTuple row, TupleDesc desc)
{
	MemoryContext caller;
	SigningKey *key;
	Datum values[6];
	bool nulls[6];

	if (nkeys == MAX_KEYS)
		return;
	heap_deform_tuple(row, desc, values, nulls);
	caller = MemoryContextSwitchTo(keys_context);
	key = &keys[nkeys];
	*key = (SigningKey){
		.alg = vy_jws_alg(vy_text_str(DatumGetTextPP(values[1]))),
		.kid = TextDatumGetCString(values[0]),
		.active = DatumGetBool(values[2]),
		.public_pem = nulls[3] ? NULL : TextDatumGetCString(values[3]),
		.secret_name = nulls[4] ? NULL : TextDatumGetCString(values[4]),
		.expires = nulls[5] ? DT_NOEND : DatumGetTimestampTz(values[5]),
	};
	if (key->alg != NULL)
		nkeys++;
	MemoryContextSwitchTo(caller);
}

VyTokenProblem
vy_keys_verify(const VyJws *jws, TimestampTz now, TimestampTz *key_expires)
{
	VyTokenProblem problem = VY_TOKEN_UNKNOWN_KEY;
	int tries = 0;

	for (int i = 0; i < nkeys && tries < MAX_TRIES; i++)
	{
		SigningKey *key = &keys[i];
		EVP_PKEY *verifier;

		if (key->alg != jws->alg || key->expires <= now || (jws->kid.p != NULL && !vy_str_is(jws->kid, key->kid)))
			continue;
		tries++;
		verifier = open_verifier(key);
		if (verifier == NULL)
			continue;
		*key_expires = key->expires;
		if (vy_jws_verify(jws, key->alg, verifier))
			return VY_TOKEN_OK;
		problem = VY_TOKEN_BAD_SIGNATURE;
	}
	return problem;
}

void
vy_keys_active(const VyJwsAlg **alg, const char **kid, EVP_PKEY **key)
{
	vy_keys_refresh();
	/* The active key sorts first. */
	if (nkeys == 0 || !keys[0].active)
		ereport(ERROR, (errcode(ERRCODE_VY_NOT_READY), errmsg("there is no active signing key"),
						errhint("Create one with auth.create_signing_key().")));
	*alg = keys[0].alg;
	*kid = keys[0].kid;
	*key = open_signer(&keys[0]);
}

void
vy_token_jwks(StringInfo out)
{
	const char *separator = "";

	vy_keys_refresh();
	appendStringInfoString(out, "{\"keys\":[");
	for (int i = 0; i < nkeys; i++)
	{
		EVP_PKEY *key;

		if (vy_jws_alg_symmetric(keys[i].alg) || keys[i].expires <= GetCurrentStatementStartTimestamp())
			continue;
		key = open_verifier(&keys[i]);
		if (key == NULL)
			continue;
		appendStringInfoString(out, separator);
		vy_jwk_write(out, key, vy_jws_alg_name(keys[i].alg), keys[i].kid);
		separator = ",";
	}
	appendStringInfoString(out, "]}");
}

/* NULL: the row holds no key of its algorithm; that is logged once per backend and change of the table. */
static EVP_PKEY *
open_verifier(SigningKey *key)
{
	EVP_PKEY *parsed;

	if (key->verifier != NULL || key->broken)
		return key->verifier;
	if (vy_jws_alg_symmetric(key->alg))
		return key->verifier = open_signer(key);
	parsed = key->public_pem ? VY_OWN(keys_context, parse_pem(key->public_pem, strlen(key->public_pem), false), EVP_PKEY_free) : NULL;
	if (vy_jws_key_fits(key->alg, parsed))
		return key->verifier = parsed;
	key->broken = true;
	ereport(WARNING, (errcode(ERRCODE_DATA_CORRUPTED),
					  errmsg("signing key \"%s\" does not hold a key for %s", key->kid, vy_jws_alg_name(key->alg))));
	return NULL;
}

static EVP_PKEY *
open_signer(SigningKey *key)
{
	if (key->signer != NULL)
		return key->signer;
	if (key->secret_name == NULL)
		ereport(ERROR, (errcode(ERRCODE_VY_NOT_READY), errmsg("signing key \"%s\" has no private key here", key->kid)));
	/* Reading the secret can find the cache stale; the row that key points to stays until the next refresh. */
	key->signer = open_secret(key, key->secret_name);
	return key->signer;
}

static EVP_PKEY *
open_secret(const SigningKey *key, const char *secret_name)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "vyricon secret", ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(scratch);
	bytea *secret = vy_secret_get(secret_name);
	EVP_PKEY *parsed = NULL;

	if (secret != NULL && vy_jws_alg_symmetric(key->alg))
		parsed = vy_jws_secret_key((const uint8_t *) VARDATA_ANY(secret), VARSIZE_ANY_EXHDR(secret));
	else if (secret != NULL)
		parsed = parse_pem(VARDATA_ANY(secret), VARSIZE_ANY_EXHDR(secret), true);
	VY_OWN(keys_context, parsed, EVP_PKEY_free);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
	if (!vy_jws_key_fits(key->alg, parsed))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("the secret of signing key \"%s\" is missing or no key for %s", key->kid, vy_jws_alg_name(key->alg)),
						errhint("Create a new key with auth.create_signing_key().")));
	return parsed;
}

/* An encrypted PEM is refused instead of asking for a passphrase on the terminal. */
static int
no_passphrase(char *buffer pg_attribute_unused(), int size pg_attribute_unused(), int writing pg_attribute_unused(),
			  void *arg pg_attribute_unused())
{
	return -1;
}

static EVP_PKEY *
parse_pem(const char *pem, size_t n, bool private_key)
{
	BIO *bio = BIO_new_mem_buf(pem, (int) n);
	EVP_PKEY *key = NULL;

	if (bio != NULL)
		key = private_key ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	ERR_clear_error();
	return key;
}

static const VyJwsAlg *
required_alg(text *name)
{
	const VyJwsAlg *alg = vy_jws_alg(vy_text_str(name));

	if (alg == NULL)
		ereport(ERROR, (errcode(ERRCODE_VY_INVALID), errmsg("unknown signing algorithm"), errhint("Use ES256, RS256, EdDSA or HS256.")));
	return alg;
}

static char *
new_kid(void)
{
	uint8 random[KID_BYTES];
	size_t len;
	char *kid = palloc0(VY_B64URL_ENCODED_SIZE(KID_BYTES) + 1);

	if (!pg_strong_random(random, sizeof(random)) ||
		vy_b64url_encode(kid, VY_B64URL_ENCODED_SIZE(KID_BYTES), &len, random, sizeof(random)) != 0)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not make random bytes")));
	return kid;
}

/* Letters that need no escape in JSON or in a URL. */
static void
check_kid(const char *kid)
{
	size_t n = strlen(kid);

	if (n == 0 || n > VY_JWS_KID_MAX || strspn(kid, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-") != n)
		ereport(ERROR, (errcode(ERRCODE_VY_INVALID), errmsg("invalid key id"),
						errhint("A key id has 1 to %d letters, digits, dots, underscores, tildes or hyphens.", VY_JWS_KID_MAX)));
}

static void
add_key(const char *kid, const VyJwsAlg *alg, const char *status, EVP_PKEY *key, bool has_private, const Datum *expires)
{
	char *secret_name = psprintf("auth.signing_key.%s", kid);
	bool symmetric = vy_jws_alg_symmetric(alg);
	Datum args[6] = {CStringGetTextDatum(kid), CStringGetTextDatum(vy_jws_alg_name(alg)), CStringGetTextDatum(status)};
	bool nulls[6] = {false, false, false, symmetric, !has_private, expires == NULL};

	if (!symmetric)
	{
		BIO *bio = VY_OWN(CurrentMemoryContext, BIO_new(BIO_s_mem()), BIO_free_all);
		char *pem;
		long n;

		if (bio == NULL || PEM_write_bio_PUBKEY(bio, key) != 1 || (n = BIO_get_mem_data(bio, &pem)) <= 0)
			elog(ERROR, "libcrypto could not write a public key");
		args[3] = PointerGetDatum(cstring_to_text_with_len(pem, (int) n));
	}
	args[4] = CStringGetTextDatum(secret_name);
	args[5] = expires ? *expires : (Datum) 0;
	vy_query_run(&insert_key, args, nulls);
	if (has_private)
		store_private(secret_name, alg, key);
}

/* The memory of both forms is cleansed when it is freed. */
static void
store_private(const char *secret_name, const VyJwsAlg *alg, EVP_PKEY *key)
{
	char *secret = NULL;
	size_t n = 0;

	if (vy_jws_alg_symmetric(alg))
	{
		BUF_MEM *raw = VY_OWN(CurrentMemoryContext, BUF_MEM_new_ex(BUF_MEM_FLAG_SECURE), BUF_MEM_free);

		if (raw != NULL && EVP_PKEY_get_raw_private_key(key, NULL, &n) == 1 && BUF_MEM_grow(raw, n) == n &&
			EVP_PKEY_get_raw_private_key(key, (unsigned char *) raw->data, &n) == 1)
			secret = raw->data;
	}
	else
	{
		BIO *bio = VY_OWN(CurrentMemoryContext, BIO_new(BIO_s_secmem()), BIO_free_all);

		if (bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
			n = (size_t) BIO_get_mem_data(bio, &secret);
	}
	if (secret == NULL)
		elog(ERROR, "libcrypto could not write a private key");
	vy_secret_put(secret_name, (const uint8 *) secret, n);
}
