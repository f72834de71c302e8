/*
 * cache.c: freshness of backend-local caches by relation invalidations (cache.h).
 */
#include "core/cache.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

static VyCache *watched;
static bool registered;

static void on_invalidation(Datum arg, Oid relid);
static void watch(VyCache *cache);

bool
vy_cache_fresh(VyCache *cache)
{
	Oid schema;

	if (cache->fresh)
		return true;
	watch(cache);
	schema = get_namespace_oid(cache->schema, true);
	cache->relid = OidIsValid(schema) ? get_relname_relid(cache->table, schema) : InvalidOid;
	cache->filling = true;
	return false;
}

void
vy_cache_filled(VyCache *cache)
{
	cache->version++;
	/* A transaction-long snapshot can be older than the last invalidation: what it read serves this statement only. */
	cache->fresh = cache->filling && OidIsValid(cache->relid) && !IsolationUsesXactSnapshot();
	cache->filling = false;
}

bool
vy_cache_table_exists(VyCache *cache)
{
	return vy_cache_fresh(cache) || OidIsValid(cache->relid);
}

static void
watch(VyCache *cache)
{
	if (!registered)
	{
		CacheRegisterRelcacheCallback(on_invalidation, (Datum) 0);
		registered = true;
	}
	for (VyCache *c = watched; c != NULL; c = c->next)
		if (c == cache)
			return;
	cache->next = watched;
	watched = cache;
}

static void
on_invalidation(Datum arg __attribute__((unused)), Oid relid)
{
	for (VyCache *c = watched; c != NULL; c = c->next)
		if (relid == InvalidOid || relid == c->relid)
			c->fresh = c->filling = false;
}

/* Statement trigger of cached tables: every backend hears of the change when it commits. */
VY_FUNCTION(vyricon_changed)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED), errmsg("vyricon.changed() is a trigger function")));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	PG_RETURN_POINTER(NULL);
}
