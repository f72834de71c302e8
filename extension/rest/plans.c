/*
 * plans.c: a bounded cache of saved plans per backend, keyed by SQL text and role.
 *
 * The role is part of the key because a plan under row-level security belongs to one role: shared by two it would be replanned at each
 * change. PostgreSQL infers the type of each parameter when the statement is prepared. A plan that an invalidation has touched is prepared
 * anew, since the inferred types may be others now. Eviction is by clock; a plan that this transaction has run is left alone, for it may be
 * running further down the stack; when nothing can be evicted, or the very plan is running already, the statement is planned for once.
 */
#include "rest/plans.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/instrument.h"
#include "executor/spi.h"
#include "parser/parse_param.h"
#include "storage/proc.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "core/json_writer.h"
#include "rest/values.h"

#define MAX_PLANS 256
#define BUCKETS 512

typedef struct SavedPlan
{
	struct SavedPlan *next; /* in its bucket */
	MemoryContext context;
	char *text;
	uint32 hash;
	Oid role;
	bool recent; /* since the clock's hand passed */
	int running;
	bool warm; /* the last run found every page in shared buffers */
	LocalTransactionId used_by;
	SPIPlanPtr plan;
	int nparams;
	Oid *types;
	FmgrInfo *inputs;
	Oid *ioparams;
	VyJsonReceiver *rows;
	VyRestValues *values;
} SavedPlan;

static SavedPlan *buckets[BUCKETS];
static SavedPlan *plans[MAX_PLANS];
static int hand;

static SavedPlan *find_plan(const VyRestSql *sql, uint32 hash);
static SavedPlan *prepare(const VyRestSql *sql, uint32 hash);
static void infer_types(ParseState *pstate, void *arg);
static void store(SavedPlan *plan);
static int free_slot(void);
static void unlink_plan(SavedPlan *plan);
static void forget(SavedPlan *plan);
static ParamListInfo bind(const SavedPlan *plan, const VyRestSql *sql);
static DestReceiver *destination(SavedPlan *plan, VyRestShape shape, StringInfo out);

/* Running since an error in this transaction, or further down the stack: nobody else may use it until the transaction ends. */
static inline bool
is_busy(const SavedPlan *plan)
{
	return plan->running > 0 && plan->used_by == MyProc->lxid;
}

uint64
vy_rest_run(const VyRestSql *sql, VyRestShape shape, StringInfo out)
{
	uint32 hash = hash_bytes((const unsigned char *) sql->text.data, sql->text.len) ^ GetUserId();
	SPIExecuteOptions options = {0};
	SavedPlan *plan;
	bool once;
	int result;
	int64 read_before = pgBufferUsage.shared_blks_read;
	uint64 rows;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	plan = find_plan(sql, hash);
	once = plan && is_busy(plan);
	if (plan && !once && !SPI_plan_is_valid(plan->plan))
	{
		forget(plan);
		plan = NULL;
	}
	if (!plan || once)
	{
		plan = prepare(sql, hash);
		if (!once)
			store(plan);
	}
	plan->recent = true;
	plan->used_by = MyProc->lxid;
	plan->running = 1;
	options.params = bind(plan, sql);
	options.dest = destination(plan, shape, out);
	vy_rest_warm = plan->warm ? MyProc->lxid : InvalidLocalTransactionId;
	result = SPI_execute_plan_extended(plan->plan, &options);
	vy_rest_warm = InvalidLocalTransactionId;
	plan->warm = pgBufferUsage.shared_blks_read == read_before;
	if (result < 0)
		elog(ERROR, "SPI_execute_plan_extended failed: %s", SPI_result_code_string(result));
	rows = SPI_processed;
	plan->running = 0;
	SPI_finish();
	return rows;
}

int64
vy_rest_estimate(const VyRestSql *sql)
{
	SavedPlan *plan;
	CachedPlan *cached;
	double rows;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	plan = prepare(sql, 0);
	PushActiveSnapshot(GetTransactionSnapshot());
	cached = GetCachedPlan(linitial(SPI_plan_get_plan_sources(plan->plan)), bind(plan, sql), NULL, NULL);
	rows = linitial_node(PlannedStmt, cached->stmt_list)->planTree->plan_rows;
	ReleaseCachedPlan(cached, NULL);
	PopActiveSnapshot();
	SPI_finish();
	return (int64) rows;
}

static SavedPlan *
find_plan(const VyRestSql *sql, uint32 hash)
{
	Oid role = GetUserId();

	for (SavedPlan *plan = buckets[hash % BUCKETS]; plan; plan = plan->next)
		if (plan->hash == hash && plan->role == role && plan->nparams == sql->nparams && strcmp(plan->text, sql->text.data) == 0)
			return plan;
	return NULL;
}

/* In a context of its own below the current one (SPI's), so that an error or a plan for once leaves nothing behind. */
static SavedPlan *
prepare(const VyRestSql *sql, uint32 hash)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vyricon rest plan", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	SavedPlan *plan = palloc0(sizeof(SavedPlan));
	SPIPrepareOptions options = {.parserSetup = infer_types, .parserSetupArg = plan, .cursorOptions = CURSOR_OPT_PARALLEL_OK};

	plan->context = context;
	plan->text = pnstrdup(sql->text.data, sql->text.len);
	plan->hash = hash;
	plan->role = GetUserId();
	plan->nparams = sql->nparams;
	plan->types = palloc0(Max(sql->nparams, 1) * sizeof(Oid));
	plan->inputs = palloc0(Max(sql->nparams, 1) * sizeof(FmgrInfo));
	plan->ioparams = palloc0(Max(sql->nparams, 1) * sizeof(Oid));
	for (int i = 0; i < sql->nparams; i++)
		plan->types[i] = sql->params[i].type;
	MemoryContextSwitchTo(old);
	plan->plan = SPI_prepare_extended(sql->text.data, &options);
	if (!plan->plan)
		elog(ERROR, "SPI_prepare_extended failed: %s", SPI_result_code_string(SPI_result));
	for (int i = 0; i < plan->nparams; i++)
	{
		Oid input;

		getTypeInputInfo(OidIsValid(plan->types[i]) ? plan->types[i] : UNKNOWNOID, &input, &plan->ioparams[i]);
		fmgr_info_cxt(input, &plan->inputs[i], context);
	}
	return plan;
}

static void
infer_types(ParseState *pstate, void *arg)
{
	SavedPlan *plan = arg;

	setup_parse_variable_parameters(pstate, &plan->types, &plan->nparams);
}

static void
store(SavedPlan *plan)
{
	int slot = free_slot();

	if (slot < 0)
		return;
	SPI_keepplan(plan->plan);
	MemoryContextSetParent(plan->context, TopMemoryContext);
	plans[slot] = plan;
	plan->next = buckets[plan->hash % BUCKETS];
	buckets[plan->hash % BUCKETS] = plan;
}

/* -1: every plan was used by this transaction. */
static int
free_slot(void)
{
	for (int i = 0; i < 2 * MAX_PLANS; i++)
	{
		SavedPlan *plan;

		hand = (hand + 1) % MAX_PLANS;
		plan = plans[hand];
		if (!plan)
			return hand;
		if (plan->used_by == MyProc->lxid)
			continue;
		if (!plan->recent)
		{
			forget(plan);
			return hand;
		}
		plan->recent = false;
	}
	return -1;
}

static void
forget(SavedPlan *plan)
{
	for (int i = 0; i < MAX_PLANS; i++)
		if (plans[i] == plan)
			plans[i] = NULL;
	unlink_plan(plan);
	SPI_freeplan(plan->plan);
	MemoryContextDelete(plan->context);
}

static void
unlink_plan(SavedPlan *plan)
{
	SavedPlan **link = &buckets[plan->hash % BUCKETS];

	while (*link != plan)
		link = &(*link)->next;
	*link = plan->next;
}

static ParamListInfo
bind(const SavedPlan *plan, const VyRestSql *sql)
{
	ParamListInfo params;

	if (sql->nparams == 0)
		return NULL;
	params = makeParamList(sql->nparams);
	for (int i = 0; i < sql->nparams; i++)
	{
		ParamExternData *param = &params->params[i];

		param->ptype = plan->types[i];
		param->pflags = PARAM_FLAG_CONST;
		param->isnull = sql->params[i].value == NULL;
		param->value =
			InputFunctionCall(&unconstify(SavedPlan *, plan)->inputs[i], unconstify(char *, sql->params[i].value), plan->ioparams[i], -1);
	}
	return params;
}

static DestReceiver *
destination(SavedPlan *plan, VyRestShape shape, StringInfo out)
{
	size_t max = vy_http_max_answer() + (out ? (size_t) out->len : 0);

	if (shape == VY_REST_NOTHING)
		return None_Receiver;
	if (shape == VY_REST_ROWS)
	{
		if (!plan->rows)
			plan->rows = vy_json_receiver(plan->context);
		return vy_json_receiver_start(plan->rows, out, max);
	}
	if (!plan->values)
		plan->values = vy_rest_values(plan->context);
	return vy_rest_values_start(plan->values, out, max);
}
