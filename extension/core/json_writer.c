/*
 * json_writer.c: any Datum, and rows as they come from the executor, as JSON text.
 *
 * What a type needs is looked up once and kept by whoever asked for it (a plan, a function call). Every lookup is stamped with a generation
 * that grows with each change of a type or a cast in this database; a stale one is done again at the next value, so nothing has to be
 * reloaded. Shapes of composites, once made, stay as long as their type: an outer row may still be in the middle of one.
 */
#include "core/json_writer.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/tupdesc.h"
#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "parser/parse_coerce.h"
#include "utils/array.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "core/json_scalars.h"

typedef enum Kind
{
	KIND_SCALAR, /* write */
	KIND_OUTPUT, /* the type's output function, as a string */
	KIND_CAST, /* a function that gives json */
	KIND_ARRAY,
	KIND_COMPOSITE
} Kind;

typedef struct Column
{
	int attribute; /* from 0 */
	const char *key; /* with brace or comma in front and colon behind */
	int key_length;
	VyJsonType *type;
} Column;

/* The columns of a row type that are not dropped. */
typedef struct Shape
{
	struct Shape *next;
	uint64 identifier; /* of the type cache; 0 for the receiver's */
	int natts;
	int ncolumns;
	Column columns[FLEXIBLE_ARRAY_MEMBER];
} Shape;

struct VyJsonType
{
	MemoryContext context;
	Oid oid;
	uint64 generation;
	Kind kind;
	VyJsonWrite write;
	FmgrInfo output;
	Oid cast;
	VyJsonType *element;
	int16 element_length;
	bool element_by_value;
	char element_align;
	Shape *shapes; /* of a named type the newest is first; of RECORD there may be many */
};

struct VyJsonReceiver
{
	DestReceiver dest; /* first: the server sees only this */
	MemoryContext shape_context;
	MemoryContext row_context; /* what one row's detoasting and output functions leave */
	TupleDesc desc;
	Shape *shape;
	VyJsonSink sink;
	uint64 rows;
};

/* Built-in types that need no lookup. */
static const struct
{
	Oid oid;
	VyJsonWrite write;
} scalars[] = {
	{BOOLOID, vy_json_write_bool},       {INT2OID, vy_json_write_int2},           {INT4OID, vy_json_write_int4},
	{INT8OID, vy_json_write_int8},       {FLOAT4OID, vy_json_write_float4},       {FLOAT8OID, vy_json_write_float8},
	{NUMERICOID, vy_json_write_numeric}, {TEXTOID, vy_json_write_text},           {VARCHAROID, vy_json_write_text},
	{BPCHAROID, vy_json_write_text},     {NAMEOID, vy_json_write_name},           {UUIDOID, vy_json_write_uuid},
	{DATEOID, vy_json_write_date},       {TIMESTAMPOID, vy_json_write_timestamp}, {TIMESTAMPTZOID, vy_json_write_timestamptz},
	{JSONOID, vy_json_write_json},       {JSONBOID, vy_json_write_jsonb},
};

static uint64 generation = 1;

static void write_value(VyJsonSink *sink, VyJsonType *type, Datum value);

/* --- types --- */

static void
forget_types(Datum arg, int cache, uint32 hash)
{
	generation++;
	(void) arg;
	(void) cache;
	(void) hash;
}

static void
watch_types(void)
{
	static bool watching = false;

	if (watching)
		return;
	CacheRegisterSyscacheCallback(TYPEOID, forget_types, (Datum) 0);
	CacheRegisterSyscacheCallback(CASTSOURCETARGET, forget_types, (Datum) 0);
	watching = true;
}

static void
resolve_output(VyJsonType *type, Oid oid)
{
	Oid output;
	bool varlena;

	type->kind = KIND_OUTPUT;
	getTypeOutputInfo(oid, &output, &varlena);
	if (type->output.fn_oid != output)
		fmgr_info_cxt(output, &type->output, type->context);
	if (type->output.fn_addr != textout)
		return;
	/* citext and its like */
	type->kind = KIND_SCALAR;
	type->write = vy_json_write_text;
}

/* The categories of json_categorize_type(). */
static void
resolve(VyJsonType *type)
{
	uint64 now = generation;
	Oid oid = getBaseType(type->oid);

	type->cast = InvalidOid;
	for (size_t i = 0; i < lengthof(scalars); i++)
		if (scalars[i].oid == oid)
		{
			type->kind = KIND_SCALAR;
			type->write = scalars[i].write;
			type->generation = now;
			return;
		}
	if (OidIsValid(get_element_type(oid)) || oid == ANYARRAYOID || oid == ANYCOMPATIBLEARRAYOID || oid == RECORDARRAYOID)
		type->kind = KIND_ARRAY;
	else if (type_is_rowtype(oid))
		type->kind = KIND_COMPOSITE;
	else if (oid >= FirstNormalObjectId && find_coercion_pathway(JSONOID, oid, COERCION_EXPLICIT, &type->cast) == COERCION_PATH_FUNC &&
			 OidIsValid(type->cast))
		type->kind = KIND_CAST;
	else
		resolve_output(type, oid);
	type->generation = now;
}

VyJsonType *
vy_json_type(MemoryContext context, Oid oid)
{
	VyJsonType *type = MemoryContextAllocZero(context, sizeof(VyJsonType));

	watch_types();
	type->context = context;
	type->oid = oid;
	resolve(type);
	return type;
}

static Shape *
make_shape(MemoryContext context, TupleDesc desc)
{
	Shape *shape = MemoryContextAllocZero(context, offsetof(Shape, columns) + (size_t) desc->natts * sizeof(Column));

	shape->natts = desc->natts;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Column *column = &shape->columns[shape->ncolumns];
		StringInfoData key;

		if (att->attisdropped)
			continue;
		initStringInfo(&key);
		appendStringInfoChar(&key, shape->ncolumns++ == 0 ? '{' : ',');
		vy_json_string(&key, NameStr(att->attname), strlen(NameStr(att->attname)));
		appendStringInfoChar(&key, ':');
		column->attribute = i;
		column->key = MemoryContextStrdup(context, key.data);
		column->key_length = key.len;
		column->type = vy_json_type(context, att->atttypid);
		pfree(key.data);
	}
	return shape;
}

/* --- values --- */

static void
write_row(VyJsonSink *sink, const Shape *shape, const Datum *values, const bool *nulls)
{
	if (shape->ncolumns == 0)
		vy_json_put_char(sink, '{');
	for (int i = 0; i < shape->ncolumns; i++)
	{
		const Column *column = &shape->columns[i];

		vy_json_put(sink, column->key, (size_t) column->key_length);
		if (nulls[column->attribute])
			vy_json_put(sink, "null", 4);
		else
			write_value(sink, column->type, values[column->attribute]);
	}
	vy_json_put_char(sink, '}');
}

static Shape *
find_shape(VyJsonType *type, TupleDesc desc, Oid oid, int32 typmod)
{
	uint64 identifier = assign_record_type_identifier(oid, typmod);
	Shape *shape = type->shapes;

	while (shape != NULL && shape->identifier != identifier)
		shape = shape->next;
	if (shape != NULL)
		return shape;
	shape = make_shape(type->context, desc);
	shape->identifier = identifier;
	shape->next = type->shapes;
	type->shapes = shape;
	return shape;
}

static void
write_composite(VyJsonSink *sink, VyJsonType *type, Datum value)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(value);
	Oid oid = HeapTupleHeaderGetTypeId(header);
	int32 typmod = HeapTupleHeaderGetTypMod(header);
	TupleDesc desc = lookup_rowtype_tupdesc(oid, typmod);
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
	Datum *values = palloc((size_t) desc->natts * sizeof(Datum));
	bool *nulls = palloc((size_t) desc->natts * sizeof(bool));

	heap_deform_tuple(&tuple, desc, values, nulls);
	write_row(sink, find_shape(type, desc, oid, typmod), values, nulls);
	ReleaseTupleDesc(desc);
}

/* The walk through an array's elements. */
typedef struct Elements
{
	VyJsonType *array;
	VyJsonType *type;
	const char *at;
	const bits8 *bitmap; /* NULL: no element is null */
	int index;
} Elements;

static void
write_element(VyJsonSink *sink, Elements *it)
{
	VyJsonType *array = it->array;
	int i = it->index++;
	Datum value;

	if (it->bitmap != NULL && (it->bitmap[i / 8] & (1 << (i % 8))) == 0)
	{
		vy_json_put(sink, "null", 4);
		return;
	}
	value = fetch_att(it->at, array->element_by_value, array->element_length);
	it->at = att_addlength_pointer(it->at, array->element_length, it->at);
	it->at = (const char *) att_align_nominal(it->at, array->element_align);
	write_value(sink, it->type, value);
}

static void
write_dimension(VyJsonSink *sink, Elements *it, const int *sizes, int ndim)
{
	vy_json_put_char(sink, '[');
	for (int i = 0; i < sizes[0]; i++)
	{
		if (i > 0)
			vy_json_put_char(sink, ',');
		if (ndim > 1)
			write_dimension(sink, it, sizes + 1, ndim - 1);
		else
			write_element(sink, it);
	}
	vy_json_put_char(sink, ']');
}

static void
write_array(VyJsonSink *sink, VyJsonType *type, Datum value)
{
	ArrayType *array = DatumGetArrayTypeP(value);
	Elements it = {.array = type, .at = ARR_DATA_PTR(array), .bitmap = ARR_NULLBITMAP(array)};

	if (ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) == 0)
	{
		vy_json_put(sink, "[]", 2);
		return;
	}
	/* Only the value knows when the type is anyarray. */
	if (type->element == NULL || type->element->oid != ARR_ELEMTYPE(array))
	{
		get_typlenbyvalalign(ARR_ELEMTYPE(array), &type->element_length, &type->element_by_value, &type->element_align);
		type->element = vy_json_type(type->context, ARR_ELEMTYPE(array));
	}
	it.type = type->element;
	write_dimension(sink, &it, ARR_DIMS(array), ARR_NDIM(array));
}

/* Looked up at each call, as to_json() does: a function in SQL may come back here while it runs. */
static void
write_cast(VyJsonSink *sink, VyJsonType *type, Datum value)
{
	VyStr s = vy_text_str(DatumGetTextPP(OidFunctionCall1(type->cast, value)));

	vy_json_put(sink, s.p, s.n);
}

static void
write_output(VyJsonSink *sink, VyJsonType *type, Datum value)
{
	const char *text = OutputFunctionCall(&type->output, value);

	vy_json_put_string(sink, text, strlen(text));
}

static void
write_value(VyJsonSink *sink, VyJsonType *type, Datum value)
{
	if (unlikely(type->generation != generation))
		resolve(type);
	if (likely(type->kind == KIND_SCALAR))
	{
		type->write(sink, value);
		return;
	}
	check_stack_depth();
	if (type->kind == KIND_OUTPUT)
		write_output(sink, type, value);
	else if (type->kind == KIND_ARRAY)
		write_array(sink, type, value);
	else if (type->kind == KIND_COMPOSITE)
		write_composite(sink, type, value);
	else
		write_cast(sink, type, value);
}

void
vy_json_value(StringInfo out, VyJsonType *type, Datum value, bool isnull)
{
	VyJsonSink sink = {out, MaxAllocSize};

	if (isnull)
		vy_json_put(&sink, "null", 4);
	else
		write_value(&sink, type, value);
	out->data[out->len] = '\0';
}

void
vy_json_string(StringInfo out, const char *p, size_t n)
{
	VyJsonSink sink = {out, MaxAllocSize};

	vy_json_put_string(&sink, p, n);
	out->data[out->len] = '\0';
}

VY_FUNCTION(vyricon_to_json)
{
	VyJsonType *type = fcinfo->flinfo->fn_extra;
	StringInfoData out;

	if (type == NULL)
	{
		Oid oid = get_fn_expr_argtype(fcinfo->flinfo, 0);

		if (!OidIsValid(oid))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("could not determine input data type")));
		fcinfo->flinfo->fn_extra = type = vy_json_type(fcinfo->flinfo->fn_mcxt, oid);
	}
	initStringInfo(&out);
	vy_json_value(&out, type, PG_GETARG_DATUM(0), false);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/* --- the receiver --- */

static bool
same_shape(TupleDesc a, TupleDesc b)
{
	if (a->natts != b->natts)
		return false;
	for (int i = 0; i < a->natts; i++)
	{
		Form_pg_attribute x = TupleDescAttr(a, i);
		Form_pg_attribute y = TupleDescAttr(b, i);

		if (x->atttypid != y->atttypid || x->attisdropped != y->attisdropped || strcmp(NameStr(x->attname), NameStr(y->attname)) != 0)
			return false;
	}
	return true;
}

static void
start_rows(DestReceiver *self, int operation, TupleDesc desc)
{
	VyJsonReceiver *receiver = (VyJsonReceiver *) self;
	MemoryContext old;

	(void) operation;
	if (receiver->shape != NULL && same_shape(receiver->desc, desc))
		return;
	receiver->shape = NULL;
	MemoryContextReset(receiver->shape_context);
	old = MemoryContextSwitchTo(receiver->shape_context);
	receiver->desc = CreateTupleDescCopy(desc);
	receiver->shape = make_shape(receiver->shape_context, desc);
	MemoryContextSwitchTo(old);
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	VyJsonReceiver *receiver = (VyJsonReceiver *) self;
	MemoryContext old = MemoryContextSwitchTo(receiver->row_context);

	slot_getallattrs(slot);
	if (receiver->rows++ > 0)
		vy_json_put_char(&receiver->sink, ',');
	write_row(&receiver->sink, receiver->shape, slot->tts_values, slot->tts_isnull);
	receiver->sink.out->data[receiver->sink.out->len] = '\0';
	MemoryContextSwitchTo(old);
	MemoryContextReset(receiver->row_context);
	return true;
}

static void
ignore(DestReceiver *self)
{
	(void) self;
}

VyJsonReceiver *
vy_json_receiver(MemoryContext context)
{
	VyJsonReceiver *receiver = MemoryContextAllocZero(context, sizeof(VyJsonReceiver));

	/* SPI counts rows for any destination but none. */
	receiver->dest = (DestReceiver){receive_row, start_rows, ignore, ignore, DestTuplestore};
	receiver->shape_context = AllocSetContextCreate(context, "vyricon JSON shape", ALLOCSET_SMALL_SIZES);
	receiver->row_context = AllocSetContextCreate(context, "vyricon JSON row", ALLOCSET_START_SMALL_SIZES);
	return receiver;
}

DestReceiver *
vy_json_receiver_start(VyJsonReceiver *receiver, StringInfo out, size_t max_bytes)
{
	receiver->sink = (VyJsonSink){out, max_bytes};
	receiver->rows = 0;
	/* An error may have left the last row's. */
	MemoryContextReset(receiver->row_context);
	return &receiver->dest;
}

uint64
vy_json_receiver_rows(const VyJsonReceiver *receiver)
{
	return receiver->rows;
}
