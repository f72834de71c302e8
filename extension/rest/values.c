/*
 * values.c: what a function returns that is no row: bare JSON values. Like the receiver of core/json_writer.h, but without names.
 */
#include "rest/values.h"

#include "executor/tuptable.h"

struct VyRestValues
{
	DestReceiver dest; /* first: the server sees only this */
	MemoryContext context;
	Oid type_oid;
	VyJsonType *type;
	MemoryContext row;
	StringInfo out;
	size_t max_bytes;
	bool any;
};

static void
start_up(DestReceiver *self, int operation, TupleDesc desc)
{
	VyRestValues *values = (VyRestValues *) self;
	Oid type = TupleDescAttr(desc, 0)->atttypid;

	if (!values->type || values->type_oid != type)
		values->type = vy_json_type(values->context, type);
	values->type_oid = type;
	(void) operation;
}

static bool
receive(TupleTableSlot *slot, DestReceiver *self)
{
	VyRestValues *values = (VyRestValues *) self;
	MemoryContext old = MemoryContextSwitchTo(values->row);
	bool isnull;
	Datum value = slot_getattr(slot, 1, &isnull);

	if (values->any)
		appendStringInfoChar(values->out, ',');
	values->any = true;
	vy_json_value(values->out, values->type, value, isnull);
	MemoryContextSwitchTo(old);
	MemoryContextReset(values->row);
	if ((size_t) values->out->len > values->max_bytes)
		ereport(ERROR, (errcode(ERRCODE_VY_TOO_LARGE), errmsg("the answer is larger than vyricon.max_answer"),
						errhint("Ask for a page of it with limit and offset.")));
	return true;
}

static void
ignore(DestReceiver *self)
{
	(void) self;
}

VyRestValues *
vy_rest_values(MemoryContext context)
{
	VyRestValues *values = MemoryContextAllocZero(context, sizeof(VyRestValues));

	values->dest = (DestReceiver){receive, start_up, ignore, ignore, DestNone};
	values->context = context;
	values->row = AllocSetContextCreate(context, "vyricon rest value", ALLOCSET_SMALL_SIZES);
	return values;
}

DestReceiver *
vy_rest_values_start(VyRestValues *values, StringInfo out, size_t max_bytes)
{
	values->out = out;
	values->max_bytes = max_bytes;
	values->any = false;
	return &values->dest;
}
