/*
 * field.h: what may stand in a request's head (RFC 9110), and text made fit for a log.
 */
#ifndef VY_FIELD_H
#define VY_FIELD_H

#include "base/base.h"

/* A field name: a token. */
bool vy_field_name_ok(VyStr name);

/* A field value: visible bytes, space and tab; what is beyond ASCII must be UTF-8, since the database reads it as text. */
bool vy_field_value_ok(VyStr value);

/* Digits only, at most 15 of them. */
VY_MUST_CHECK bool vy_field_length(VyStr value, size_t *out);

/* The bytes of a request target: visible ASCII, and no escaped NUL. */
bool vy_field_target_ok(VyStr target);

/* A request id that a client may choose: [A-Za-z0-9-]{1,64}. */
bool vy_field_id_ok(VyStr id);

/*
 * A JSON string of less than cap (>= 16) bytes with its quotes, NUL-terminated; what does not fit is cut. Control and 8-bit bytes become
 * \u00XX. Returns its length.
 */
size_t vy_field_quote(char *out, size_t cap, VyStr text);

/* Lower case, NUL-terminated: 2n + 1 bytes. */
void vy_field_hex(char *out, const uint8_t *bytes, size_t n);

/* RFC 3339, UTC, with milliseconds, NUL-terminated. wall_us: microseconds since 1970. */
#define VY_FIELD_TIME 32
void vy_field_time(char out[static VY_FIELD_TIME], int64_t wall_us);

#endif
