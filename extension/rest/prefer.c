/*
 * prefer.c: the headers of a request: Prefer, Accept, Range, and the profile; and Preference-Applied on the way back.
 */
#include "rest/nodes.h"

#include <ctype.h>

#include "utils/guc.h"

#define MAX_NAMES 4

typedef struct Preference
{
	const char *name;
	size_t offset; /* of its int in VyRestPrefer */
	const char *names[MAX_NAMES]; /* its values are 1, 2, 3 */
} Preference;

static const Preference preferences[] = {
	{"resolution", offsetof(VyRestPrefer, resolution), {NULL, "merge-duplicates", "ignore-duplicates"}},
	{"missing", offsetof(VyRestPrefer, missing), {NULL, "default", "null"}},
	{"return", offsetof(VyRestPrefer, returns), {NULL, "minimal", "headers-only", "representation"}},
	{"count", offsetof(VyRestPrefer, count), {NULL, "exact", "planned", "estimated"}},
	{"handling", offsetof(VyRestPrefer, handling), {NULL, "strict", "lenient"}},
};

/* What can be answered: the media type, and whether it is one object. */
static const struct
{
	const char *type;
	bool singular;
} media[] = {
	{"application/json", false},
	{"*/*", false},
	{"application/*", false},
	{"application/vnd.pgrst.object+json", true},
	{"application/vnd.pgrst.object", true},
	{"application/vnd.pgrst.array+json", false},
	{"application/vnd.pgrst.array", false},
};

static void read_prefer(VyRest *rest, VyStr header);
static void read_preference(VyRestPrefer *prefer, VyStr word);
static bool read_accept(VyRest *rest);
static bool read_range(VyRest *rest);

static VyStr
trim(VyStr s)
{
	while (s.n > 0 && isspace((unsigned char) s.p[0]))
		s.p++, s.n--;
	while (s.n > 0 && isspace((unsigned char) s.p[s.n - 1]))
		s.n--;
	return s;
}

/* Cuts the part before the separator off the front of *left. */
static VyStr
cut(VyStr *left, char separator)
{
	const char *end = left->n ? memchr(left->p, separator, left->n) : NULL;
	VyStr part = vy_str(left->p, end ? (size_t) (end - left->p) : left->n);

	*left = end ? vy_str(end + 1, left->n - part.n - 1) : vy_str(left->p + left->n, 0);
	return trim(part);
}

bool
vy_rest_begin(VyRest *rest, VyRequest *request, VyResponse *response, bool function)
{
	memset(rest, 0, sizeof(VyRest));
	rest->request = request;
	rest->response = response;
	return vy_rest_profile(rest, vy_request_header(request, request->method & (VY_GET | VY_HEAD | VY_OPTIONS) ? "accept-profile"
																											  : "content-profile")) &&
		   vy_rest_parse(rest, function) && vy_rest_headers(rest);
}

bool
vy_rest_headers(VyRest *rest)
{
	VyRestPrefer *prefer = &rest->prefer;

	prefer->max_affected = -1;
	for (size_t i = 0; i < rest->request->nheaders; i++)
		if (vy_str_is(rest->request->headers[i].name, "prefer"))
			read_prefer(rest, rest->request->headers[i].value);
	if (prefer->handling == 1 && prefer->invalid)
	{
		StringInfoData list;
		ListCell *cell;

		initStringInfo(&list);
		foreach (cell, prefer->invalid)
			appendStringInfo(&list, "%s%s", list.len ? ", " : "Invalid preferences: ", (char *) lfirst(cell));
		return vy_rest_refuse(rest, 400, "PGRST122", "Invalid preferences given with handling=strict", list.data, NULL);
	}
	if (prefer->timezone)
		(void) set_config_option("timezone", prefer->timezone, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return read_accept(rest) && read_range(rest);
}

static void
read_prefer(VyRest *rest, VyStr header)
{
	while (header.n > 0)
	{
		VyStr word = cut(&header, ',');

		if (word.n > 0 && list_length(rest->prefer.invalid) < VY_REST_MAX_DEPTH)
			read_preference(&rest->prefer, word);
	}
}

/* The first of a kind counts; what is not known is ignored unless handling=strict. */
static void
read_preference(VyRestPrefer *prefer, VyStr word)
{
	VyStr value = word;
	VyStr name = cut(&value, '=');

	value = trim(value);
	for (size_t i = 0; i < lengthof(preferences); i++)
		if (vy_str_is(name, preferences[i].name))
		{
			int *slot = (int *) ((char *) prefer + preferences[i].offset);

			for (int v = 1; v < MAX_NAMES && preferences[i].names[v]; v++)
				if (vy_str_is(value, preferences[i].names[v]))
				{
					if (*slot == 0)
						*slot = v;
					return;
				}
		}
	if (vy_str_is(name, "timezone") && value.n > 0)
	{
		if (!prefer->timezone)
			prefer->timezone = vy_str_dup(value);
		return;
	}
	if (vy_str_is(name, "max-affected") && value.n > 0 && value.n < 18 && strspn(vy_str_dup(value), "0123456789") == value.n)
	{
		if (prefer->max_affected < 0)
			prefer->max_affected = strtoi64(vy_str_dup(value), NULL, 10);
		return;
	}
	prefer->invalid = lappend(prefer->invalid, vy_str_dup(word));
}

void
vy_rest_preference_applied(VyRest *rest, bool resolution, bool missing)
{
	const VyRestPrefer *prefer = &rest->prefer;
	StringInfoData list;

	if (!prefer->resolution && !prefer->missing && !prefer->returns && !prefer->count && !prefer->handling && !prefer->timezone &&
		prefer->max_affected < 0)
		return;
	initStringInfo(&list);
	for (size_t i = 0; i < lengthof(preferences); i++)
	{
		int v = *(const int *) ((const char *) prefer + preferences[i].offset);
		bool skipped = (preferences[i].offset == offsetof(VyRestPrefer, resolution) && !resolution) ||
					   (preferences[i].offset == offsetof(VyRestPrefer, missing) && !missing);

		if (v > 0 && !skipped)
			appendStringInfo(&list, "%s%s=%s", list.len ? ", " : "", preferences[i].name, preferences[i].names[v]);
	}
	if (prefer->timezone)
		appendStringInfo(&list, "%stimezone=%s", list.len ? ", " : "", prefer->timezone);
	if (prefer->max_affected >= 0 && prefer->handling == 1)
		appendStringInfo(&list, "%smax-affected=" INT64_FORMAT, list.len ? ", " : "", prefer->max_affected);
	if (list.len > 0)
		vy_response_header(rest->response, "preference-applied", vy_str(list.data, (size_t) list.len));
}

/* The known type with the highest q wins; among equals the first. nulls=stripped is an option that is not available. */
static bool
read_accept(VyRest *rest)
{
	VyStr header = vy_request_header(rest->request, "accept");
	VyStr left = header;
	double best = 0;

	if (!header.p || vy_str_is(header, "*/*") || vy_str_is(header, "application/json"))
		return true;
	while (left.n > 0)
	{
		VyStr range = cut(&left, ',');
		VyStr type = cut(&range, ';');
		double q = 1;
		bool stripped = false;

		while (range.n > 0)
		{
			VyStr option = cut(&range, ';');

			if (vy_str_starts(option, "q="))
				q = strtod(vy_str_dup(vy_str(option.p + 2, option.n - 2)), NULL);
			stripped |= vy_str_is(option, "nulls=stripped");
		}
		for (size_t i = 0; i < lengthof(media) && !stripped; i++)
			if (vy_str_same(type, vy_cstr(media[i].type)) && q > best)
			{
				best = q;
				rest->singular = media[i].singular;
			}
	}
	if (best > 0)
		return true;
	return vy_rest_refuse(rest, 406, "PGRST107",
						  psprintf("None of these media types are available: %.*s", (int) Min(header.n, 500), header.p), NULL, NULL);
}

/* "Range: 0-9" on GET, intersected with limit and offset; anything else in it is ignored. */
static bool
read_range(VyRest *rest)
{
	VyRestQuery *query = &rest->query;
	VyStr header = rest->request->method == VY_GET ? vy_request_header(rest->request, "range") : vy_str(NULL, 0);
	char *text;
	char *end;
	int64 first;
	int64 last;
	int64 until;

	if (!header.p || header.n > 30)
		return true;
	text = vy_str_dup(header);
	if (!isdigit((unsigned char) text[0]))
		return true;
	first = strtoi64(text, &end, 10);
	if (*end != '-' || first >= PG_INT64_MAX / 4)
		return true;
	until = query->limit >= 0 ? query->offset + query->limit : PG_INT64_MAX;
	if (isdigit((unsigned char) end[1]))
	{
		last = strtoi64(end + 1, &end, 10);
		if (*end)
			return true;
		if (last < first)
			return vy_rest_refuse(rest, 416, "PGRST103", "Requested range not satisfiable",
								  "The lower boundary must be lower than or equal to the upper boundary in the Range header.", NULL);
		until = Min(until, Min(last, PG_INT64_MAX / 2) + 1);
	}
	query->offset = Max(query->offset, first);
	if (until != PG_INT64_MAX)
		query->limit = Max(until - query->offset, 0);
	return true;
}
