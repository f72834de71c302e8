/*
 * errors.h: SQLSTATE class VY. The three digits are the HTTP status, so a code carries its answer (after PostgREST's PTnnn).
 */
#ifndef VY_ERRORS_H
#define VY_ERRORS_H

#include "utils/elog.h"

#define VY_SQLSTATE(a, b, c) MAKE_SQLSTATE('V', 'Y', a, b, c)

#define ERRCODE_VY_BAD_REQUEST VY_SQLSTATE('4', '0', '0')
#define ERRCODE_VY_UNAUTHORIZED VY_SQLSTATE('4', '0', '1')
#define ERRCODE_VY_FORBIDDEN VY_SQLSTATE('4', '0', '3')
#define ERRCODE_VY_NOT_FOUND VY_SQLSTATE('4', '0', '4')
#define ERRCODE_VY_NOT_ACCEPTABLE VY_SQLSTATE('4', '0', '6')
#define ERRCODE_VY_CONFLICT VY_SQLSTATE('4', '0', '9')
#define ERRCODE_VY_GONE VY_SQLSTATE('4', '1', '0')
#define ERRCODE_VY_TOO_LARGE VY_SQLSTATE('4', '1', '3')
#define ERRCODE_VY_INVALID VY_SQLSTATE('4', '2', '2')
#define ERRCODE_VY_NOT_READY VY_SQLSTATE('5', '0', '3')

/* PostgREST's own: message and detail are JSON and say the whole answer (see http/failure.c). */
#define ERRCODE_PGRST MAKE_SQLSTATE('P', 'G', 'R', 'S', 'T')

#endif
