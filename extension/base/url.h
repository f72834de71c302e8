/*
 * url.h: request targets (RFC 3986): path, query, percent decoding. Each part is decoded once, after it was cut out.
 */
#ifndef VY_URL_H
#define VY_URL_H

#include "base/base.h"

/* Cuts an origin-form target at the first '?'. query.p == NULL: there is none. */
void vy_url_split(VyStr target, VyStr *path, VyStr *query);

/*
 * True for a path that can be routed: starts with '/', no empty segment but the last, no "." or ".." segment (also percent-encoded), only
 * bytes that RFC 3986 allows in a path, every '%' followed by two hex digits, no %00, %2f or %5c, and decoded it is UTF-8.
 */
bool vy_url_path_ok(VyStr path);

/*
 * Percent-decodes into out (never longer than the input); plus_is_space for query strings. -1: bad escape, NUL, or not UTF-8.
 */
VY_MUST_CHECK int vy_url_decode(char *out, size_t cap, size_t *len, VyStr in, bool plus_is_space);

/* The path of a file in a folder: decoded, and the folder's index.html where it ends with a slash. False: too long, or a bad escape. */
VY_MUST_CHECK bool vy_url_file(char *out, size_t cap, size_t *len, VyStr path);

/*
 * name=value pairs of a query string, still encoded; a part without '=' has value.p == NULL; empty parts are passed over.
 *   while (vy_url_next_pair(&rest, &name, &value))
 */
bool vy_url_next_pair(VyStr *rest, VyStr *name, VyStr *value);

#endif
