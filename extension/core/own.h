/*
 * own.h: foreign handles (EVP_PKEY, json_t, CURL, PGresult) owned by a memory context from the line they are born.
 */
#ifndef VY_OWN_H
#define VY_OWN_H

#include "core/core.h"

/*
 * Returns handle; free_fn(handle) runs when context is reset or deleted, on success and on error. A NULL handle is returned as NULL and
 * owns nothing. If memory for the record runs out the handle is freed before the error is raised.
 */
void *vy_own(MemoryContext context, void *handle, void (*free_fn)(void *));

/* vy_own for a free function with another argument type. */
#define VY_OWN(context, handle, free_fn) vy_own((context), (handle), (void (*)(void *))(free_fn))

#endif
