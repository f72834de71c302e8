/*
 * attempt.h: work whose failure is an answer, in a subtransaction.
 */
#ifndef VY_ATTEMPT_H
#define VY_ATTEMPT_H

#include "core/core.h"

/*
 * Runs fn(arg) in the current memory context and undoes what it did to the database. True, or false with the error's message in *message
 * (the error is not reported). A query cancel is passed on.
 */
VY_MUST_CHECK bool vy_attempt(void (*fn)(void *), void *arg, const char **message);

/* The same, but what it did stays when it succeeds. */
VY_MUST_CHECK bool vy_attempt_keep(void (*fn)(void *), void *arg, const char **message);

#endif
