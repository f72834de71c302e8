/*
 * attempt.c: work whose failure is an answer (attempt.h).
 */
#include "core/attempt.h"

#include "access/xact.h"
#include "utils/resowner.h"

static bool run(void (*fn)(void *), void *arg, bool keep, const char **message);

bool
vy_attempt(void (*fn)(void *), void *arg, const char **message)
{
	return run(fn, arg, false, message);
}

bool
vy_attempt_keep(void (*fn)(void *), void *arg, const char **message)
{
	return run(fn, arg, true, message);
}

static bool
run(void (*fn)(void *), void *arg, bool keep, const char **message)
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
	if (keep && caught == NULL)
		ReleaseCurrentSubTransaction();
	else
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
