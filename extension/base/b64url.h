/*
 * b64url.h: base64url without padding (RFC 4648 section 5), strict: no '=', no white space, no non-zero trailing bits.
 */
#ifndef VY_B64URL_H
#define VY_B64URL_H

#include "base/base.h"

#define VY_B64URL_ENCODED_SIZE(n) (((n) *4 + 2) / 3)
#define VY_B64URL_DECODED_SIZE(n) ((n) / 4 * 3 + 2)

/* 0, or -1: bad input or out too small. *len is set on success. */
VY_MUST_CHECK int vy_b64url_decode(uint8_t *out, size_t cap, size_t *len, const char *in, size_t n);

/* Writes VY_B64URL_ENCODED_SIZE(n) characters, no NUL; 0, or -1: out too small. */
VY_MUST_CHECK int vy_b64url_encode(char *out, size_t cap, size_t *len, const uint8_t *in, size_t n);

#endif
