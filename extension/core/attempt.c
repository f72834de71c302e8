/*
 * attempt.c: work whose failure is an answer (attempt.h).
 */
#include "core/attempt.h"

#include "access/xact.h"
#include "utils/resowner.h"

bool
vy_attempt(void (*fn)(void *), void *arg, const char **message)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile caught = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		fn(arg);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		caught = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (caught == NULL)
		return true;
	if (caught->sqlerrcode == ERRCODE_QUERY_CANCELED || caught->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
		ReThrowError(caught);
	*message = caught->message;
	return false;
}
