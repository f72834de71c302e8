/*
 * checks.c: CHECK constraints, parsed once.
 *
 * In each statement that writes, PostgreSQL reads the stored text of every CHECK constraint of the table anew (ExecRelCheck()), which costs
 * more than the checks themselves. For statements of a request the trees are kept here, found by that text. A text always gives the same
 * tree, so nothing has to be invalidated; planning and evaluation stay PostgreSQL's.
 */
#include "rest/nodes.h"

#include "auth/identity.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* When the kept trees take more than this, all are dropped. */
#define MAX_BYTES (512 * 1024)

typedef struct Check
{
	uint64 hash; /* key */
	char *text;
	Expr *tree;
} Check;

static ExecutorStart_hook_type previous_start;
static MemoryContext context;
static HTAB *checks;

static void start_executor(QueryDesc *query, int flags);
static void prepare_checks(ResultRelInfo *relation, EState *estate);
static Expr *find_tree(const char *text);
static void make_table(void);

void
vy_rest_checks_init(void)
{
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = start_executor;
}

static void
start_executor(QueryDesc *query, int flags)
{
	ListCell *cell;

	if (previous_start != NULL)
		previous_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
	if ((query->operation != CMD_INSERT && query->operation != CMD_UPDATE) || (flags & EXEC_FLAG_EXPLAIN_ONLY) != 0 ||
		!vy_identity_in_request())
		return;
	foreach (cell, query->estate->es_opened_result_relations)
		prepare_checks(lfirst(cell), query->estate);
}

/* What ExecRelCheck() would do at the first row. */
static void
prepare_checks(ResultRelInfo *relation, EState *estate)
{
	const TupleConstr *constr = RelationGetDescr(relation->ri_RelationDesc)->constr;
	MemoryContext before;

	if (constr == NULL || constr->num_check == 0 || relation->ri_ConstraintExprs != NULL)
		return;
	before = MemoryContextSwitchTo(estate->es_query_cxt);
	relation->ri_ConstraintExprs = palloc(constr->num_check * sizeof(ExprState *));
	for (int i = 0; i < constr->num_check; i++)
		relation->ri_ConstraintExprs[i] = ExecPrepareExpr(find_tree(constr->check[i].ccbin), estate);
	MemoryContextSwitchTo(before);
}

/* Not to be changed: planning makes a copy. */
static Expr *
find_tree(const char *text)
{
	uint64 hash = hash_bytes_extended((const unsigned char *) text, (int) strlen(text), 0);
	MemoryContext before;
	Check *check;
	Expr *tree;

	if (context == NULL || MemoryContextMemAllocated(context, true) > MAX_BYTES)
		make_table();
	check = hash_search(checks, &hash, HASH_FIND, NULL);
	if (check != NULL && strcmp(check->text, text) == 0)
		return check->tree;
	if (check != NULL)
		return stringToNode(text);
	before = MemoryContextSwitchTo(context);
	tree = stringToNode(text);
	text = pstrdup(text);
	check = hash_search(checks, &hash, HASH_ENTER, NULL);
	check->text = unconstify(char *, text);
	check->tree = tree;
	MemoryContextSwitchTo(before);
	return tree;
}

static void
make_table(void)
{
	HASHCTL control = {.keysize = sizeof(uint64), .entrysize = sizeof(Check)};

	if (context != NULL)
		MemoryContextDelete(context);
	context = NULL;
	context = AllocSetContextCreate(TopMemoryContext, "vyricon checks", ALLOCSET_SMALL_SIZES);
	control.hcxt = context;
	checks = hash_create("vyricon checks", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}
