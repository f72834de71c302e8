/*
 * core.h: the server's headers and the few words that every file of the extension uses.
 */
#ifndef VY_CORE_H
#define VY_CORE_H

#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/base.h"
#include "core/compat.h"
#include "core/errors.h"

/* Defines an SQL-callable function; its declaration stands in the same-named file under sql/functions. */
#define VY_FUNCTION(name)      \
	PG_FUNCTION_INFO_V1(name); \
	PGDLLEXPORT Datum name(FunctionCallInfo fcinfo __attribute__((unused)))

/* A NUL-terminated copy in the current memory context. */
static inline char *
vy_str_dup(VyStr s)
{
	return pnstrdup(s.p ? s.p : "", s.n);
}

static inline VyStr
vy_text_str(const text *t)
{
	return vy_str(VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
}

static inline text *
vy_str_text(VyStr s)
{
	return cstring_to_text_with_len(s.p ? s.p : "", (int) s.n);
}

static inline void
vy_append(StringInfo out, VyStr s)
{
	appendBinaryStringInfo(out, s.p, (int) s.n);
}

#endif
