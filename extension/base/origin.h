/*
 * origin.h: origins (RFC 6454) as browsers send them in Origin and Sec-Fetch-Site.
 */
#ifndef VY_ORIGIN_H
#define VY_ORIGIN_H

#include "base/base.h"

/* Is it one of this comma-separated list, byte by byte? "null" is never an origin, and "*" names none. */
bool vy_origin_listed(const char *list, VyStr origin);

/*
 * Is it the origin of this Host? With https always, with http on this machine only: whoever serves http://host to a user need not be the
 * one who serves https://host.
 */
bool vy_origin_is(VyStr origin, VyStr host);

typedef enum VyOriginVerdict
{
	VY_ORIGIN_SILENT, /* the browser said nothing */
	VY_ORIGIN_OURS, /* a page of ours, or a listed one of the same site, or the user */
	VY_ORIGIN_FOREIGN
} VyOriginVerdict;

/*
 * Whose page made a request: by Sec-Fetch-Site (https://www.w3.org/TR/fetch-metadata/), which pages cannot set, without it by Origin. An
 * absent header has p == NULL.
 */
VyOriginVerdict vy_origin_judge(VyStr site, VyStr origin, VyStr host, const char *list);

#endif
