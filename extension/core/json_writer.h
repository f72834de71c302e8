/*
 * json_writer.h: any Datum as JSON text, straight into a buffer; the text equals what to_json() and row_to_json() write.
 */
#ifndef VY_JSON_WRITER_H
#define VY_JSON_WRITER_H

#include "core/core.h"
#include "tcop/dest.h"

/* What writing a type needs: looked up once, and again by itself after types or casts have changed. */
typedef struct VyJsonType VyJsonType;

/* Made in the given context; composite and array types hold their element types. */
VyJsonType *vy_json_type(MemoryContext context, Oid type);

/*
 * Appends value as JSON; "null" when isnull. Recurses through arrays and composites with check_stack_depth(). Detoasting and output
 * functions leave garbage in the current memory context.
 */
void vy_json_value(StringInfo out, VyJsonType *type, Datum value, bool isnull);

/* Appends a JSON string literal. The bytes are valid in the server encoding (UTF-8). */
void vy_json_string(StringInfo out, const char *p, size_t n);

/*
 * A DestReceiver that writes each row as {"name":value,...} into out, comma separated, no brackets, and counts the rows.
 * max_bytes: the text in out (with what was in it before) does not grow beyond it; ERRCODE_VY_TOO_LARGE with a hint to page is raised
 * instead, before the bytes are copied. Types are taken from the tuple descriptor and kept: a receiver kept with its plan looks them up
 * once.
 */
typedef struct VyJsonReceiver VyJsonReceiver;

VyJsonReceiver *vy_json_receiver(MemoryContext context);
DestReceiver *vy_json_receiver_start(VyJsonReceiver *receiver, StringInfo out, size_t max_bytes);
uint64 vy_json_receiver_rows(const VyJsonReceiver *receiver);

#endif
