/*
 * json.h: a strict JSON reader (RFC 8259) over a buffer: nothing is allocated, values are spans of the input.
 *
 * First vy_json_check() the whole document once (grammar, UTF-8, depth, no trailing bytes); after that the readers below may assume it.
 */
#ifndef VY_JSON_H
#define VY_JSON_H

#include "base/base.h"

typedef enum VyJsonKind
{
	VY_JSON_NONE, /* no value */
	VY_JSON_NULL,
	VY_JSON_TRUE,
	VY_JSON_FALSE,
	VY_JSON_NUMBER,
	VY_JSON_STRING,
	VY_JSON_ARRAY,
	VY_JSON_OBJECT
} VyJsonKind;

typedef enum VyJsonProblem
{
	VY_JSON_OK,
	VY_JSON_SYNTAX,
	VY_JSON_DEPTH,
	VY_JSON_ENCODING, /* not UTF-8, a lone surrogate escape, or \u0000 */
	VY_JSON_TRAILING
} VyJsonProblem;

/* offset: where it went wrong (may be NULL). Iterative, depth counted: no recursion on hostile input. */
VY_MUST_CHECK VyJsonProblem vy_json_check(VyStr doc, int max_depth, size_t *offset);

/* Of a checked value (white space around it allowed). */
VyJsonKind vy_json_kind(VyStr value);

/*
 * Members of an object or items of an array:
 *   VyJsonIter it = vy_json_iter(doc);
 *   while (vy_json_next(&it)) ... it.key (raw, between the quotes, still escaped; empty in arrays), it.value (the span, trimmed), it.kind
 */
typedef struct VyJsonIter
{
	const char *at;
	const char *end;
	bool object;
	VyStr key;
	VyStr value;
	VyJsonKind kind;
} VyJsonIter;

VyJsonIter vy_json_iter(VyStr container);
bool vy_json_next(VyJsonIter *it);

/* The member of that name, compared after unescaping; VY_JSON_NONE if absent. With a duplicate key the last one counts, as in jsonb. */
VyJsonKind vy_json_get(VyStr object, const char *key, VyStr *value);

/* True if some object on the first level has the same key twice. */
bool vy_json_has_duplicates(VyStr object);

/* Unescapes a string value (with its quotes) or raw key text into out; never longer than the input. Returns the length. */
size_t vy_json_unescape(char *out, VyStr string);

/* A number without fraction or exponent that fits; false otherwise. */
VY_MUST_CHECK bool vy_json_int64(VyStr number, int64_t *out);

#endif
