/*
 * leave.c: PostgreSQL cannot copy, rename, move or drop a database that somebody is connected to, and a worker always is. Before such a
 * statement its workers are asked to leave; they come back when the transaction ends, whichever way.
 */
#include "jobs/worker.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "nodes/parsenodes.h"
#include "storage/latch.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/syscache.h"
#include "utils/wait_event.h"

#define LONGEST_WAIT_MS 10000
#define LOOK_MS 20

static ProcessUtility_hook_type previous_utility;
static Oid held = InvalidOid;

static void on_utility(PlannedStmt *statement, const char *text, bool read_only_tree, ProcessUtilityContext context, ParamListInfo params,
					   QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion);
static Oid database_to_clear(Node *statement);
static Oid template_to_clear(CreatedbStmt *statement);
static Oid owned_database(const char *name);
static bool drops_extension(const DropStmt *statement);
static void hold(Oid database);
static void release(XactEvent event, void *arg);

void
vy_leave_init(void)
{
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = on_utility;
	RegisterXactCallback(release, NULL);
}

static void
on_utility(PlannedStmt *statement, const char *text, bool read_only_tree, ProcessUtilityContext context, ParamListInfo params,
		   QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	Oid database = vy_shm != NULL ? database_to_clear(statement->utilityStmt) : InvalidOid;

	if (OidIsValid(database) && !OidIsValid(held))
		hold(database);
	if (previous_utility != NULL)
		previous_utility(statement, text, read_only_tree, context, params, environment, dest, completion);
	else
		standard_ProcessUtility(statement, text, read_only_tree, context, params, environment, dest, completion);
}

/* Invalid where the statement is none of these, or where the user may not run it: nobody keeps a worker away by failing. */
static Oid
database_to_clear(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_CreatedbStmt:
			return template_to_clear((CreatedbStmt *) statement);
		case T_DropdbStmt:
			return owned_database(((DropdbStmt *) statement)->dbname);
		case T_AlterDatabaseStmt:
			return owned_database(((AlterDatabaseStmt *) statement)->dbname);
		case T_RenameStmt:
			return ((RenameStmt *) statement)->renameType == OBJECT_DATABASE ? owned_database(((RenameStmt *) statement)->subname)
																			 : InvalidOid;
		case T_DropStmt:
			return drops_extension((DropStmt *) statement) && superuser() ? MyDatabaseId : InvalidOid;
		default:
			return InvalidOid;
	}
}

static Oid
template_to_clear(CreatedbStmt *statement)
{
	HeapTuple role = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
	bool allowed = HeapTupleIsValid(role) && (superuser() || ((Form_pg_authid) GETSTRUCT(role))->rolcreatedb);
	ListCell *lc;

	if (HeapTupleIsValid(role))
		ReleaseSysCache(role);
	foreach (lc, statement->options)
	{
		DefElem *option = lfirst(lc);

		if (allowed && strcmp(option->defname, "template") == 0 && option->arg != NULL)
			return get_database_oid(defGetString(option), true);
	}
	return InvalidOid;
}

static Oid
owned_database(const char *name)
{
	Oid database = get_database_oid(name, true);

	return OidIsValid(database) && pg_database_ownercheck(database, GetUserId()) ? database : InvalidOid;
}

static bool
drops_extension(const DropStmt *statement)
{
	ListCell *lc;

	if (statement->removeType != OBJECT_EXTENSION)
		return false;
	foreach (lc, statement->objects)
		if (strcmp(strVal(lfirst(lc)), "vyricon") == 0)
			return true;
	return false;
}

/* Waits until the workers have gone; PostgreSQL itself waits some seconds more for the rest of a process that leaves. */
static void
hold(Oid database)
{
	for (int waited = 0; waited < LONGEST_WAIT_MS; waited += LOOK_MS)
	{
		VyShmWorker *place;
		bool manned;

		LWLockAcquire(vy_shm->lock, LW_EXCLUSIVE);
		place = vy_place_find(database, true);
		if (place != NULL && !OidIsValid(held))
		{
			place->holds++;
			held = database;
		}
		manned = place != NULL && vy_place_is_manned(place);
		if (manned && waited == 0)
			vy_place_dismiss(place, true);
		LWLockRelease(vy_shm->lock);
		if (!manned)
			return;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, LOOK_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
release(XactEvent event, void *arg __attribute__((unused)))
{
	VyShmWorker *place;

	if (!OidIsValid(held) || (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE))
		return;
	LWLockAcquire(vy_shm->lock, LW_EXCLUSIVE);
	place = vy_place_find(held, false);
	held = InvalidOid;
	if (place != NULL)
	{
		place->holds--;
		vy_place_free(place);
	}
	vy_launcher_wake();
	LWLockRelease(vy_shm->lock);
}
