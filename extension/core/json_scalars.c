/*
 * json_scalars.c: the common types as JSON, written in place: no FmgrInfo, no C string in between.
 * Dates and times of the years 1 to 9999 are formatted here; all others are left to JsonEncodeDateTime(), which both must equal.
 */
#include "core/json_scalars.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "datatype/timestamp.h"
#include "pgtime.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/float.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include <ctype.h>

/* Days and microseconds from 2000-01-01 to the first and behind the last day of the years 1 to 9999. */
#define FIRST_DAY (-730119)
#define END_DAY 2921940

/* Days from 0000-03-01 to 2000-01-01: years that begin in March end with the leap day. */
#define DAYS_BEFORE_2000 730425
#define DAYS_PER_ERA 146097

/* 2000-01-01 as Unix time. */
#define EPOCH_SECONDS ((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * INT64CONST(86400))

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

void
vy_json_must_fit(const VyJsonSink *sink, size_t n)
{
	if (n > sink->max || (size_t) sink->out->len > sink->max - n)
		ereport(ERROR, (errcode(ERRCODE_VY_TOO_LARGE), errmsg("the answer is larger than %zu bytes", sink->max),
						errhint("Page with limit and offset, or raise vyricon.max_answer.")));
}

void
vy_json_grow(VyJsonSink *sink, size_t n)
{
	vy_json_must_fit(sink, n);
	if (n > MaxAllocSize)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a value of %zu bytes is too large for a JSON text", n)));
	enlargeStringInfo(sink->out, (int) n);
}

/* The high bit of each byte of x that is zero; bits above the lowest such byte may be wrong. */
static inline uint64_t
zero_bytes(uint64_t x)
{
	return (x - ONES) & ~x & HIGHS;
}

/* Bytes before the first that a JSON string must escape: a control character, a quote or a backslash. */
static inline size_t
plain_length(const char *p, size_t n)
{
	size_t i = 0;

	for (; n - i >= sizeof(uint64_t); i += sizeof(uint64_t))
	{
		uint64_t x;

		memcpy(&x, p + i, sizeof(x));
		if (((x - ONES * ' ') & ~x & HIGHS) | zero_bytes(x ^ ONES * '"') | zero_bytes(x ^ ONES * '\\'))
			break;
	}
	while (i < n && (unsigned char) p[i] >= ' ' && p[i] != '"' && p[i] != '\\')
		i++;
	return i;
}

static void
put_escaped(VyJsonSink *sink, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char controls[] = "btn\0fr"; /* of \b and up; \v has no letter */
	char *out = vy_json_room(sink, 6);

	out[0] = '\\';
	out[1] = (char) c;
	if (c < ' ')
		out[1] = c >= '\b' && c <= '\r' ? controls[c - '\b'] : '\0';
	if (out[1] != '\0')
	{
		vy_json_used(sink, 2);
		return;
	}
	memcpy(out + 1, "u00", 3);
	out[4] = hex[c >> 4];
	out[5] = hex[c & 15];
	vy_json_used(sink, 6);
}

void
vy_json_put_string(VyJsonSink *sink, const char *p, size_t n)
{
	vy_json_must_fit(sink, n + 2);
	vy_json_put_char(sink, '"');
	for (;;)
	{
		size_t plain = plain_length(p, n);

		vy_json_put(sink, p, plain);
		if (plain == n)
			break;
		put_escaped(sink, (unsigned char) p[plain]);
		p += plain + 1;
		n -= plain + 1;
	}
	vy_json_put_char(sink, '"');
}

void
vy_json_put_number(VyJsonSink *sink, const char *text)
{
	if (isdigit((unsigned char) text[0]) || (text[0] == '-' && isdigit((unsigned char) text[1])))
		vy_json_put(sink, text, strlen(text));
	else
		vy_json_put_string(sink, text, strlen(text));
}

void
vy_json_write_bool(VyJsonSink *sink, Datum value)
{
	if (DatumGetBool(value))
		vy_json_put(sink, "true", 4);
	else
		vy_json_put(sink, "false", 5);
}

void
vy_json_write_int2(VyJsonSink *sink, Datum value)
{
	vy_json_used(sink, (size_t) pg_ltoa(DatumGetInt16(value), vy_json_room(sink, 6)));
}

void
vy_json_write_int4(VyJsonSink *sink, Datum value)
{
	vy_json_used(sink, (size_t) pg_ltoa(DatumGetInt32(value), vy_json_room(sink, 11)));
}

void
vy_json_write_int8(VyJsonSink *sink, Datum value)
{
	vy_json_used(sink, (size_t) pg_lltoa(DatumGetInt64(value), vy_json_room(sink, 20)));
}

void
vy_json_write_float4(VyJsonSink *sink, Datum value)
{
	float4 number = DatumGetFloat4(value);

	if (extra_float_digits > 0 && !isnan(number) && !isinf(number))
		vy_json_used(sink, (size_t) float_to_shortest_decimal_bufn(number, vy_json_room(sink, FLOAT_SHORTEST_DECIMAL_LEN)));
	else
		vy_json_put_number(sink, DatumGetCString(DirectFunctionCall1(float4out, value)));
}

void
vy_json_write_float8(VyJsonSink *sink, Datum value)
{
	float8 number = DatumGetFloat8(value);

	if (extra_float_digits > 0 && !isnan(number) && !isinf(number))
		vy_json_used(sink, (size_t) double_to_shortest_decimal_bufn(number, vy_json_room(sink, DOUBLE_SHORTEST_DECIMAL_LEN)));
	else
		vy_json_put_number(sink, float8out_internal(number));
}

void
vy_json_write_numeric(VyJsonSink *sink, Datum value)
{
	vy_json_put_number(sink, DatumGetCString(DirectFunctionCall1(numeric_out, value)));
}

/* A varlena whose bytes are its text; refused before it is detoasted when it cannot fit. */
static VyStr
detoast_text(const VyJsonSink *sink, Datum value)
{
	if (VARATT_IS_EXTENDED(DatumGetPointer(value)) && !VARATT_IS_SHORT(DatumGetPointer(value)))
		vy_json_must_fit(sink, toast_raw_datum_size(value) - VARHDRSZ);
	return vy_text_str(DatumGetTextPP(value));
}

void
vy_json_write_text(VyJsonSink *sink, Datum value)
{
	VyStr s = detoast_text(sink, value);

	vy_json_put_string(sink, s.p, s.n);
}

void
vy_json_write_name(VyJsonSink *sink, Datum value)
{
	const char *name = NameStr(*DatumGetName(value));

	vy_json_put_string(sink, name, strlen(name));
}

void
vy_json_write_uuid(VyJsonSink *sink, Datum value)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *bytes = DatumGetUUIDP(value)->data;
	char *out = vy_json_room(sink, 38);

	*out++ = '"';
	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = hex[bytes[i] >> 4];
		*out++ = hex[bytes[i] & 15];
	}
	*out = '"';
	vy_json_used(sink, 38);
}

static inline char *
put_two(char *out, unsigned value)
{
	out[0] = (char) ('0' + value / 10);
	out[1] = (char) ('0' + value % 10);
	return out + 2;
}

/* "YYYY-MM-DD" of a day between FIRST_DAY and END_DAY: civil-from-days on years that begin in March. */
static char *
put_day(char *out, int32_t day)
{
	unsigned z = (unsigned) (day + DAYS_BEFORE_2000);
	unsigned era = z / DAYS_PER_ERA;
	unsigned day_of_era = z - era * DAYS_PER_ERA;
	unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / (DAYS_PER_ERA - 1)) / 365;
	unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned month = (5 * day_of_year + 2) / 153; /* from March */
	unsigned year = era * 400 + year_of_era + (month >= 10 ? 1 : 0);

	out = put_two(out, year / 100);
	out = put_two(out, year % 100);
	*out++ = '-';
	out = put_two(out, month < 10 ? month + 3 : month - 9);
	*out++ = '-';
	return put_two(out, day_of_year - (153 * month + 2) / 5 + 1);
}

/* "THH:MM:SS", and the fraction without its trailing zeros. */
static char *
put_time(char *out, int64 usec)
{
	unsigned second = (unsigned) (usec / USECS_PER_SEC);
	unsigned fraction = (unsigned) (usec % USECS_PER_SEC);

	*out++ = 'T';
	out = put_two(out, second / SECS_PER_HOUR);
	*out++ = ':';
	out = put_two(out, second / SECS_PER_MINUTE % MINS_PER_HOUR);
	*out++ = ':';
	out = put_two(out, second % SECS_PER_MINUTE);
	if (fraction == 0)
		return out;
	*out++ = '.';
	out = put_two(out, fraction / 10000);
	out = put_two(out, fraction / 100 % 100);
	out = put_two(out, fraction % 100);
	while (out[-1] == '0')
		out--;
	return out;
}

/* infinity, years before 1 or of five digits, offsets with seconds. */
static void
put_rare_time(VyJsonSink *sink, Datum value, Oid type)
{
	char text[MAXDATELEN + 1];

	JsonEncodeDateTime(text, value, type, NULL);
	vy_json_put_char(sink, '"');
	vy_json_put(sink, text, strlen(text));
	vy_json_put_char(sink, '"');
}

/* A timestamp moved by offset seconds and, as zone, followed by that offset; false: not one of ours. */
static bool
put_timestamp(VyJsonSink *sink, Timestamp stamp, long offset, bool zone)
{
	const int64 first = FIRST_DAY * USECS_PER_DAY;
	const int64 end = END_DAY * USECS_PER_DAY;
	unsigned minutes = (unsigned) labs(offset) / SECS_PER_MINUTE;
	char *start;
	char *out;
	int64 day;

	/* A day's margin keeps the sum from running over. */
	if (stamp < first + USECS_PER_DAY || stamp >= end - USECS_PER_DAY || labs(offset) >= SECS_PER_DAY || offset % SECS_PER_MINUTE != 0)
		return false;
	stamp += offset * USECS_PER_SEC - first;
	day = stamp / USECS_PER_DAY;
	start = out = vy_json_room(sink, 36);
	*out++ = '"';
	out = put_day(out, (int32_t) day + FIRST_DAY);
	out = put_time(out, stamp - day * USECS_PER_DAY);
	if (zone)
	{
		*out++ = offset < 0 ? '-' : '+';
		out = put_two(out, minutes / MINS_PER_HOUR);
		*out++ = ':';
		out = put_two(out, minutes % MINS_PER_HOUR);
	}
	*out++ = '"';
	vy_json_used(sink, (size_t) (out - start));
	return true;
}

/*
 * The session zone's offset at a moment, in seconds east. The stretch between two changes of the zone, as far as seen, is kept: rows of one
 * answer are mostly of one season.
 */
static long
zone_offset(pg_time_t at)
{
	static const pg_tz *zone; /* never freed by the server */
	static pg_time_t from;
	static pg_time_t until;
	static long offset;
	const struct pg_tm *tm;
	pg_time_t boundary;
	long before;
	long after;
	int dst;
	int changes;

	if (zone == session_timezone && at >= from && at < until)
		return offset;
	tm = pg_localtime(&at, session_timezone);
	if (tm == NULL)
		return SECS_PER_DAY; /* which put_timestamp() refuses */
	changes = pg_next_dst_boundary(&at, &before, &dst, &boundary, &after, &dst, session_timezone);
	if (changes == 0)
		boundary = PG_INT64_MAX;
	else if (changes < 0 || before != tm->tm_gmtoff)
		boundary = at; /* before the zone's first change the two may disagree: keep nothing */
	zone = session_timezone;
	from = at;
	until = boundary;
	offset = tm->tm_gmtoff;
	return offset;
}

void
vy_json_write_date(VyJsonSink *sink, Datum value)
{
	DateADT day = DatumGetDateADT(value);
	char *out;

	if (day < FIRST_DAY || day >= END_DAY)
	{
		put_rare_time(sink, value, DATEOID);
		return;
	}
	out = vy_json_room(sink, 12);
	out[0] = '"';
	*put_day(out + 1, day) = '"';
	vy_json_used(sink, 12);
}

void
vy_json_write_timestamp(VyJsonSink *sink, Datum value)
{
	if (!put_timestamp(sink, DatumGetTimestamp(value), 0, false))
		put_rare_time(sink, value, TIMESTAMPOID);
}

void
vy_json_write_timestamptz(VyJsonSink *sink, Datum value)
{
	TimestampTz stamp = DatumGetTimestampTz(value);
	int64 second = stamp / USECS_PER_SEC - (stamp % USECS_PER_SEC < 0 ? 1 : 0);

	if (!put_timestamp(sink, stamp, zone_offset(second + EPOCH_SECONDS), true))
		put_rare_time(sink, value, TIMESTAMPTZOID);
}

void
vy_json_write_json(VyJsonSink *sink, Datum value)
{
	VyStr s = detoast_text(sink, value);

	vy_json_put(sink, s.p, s.n);
}

static void
put_jsonb_scalar(VyJsonSink *sink, const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			vy_json_put(sink, "null", 4);
			break;
		case jbvString:
			vy_json_put_string(sink, value->val.string.val, (size_t) value->val.string.len);
			break;
		case jbvNumeric:
			vy_json_write_numeric(sink, NumericGetDatum(value->val.numeric));
			break;
		case jbvBool:
			vy_json_write_bool(sink, BoolGetDatum(value->val.boolean));
			break;
		default:
			elog(ERROR, "unexpected jsonb value of type %d", (int) value->type);
	}
}

/* As JsonbToCString(), but into a buffer that may be full. */
void
vy_json_write_jsonb(VyJsonSink *sink, Datum value)
{
	Jsonb *document = DatumGetJsonbP(value);
	JsonbIterator *it = JsonbIteratorInit(&document->root);
	bool scalar = JB_ROOT_IS_SCALAR(document); /* stored as an array of one */
	bool comma = false;
	JsonbIteratorToken token;
	JsonbValue part;

	while ((token = JsonbIteratorNext(&it, &part, false)) != WJB_DONE)
	{
		if (comma && token != WJB_END_ARRAY && token != WJB_END_OBJECT)
			vy_json_put(sink, ", ", 2);
		comma = true;
		switch (token)
		{
			case WJB_BEGIN_ARRAY:
			case WJB_BEGIN_OBJECT:
				comma = false;
				if (!scalar)
					vy_json_put_char(sink, token == WJB_BEGIN_ARRAY ? '[' : '{');
				break;
			case WJB_KEY:
				comma = false;
				put_jsonb_scalar(sink, &part);
				vy_json_put(sink, ": ", 2);
				break;
			case WJB_END_ARRAY:
			case WJB_END_OBJECT:
				if (!scalar)
					vy_json_put_char(sink, token == WJB_END_ARRAY ? ']' : '}');
				break;
			default:
				put_jsonb_scalar(sink, &part);
		}
	}
}
