/*
 * jws.c: a token that is read says what it is made of, and only that; a signed one verifies under its key alone, and no bent one does.
 * Each input is taken as a token, as a header for some parts, and as bytes to make and bend a signed token of.
 */
#include "auth/jws.h"

#include "base/b64url.h"
#include "base/json.h"

#include "fuzz.h"

#define MAX_PAYLOAD 512

static const char *const names[] = {"ES256", "EdDSA", "HS256", "RS256"};

static const char *const refused[] = {"jku", "x5u", "jwk", "x5c", "crit", "b64", "zip"};

static EVP_PKEY *keys[LENGTH(names)];

static void
make_keys(void)
{
	for (size_t i = 0; i < LENGTH(names) && keys[LENGTH(names) - 1] == NULL; i++)
	{
		keys[i] = vy_jws_generate(vy_jws_alg(vy_cstr(names[i])));
		REQUIRE(keys[i] != NULL && vy_jws_key_fits(vy_jws_alg(vy_cstr(names[i])), keys[i]));
	}
}

/* Appends base64url; returns the new length. */
static size_t
append(char *out, size_t at, const void *p, size_t n)
{
	size_t len;

	REQUIRE(vy_b64url_encode(out + at, VY_B64URL_ENCODED_SIZE(n), &len, p, n) == 0);
	return at + len;
}

static void
says_what_it_is(const VyJws *jws, VyStr token)
{
	char *again = block(token.n + 4);
	size_t at;

	REQUIRE(jws->alg != NULL && vy_jws_alg(vy_cstr(vy_jws_alg_name(jws->alg))) == jws->alg);
	REQUIRE(jws->kid.p == NULL || (jws->kid.p == jws->kid_bytes && jws->kid.n <= VY_JWS_KID_MAX && naive_utf8(jws->kid.p, jws->kid.n)));
	REQUIRE(jws->input.p == token.p && jws->input.n < token.n && token.p[jws->input.n] == '.');
	REQUIRE(jws->signature_len > 0 && jws->signature_len <= VY_JWS_SIGNATURE_MAX);
	/* Payload and signature, written again, are the token's own. */
	at = append(again, 0, jws->payload.p, jws->payload.n);
	REQUIRE(at < jws->input.n && memcmp(again, token.p + jws->input.n - at, at) == 0);
	at = append(again, 0, jws->signature, jws->signature_len);
	REQUIRE(jws->input.n + 1 + at == token.n && memcmp(again, token.p + jws->input.n + 1, at) == 0);
	free(again);
}

/* Whatever can be read here verifies under no key. */
static VyTokenProblem
read_token(const char *p, size_t n)
{
	VyStr token = exact(p, n);
	char *buffer = block(VY_TOKEN_MAX);
	VyJws *jws = block(sizeof(VyJws));
	VyTokenProblem problem = vy_jws_read(jws, token, buffer, VY_TOKEN_MAX);

	REQUIRE(problem == VY_TOKEN_OK || problem == VY_TOKEN_MALFORMED || problem == VY_TOKEN_UNKNOWN_KEY);
	if (problem == VY_TOKEN_OK)
	{
		says_what_it_is(jws, token);
		for (size_t i = 0; i < LENGTH(names); i++)
			REQUIRE(!vy_jws_verify(jws, vy_jws_alg(vy_cstr(names[i])), keys[i]));
	}
	free(jws);
	free(buffer);
	drop(token);
	return problem;
}

/* The input as the JSON of a header: nothing in an accepted one names a key but kid. */
static void
read_as_header(const uint8_t *data, size_t size)
{
	char *token = block(VY_B64URL_ENCODED_SIZE(size) + 8);
	VyStr header = exact(data, size);
	size_t at = append(token, 0, data, size);
	VyStr value;

	memcpy(token + at, ".e30.AAA", 8);
	if (read_token(token, at + 8) == VY_TOKEN_OK)
	{
		REQUIRE(vy_json_check(header, VY_TOKEN_DEPTH, NULL) == VY_JSON_OK && !vy_json_has_duplicates(header));
		REQUIRE(vy_json_get(header, "alg", &value) == VY_JSON_STRING);
		for (size_t i = 0; i < LENGTH(refused); i++)
			REQUIRE(vy_json_get(header, refused[i], &value) == VY_JSON_NONE);
	}
	drop(header);
	free(token);
}

static void
verifies_alone(const char *p, size_t n, size_t signer, bool expected)
{
	VyStr token = exact(p, n);
	char *buffer = block(VY_TOKEN_MAX);
	VyJws *jws = block(sizeof(VyJws));
	bool read = vy_jws_read(jws, token, buffer, VY_TOKEN_MAX) == VY_TOKEN_OK;

	REQUIRE(read || !expected);
	for (size_t i = 0; read && i < LENGTH(names); i++)
		for (size_t k = 0; k < LENGTH(names); k++)
			REQUIRE(vy_jws_verify(jws, vy_jws_alg(vy_cstr(names[i])), keys[k]) == (expected && i == signer && k == signer));
	free(jws);
	free(buffer);
	drop(token);
}

/* "header.payload.signature", signed by one key, with what the header says of it and one more member; its length. */
static size_t
sign_token(char *out, size_t signer, const char *alg, const char *more, const Feed *payload)
{
	uint8_t signature[VY_JWS_SIGNATURE_MAX];
	char header[96];
	size_t len = 0;
	size_t at;

	snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"k\",\"typ\":\"JWT\"%s}", alg, more);
	at = append(out, 0, header, strlen(header));
	out[at++] = '.';
	at = append(out, at, payload->at, payload->left);
	for (size_t i = 0; i < LENGTH(names); i++)
		REQUIRE(i == signer || !vy_jws_sign(vy_jws_alg(vy_cstr(names[i])), keys[signer], vy_str(out, at), signature, &len));
	REQUIRE(vy_jws_sign(vy_jws_alg(vy_cstr(names[signer])), keys[signer], vy_str(out, at), signature, &len));
	out[at++] = '.';
	return append(out, at, signature, len);
}

/* First byte: the key; the next two: which character to bend, and into what; the rest is the payload. RSA only rarely: it is slow. */
static void
made_token(const uint8_t *data, size_t size)
{
	static char token[4096];
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
	Feed feed = {data, size};
	uint8_t first = feed_byte(&feed);
	size_t signer = first == 255 ? 3 : first % 3;
	size_t place = feed_byte(&feed);
	char bent = digits[feed_byte(&feed) % (sizeof(digits) - 1)];
	char more[24];
	size_t n;

	if (feed.left == 0 || feed.left > MAX_PAYLOAD)
		return;
	n = sign_token(token, signer, names[signer], "", &feed);
	verifies_alone(token, n, signer, true);
	place = place * (n - 1) / 255;
	if (token[place] != bent)
	{
		token[place] = bent;
		verifies_alone(token, n, signer, false);
	}
	/* Signed, but not as its header says. */
	n = sign_token(token, signer, names[(signer + 1 + first / 3 % 3) % 4], "", &feed);
	verifies_alone(token, n, signer, false);
	/* Signed, but with something in its header that must not be there. */
	snprintf(more, sizeof(more), ",\"%s\":%s", refused[place % LENGTH(refused)], bent < 'a' ? "null" : "[\"b64\"]");
	n = sign_token(token, signer, names[signer], more, &feed);
	REQUIRE(read_token(token, n) == VY_TOKEN_MALFORMED);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	EVP_PKEY *key;

	make_keys();
	key = vy_jws_secret_key(data, size);
	REQUIRE((key != NULL) == (size >= 32));
	EVP_PKEY_free(key);
	(void) read_token((const char *) data, size);
	read_as_header(data, size);
	made_token(data, size);
	for (size_t i = 0; i < LENGTH(names); i++)
		REQUIRE(vy_jws_alg_symmetric(vy_jws_alg(vy_cstr(names[i]))) == (i == 2));
	return 0;
}
