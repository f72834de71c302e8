/*
 * json_check.c: whether a document is JSON (json.h). A loop with one bit per open container, so hostile nesting costs no stack.
 */
#include "base/json.h"

#include "base/json_scan.h"
#include "base/utf8.h"

/* Beyond it the check reports VY_JSON_DEPTH, whatever the caller allows. */
#define DEPTH_LIMIT 1024

typedef enum Want
{
	WANT_VALUE,
	WANT_VALUE_OR_END,
	WANT_KEY,
	WANT_KEY_OR_END,
	WANT_COMMA_OR_END
} Want;

typedef struct Check
{
	const char *at;
	const char *end;
	int depth;
	int max_depth;
	uint8_t objects[DEPTH_LIMIT / 8]; /* bit d: the container at depth d is an object */
	VyJsonProblem problem;
} Check;

static bool
fail(Check *c, const char *at, VyJsonProblem problem)
{
	c->at = at;
	c->problem = problem;
	return false;
}

/* The escape at c->at, a backslash. */
static bool
check_escape(Check *c)
{
	const char *at = c->at;
	int unit;

	if (c->end - at < 2 || at[1] == '\0' || strchr("\"\\/bfnrtu", at[1]) == NULL)
		return fail(c, at, VY_JSON_SYNTAX);
	c->at = at + 2;
	if (at[1] != 'u')
		return true;
	unit = hex4(at + 2, c->end);
	if (unit < 0)
		return fail(c, at, VY_JSON_SYNTAX);
	c->at = at + 6;
	if (unit == 0 || (unit >= 0xDC00 && unit <= 0xDFFF))
		return fail(c, at, VY_JSON_ENCODING);
	if (unit >= 0xD800 && unit <= 0xDBFF)
	{
		int low = c->end - at >= 12 && at[6] == '\\' && at[7] == 'u' ? hex4(at + 8, c->end) : -1;

		if (low < 0xDC00 || low > 0xDFFF)
			return fail(c, at, VY_JSON_ENCODING);
		c->at = at + 12;
	}
	return true;
}

/* The string at c->at, a quote. */
static bool
check_string(Check *c)
{
	c->at++;
	while (c->at < c->end)
	{
		unsigned char byte = (unsigned char) *c->at;

		if (byte == '"')
		{
			c->at++;
			return true;
		}
		if (byte == '\\')
		{
			if (!check_escape(c))
				return false;
		}
		else if (byte < 0x20)
			return fail(c, c->at, VY_JSON_SYNTAX);
		else if (byte < 0x80)
			c->at++;
		else
		{
			const char *start = c->at;

			while (c->at < c->end && (unsigned char) *c->at >= 0x80)
				c->at++;
			if (!vy_utf8_valid(start, (size_t) (c->at - start)))
				return fail(c, start, VY_JSON_ENCODING);
		}
	}
	return fail(c, c->at, VY_JSON_SYNTAX);
}

static bool
check_digits(Check *c)
{
	const char *start = c->at;

	while (c->at < c->end && is_digit(*c->at))
		c->at++;
	return c->at > start || fail(c, c->at, VY_JSON_SYNTAX);
}

static bool
check_number(Check *c)
{
	if (*c->at == '-')
		c->at++;
	if (c->at < c->end && *c->at == '0')
		c->at++;
	else if (!check_digits(c))
		return false;
	if (c->at < c->end && *c->at == '.')
	{
		c->at++;
		if (!check_digits(c))
			return false;
	}
	if (c->at < c->end && (*c->at == 'e' || *c->at == 'E'))
	{
		c->at++;
		if (c->at < c->end && (*c->at == '+' || *c->at == '-'))
			c->at++;
		if (!check_digits(c))
			return false;
	}
	return true;
}

static bool
check_word(Check *c, const char *word)
{
	size_t n = strlen(word);

	if ((size_t) (c->end - c->at) < n || memcmp(c->at, word, n) != 0)
		return fail(c, c->at, VY_JSON_SYNTAX);
	c->at += n;
	return true;
}

static bool
in_object(const Check *c)
{
	return c->depth > 0 && (c->objects[(c->depth - 1) / 8] >> ((c->depth - 1) % 8) & 1) != 0;
}

static bool
open_container(Check *c, bool object)
{
	uint8_t bit = (uint8_t) (1u << (c->depth % 8));

	if (c->depth >= c->max_depth || c->depth >= DEPTH_LIMIT)
		return fail(c, c->at, VY_JSON_DEPTH);
	if (object)
		c->objects[c->depth / 8] |= bit;
	else
		c->objects[c->depth / 8] &= (uint8_t) ~bit;
	c->depth++;
	c->at++;
	return true;
}

/* A value begins at c->at: a scalar is passed, a container is opened. */
static bool
check_value(Check *c, Want *want)
{
	*want = WANT_COMMA_OR_END;
	switch (*c->at)
	{
		case '{':
			*want = WANT_KEY_OR_END;
			return open_container(c, true);
		case '[':
			*want = WANT_VALUE_OR_END;
			return open_container(c, false);
		case '"':
			return check_string(c);
		case 't':
			return check_word(c, "true");
		case 'f':
			return check_word(c, "false");
		case 'n':
			return check_word(c, "null");
		default:
			return *c->at == '-' || is_digit(*c->at) ? check_number(c) : fail(c, c->at, VY_JSON_SYNTAX);
	}
}

/* A key and its colon. */
static bool
check_key(Check *c, Want *want)
{
	if (*c->at != '"')
		return fail(c, c->at, VY_JSON_SYNTAX);
	if (!check_string(c))
		return false;
	c->at = skip_space(c->at, c->end);
	if (c->at == c->end || *c->at != ':')
		return fail(c, c->at, VY_JSON_SYNTAX);
	c->at++;
	*want = WANT_VALUE;
	return true;
}

/* One token of the grammar, not at the end. */
static bool
check_step(Check *c, Want *want)
{
	char closing = in_object(c) ? '}' : ']';
	bool may_close = *want == WANT_COMMA_OR_END || *want == WANT_VALUE_OR_END || *want == WANT_KEY_OR_END;

	if (*want == WANT_COMMA_OR_END && c->depth == 0)
		return fail(c, c->at, VY_JSON_TRAILING);
	if (may_close && *c->at == closing)
	{
		c->depth--;
		c->at++;
		*want = WANT_COMMA_OR_END;
		return true;
	}
	if (*want == WANT_KEY || *want == WANT_KEY_OR_END)
		return check_key(c, want);
	if (*want != WANT_COMMA_OR_END)
		return check_value(c, want);
	if (*c->at != ',')
		return fail(c, c->at, VY_JSON_SYNTAX);
	c->at++;
	*want = in_object(c) ? WANT_KEY : WANT_VALUE;
	return true;
}

VyJsonProblem
vy_json_check(VyStr doc, int max_depth, size_t *offset)
{
	Check c = {.at = doc.n > 0 ? doc.p : "", .max_depth = max_depth, .problem = VY_JSON_OK};
	const char *start = c.at;
	Want want = WANT_VALUE;

	c.end = start + doc.n;
	do
		c.at = skip_space(c.at, c.end);
	while (c.at < c.end && check_step(&c, &want));
	if (c.problem == VY_JSON_OK && (c.depth > 0 || want != WANT_COMMA_OR_END))
		c.problem = VY_JSON_SYNTAX;
	if (offset)
		*offset = (size_t) (c.at - start);
	return c.problem;
}
