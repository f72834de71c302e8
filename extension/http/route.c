/*
 * route.c: built-in rows, registered by each room, and users' rows of vyricon.custom_routes, matched alike.
 */
#include "http/route.h"

#include "base/url.h"
#include "http/custom.h"

typedef struct Captures
{
	int n;
	VyStr names[VY_MAX_PARAMS];
	VyStr values[VY_MAX_PARAMS];
} Captures;

typedef struct Search
{
	VyRequest *request;
	unsigned allowed;
	const VyRoute *nearest;
	size_t nearest_literal;
	const VyRoute *best;
	size_t best_literal;
	Captures captures;
} Search;

static VyRoute *builtin;
static size_t nbuiltin;

static void consider(Search *search, const VyRoute *rows, size_t n);
static bool match(const char *pattern, VyStr path, Captures *captures, size_t *literal);
static bool take_params(VyRequest *request, const Captures *captures);

void
vy_routes_add(const VyRoute *rows, size_t n)
{
	MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);

	builtin = builtin ? repalloc(builtin, (nbuiltin + n) * sizeof(VyRoute)) : palloc(n * sizeof(VyRoute));
	memcpy(builtin + nbuiltin, rows, n * sizeof(VyRoute));
	nbuiltin += n;
	MemoryContextSwitchTo(before);
}

const VyRoute *
vy_routes_builtin(size_t *n)
{
	*n = nbuiltin;
	return builtin;
}

bool
vy_route_find(VyRequest *request, unsigned *allowed)
{
	Search search = {.request = request};
	const VyRoute *rows;
	size_t n;

	consider(&search, builtin, nbuiltin);
	if (search.best == NULL)
	{
		n = vy_custom_routes(&rows);
		consider(&search, rows, n);
	}
	request->route = search.best;
	*allowed = search.allowed;
	request->nearest = search.best ? search.best : search.nearest;
	if (search.best == NULL || take_params(request, &search.captures))
		return true;
	request->route = NULL;
	return false;
}

bool
vy_route_matches(const char *pattern, VyStr path)
{
	Captures captures = {.n = 0};
	size_t literal = 0;

	return match(pattern, path, &captures, &literal);
}

/* The row with the longest literal part wins: "/auth/v1/user" before "/auth/v1/:any". */
static void
consider(Search *search, const VyRoute *rows, size_t n)
{
	VyStr path = search->request->path;

	for (size_t i = 0; i < n; i++)
	{
		Captures captures; /* not made zero: what has been captured is counted */
		size_t literal = 0;

		captures.n = 0;
		/* Most rows differ in the first letter already. */
		if (path.n > 1 && rows[i].pattern[1] != path.p[1] && rows[i].pattern[1] != ':' && rows[i].pattern[1] != '*')
			continue;
		if (!match(rows[i].pattern, path, &captures, &literal))
		{
			if (search->allowed == 0 && literal > search->nearest_literal)
			{
				search->nearest = &rows[i];
				search->nearest_literal = literal;
			}
			continue;
		}
		if (search->allowed == 0)
			search->nearest = &rows[i];
		search->allowed |= rows[i].methods;
		if ((rows[i].methods & search->request->method) == 0 || (search->best != NULL && literal <= search->best_literal))
			continue;
		search->best = &rows[i];
		search->best_literal = literal;
		search->captures = captures;
	}
}

/* *literal: length of the leading segments that stand in both, also when the rest does not match. */
static bool
match(const char *pattern, VyStr path, Captures *captures, size_t *literal)
{
	const char *at = path.p;
	const char *end = path.p + path.n;

	while (*pattern == '/')
	{
		const char *segment = ++pattern;
		const char *from;
		size_t n;

		if (at == end || *at != '/')
			return false;
		from = ++at;
		while (*pattern != '\0' && *pattern != '/')
			pattern++;
		n = (size_t) (pattern - segment);
		if (n > 0 && *segment == '*' && captures->n < VY_MAX_PARAMS)
		{
			captures->names[captures->n] = vy_str(segment + 1, n - 1);
			captures->values[captures->n++] = vy_str(from, (size_t) (end - from));
			return true;
		}
		while (at < end && *at != '/')
			at++;
		if (n > 0 && *segment == ':')
		{
			if (at == from || captures->n == VY_MAX_PARAMS)
				return false;
			captures->names[captures->n] = vy_str(segment + 1, n - 1);
			captures->values[captures->n++] = vy_str(from, (size_t) (at - from));
			continue;
		}
		if ((size_t) (at - from) != n || memcmp(from, segment, n) != 0)
			return false;
		*literal += n + 1;
	}
	return at == end;
}

/* Raises nothing: a refusal is rendered behind it. */
static bool
take_params(VyRequest *request, const Captures *captures)
{
	request->nparams = captures->n;
	for (int i = 0; i < captures->n; i++)
	{
		VyStr raw = captures->values[i];
		char *text = palloc(raw.n + 1);
		size_t n;

		if (vy_url_decode(text, raw.n, &n, raw, false) != 0)
			return false;
		text[n] = '\0';
		request->param_names[i] = captures->names[i];
		request->params[i] = vy_str(text, n);
	}
	return true;
}
