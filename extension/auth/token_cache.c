/*
 * token_cache.c: verified tokens of this backend.
 *
 * Two generations of half the bounds each. New entries go to the young one; when that is full, the old one is emptied as a whole and
 * becomes the young one. So a set of tokens that fits is never evicted, memory has no holes, and a hit writes nothing but one number. A
 * generation whose entry was given to the running transaction is not emptied under it; until the transaction ends, new entries live in its
 * own memory instead.
 *
 * Only verified tokens are entered, so a stranger cannot fill it; the hash takes the last bytes, where the signature is, with a random
 * seed.
 */
#include "auth/token_cache.h"

#include <openssl/crypto.h>

#include "access/xact.h"
#include "common/hashfn.h"
#include "port.h"

/* Of each generation; the cache holds twice this. */
#define MAX_ENTRIES 1024
#define MAX_BYTES (1024 * 1024)

#define SLOTS (2 * MAX_ENTRIES)
#define HASHED_TAIL 40

typedef struct Entry
{
	VyIdentity identity;
	VyStr token;
	TimestampTz expires;
} Entry;

typedef struct Slot
{
	uint64 hash;
	Entry *entry;
} Slot;

typedef struct Generation
{
	MemoryContext context;
	Slot *slots; /* open addressing, at most half full, entries are never removed singly */
	int count;
	Size bytes;
	uint64 used_by; /* number of the last transaction that was given an entry */
	bool retired; /* emptied while in use: its memory waits for the end of that transaction */
} Generation;

static Generation generations[2];
static Generation *young = &generations[0];
static Generation *old = &generations[1];
static uint64 seed;
static uint64 transaction = 1; /* grows when one ends */

static void on_transaction(XactEvent event, void *arg);
static void start(void);
static uint64 hash_token(VyStr token);
static const VyIdentity *find_in(Generation *generation, uint64 hash, VyStr token, TimestampTz now);
static bool make_room(Size need);
static void empty(Generation *generation);
static void insert(Generation *generation, uint64 hash, Entry *entry);
static Size entry_size(VyStr token, const VyIdentity *identity);
static Entry *pack(MemoryContext context, VyStr token, const VyIdentity *identity, TimestampTz expires);
static VyStr pack_string(char **at, VyStr s);

void
vy_token_cache_init(void)
{
	RegisterXactCallback(on_transaction, NULL);
}

const VyIdentity *
vy_token_cache_find(VyStr token, TimestampTz now)
{
	const VyIdentity *identity;
	uint64 hash;

	if (seed == 0)
		return NULL;
	hash = hash_token(token);
	identity = find_in(young, hash, token, now);
	return identity ? identity : find_in(old, hash, token, now);
}

const VyIdentity *
vy_token_cache_add(VyStr token, const VyIdentity *identity, TimestampTz expires)
{
	Size need = entry_size(token, identity);
	Entry *entry;

	start();
	if (!make_room(need))
		return &pack(TopTransactionContext, token, identity, expires)->identity;
	entry = pack(young->context, token, identity, expires);
	insert(young, hash_token(token), entry);
	young->count++;
	young->bytes += need;
	young->used_by = transaction;
	return &entry->identity;
}

void
vy_token_cache_forget(void)
{
	if (seed == 0)
		return;
	empty(young);
	empty(old);
}

static void
on_transaction(XactEvent event, void *arg pg_attribute_unused())
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		transaction++;
}

/* At the first token of a backend. */
static void
start(void)
{
	uint64 random;

	if (seed != 0)
		return;
	for (int i = 0; i < 2; i++)
	{
		if (generations[i].context == NULL)
			generations[i].context = GenerationContextCreate(TopMemoryContext, "vyricon tokens", 0, 8 * 1024, 64 * 1024);
		if (generations[i].slots == NULL)
			generations[i].slots = MemoryContextAllocZero(TopMemoryContext, SLOTS * sizeof(Slot));
	}
	if (!pg_strong_random(&random, sizeof(random)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not make random bytes")));
	seed = random | 1;
}

static uint64
hash_token(VyStr token)
{
	size_t n = Min(token.n, HASHED_TAIL);

	return hash_bytes_extended((const unsigned char *) token.p + token.n - n, (int) n, seed);
}

static const VyIdentity *
find_in(Generation *generation, uint64 hash, VyStr token, TimestampTz now)
{
	for (size_t i = hash % SLOTS; generation->slots[i].entry != NULL; i = (i + 1) % SLOTS)
	{
		Entry *entry = generation->slots[i].entry;

		if (generation->slots[i].hash != hash || entry->token.n != token.n || CRYPTO_memcmp(entry->token.p, token.p, token.n) != 0)
			continue;
		if (entry->expires <= now)
			return NULL;
		generation->used_by = transaction;
		return &entry->identity;
	}
	return NULL;
}

/* False: no generation can take the entry before this transaction ends. */
static bool
make_room(Size need)
{
	Generation *spare = old;

	if (young->retired && young->used_by != transaction)
		empty(young);
	if (!young->retired && young->count < MAX_ENTRIES && young->bytes + need <= MAX_BYTES)
		return true;
	if (old->used_by == transaction)
		return false;
	empty(old);
	old = young;
	young = spare;
	return true;
}

static void
empty(Generation *generation)
{
	if (generation->count > 0)
		memset(generation->slots, 0, SLOTS * sizeof(Slot));
	generation->count = 0;
	generation->bytes = 0;
	generation->retired = generation->used_by == transaction;
	if (!generation->retired)
		MemoryContextReset(generation->context);
}

static void
insert(Generation *generation, uint64 hash, Entry *entry)
{
	size_t i = hash % SLOTS;

	while (generation->slots[i].entry != NULL)
		i = (i + 1) % SLOTS;
	generation->slots[i] = (Slot){hash, entry};
}

static Size
entry_size(VyStr token, const VyIdentity *identity)
{
	/* Each string ends with a NUL. */
	return sizeof(Entry) + token.n + strlen(identity->role_name) + identity->claims.n + identity->user_id.n + identity->email.n +
		   identity->org_id.n + identity->session_id.n + 7;
}

/* An entry in one piece: the struct, then its strings. */
static Entry *
pack(MemoryContext context, VyStr token, const VyIdentity *identity, TimestampTz expires)
{
	Entry *entry = MemoryContextAlloc(context, entry_size(token, identity));
	char *at = (char *) (entry + 1);

	entry->identity = *identity;
	entry->token = pack_string(&at, token);
	entry->expires = expires;
	entry->identity.role_name = pack_string(&at, vy_cstr(identity->role_name)).p;
	entry->identity.claims = pack_string(&at, identity->claims);
	entry->identity.user_id = pack_string(&at, identity->user_id);
	entry->identity.email = pack_string(&at, identity->email);
	entry->identity.org_id = pack_string(&at, identity->org_id);
	entry->identity.session_id = pack_string(&at, identity->session_id);
	return entry;
}

static VyStr
pack_string(char **at, VyStr s)
{
	char *copy = *at;

	if (s.p == NULL)
		return s;
	memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	*at = copy + s.n + 1;
	return vy_str(copy, s.n);
}
