/*
 * cache.h: backend-local caches of platform tables that are correct without a reload.
 *
 * A cached table carries the statement trigger vyricon.changed(), which sends a relation invalidation with the commit; the callback marks
 * the cache stale in every backend. A user rebuilds when vy_cache_fresh() says false:
 *
 *   if (!vy_cache_fresh(&cache)) { MemoryContextReset(context); ...read rows with a VyQuery...; vy_cache_filled(&cache); }
 *
 * A VyQuery reads with a snapshot taken after pending invalidations were processed, so what is filled in cannot be older than the last one.
 */
#ifndef VY_CACHE_H
#define VY_CACHE_H

#include "core/core.h"

typedef struct VyCache
{
	const char *schema;
	const char *table;
	Oid relid; /* resolved at the first fill */
	bool fresh;
	bool filling; /* an invalidation during the fill keeps it stale */
	uint64 version; /* grows with each fill: what hangs on this cache compares it */
	struct VyCache *next;
} VyCache;

/* False: the caller refills now and then calls vy_cache_filled(). False for good while the table does not exist (relid stays invalid). */
bool vy_cache_fresh(VyCache *cache);
void vy_cache_filled(VyCache *cache);

/* False while setup() has not made the table. */
bool vy_cache_table_exists(VyCache *cache);

#endif
