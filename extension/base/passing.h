/*
 * passing.h: which headers of the database's answer go out to the client, and their bytes on the wire.
 */
#ifndef VY_PASSING_H
#define VY_PASSING_H

#include "base/wire.h"

/*
 * Moves those that go out to the front and returns their number: none that is empty, that is an instruction to the shim, or that the HTTP
 * library writes itself from what it knows better. *wait: the value of x-vyricon-shim-wait, or untouched.
 */
size_t vy_passing_keep(VyHeader *headers, size_t n, VyStr *wait);

/* Bytes of vy_passing_write(); false: a name or a value is not allowed. */
VY_MUST_CHECK bool vy_passing_size(const VyHeader *headers, size_t n, size_t *size);

/* The first one's value, then every other one as a line of its own: as one long value. */
void vy_passing_write(char *out, const VyHeader *headers, size_t n);

#endif
