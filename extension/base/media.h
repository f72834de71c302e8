/*
 * media.h: the content type of a file, by its name.
 */
#ifndef VY_MEDIA_H
#define VY_MEDIA_H

#include "base/wire.h"

#define VY_MEDIA_HTML "text/html; charset=utf-8"

/* application/octet-stream for a name that says nothing. */
const char *vy_media_type(VyStr name);

/* The headers of a file. Returns their number. */
#define VY_MEDIA_HEADERS 8
size_t vy_media_headers(VyHeader out[static VY_MEDIA_HEADERS], VyStr name, VyStr etag);

/* Can an HTML form send a body of this Content-Type (Fetch: CORS-safelisted)? */
bool vy_media_is_form(VyStr content_type);

#endif
