/*
 * leftovers.c: session state that a handler made is gone before its answer is sent (leftovers.h).
 *
 * Settings are undone by the GUC nest level of identity.c. What cannot be seen cheaply is cleared without asking (advisory locks, sequence
 * memory); statements that make state by name are noted as they pass.
 */
#include "auth/leftovers.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_namespace.h"
#include "commands/async.h"
#include "commands/prepare.h"
#include "commands/sequence.h"
#include "storage/lock.h"
#include "tcop/utility.h"
#include "utils/fmgroids.h"
#include "utils/portal.h"

static ProcessUtility_hook_type previous_hook;
static bool watching;
static bool session_shared;
static List *prepared; /* names, in TopMemoryContext: a rollback leaves what they name */
static List *held; /* names */
static List *temp_before; /* ObjectAddress, when the session is shared */
static List *listened; /* channels */

static void note_utility(PlannedStmt *statement, const char *text, bool read_only_tree, ProcessUtilityContext context, ParamListInfo params,
						 QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion);
static void refuse_reset(const Node *node);
static void note_name(List **names, const char *name);
static ObjectAddress *first_made(List *objects);
static List *temporary_objects(void);
static void drop_prepared(void);
static void drop_temporary(void);

void
vy_leftovers_init(void)
{
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = note_utility;
}

void
vy_leftovers_watch(bool shared)
{
	vy_leftovers_forget();
	watching = true;
	session_shared = shared;
	if (shared)
		temp_before = temporary_objects();
}

void
vy_leftovers_forget(void)
{
	list_free_deep(prepared);
	prepared = NIL;
	watching = session_shared = false;
	held = listened = temp_before = NIL;
}

void
vy_leftovers_clear(bool wrote)
{
	ListCell *cell;

	drop_prepared();
	foreach (cell, held)
	{
		Portal portal = GetPortalByName(lfirst(cell));

		if (PortalIsValid(portal))
			PortalDrop(portal, false);
	}
	foreach (cell, listened)
		Async_Unlisten(lfirst(cell));
	if ((MyXactFlags & XACT_FLAGS_ACCESSEDTEMPNAMESPACE) != 0)
		drop_temporary();
	LockReleaseSession(USER_LOCKMETHOD);
	/* lastval() and currval() would tell of the row before. */
	if (wrote)
		ResetSequenceCaches();
	vy_leftovers_forget();
}

void
vy_leftovers_abort(void)
{
	if (watching)
	{
		drop_prepared();
		LockReleaseSession(USER_LOCKMETHOD);
		ResetSequenceCaches();
	}
	vy_leftovers_forget();
}

static void
drop_prepared(void)
{
	ListCell *cell;

	foreach (cell, prepared)
		if (FetchPreparedStatement(lfirst(cell), false) != NULL)
			DropPreparedStatement(lfirst(cell), false);
}

static void
drop_temporary(void)
{
	ObjectAddress *made;

	if (!session_shared)
	{
		ResetTempTableNamespace();
		return;
	}
	/* Read again after each drop: CASCADE may have taken others along. */
	while ((made = first_made(temporary_objects())) != NULL)
	{
		performDeletion(made, DROP_CASCADE, PERFORM_DELETION_INTERNAL | PERFORM_DELETION_QUIETLY | PERFORM_DELETION_SKIP_EXTENSIONS);
		CommandCounterIncrement();
	}
}

static ObjectAddress *
first_made(List *objects)
{
	ListCell *now;
	ListCell *before;

	foreach (now, objects)
	{
		ObjectAddress *object = lfirst(now);
		bool found = false;

		foreach (before, temp_before)
		{
			const ObjectAddress *other = lfirst(before);

			found = found || (other->classId == object->classId && other->objectId == object->objectId);
		}
		if (!found)
			return object;
	}
	return NULL;
}

/* Tables, types, functions and all else that depends on this session's temporary schema. */
static List *
temporary_objects(void)
{
	MemoryContext before = MemoryContextSwitchTo(TopTransactionContext);
	List *objects = NIL;
	Relation catalog;
	SysScanDesc scan;
	ScanKeyData keys[2];
	HeapTuple row;
	Oid temp_schema;
	Oid temp_toast_schema;

	GetTempNamespaceState(&temp_schema, &temp_toast_schema);
	if (OidIsValid(temp_schema))
	{
		catalog = table_open(DependRelationId, AccessShareLock);
		ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(NamespaceRelationId));
		ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(temp_schema));
		scan = systable_beginscan(catalog, DependReferenceIndexId, true, NULL, 2, keys);
		while (HeapTupleIsValid(row = systable_getnext(scan)))
		{
			Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(row);
			ObjectAddress *object = palloc(sizeof(ObjectAddress));

			*object = (ObjectAddress){depend->classid, depend->objid, 0};
			objects = lappend(objects, object);
		}
		systable_endscan(scan);
		table_close(catalog, AccessShareLock);
	}
	MemoryContextSwitchTo(before);
	return objects;
}

static void
note_utility(PlannedStmt *statement, const char *text, bool read_only_tree, ProcessUtilityContext context, ParamListInfo params,
			 QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	Node *node = statement->utilityStmt;

	if (watching)
	{
		refuse_reset(node);
		if (IsA(node, PrepareStmt))
			note_name(&prepared, ((PrepareStmt *) node)->name);
		else if (IsA(node, DeclareCursorStmt))
			note_name(&held, ((DeclareCursorStmt *) node)->portalname);
		else if (IsA(node, ListenStmt))
			note_name(&listened, ((ListenStmt *) node)->conditionname);
	}
	if (previous_hook != NULL)
		previous_hook(statement, text, read_only_tree, context, params, environment, dest, completion);
	else
		standard_ProcessUtility(statement, text, read_only_tree, context, params, environment, dest, completion);
}

/* What the session made before this request, the shim's prepared statements among it, is not a handler's to drop. */
static void
refuse_reset(const Node *node)
{
	bool refused = IsA(node, DiscardStmt) || IsA(node, UnlistenStmt);
	ListCell *cell;

	if (IsA(node, DeallocateStmt))
	{
		const char *name = ((const DeallocateStmt *) node)->name;

		refused = true;
		foreach (cell, prepared)
			refused = refused && (name == NULL || strcmp(name, lfirst(cell)) != 0);
	}
	if (refused)
		ereport(ERROR, (errcode(ERRCODE_VY_FORBIDDEN), errmsg("the session's own state cannot be reset inside a request"),
						errdetail("DISCARD, UNLISTEN and DEALLOCATE of what the request has not prepared are refused.")));
}

static void
note_name(List **names, const char *name)
{
	MemoryContext before = MemoryContextSwitchTo(names == &prepared ? TopMemoryContext : TopTransactionContext);

	*names = lappend(*names, pstrdup(name));
	MemoryContextSwitchTo(before);
}
