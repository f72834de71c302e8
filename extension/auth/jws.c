/*
 * jws.c: JSON Web Signatures in compact form.
 *
 * The policy is RFC 8725: the algorithm belongs to the key, and the header may only agree with it. A header that brings its own key (jwk,
 * x5c), an address of one (jku, x5u), or an extension that must be understood (crit) is refused, not ignored. An ECDSA signature is the
 * pair r, s of fixed length (RFC 7518 section 3.4), never DER.
 */
#include "auth/jws.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "base/b64url.h"
#include "base/json.h"

#define P256_BYTES 32
#define HMAC_BYTES 32
#define RSA_MIN_BITS 2048
#define RSA_MAX_BITS (VY_JWS_SIGNATURE_MAX * 8)

struct VyJwsAlg
{
	const char *name;
	bool symmetric;
	bool (*fits)(const EVP_PKEY *key);
	EVP_PKEY *(*generate)(void);
	bool (*verify)(EVP_PKEY *key, VyStr input, const uint8_t *signature, size_t n);
	bool (*sign)(EVP_PKEY *key, VyStr input, uint8_t *out, size_t *len);
};

static bool fits_p256(const EVP_PKEY *key);
static bool fits_rsa(const EVP_PKEY *key);
static bool fits_ed25519(const EVP_PKEY *key);
static bool fits_hmac(const EVP_PKEY *key);
static EVP_PKEY *generate_p256(void);
static EVP_PKEY *generate_rsa(void);
static EVP_PKEY *generate_ed25519(void);
static EVP_PKEY *generate_hmac(void);
static bool verify_ecdsa(EVP_PKEY *key, VyStr input, const uint8_t *signature, size_t n);
static bool verify_rsa(EVP_PKEY *key, VyStr input, const uint8_t *signature, size_t n);
static bool verify_ed25519(EVP_PKEY *key, VyStr input, const uint8_t *signature, size_t n);
static bool verify_hmac(EVP_PKEY *key, VyStr input, const uint8_t *signature, size_t n);
static bool sign_ecdsa(EVP_PKEY *key, VyStr input, uint8_t *out, size_t *len);
static bool sign_sha256(EVP_PKEY *key, VyStr input, uint8_t *out, size_t *len);
static bool sign_ed25519(EVP_PKEY *key, VyStr input, uint8_t *out, size_t *len);

static const VyJwsAlg algs[] = {
	{"ES256", false, fits_p256, generate_p256, verify_ecdsa, sign_ecdsa},
	{"RS256", false, fits_rsa, generate_rsa, verify_rsa, sign_sha256},
	{"EdDSA", false, fits_ed25519, generate_ed25519, verify_ed25519, sign_ed25519},
	{"HS256", true, fits_hmac, generate_hmac, verify_hmac, sign_sha256},
};

/* Header members that name a key by other means than kid, or that change what the token means. */
static const char *const refused_members[] = {"jku", "x5u", "jwk", "x5c", "crit", "b64", "zip"};

static const char *const known_types[] = {"JWT", "at+jwt"};

const VyJwsAlg *
vy_jws_alg(VyStr name)
{
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (vy_str_is(name, algs[i].name))
			return &algs[i];
	return NULL;
}

const char *
vy_jws_alg_name(const VyJwsAlg *alg)
{
	return alg->name;
}

bool
vy_jws_alg_symmetric(const VyJwsAlg *alg)
{
	return alg->symmetric;
}

bool
vy_jws_key_fits(const VyJwsAlg *alg, const EVP_PKEY *key)
{
	return key != NULL && alg->fits(key);
}

EVP_PKEY *
vy_jws_generate(const VyJwsAlg *alg)
{
	EVP_PKEY *key = alg->generate();

	ERR_clear_error();
	return key;
}

EVP_PKEY *
vy_jws_secret_key(const uint8_t *secret, size_t n)
{
	/* RFC 7518 section 3.2: as long as the hash at least. */
	return n < HMAC_BYTES ? NULL : EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL, secret, n);
}

/* Cuts a token at its two dots; false if it does not have exactly two, or an empty part. */
static bool
cut(VyStr token, VyStr part[3])
{
	const char *end = token.p + token.n;
	const char *first = memchr(token.p, '.', token.n);
	const char *second = first ? memchr(first + 1, '.', (size_t) (end - first - 1)) : NULL;

	if (second == NULL)
		return false;
	part[0] = vy_str(token.p, (size_t) (first - token.p));
	part[1] = vy_str(first + 1, (size_t) (second - first - 1));
	part[2] = vy_str(second + 1, (size_t) (end - second - 1));
	return part[0].n > 0 && part[1].n > 0 && part[2].n > 0;
}

/* A short string member: absent is true with out->p == NULL; false for another type or too long a value. */
static bool
read_member(VyStr object, const char *name, char *buffer, size_t cap, VyStr *out)
{
	VyStr value;
	VyJsonKind kind = vy_json_get(object, name, &value);

	*out = vy_str(NULL, 0);
	if (kind == VY_JSON_NONE)
		return true;
	if (kind != VY_JSON_STRING || value.n - 2 > cap)
		return false;
	*out = vy_str(buffer, vy_json_unescape(buffer, value));
	return true;
}

static bool
type_known(VyStr type)
{
	if (type.p == NULL)
		return true;
	for (size_t i = 0; i < sizeof(known_types) / sizeof(known_types[0]); i++)
		if (vy_str_same(type, vy_cstr(known_types[i])))
			return true;
	return false;
}

static VyTokenProblem
read_header(VyJws *jws, VyStr header)
{
	char alg_bytes[16];
	char type_bytes[16];
	VyStr alg;
	VyStr type;
	VyStr ignored;

	if (vy_json_check(header, VY_TOKEN_DEPTH, NULL) != VY_JSON_OK || vy_json_kind(header) != VY_JSON_OBJECT ||
		vy_json_has_duplicates(header))
		return VY_TOKEN_MALFORMED;
	for (size_t i = 0; i < sizeof(refused_members) / sizeof(refused_members[0]); i++)
		if (vy_json_get(header, refused_members[i], &ignored) != VY_JSON_NONE)
			return VY_TOKEN_MALFORMED;
	if (!read_member(header, "typ", type_bytes, sizeof(type_bytes), &type) || !type_known(type))
		return VY_TOKEN_MALFORMED;
	if (!read_member(header, "kid", jws->kid_bytes, sizeof(jws->kid_bytes), &jws->kid))
		return VY_TOKEN_UNKNOWN_KEY;
	if (!read_member(header, "alg", alg_bytes, sizeof(alg_bytes), &alg) || alg.p == NULL)
		return VY_TOKEN_UNKNOWN_KEY;
	jws->alg = vy_jws_alg(alg);
	return jws->alg ? VY_TOKEN_OK : VY_TOKEN_UNKNOWN_KEY;
}

VyTokenProblem
vy_jws_read(VyJws *jws, VyStr token, char *buffer, size_t cap)
{
	VyStr part[3];
	size_t header_len;
	size_t payload_len;
	VyTokenProblem problem;

	if (token.n == 0 || token.n > VY_TOKEN_MAX || !cut(token, part))
		return VY_TOKEN_MALFORMED;
	if (vy_b64url_decode((uint8_t *) buffer, cap, &header_len, part[0].p, part[0].n) != 0)
		return VY_TOKEN_MALFORMED;
	problem = read_header(jws, vy_str(buffer, header_len));
	if (problem != VY_TOKEN_OK)
		return problem;
	if (vy_b64url_decode((uint8_t *) buffer + header_len, cap - header_len, &payload_len, part[1].p, part[1].n) != 0 ||
		vy_b64url_decode(jws->signature, sizeof(jws->signature), &jws->signature_len, part[2].p, part[2].n) != 0)
		return VY_TOKEN_MALFORMED;
	jws->input = vy_str(token.p, part[0].n + 1 + part[1].n);
	jws->payload = vy_str(buffer + header_len, payload_len);
	return VY_TOKEN_OK;
}

bool
vy_jws_verify(const VyJws *jws, const VyJwsAlg *alg, EVP_PKEY *key)
{
	bool ok = jws->alg == alg && vy_jws_key_fits(alg, key) && alg->verify(key, jws->input, jws->signature, jws->signature_len);

	ERR_clear_error();
	return ok;
}

bool
vy_jws_sign(const VyJwsAlg *alg, EVP_PKEY *key, VyStr input, uint8_t *out, size_t *len)
{
	bool ok = vy_jws_key_fits(alg, key) && alg->sign(key, input, out, len);

	ERR_clear_error();
	return ok;
}

static bool
fits_p256(const EVP_PKEY *key)
{
	char group[32];
	size_t n;

	return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), &n) == 1 && strcmp(group, "prime256v1") == 0;
}

/* "RSA-PSS" is another type and does not fit. */
static bool
fits_rsa(const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= RSA_MIN_BITS && EVP_PKEY_get_bits(key) <= RSA_MAX_BITS;
}

static bool
fits_ed25519(const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "ED25519");
}

static bool
fits_hmac(const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "HMAC");
}

static EVP_PKEY *
generate_p256(void)
{
	return EVP_EC_gen("P-256");
}

static EVP_PKEY *
generate_rsa(void)
{
	return EVP_RSA_gen(RSA_MIN_BITS);
}

static EVP_PKEY *
generate_ed25519(void)
{
	return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static EVP_PKEY *
generate_hmac(void)
{
	uint8_t secret[HMAC_BYTES * 2];
	EVP_PKEY *key = RAND_priv_bytes(secret, sizeof(secret)) == 1 ? vy_jws_secret_key(secret, sizeof(secret)) : NULL;

	OPENSSL_cleanse(secret, sizeof(secret));
	return key;
}

static bool
digest_verify(EVP_PKEY *key, const EVP_MD *digest, VyStr input, const uint8_t *signature, size_t n)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool ok = context != NULL && EVP_DigestVerifyInit(context, NULL, digest, NULL, key) == 1 &&
			  EVP_DigestVerify(context, signature, n, (const uint8_t *) input.p, input.n) == 1;

	EVP_MD_CTX_free(context);
	return ok;
}

static bool
digest_sign(EVP_PKEY *key, const EVP_MD *digest, VyStr input, uint8_t *out, size_t *len)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool ok;

	*len = VY_JWS_SIGNATURE_MAX;
	ok = context != NULL && EVP_DigestSignInit(context, NULL, digest, NULL, key) == 1 &&
		 EVP_DigestSign(context, out, len, (const uint8_t *) input.p, input.n) == 1;
	EVP_MD_CTX_free(context);
	return ok;
}

/* libcrypto speaks DER, JWS speaks r and s of 32 bytes each. */
static bool
verify_ecdsa(EVP_PKEY *key, VyStr input, const uint8_t *signature, size_t n)
{
	ECDSA_SIG *pair = n == 2 * P256_BYTES ? ECDSA_SIG_new() : NULL;
	BIGNUM *r = pair ? BN_bin2bn(signature, P256_BYTES, NULL) : NULL;
	BIGNUM *s = pair ? BN_bin2bn(signature + P256_BYTES, P256_BYTES, NULL) : NULL;
	uint8_t der[2 * P256_BYTES + 16];
	uint8_t *at = der;
	bool ok = false;

	if (r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1)
	{
		int der_len = i2d_ECDSA_SIG(pair, &at);

		ok = der_len > 0 && digest_verify(key, EVP_sha256(), input, der, (size_t) der_len);
	}
	else
	{
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(pair);
	return ok;
}

static bool
sign_ecdsa(EVP_PKEY *key, VyStr input, uint8_t *out, size_t *len)
{
	uint8_t der[VY_JWS_SIGNATURE_MAX];
	const uint8_t *at = der;
	size_t der_len;
	ECDSA_SIG *pair = digest_sign(key, EVP_sha256(), input, der, &der_len) ? d2i_ECDSA_SIG(NULL, &at, (long) der_len) : NULL;
	bool ok = pair != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, P256_BYTES) == P256_BYTES &&
			  BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + P256_BYTES, P256_BYTES) == P256_BYTES;

	*len = 2 * P256_BYTES;
	ECDSA_SIG_free(pair);
	return ok;
}

static bool
verify_rsa(EVP_PKEY *key, VyStr input, const uint8_t *signature, size_t n)
{
	return n == (size_t) EVP_PKEY_get_size(key) && digest_verify(key, EVP_sha256(), input, signature, n);
}

static bool
verify_ed25519(EVP_PKEY *key, VyStr input, const uint8_t *signature, size_t n)
{
	return digest_verify(key, NULL, input, signature, n);
}

static bool
verify_hmac(EVP_PKEY *key, VyStr input, const uint8_t *signature, size_t n)
{
	uint8_t expected[VY_JWS_SIGNATURE_MAX];
	size_t len;
	bool ok = n == HMAC_BYTES && digest_sign(key, EVP_sha256(), input, expected, &len) && len == HMAC_BYTES &&
			  CRYPTO_memcmp(expected, signature, HMAC_BYTES) == 0;

	OPENSSL_cleanse(expected, sizeof(expected));
	return ok;
}

static bool
sign_sha256(EVP_PKEY *key, VyStr input, uint8_t *out, size_t *len)
{
	return digest_sign(key, EVP_sha256(), input, out, len);
}

static bool
sign_ed25519(EVP_PKEY *key, VyStr input, uint8_t *out, size_t *len)
{
	return digest_sign(key, NULL, input, out, len);
}
