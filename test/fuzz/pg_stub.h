/*
 * pg_stub.h: the few functions of the server that the parsers above base/ call, without a server.
 * Every palloc() is a block of exact size for the sanitizer, freed when the input is done; one too large
 * ends the input, as its error would. The parsers raise nothing else: they refuse by return.
 */
#ifndef PG_STUB_H
#define PG_STUB_H

#include "postgres.h"

/* Runs once and frees what it allocated; false: it ended in an error. */
bool stub_run(void (*run)(void *arg), void *arg);

/* True if the address lies in a block of this input. */
bool stub_owns(const void *p);

#endif
