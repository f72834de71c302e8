/*
 * own.c: reset callbacks that free foreign handles.
 */
#include "core/own.h"

typedef struct Owned
{
	MemoryContextCallback callback;
	void *handle;
	void (*free_fn)(void *);
} Owned;

static void
release(void *arg)
{
	Owned *owned = arg;

	owned->free_fn(owned->handle);
}

void *
vy_own(MemoryContext context, void *handle, void (*free_fn)(void *))
{
	Owned *owned;

	if (handle == NULL)
		return NULL;
	owned = MemoryContextAllocExtended(context, sizeof(Owned), MCXT_ALLOC_NO_OOM);
	if (owned == NULL)
	{
		free_fn(handle);
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	}
	owned->handle = handle;
	owned->free_fn = free_fn;
	owned->callback.func = release;
	owned->callback.arg = owned;
	MemoryContextRegisterResetCallback(context, &owned->callback);
	return handle;
}
