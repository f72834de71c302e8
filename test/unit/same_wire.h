/*
 * same_wire.h: whether two messages say the same; for the unit test and the fuzz target of base/wire.h.
 */
#ifndef SAME_WIRE_H
#define SAME_WIRE_H

#include "base/wire.h"

static inline bool
same_headers(const VyHeader *a, size_t na, const VyHeader *b, size_t nb)
{
	for (size_t i = 0; na == nb && i < na; i++)
		if (!vy_str_eq(a[i].name, b[i].name) || !vy_str_eq(a[i].value, b[i].value))
			return false;
	return na == nb;
}

static inline bool
same_request(const VyWireRequest *a, const VyWireRequest *b)
{
	return a->peer.family == b->peer.family && memcmp(a->peer.addr, b->peer.addr, sizeof(a->peer.addr)) == 0 &&
		   vy_str_eq(a->method, b->method) && vy_str_eq(a->target, b->target) && vy_str_eq(a->body, b->body) &&
		   same_headers(a->headers, a->nheaders, b->headers, b->nheaders);
}

#endif
