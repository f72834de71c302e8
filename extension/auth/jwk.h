/*
 * jwk.h: public keys as JSON (RFC 7517).
 */
#ifndef VY_JWK_H
#define VY_JWK_H

#include <openssl/evp.h>

#include "core/core.h"

/* Appends the public half of an EC P-256, RSA or Ed25519 key. alg and kid need no escape. */
void vy_jwk_write(StringInfo out, const EVP_PKEY *key, const char *alg, const char *kid);

#endif
