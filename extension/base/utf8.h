/*
 * utf8.h: UTF-8 as RFC 3629 has it: no overlong form, no surrogate, nothing beyond U+10FFFF.
 */
#ifndef VY_UTF8_H
#define VY_UTF8_H

#include "base/base.h"

bool vy_utf8_valid(const char *p, size_t n);

#endif
