/*
 * limit_rows.c: the limits that users set: vyricon.rate_limit(), vyricon.drop_rate_limit(), and the rows as the request path reads them.
 */
#include "http/limit.h"

#include "access/htup_details.h"
#include "core/cache.h"
#include "core/query.h"
#include "http/request.h"

typedef struct Rows
{
	MemoryContext context;
	VyLimit *rows;
	size_t n;
	size_t cap;
} Rows;

VY_QUERY(read_rows, .sql = "SELECT id, method, pattern, per, rate FROM vyricon.rate_limits ORDER BY id LIMIT 1000",
		 .expect = SPI_OK_SELECT);

VY_QUERY(put_row,
		 .sql = "INSERT INTO vyricon.rate_limits (method, pattern, per, rate) VALUES ($1, $2, $3, $4)"
				" ON CONFLICT (pattern, method, per) DO UPDATE SET rate = $4 RETURNING id",
		 .nargs = 4, .types = {TEXTOID, TEXTOID, TEXTOID, TEXTOID}, .expect = SPI_OK_INSERT_RETURNING);

VY_QUERY(drop_row, .sql = "DELETE FROM vyricon.rate_limits WHERE pattern = $1 AND method = $2 AND per = $3", .nargs = 3,
		 .types = {TEXTOID, TEXTOID, TEXTOID}, .expect = SPI_OK_DELETE);

static VyCache cache = {.schema = "vyricon", .table = "rate_limits"};
static Rows current;

static void check_pattern(VyStr pattern);
static VyLimitSubject subject_named(VyStr word);
static unsigned methods_named(VyStr word);
static void add_row(void *arg, HeapTuple row, TupleDesc desc);

VY_FUNCTION(vyricon_rate_limit)
{
	VyRate rate;
	Datum args[4] = {PG_GETARG_DATUM(3), PG_GETARG_DATUM(0), PG_GETARG_DATUM(2), PG_GETARG_DATUM(1)};
	Datum id;
	bool isnull;

	check_pattern(vy_text_str(PG_GETARG_TEXT_PP(0)));
	if (!vy_rate_parse(&rate, vy_text_str(PG_GETARG_TEXT_PP(1))))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" is not a rate", TextDatumGetCString(PG_GETARG_DATUM(1))),
						errhint("Write a number of requests and a time, as in '10/min', '5/s' or '100/15 minutes'.")));
	(void) subject_named(vy_text_str(PG_GETARG_TEXT_PP(2)));
	(void) methods_named(vy_text_str(PG_GETARG_TEXT_PP(3)));
	if (!vy_query_row(&put_row, args, NULL, 1, &id, &isnull))
		elog(ERROR, "a rate limit was not stored");
	PG_RETURN_DATUM(id);
}

VY_FUNCTION(vyricon_drop_rate_limit)
{
	PG_RETURN_BOOL(vy_query_run(&drop_row, (Datum[]){PG_GETARG_DATUM(0), PG_GETARG_DATUM(2), PG_GETARG_DATUM(1)}, NULL) > 0);
}

size_t
vy_limit_rows(const VyLimit **rows)
{
	if (!vy_cache_fresh(&cache))
	{
		Rows next = {.context = AllocSetContextCreate(CurrentMemoryContext, "vyricon rate limits", ALLOCSET_SMALL_SIZES)};

		if (vy_cache_table_exists(&cache))
			vy_query_each(&read_rows, NULL, NULL, add_row, &next);
		MemoryContextSetParent(next.context, TopMemoryContext);
		if (current.context != NULL)
			MemoryContextDelete(current.context);
		current = next;
		vy_cache_filled(&cache);
	}
	*rows = current.rows;
	return current.n;
}

static void
add_row(void *arg, HeapTuple row, TupleDesc desc)
{
	Rows *rows = arg;
	MemoryContext before = MemoryContextSwitchTo(rows->context);
	Datum values[5];
	bool nulls[5];
	VyLimit *limit;

	if (rows->n == rows->cap)
	{
		rows->cap = rows->cap ? 2 * rows->cap : 8;
		rows->rows = rows->rows ? repalloc(rows->rows, rows->cap * sizeof(VyLimit)) : palloc(rows->cap * sizeof(VyLimit));
	}
	heap_deform_tuple(row, desc, values, nulls);
	limit = &rows->rows[rows->n];
	limit->id = DatumGetInt64(values[0]);
	limit->methods = methods_named(vy_text_str(DatumGetTextPP(values[1])));
	limit->pattern = TextDatumGetCString(values[2]);
	limit->subject = subject_named(vy_text_str(DatumGetTextPP(values[3])));
	/* What this version cannot read, a later one wrote. */
	rows->n += vy_rate_parse(&limit->rate, vy_text_str(DatumGetTextPP(values[4]))) ? 1 : 0;
	MemoryContextSwitchTo(before);
}

/* As in a route: segments, ":name" for any one, a last "*name" for the rest. */
static void
check_pattern(VyStr pattern)
{
	bool good = pattern.n > 0 && pattern.n <= 1024 && pattern.p[0] == '/';
	bool rest = false;
	int names = 0;

	for (size_t i = 0; i + 1 < pattern.n && good; i++)
	{
		if (pattern.p[i] != '/')
			continue;
		good = !rest && pattern.p[i + 1] != '/';
		rest = pattern.p[i + 1] == '*';
		names += rest || pattern.p[i + 1] == ':';
	}
	if (!good || names > VY_MAX_PARAMS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%.*s\" is not a pattern", (int) pattern.n, pattern.p),
						errhint("Write segments as in '/tours/:id/book'; a last segment '*path' stands for all that follows.")));
}

static VyLimitSubject
subject_named(VyStr word)
{
	for (int i = 0; i <= VY_LIMIT_ORGANIZATION; i++)
		if (vy_str_is(word, vy_limit_subjects[i]))
			return (VyLimitSubject) i;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%.*s\" is nothing to count by", (int) word.n, word.p),
					errhint("A limit is per address, key, user or organization.")));
}

/* HEAD comes with GET. */
static unsigned
methods_named(VyStr word)
{
	unsigned bit = vy_method_bit(word);

	if (vy_str_is(word, "*"))
		return ~0U;
	if (bit == 0 || bit == VY_HEAD || bit == VY_OPTIONS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%.*s\" is not a method to limit", (int) word.n, word.p),
						errhint("Name GET, POST, PUT, PATCH or DELETE, or '*' for all.")));
	return bit == VY_GET ? VY_GET | VY_HEAD : bit;
}
