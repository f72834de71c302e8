/*
 * json_scalars.h: what json_writer.c and json_scalars.c share: the bounded buffer, and one writer per common type.
 */
#ifndef VY_JSON_SCALARS_H
#define VY_JSON_SCALARS_H

#include "core/core.h"

/* Every append asks for room first, so nothing is copied that would pass max. */
typedef struct VyJsonSink
{
	StringInfo out;
	size_t max; /* bytes of out->data */
} VyJsonSink;

/* Not inline: the rare half of vy_json_room(). Raises when n more bytes are too many. */
void vy_json_grow(VyJsonSink *sink, size_t n);

/* Where the next n bytes (and a NUL) can be written; vy_json_used() says how many were. */
static inline char *
vy_json_room(VyJsonSink *sink, size_t n)
{
	StringInfo out = sink->out;

	if (unlikely((size_t) out->len + n > sink->max || (size_t) out->len + n >= (size_t) out->maxlen))
		vy_json_grow(sink, n);
	return out->data + out->len;
}

static inline void
vy_json_used(VyJsonSink *sink, size_t n)
{
	sink->out->len += (int) n;
}

static inline void
vy_json_put(VyJsonSink *sink, const char *p, size_t n)
{
	memcpy(vy_json_room(sink, n), p, n);
	vy_json_used(sink, n);
}

static inline void
vy_json_put_char(VyJsonSink *sink, char c)
{
	*vy_json_room(sink, 1) = c;
	vy_json_used(sink, 1);
}

/* Raises at once if n more bytes would be too many. */
void vy_json_must_fit(const VyJsonSink *sink, size_t n);

/* A string literal. */
void vy_json_put_string(VyJsonSink *sink, const char *p, size_t n);

/* The text of a number, or of NaN and Infinity, which become strings. */
void vy_json_put_number(VyJsonSink *sink, const char *text);

/* The value is not null and of just this type. */
typedef void (*VyJsonWrite)(VyJsonSink *sink, Datum value);

void vy_json_write_bool(VyJsonSink *sink, Datum value);
void vy_json_write_int2(VyJsonSink *sink, Datum value);
void vy_json_write_int4(VyJsonSink *sink, Datum value);
void vy_json_write_int8(VyJsonSink *sink, Datum value);
void vy_json_write_float4(VyJsonSink *sink, Datum value);
void vy_json_write_float8(VyJsonSink *sink, Datum value);
void vy_json_write_numeric(VyJsonSink *sink, Datum value);
void vy_json_write_text(VyJsonSink *sink, Datum value);
void vy_json_write_name(VyJsonSink *sink, Datum value);
void vy_json_write_uuid(VyJsonSink *sink, Datum value);
void vy_json_write_date(VyJsonSink *sink, Datum value);
void vy_json_write_timestamp(VyJsonSink *sink, Datum value);
void vy_json_write_timestamptz(VyJsonSink *sink, Datum value);
void vy_json_write_json(VyJsonSink *sink, Datum value);
void vy_json_write_jsonb(VyJsonSink *sink, Datum value);

#endif
