/*
 * stat.c: counters by route in shared memory, and the functions behind vyricon.stat_requests.
 *
 * A slot is taken once, by the first request of its database, method and pattern, and never given back but by a reset; counting is
 * lock-free. What finds no slot is counted under "(other)". Patterns are counted, not paths: what a client writes is in no view.
 */
#include "http/stat.h"

#include "common/hashfn.h"
#include "core/shm.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#define COLUMNS 9
#define OTHER 0

static VyShmStat *slot_of(const VyRequest *request);
static void put_slot(ReturnSetInfo *result, VyShmStat *slot);

void
vy_stat_request(const VyRequest *request, int status, int64 took_us)
{
	VyShmStat *slot = slot_of(request);
	uint64 max;

	if (slot == NULL)
		return;
	pg_atomic_fetch_add_u64(&slot->answers[Min(Max(status / 100, 1), VY_SHM_STATUSES) - 1], 1);
	if (took_us < 0)
		return;
	pg_atomic_fetch_add_u64(&slot->timed, 1);
	pg_atomic_fetch_add_u64(&slot->total_us, took_us);
	max = pg_atomic_read_u64(&slot->max_us);
	while ((uint64) took_us > max && !pg_atomic_compare_exchange_u64(&slot->max_us, &max, (uint64) took_us))
		;
}

static VyShmStat *
slot_of(const VyRequest *request)
{
	const char *pattern = request->route ? request->route->pattern : "(none)";
	size_t n = strlen(pattern);
	uint64 key = hash_bytes_extended((const unsigned char *) pattern, (int) n, (uint64) MyDatabaseId << 8 | request->method) | 1;

	if (vy_shm == NULL)
		return NULL;
	for (int i = 0; i < VY_SHM_STATS - 1; i++)
	{
		VyShmStat *slot = &vy_shm->stats[1 + (key + (uint64) i) % (VY_SHM_STATS - 1)];
		uint64 found = pg_atomic_read_u64(&slot->key);

		if (found == key)
			return slot;
		if (found != 0)
			continue;
		if (!pg_atomic_compare_exchange_u64(&slot->key, &found, key))
		{
			if (found == key)
				return slot;
			continue;
		}
		slot->database = MyDatabaseId;
		strlcpy(slot->method,
				request->method_name.n < sizeof(slot->method) && request->method != 0 ? vy_str_dup(request->method_name) : "-",
				sizeof(slot->method));
		strlcpy(slot->pattern, pattern, sizeof(slot->pattern));
		pg_atomic_write_u32(&slot->ready, 1);
		return slot;
	}
	return &vy_shm->stats[OTHER];
}

VY_FUNCTION(vyricon_stat_request_rows)
{
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < VY_SHM_STATS && vy_shm != NULL; i++)
	{
		VyShmStat *slot = &vy_shm->stats[i];

		if (i == OTHER || (pg_atomic_read_u32(&slot->ready) != 0 && slot->database == MyDatabaseId))
			put_slot((ReturnSetInfo *) fcinfo->resultinfo, slot);
	}
	return (Datum) 0;
}

static void
put_slot(ReturnSetInfo *result, VyShmStat *slot)
{
	Datum values[COLUMNS];
	bool nulls[COLUMNS] = {false};
	uint64 timed = pg_atomic_read_u64(&slot->timed);
	uint64 requests = 0;

	values[0] = CStringGetTextDatum(slot->pattern[0] ? slot->method : "-");
	values[1] = CStringGetTextDatum(slot->pattern[0] ? slot->pattern : "(other)");
	for (int i = 0; i < VY_SHM_STATUSES; i++)
	{
		uint64 n = pg_atomic_read_u64(&slot->answers[i]);

		requests += n;
		if (i > 0)
			values[2 + i] = Int64GetDatum((int64) n);
	}
	values[2] = Int64GetDatum((int64) requests);
	nulls[7] = nulls[8] = timed == 0;
	values[7] = Float8GetDatum(timed ? (double) pg_atomic_read_u64(&slot->total_us) / (double) timed / 1000 : 0);
	values[8] = Float8GetDatum((double) pg_atomic_read_u64(&slot->max_us) / 1000);
	if (requests > 0)
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Counters go back to nothing; slots stay with their routes. */
VY_FUNCTION(vyricon_stat_reset)
{
	(void) fcinfo;
	for (int i = 0; i < VY_SHM_STATS && vy_shm != NULL; i++)
	{
		VyShmStat *slot = &vy_shm->stats[i];

		if (i != OTHER && slot->database != MyDatabaseId)
			continue;
		for (int status = 0; status < VY_SHM_STATUSES; status++)
			pg_atomic_write_u64(&slot->answers[status], 0);
		pg_atomic_write_u64(&slot->timed, 0);
		pg_atomic_write_u64(&slot->total_us, 0);
		pg_atomic_write_u64(&slot->max_us, 0);
	}
	PG_RETURN_VOID();
}
