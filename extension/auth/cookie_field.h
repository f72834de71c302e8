/*
 * cookie_field.h: the cookies of a request, and the lines that set them (RFC 6265, and the __Host- prefix of its successor).
 */
#ifndef VY_COOKIE_FIELD_H
#define VY_COOKIE_FIELD_H

#include "base/base.h"

/*
 * The next pair of a Cookie header, whose rest is *rest; false: there is none. What has no "=" is passed over, blanks around a name and a
 * value are not part of them, quotes are.
 */
VY_MUST_CHECK bool vy_cookie_next(VyStr *rest, VyStr *name, VyStr *value);

/* cookie-octet: visible ASCII without quote, comma, semicolon and backslash. */
bool vy_cookie_value_ok(VyStr value);

/* Browsers drop longer ones, name, value and attributes together. */
#define VY_COOKIE_MAX 4096

/*
 * "name=value; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=n", NUL-terminated; max_age 0 takes the cookie back. Returns its length; 0:
 * name or value may not stand there, or it does not fit.
 */
VY_MUST_CHECK size_t vy_cookie_set(char out[static VY_COOKIE_MAX], VyStr name, VyStr value, int64_t max_age);

#endif
