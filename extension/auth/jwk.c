/*
 * jwk.c: public keys as JSON (RFC 7517, RFC 7518 section 6, RFC 8037 section 2). Only public numbers are ever asked of the key.
 */
#include "auth/jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>

#include "auth/jws.h"
#include "base/b64url.h"

typedef struct Member
{
	const char *name;
	const char *param; /* libcrypto's name of the number; NULL: the raw public key */
	int width; /* bytes, padded in front; 0: as many as it needs */
} Member;

typedef struct KeyType
{
	const char *type; /* libcrypto's */
	const char *head;
	Member members[3];
} KeyType;

static const KeyType types[] = {
	{"EC", "\"kty\":\"EC\",\"crv\":\"P-256\"", {{"x", OSSL_PKEY_PARAM_EC_PUB_X, 32}, {"y", OSSL_PKEY_PARAM_EC_PUB_Y, 32}}},
	{"RSA", "\"kty\":\"RSA\"", {{"n", OSSL_PKEY_PARAM_RSA_N, 0}, {"e", OSSL_PKEY_PARAM_RSA_E, 0}}},
	{"ED25519", "\"kty\":\"OKP\",\"crv\":\"Ed25519\"", {{"x", NULL, 32}}},
};

/* The bytes of one member; raises if libcrypto does not give them. */
static size_t
read_member(const EVP_PKEY *key, const Member *member, uint8_t *out, size_t cap)
{
	BIGNUM *number = NULL;
	size_t n = cap;
	bool ok;

	if (member->param == NULL)
		ok = EVP_PKEY_get_raw_public_key(key, out, &n) == 1;
	else
	{
		ok = EVP_PKEY_get_bn_param(key, member->param, &number) == 1 && (size_t) BN_num_bytes(number) <= cap;
		n = !ok ? 0 : member->width ? (size_t) member->width : (size_t) BN_num_bytes(number);
		ok = ok && BN_bn2binpad(number, out, (int) n) == (int) n;
		BN_free(number);
	}
	if (!ok)
		elog(ERROR, "libcrypto could not read a public key");
	return n;
}

void
vy_jwk_write(StringInfo out, const EVP_PKEY *key, const char *alg, const char *kid)
{
	const KeyType *type = NULL;

	for (size_t i = 0; i < lengthof(types); i++)
		if (EVP_PKEY_is_a(key, types[i].type))
			type = &types[i];
	if (type == NULL)
		elog(ERROR, "a key of this type has no JSON form");
	appendStringInfo(out, "{%s,\"alg\":\"%s\",\"use\":\"sig\",\"key_ops\":[\"verify\"],\"kid\":\"%s\"", type->head, alg, kid);
	for (const Member *m = type->members; m->name != NULL; m++)
	{
		uint8_t bytes[VY_JWS_SIGNATURE_MAX];
		char text[VY_B64URL_ENCODED_SIZE(VY_JWS_SIGNATURE_MAX)];
		size_t n = read_member(key, m, bytes, sizeof(bytes));
		size_t len;

		if (vy_b64url_encode(text, sizeof(text), &len, bytes, n) != 0)
			elog(ERROR, "a public key is too long");
		appendStringInfo(out, ",\"%s\":\"%.*s\"", m->name, (int) len, text);
	}
	appendStringInfoChar(out, '}');
}
