/*
 * shm.c: requests and starts the shared memory of shm.h.
 */
#include "core/shm.h"

#include "storage/ipc.h"
#include "storage/shmem.h"

VyShm *vy_shm;

static shmem_request_hook_type previous_request;
static shmem_startup_hook_type previous_startup;

static void request(void);
static void startup(void);

void
vy_shm_init(void)
{
	previous_request = shmem_request_hook;
	shmem_request_hook = request;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = startup;
}

static void
request(void)
{
	if (previous_request != NULL)
		previous_request();
	RequestAddinShmemSpace(MAXALIGN(sizeof(VyShm)));
	RequestNamedLWLockTranche("vyricon", 1);
}

static void
startup(void)
{
	bool found;

	if (previous_startup != NULL)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	vy_shm = ShmemInitStruct("vyricon", sizeof(VyShm), &found);
	if (!found)
	{
		memset(vy_shm, 0, sizeof(VyShm));
		vy_shm->lock = &GetNamedLWLockTranche("vyricon")->lock;
		pg_atomic_init_u64(&vy_shm->requests, 0);
		pg_atomic_init_u64(&vy_shm->refused, 0);
		for (int i = 0; i < VY_SHM_SHARED_LIMITS; i++)
			SpinLockInit(&vy_shm->shared_limits[i].lock);
		for (int i = 0; i < VY_SHM_LIMIT_BUCKETS; i++)
			SpinLockInit(&vy_shm->limits[i].lock);
		if (!pg_strong_random(&vy_shm->limit_seed, sizeof(vy_shm->limit_seed)))
			ereport(FATAL, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not make random bytes")));
	}
	LWLockRelease(AddinShmemInitLock);
}
