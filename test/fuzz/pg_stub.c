/*
 * pg_stub.c: memory, lists and strings of pg_stub.h.
 */
#include "pg_stub.h"

#include <setjmp.h>

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#undef vsnprintf

typedef struct Block
{
	struct Block *next;
	char *at;
	size_t n;
} Block;

static Block *blocks;
static jmp_buf raised;

volatile sig_atomic_t InterruptPending;

bool
stub_run(void (*run)(void *arg), void *arg)
{
	volatile bool ok = false;

	if (setjmp(raised) == 0)
	{
		run(arg);
		ok = true;
	}
	while (blocks)
	{
		Block *next = blocks->next;

		free(blocks->at);
		free(blocks);
		blocks = next;
	}
	return ok;
}

bool
stub_owns(const void *p)
{
	for (const Block *b = blocks; b; b = b->next)
		if ((const char *) p >= b->at && (const char *) p <= b->at + b->n)
			return true;
	return false;
}

void *
palloc(Size n)
{
	Block *b;

	if (!AllocSizeIsValid(n))
		longjmp(raised, 1);
	b = malloc(sizeof(Block));
	*b = (Block){blocks, malloc(n), n};
	blocks = b;
	memset(b->at, 0x7f, n);
	return b->at;
}

void *
palloc0(Size n)
{
	return memset(palloc(n), 0, n);
}

char *
pnstrdup(const char *in, Size n)
{
	char *out = palloc(strnlen(in, n) + 1);

	n = strnlen(in, n);
	out[n] = '\0';
	return memcpy(out, in, n);
}

char *
pstrdup(const char *in)
{
	return pnstrdup(in, strlen(in));
}

static char *
print(const char *format, va_list args)
{
	va_list again;
	char *out;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	out = palloc((Size) n + 1);
	vsnprintf(out, (size_t) n + 1, format, args);
	return out;
}

char *
psprintf(const char *format, ...)
{
	va_list args;
	char *out;

	va_start(args, format);
	out = print(format, args);
	va_end(args);
	return out;
}

void
initStringInfo(StringInfo str)
{
	*str = (StringInfoData){.data = palloc0(1), .maxlen = 1};
}

void
appendBinaryStringInfo(StringInfo str, const char *data, int n)
{
	if (str->len + n >= str->maxlen)
	{
		int size = 2 * (str->len + n + 1);
		char *grown = palloc((Size) size);

		memcpy(grown, str->data, (size_t) str->len);
		*str = (StringInfoData){.data = grown, .len = str->len, .maxlen = size};
	}
	memcpy(str->data + str->len, data, (size_t) n);
	str->len += n;
	str->data[str->len] = '\0';
}

void
appendStringInfoChar(StringInfo str, char c)
{
	appendBinaryStringInfo(str, &c, 1);
}

void
appendStringInfo(StringInfo str, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = print(format, args);
	va_end(args);
	appendBinaryStringInfo(str, text, (int) strlen(text));
}

List *
lappend(List *list, void *datum)
{
	int n = list_length(list);
	ListCell *cells = palloc((Size) (n + 1) * sizeof(ListCell));

	if (!list)
		list = palloc0(sizeof(List));
	if (n > 0)
		memcpy(cells, list->elements, (size_t) n * sizeof(ListCell));
	cells[n].ptr_value = datum;
	list->type = T_List;
	list->elements = cells;
	list->length = list->max_length = n + 1;
	return list;
}

List *
list_make1_impl(NodeTag type, ListCell datum)
{
	(void) type;
	return lappend(NIL, datum.ptr_value);
}

/* Of UTF-8, at the beginning of a character that is whole. */
int
pg_mblen(const char *text)
{
	unsigned char c = (unsigned char) *text;
	int n = c < 0x80 ? 1 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;

	if ((c & 0xC0) == 0x80 || (int) strnlen(text, (size_t) n) < n)
		abort();
	return n;
}

int
pg_strcasecmp(const char *a, const char *b)
{
	return strcasecmp(a, b);
}

int
set_config_option(const char *name, const char *value, GucContext context, GucSource source, GucAction action, bool change, int level,
				  bool reload)
{
	return strlen(name) + strlen(value) > 0 && context == PGC_USERSET && source == PGC_S_SESSION && action == GUC_ACTION_SAVE && change &&
		   level == 0 && !reload;
}

/* The parsers bound their depth themselves; without that this stack ends in a finding. */
void
check_stack_depth(void)
{
}

void
ProcessInterrupts(void)
{
}
