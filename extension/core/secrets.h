/*
 * secrets.h: named secrets, rows of vyricon.secrets, encrypted with AES-256-GCM under the root key.
 *
 * The root key is 32 random bytes in a file of mode 0600 whose path is the postmaster setting vyricon.root_key_file (default
 * <data directory>/vyricon.key, made by setup() when absent). The name is additional data: a ciphertext moved to another name does not
 * open. Stored form: version byte 1 | 12 bytes nonce | ciphertext | 16 bytes tag. A copy of the database without the key opens nothing.
 */
#ifndef VY_SECRETS_H
#define VY_SECRETS_H

#include "core/core.h"

/* The name in the table of what vyricon.set_secret() stores, so that nobody names one of the platform's; in the current context. */
char *vy_user_secret(const char *name);

/* Stores or replaces; the caller wipes its own copy. */
void vy_secret_put(const char *name, const uint8 *value, size_t n);

/* A copy in the current context (NULL: no such secret); wiped when the context is reset. Raises when the key does not fit. */
bytea *vy_secret_get(const char *name);

/* HMAC-SHA-256 of text under a key that is derived from the root key for this purpose alone. */
void vy_secret_mac(const char *purpose, VyStr text, uint8 out[static 32]);

/* Hex of the first 16 bytes of SHA-256 over the root key; makes the key file if create. Raises when it cannot be read. */
char *vy_root_key_fingerprint(bool create);

/* Defines vyricon.root_key_file. */
void vy_secrets_init(void);

#endif
