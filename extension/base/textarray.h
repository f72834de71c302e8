/*
 * textarray.h: a one-dimensional text[] in PostgreSQL's binary form, for a statement's parameter.
 */
#ifndef VY_TEXTARRAY_H
#define VY_TEXTARRAY_H

#include "base/base.h"

size_t vy_textarray_size(const VyStr *items, size_t n);

/* Writes exactly vy_textarray_size() bytes. An item with p == NULL is NULL. */
void vy_textarray_write(uint8_t *out, const VyStr *items, size_t n);

#endif
