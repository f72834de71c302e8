/*
 * random.h: strong random bytes in small portions.
 */
#ifndef VY_RANDOM_H
#define VY_RANDOM_H

#include "core/core.h"

/* At most 64 at a time, for what is made once per row; each byte is given out once. Raises when the system has none. */
void vy_random_bytes(uint8 *out, size_t n);

#endif
