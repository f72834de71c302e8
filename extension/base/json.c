/*
 * json.c: the readers of json.h. They trust the grammar but not the bounds: on a document that was never checked they give nonsense, never
 * bytes beyond its end.
 */
#include "base/json.h"

#include "base/json_scan.h"

/* Keys that vy_json_has_duplicates() holds at a time, in a table twice as large. */
#define KEY_BLOCK 256
#define KEY_SLOTS (2 * KEY_BLOCK)

/* Walks a raw string by the bytes it means. */
typedef struct RawReader
{
	const char *at;
	const char *end;
	char bytes[4]; /* of the escape or byte read last */
	size_t held;
	size_t taken;
} RawReader;

typedef struct KeySlot
{
	VyStr key;
	uint32_t hash;
} KeySlot;

VyJsonKind
vy_json_kind(VyStr value)
{
	const char *end = value.n > 0 ? value.p + value.n : NULL;
	const char *at = value.n > 0 ? skip_space(value.p, end) : NULL;

	if (at == end)
		return VY_JSON_NONE;
	switch (*at)
	{
		case '{':
			return VY_JSON_OBJECT;
		case '[':
			return VY_JSON_ARRAY;
		case '"':
			return VY_JSON_STRING;
		case 't':
			return VY_JSON_TRUE;
		case 'f':
			return VY_JSON_FALSE;
		case 'n':
			return VY_JSON_NULL;
		default:
			return *at == '-' || is_digit(*at) ? VY_JSON_NUMBER : VY_JSON_NONE;
	}
}

/* Behind the string at at, a quote. */
static const char *
skip_string(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++)
		if (*at == '\\' && end - at > 1)
			at++;
	return at < end ? at + 1 : end;
}

/* Behind the value at at. */
static const char *
skip_value(const char *at, const char *end)
{
	size_t depth = 0;

	while (at < end)
	{
		char c = *at;

		if (depth == 0 && (c == ',' || c == ']' || c == '}'))
			break;
		if (c == '"')
		{
			at = skip_string(at, end);
			continue;
		}
		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		at++;
	}
	return at;
}

VyJsonIter
vy_json_iter(VyStr container)
{
	VyJsonIter it = {0};

	if (container.n == 0)
		return it;
	it.end = container.p + container.n;
	it.at = skip_space(container.p, it.end);
	if (it.at < it.end && (*it.at == '{' || *it.at == '['))
		it.object = *it.at++ == '{';
	else
		it.at = it.end;
	return it;
}

bool
vy_json_next(VyJsonIter *it)
{
	const char *start;
	const char *behind;

	it->at = skip_space(it->at, it->end);
	if (it->at < it->end && *it->at == ',')
		it->at = skip_space(it->at + 1, it->end);
	if (it->at == it->end || *it->at == '}' || *it->at == ']')
		return false;
	if (it->object)
	{
		start = it->at;
		it->at = skip_string(start, it->end);
		if (*start != '"' || it->at - start < 2)
			return false;
		it->key = vy_str(start + 1, (size_t) (it->at - start - 2));
		it->at = skip_space(it->at, it->end);
		if (it->at < it->end && *it->at == ':')
			it->at = skip_space(it->at + 1, it->end);
	}
	start = it->at;
	behind = it->at = skip_value(start, it->end);
	while (behind > start && skip_space(behind - 1, behind) == behind)
		behind--;
	it->value = vy_str(start, (size_t) (behind - start));
	it->kind = vy_json_kind(it->value);
	return it->kind != VY_JSON_NONE;
}

/* code as UTF-8; the number of bytes. */
static size_t
put_utf8(char *out, int code)
{
	size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const uint8_t leads[] = {0, 0, 0xC0, 0xE0, 0xF0};

	for (size_t i = n - 1; i > 0; i--, code >>= 6)
		out[i] = (char) (0x80 | (code & 0x3F));
	out[0] = (char) (leads[n] | code);
	return n;
}

/* The next byte of a raw string, or all bytes of an escape, into out; their number. *at moves on and is before end. */
static size_t
next_bytes(char out[4], const char **at, const char *end)
{
	static const char letters[] = "bfnrt";
	static const char controls[] = "\b\f\n\r\t";
	const char *p = *at;
	const char *found;
	int unit;
	int low;

	*at = p + 1;
	out[0] = *p;
	if (*p != '\\' || end - p < 2)
		return 1;
	*at = p + 2;
	out[0] = p[1];
	if (p[1] != 'u')
	{
		found = memchr(letters, p[1], sizeof(letters) - 1);
		if (found != NULL)
			out[0] = controls[found - letters];
		return 1;
	}
	unit = hex4(p + 2, end);
	if (unit < 0)
		return 1;
	*at = p + 6;
	low = unit >= 0xD800 && unit <= 0xDBFF && end - p >= 12 ? hex4(p + 8, end) : -1;
	if (low < 0xDC00 || low > 0xDFFF)
		return put_utf8(out, unit);
	*at = p + 12;
	return put_utf8(out, 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00));
}

/* The next byte of what a raw string means, or -1 behind its end. */
static int
raw_byte(RawReader *r)
{
	if (r->taken == r->held)
	{
		if (r->at == r->end)
			return -1;
		r->held = next_bytes(r->bytes, &r->at, r->end);
		r->taken = 0;
	}
	return (unsigned char) r->bytes[r->taken++];
}

static RawReader
raw_reader(VyStr raw)
{
	return (RawReader){.at = raw.p, .end = raw.n > 0 ? raw.p + raw.n : raw.p};
}

static bool
has_escape(VyStr s)
{
	return s.n > 0 && memchr(s.p, '\\', s.n) != NULL;
}

/* Compares a raw key, unescaped on the way, with plain bytes. */
static bool
raw_is(VyStr raw, VyStr plain)
{
	RawReader r = raw_reader(raw);

	if (!has_escape(raw))
		return vy_str_eq(raw, plain);
	for (size_t i = 0; i < plain.n; i++)
		if (raw_byte(&r) != (unsigned char) plain.p[i])
			return false;
	return raw_byte(&r) < 0;
}

/* Compares two raw keys by what they mean. */
static bool
raw_same(VyStr a, VyStr b)
{
	RawReader r = raw_reader(a);
	RawReader s = raw_reader(b);
	int byte;

	if (!has_escape(a) && !has_escape(b))
		return vy_str_eq(a, b);
	do
	{
		byte = raw_byte(&r);
		if (byte != raw_byte(&s))
			return false;
	} while (byte >= 0);
	return true;
}

VyJsonKind
vy_json_get(VyStr object, const char *key, VyStr *value)
{
	VyJsonIter it = vy_json_iter(object);
	VyStr wanted = vy_cstr(key);
	VyJsonKind kind = VY_JSON_NONE;

	*value = vy_str(NULL, 0);
	if (!it.object)
		return VY_JSON_NONE;
	while (vy_json_next(&it))
	{
		if (!raw_is(it.key, wanted))
			continue;
		*value = it.value;
		kind = it.kind;
	}
	return kind;
}

/* FNV-1a of what a raw key means. */
static uint32_t
raw_hash(VyStr raw)
{
	RawReader r = raw_reader(raw);
	uint32_t hash = UINT32_C(2166136261);
	int byte;

	while ((byte = raw_byte(&r)) >= 0)
		hash = (hash ^ (uint32_t) byte) * UINT32_C(16777619);
	return hash;
}

/* The slot that holds the key, or the free one where it belongs. */
static KeySlot *
find_slot(KeySlot *slots, VyStr key, uint32_t hash)
{
	uint32_t i = hash % KEY_SLOTS;

	while (slots[i].key.p != NULL && (slots[i].hash != hash || !raw_same(slots[i].key, key)))
		i = (i + 1) % KEY_SLOTS;
	return &slots[i];
}

/* Each round puts one block of keys into the table and looks up all that follow; objects of up to KEY_BLOCK keys take one round. */
bool
vy_json_has_duplicates(VyStr object)
{
	VyJsonIter block = vy_json_iter(object);
	bool more = block.object;

	while (more)
	{
		KeySlot slots[KEY_SLOTS] = {0};
		VyJsonIter it = block;

		more = false;
		for (size_t n = 0; vy_json_next(&it); n++)
		{
			uint32_t hash = raw_hash(it.key);
			KeySlot *slot = find_slot(slots, it.key, hash);

			if (slot->key.p != NULL)
				return true;
			if (n >= KEY_BLOCK)
			{
				more = true;
				continue;
			}
			*slot = (KeySlot){it.key, hash};
			block = it;
		}
	}
	return false;
}

size_t
vy_json_unescape(char *out, VyStr string)
{
	const char *at = string.p;
	const char *end = string.n > 0 ? string.p + string.n : string.p;
	size_t done = 0;

	if (string.n >= 2 && *at == '"')
	{
		at++;
		end--;
	}
	while (at < end)
	{
		const char *mark = memchr(at, '\\', (size_t) (end - at));
		size_t plain = (size_t) ((mark ? mark : end) - at);
		char bytes[4];
		size_t n;

		memcpy(out + done, at, plain);
		done += plain;
		at += plain;
		if (at == end)
			break;
		n = next_bytes(bytes, &at, end);
		memcpy(out + done, bytes, n);
		done += n;
	}
	return done;
}

bool
vy_json_int64(VyStr number, int64_t *out)
{
	bool negative = number.n > 0 && number.p[0] == '-';
	uint64_t limit = negative ? (uint64_t) INT64_MAX + 1 : (uint64_t) INT64_MAX;
	uint64_t value = 0;

	if (number.n == (negative ? 1 : 0))
		return false;
	for (size_t i = negative ? 1 : 0; i < number.n; i++)
	{
		unsigned digit = (unsigned) (unsigned char) number.p[i] - '0';

		if (digit > 9 || value > (limit - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = negative ? (int64_t) (0 - value) : (int64_t) value;
	return true;
}
