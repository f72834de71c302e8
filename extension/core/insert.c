/*
 * insert.c: one row into a platform table without a statement (insert.h).
 *
 * What is known of a table is kept over transactions: its columns, defaults, checks and indexes, with their expressions ready to run. Any
 * change of the table or of one of its indexes sends a relation invalidation, which this backend has read before it gets its lock on the
 * table; and from then on the lock keeps changes away. So what is known is looked at after the lock, and then holds for the transaction.
 */
#include "core/insert.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

typedef struct VyInsertIndex
{
	Oid oid;
	bool unique;
	bool never; /* its predicate is false for every row */
	IndexInfo *info; /* its predicate without what is true for every row */
} VyInsertIndex;

struct VyInsertState
{
	MemoryContext context;
	Oid table;
	bool fresh; /* no invalidation since it was made */
	bool direct; /* nothing about the table asks for a statement */
	TupleTableSlot *slot;
	EState *estate; /* for expressions only */
	AttrNumber *attributes; /* by column of the VyInsert */
	Datum *constants; /* by attribute: the default that is the same for every row */
	bool *constant_nulls;
	ExprState **defaults; /* by attribute: the default that is not; NULL: none */
	bool *required; /* by attribute: NOT NULL */
	bool *fixed; /* by attribute: the same in every row */
	AttrNumber returning;
	int nchecks;
	ExprState **checks;
	int nindexes;
	VyInsertIndex *indexes;
};

static VyInsert *watched;
static bool registered;

static Relation open_table(VyInsert *insert);
static void on_invalidation(Datum arg, Oid relid);
static void learn(VyInsert *insert, Relation table);
static bool is_plain(Relation table);
static bool learn_columns(VyInsert *insert, Relation table);
static void learn_default(VyInsertState *state, int attribute, Node *expression);
static bool learn_checks(VyInsertState *state, Relation table);
static bool learn_indexes(VyInsertState *state, Relation table);
static bool learn_index(VyInsertState *state, VyInsertIndex *index, Relation relation);
static void learn_predicate(VyInsertState *state, VyInsertIndex *index);
static bool is_fixed(const VyInsertState *state, Node *expression);
static bool holds(VyInsertState *state, Node *condition);
static bool calls_foreign(Node *node, void *context);
static bool is_foreign(Oid function, void *context);
static bool fill(const VyInsert *insert, const Datum *values, const bool *nulls);
static void put(VyInsertState *state, Relation table);

bool
vy_insert_row(VyInsert *insert, const Datum *values, const bool *nulls, Datum *returned)
{
	Relation table;
	bool done = false;

	if (XactReadOnly || IsInParallelMode())
		return false;
	table = open_table(insert);
	if (table == NULL)
		return false;
	if (insert->state->direct && fill(insert, values, nulls))
	{
		put(insert->state, table);
		*returned = insert->state->slot->tts_values[insert->state->returning - 1];
		done = true;
	}
	if (insert->state->direct)
	{
		ExecClearTuple(insert->state->slot);
		ResetPerTupleExprContext(insert->state->estate);
	}
	table_close(table, NoLock);
	/* As after a statement: what comes next in this transaction sees the row. */
	if (done)
		CommandCounterIncrement();
	return done;
}

/* Locked, with a state that fits it; NULL: there is none. */
static Relation
open_table(VyInsert *insert)
{
	Oid oid = insert->state != NULL && insert->state->fresh ? insert->state->table : InvalidOid;
	Relation table;

	if (!OidIsValid(oid))
	{
		Oid schema = get_namespace_oid(insert->schema, true);

		oid = OidIsValid(schema) ? get_relname_relid(insert->table, schema) : InvalidOid;
	}
	table = OidIsValid(oid) ? try_table_open(oid, RowExclusiveLock) : NULL;
	if (table != NULL && (insert->state == NULL || !insert->state->fresh))
		learn(insert, table);
	return table;
}

static void
on_invalidation(Datum arg __attribute__((unused)), Oid relid)
{
	for (VyInsert *insert = watched; insert != NULL; insert = insert->next)
	{
		VyInsertState *state = insert->state;
		bool ours = relid == InvalidOid || relid == state->table;

		for (int i = 0; i < state->nindexes && !ours; i++)
			ours = relid == state->indexes[i].oid;
		if (ours)
			state->fresh = false;
	}
}

/* An invalidation that comes meanwhile leaves it stale: it serves this row, and is made again for the next one. */
static void
learn(VyInsert *insert, Relation table)
{
	MemoryContext context = AllocSetContextCreate(CacheMemoryContext, "vyricon insert", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	VyInsertState *state = palloc0(sizeof(VyInsertState));

	if (!registered)
		CacheRegisterRelcacheCallback(on_invalidation, (Datum) 0);
	registered = true;
	if (insert->state == NULL)
	{
		insert->next = watched;
		watched = insert;
	}
	else
		MemoryContextDelete(insert->state->context);
	insert->state = state;
	state->context = context;
	state->table = RelationGetRelid(table);
	/* Somebody may have renamed it while we waited for the lock. */
	state->fresh = strcmp(RelationGetRelationName(table), insert->table) == 0;
	state->estate = CreateExecutorState();
	state->direct =
		state->fresh && is_plain(table) && learn_columns(insert, table) && learn_checks(state, table) && learn_indexes(state, table);
	MemoryContextSwitchTo(before);
}

static bool
is_plain(Relation table)
{
	const TriggerDesc *triggers = table->trigdesc;

	return table->rd_rel->relkind == RELKIND_RELATION && table->rd_rel->relam == HEAP_TABLE_AM_OID && !table->rd_rel->relispartition &&
		   table->rd_rules == NULL &&
		   (triggers == NULL || !(triggers->trig_insert_before_row || triggers->trig_insert_after_row ||
								  triggers->trig_insert_before_statement || triggers->trig_insert_after_statement));
}

static bool
learn_columns(VyInsert *insert, Relation table)
{
	VyInsertState *state = insert->state;
	TupleDesc desc = CreateTupleDescCopy(RelationGetDescr(table));
	bool *given = palloc0((size_t) desc->natts * sizeof(bool));

	state->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	state->attributes = palloc0((size_t) insert->ncolumns * sizeof(AttrNumber));
	state->constants = palloc0((size_t) desc->natts * sizeof(Datum));
	state->constant_nulls = palloc((size_t) desc->natts * sizeof(bool));
	memset(state->constant_nulls, true, (size_t) desc->natts * sizeof(bool));
	state->defaults = palloc0((size_t) desc->natts * sizeof(ExprState *));
	state->required = palloc0((size_t) desc->natts * sizeof(bool));
	state->fixed = palloc0((size_t) desc->natts * sizeof(bool));
	state->returning = get_attnum(state->table, insert->returning);
	for (int i = 0; i < insert->ncolumns; i++)
	{
		AttrNumber n = state->attributes[i] = get_attnum(state->table, insert->columns[i]);

		if (n <= 0 || TupleDescAttr(desc, n - 1)->atttypid != insert->types[i] || TupleDescAttr(desc, n - 1)->atttypmod != -1)
			return false;
		given[n - 1] = true;
	}
	for (int i = 0; i < desc->natts; i++)
	{
		const FormData_pg_attribute *attribute = TupleDescAttr(RelationGetDescr(table), i);
		Node *expression;

		state->required[i] = attribute->attnotnull && !attribute->attisdropped;
		if (given[i] || attribute->attisdropped)
			continue;
		/* a type of somebody's own may be a domain with checks */
		if (attribute->attgenerated != '\0' || attribute->atttypid >= FirstNormalObjectId)
			return false;
		expression = build_column_default(table, i + 1);
		if (calls_foreign(expression, NULL))
			return false;
		learn_default(state, i, expression);
		state->fixed[i] = state->defaults[i] == NULL;
	}
	return state->returning > 0 && TupleDescAttr(desc, state->returning - 1)->attbyval;
}

static void
learn_default(VyInsertState *state, int attribute, Node *expression)
{
	if (expression != NULL && IsA(expression, Const))
	{
		state->constants[attribute] = ((Const *) expression)->constvalue;
		state->constant_nulls[attribute] = ((Const *) expression)->constisnull;
	}
	else if (expression != NULL)
		state->defaults[attribute] = ExecPrepareExpr((Expr *) expression, state->estate);
}

static bool
learn_checks(VyInsertState *state, Relation table)
{
	const TupleConstr *constraints = RelationGetDescr(table)->constr;

	int n = constraints != NULL ? constraints->num_check : 0;

	state->checks = palloc0((size_t) n * sizeof(ExprState *));
	for (int i = 0; i < n; i++)
	{
		Node *expression = stringToNode(constraints->check[i].ccbin);

		if (calls_foreign(expression, NULL) || (is_fixed(state, expression) && !holds(state, expression)))
			return false;
		if (!is_fixed(state, expression))
			state->checks[state->nchecks++] = ExecPrepareExpr((Expr *) expression, state->estate);
	}
	return true;
}

static bool
learn_indexes(VyInsertState *state, Relation table)
{
	List *oids = RelationGetIndexList(table);
	bool good = true;
	ListCell *lc;

	state->indexes = palloc0((size_t) list_length(oids) * sizeof(VyInsertIndex));
	foreach (lc, oids)
	{
		VyInsertIndex *index = &state->indexes[state->nindexes++];
		Relation relation = index_open(lfirst_oid(lc), RowExclusiveLock);

		index->oid = lfirst_oid(lc);
		good = good && learn_index(state, index, relation);
		index_close(relation, NoLock);
	}
	return good;
}

static bool
learn_index(VyInsertState *state, VyInsertIndex *index, Relation relation)
{
	index->info = BuildIndexInfo(relation);
	index->unique = relation->rd_index->indisunique;
	if (relation->rd_rel->relam != BTREE_AM_OID || !relation->rd_index->indimmediate || index->info->ii_ExclusionOps != NULL ||
		calls_foreign((Node *) index->info->ii_Expressions, NULL) || calls_foreign((Node *) index->info->ii_Predicate, NULL))
		return false;
	for (int i = 0; i < index->info->ii_NumIndexKeyAttrs; i++)
		if (relation->rd_opfamily[i] >= FirstNormalObjectId)
			return false;
	learn_predicate(state, index);
	return true;
}

/* Most partial indexes are of another state than a row is born with: that is found out once. */
static void
learn_predicate(VyInsertState *state, VyInsertIndex *index)
{
	List *open = NIL;
	ListCell *lc;

	foreach (lc, index->info->ii_Predicate)
		if (!is_fixed(state, lfirst(lc)))
			open = lappend(open, lfirst(lc));
		else if (!holds(state, lfirst(lc)))
			index->never = true;
	index->info->ii_PredicateState = ExecPrepareQual(open, state->estate);
}

/* It speaks of columns alone that are the same in every row. */
static bool
is_fixed(const VyInsertState *state, Node *expression)
{
	Bitmapset *attributes = NULL;
	int n = -1;

	pull_varattnos(expression, 1, &attributes);
	while ((n = bms_next_member(attributes, n)) >= 0)
	{
		int attribute = n + FirstLowInvalidHeapAttributeNumber;

		if (attribute <= 0 || !state->fixed[attribute - 1])
			return false;
	}
	return true;
}

/* As a CHECK, null is true; in a predicate it is not. Null counts as false here: then a statement does what has to be done. */
static bool
holds(VyInsertState *state, Node *condition)
{
	TupleTableSlot *slot = state->slot;
	ExprContext *context = GetPerTupleExprContext(state->estate);
	int natts = slot->tts_tupleDescriptor->natts;
	bool result;

	memcpy(slot->tts_values, state->constants, (size_t) natts * sizeof(Datum));
	memcpy(slot->tts_isnull, state->constant_nulls, (size_t) natts * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	context->ecxt_scantuple = slot;
	result = ExecQual(ExecPrepareQual(list_make1(condition), state->estate), context);
	ExecClearTuple(slot);
	return result;
}

static bool
calls_foreign(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return check_functions_in_node(node, is_foreign, context) || expression_tree_walker(node, calls_foreign, context);
}

static bool
is_foreign(Oid function, void *context __attribute__((unused)))
{
	return function >= FirstNormalObjectId;
}

/* The row into the slot; false: a constraint fails. */
static bool
fill(const VyInsert *insert, const Datum *values, const bool *nulls)
{
	VyInsertState *state = insert->state;
	TupleTableSlot *slot = state->slot;
	ExprContext *context = GetPerTupleExprContext(state->estate);
	int natts = slot->tts_tupleDescriptor->natts;

	memcpy(slot->tts_values, state->constants, (size_t) natts * sizeof(Datum));
	memcpy(slot->tts_isnull, state->constant_nulls, (size_t) natts * sizeof(bool));
	for (int i = 0; i < natts; i++)
		if (state->defaults[i] != NULL)
			slot->tts_values[i] = ExecEvalExprSwitchContext(state->defaults[i], context, &slot->tts_isnull[i]);
	for (int i = 0; i < insert->ncolumns; i++)
	{
		slot->tts_values[state->attributes[i] - 1] = values[i];
		slot->tts_isnull[state->attributes[i] - 1] = nulls[i];
	}
	for (int i = 0; i < natts; i++)
		if (state->required[i] && slot->tts_isnull[i])
			return false;
	ExecStoreVirtualTuple(slot);
	context->ecxt_scantuple = slot;
	for (int i = 0; i < state->nchecks; i++)
		if (!ExecCheck(state->checks[i], context))
			return false;
	return true;
}

static void
put(VyInsertState *state, Relation table)
{
	TupleTableSlot *slot = state->slot;
	ExprContext *context = GetPerTupleExprContext(state->estate);

	table_tuple_insert(table, slot, GetCurrentCommandId(true), 0, NULL);
	for (int i = 0; i < state->nindexes; i++)
	{
		const VyInsertIndex *index = &state->indexes[i];
		Datum values[INDEX_MAX_KEYS];
		bool nulls[INDEX_MAX_KEYS];
		Relation relation;

		if (index->never || !index->info->ii_ReadyForInserts || !ExecQual(index->info->ii_PredicateState, context))
			continue;
		relation = index_open(index->oid, RowExclusiveLock);
		FormIndexDatum(index->info, slot, state->estate, values, nulls);
		(void) index_insert(relation, values, nulls, &slot->tts_tid, table, index->unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false,
							index->info);
		index_close(relation, NoLock);
	}
}
