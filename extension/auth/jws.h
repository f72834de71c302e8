/*
 * jws.h: JSON Web Signatures in compact form (RFC 7515, RFC 7518, RFC 8037), and what can be wrong with a token.
 * Plain C over libcrypto and base/, without a PostgreSQL header.
 */
#ifndef VY_JWS_H
#define VY_JWS_H

#include <openssl/evp.h>

#include "base/base.h"

#define VY_TOKEN_MAX 8192 /* bytes of a compact token */
#define VY_TOKEN_DEPTH 32 /* of its JSON */
#define VY_JWS_KID_MAX 128 /* bytes of a key's name */
#define VY_JWS_SIGNATURE_MAX 512 /* RSA with 4096 bits */

typedef enum VyTokenProblem
{
	VY_TOKEN_OK,
	VY_TOKEN_MALFORMED, /* not three parts, not base64url, not JSON, too long, unknown crit */
	VY_TOKEN_UNKNOWN_KEY, /* no key for kid and alg */
	VY_TOKEN_BAD_SIGNATURE,
	VY_TOKEN_EXPIRED,
	VY_TOKEN_NOT_YET, /* nbf or iat in the future */
	VY_TOKEN_AUDIENCE,
	VY_TOKEN_ISSUER,
	VY_TOKEN_CLAIMS, /* a claim has the wrong type, or the role is not allowed */
	VY_TOKEN_BAD_API_KEY
} VyTokenProblem;

/* One row per algorithm; a key is bound to one of them. */
typedef struct VyJwsAlg VyJwsAlg;

/* NULL: not one of ES256, RS256, EdDSA, HS256. Compared exactly: "none" in any spelling is no row. */
const VyJwsAlg *vy_jws_alg(VyStr name);
const char *vy_jws_alg_name(const VyJwsAlg *alg);
bool vy_jws_alg_symmetric(const VyJwsAlg *alg);

/* True if the key is of the kind, the curve and the size that the algorithm wants. */
VY_MUST_CHECK bool vy_jws_key_fits(const VyJwsAlg *alg, const EVP_PKEY *key);

/* A new key pair, or for HS256 a new secret; NULL: libcrypto failed. The caller frees it. */
EVP_PKEY *vy_jws_generate(const VyJwsAlg *alg);

/* An HS256 key of at least 32 bytes; NULL: too short. The caller frees it. */
EVP_PKEY *vy_jws_secret_key(const uint8_t *secret, size_t n);

typedef struct VyJws
{
	const VyJwsAlg *alg;
	VyStr kid; /* p == NULL: the header names no key */
	VyStr input; /* what is signed: header and payload as sent */
	VyStr payload; /* decoded, unchecked */
	size_t signature_len;
	uint8_t signature[VY_JWS_SIGNATURE_MAX];
	char kid_bytes[VY_JWS_KID_MAX];
} VyJws;

/*
 * Takes a compact token apart and checks its header: nothing in it may choose a key but kid, and alg must be known. buffer holds the
 * decoded parts and outlives jws; VY_TOKEN_MAX bytes always suffice.
 */
VY_MUST_CHECK VyTokenProblem vy_jws_read(VyJws *jws, VyStr token, char *buffer, size_t cap);

/* True if the signature is key's over the token's input, by the algorithm that the key is bound to. */
VY_MUST_CHECK bool vy_jws_verify(const VyJws *jws, const VyJwsAlg *alg, EVP_PKEY *key);

/* Signs input; out holds VY_JWS_SIGNATURE_MAX bytes. */
VY_MUST_CHECK bool vy_jws_sign(const VyJwsAlg *alg, EVP_PKEY *key, VyStr input, uint8_t *out, size_t *len);

#endif
