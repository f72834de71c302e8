/*
 * answer.c: what is common to the answers: Content-Range and status, content type, response.headers and response.status.
 */
#include "rest/nodes.h"

#include "base/json.h"

char *vy_rest_response_headers;
char *vy_rest_response_status;

static bool add_headers(VyRest *rest, VyStr list);

/* total < 0: not counted. first..first+rows-1 of the total; 206 when a total is known and the page is smaller. */
void
vy_rest_answer_range(VyRest *rest, int64 first, int64 rows, int64 total)
{
	char of[24] = "*";

	if (total >= 0)
		snprintf(of, sizeof(of), INT64_FORMAT, total);
	if (rows > 0)
		vy_response_headerf(rest->response, "content-range", INT64_FORMAT "-" INT64_FORMAT "/%s", first, first + rows - 1, of);
	else
		vy_response_headerf(rest->response, "content-range", "*/%s", of);
	if (total >= 0 && rows < total)
		rest->response->status = 206;
}

void
vy_rest_answer_type(VyRest *rest)
{
	if (rest->singular)
		vy_response_header(rest->response, "content-type", VY_STR("application/vnd.pgrst.object+json; charset=utf-8"));
	else
		vy_response_header(rest->response, "content-type", VY_STR("application/json; charset=utf-8"));
	if (rest->schema_shown)
		vy_response_header(rest->response, "content-profile", vy_cstr(rest->schema));
}

void
vy_rest_answer_guc(VyRest *rest)
{
	const char *headers = vy_rest_response_headers;
	const char *status = vy_rest_response_status;

	if (*headers && !add_headers(rest, vy_cstr(pstrdup(headers))))
		vy_rest_raise(500, "PGRST111", "response.headers guc must be a JSON array composed of objects with a single key and a string value",
					  NULL);
	if (*status)
	{
		if (strlen(status) != 3 || strspn(status, "0123456789") != 3 || *status < '1' || *status > '5')
			vy_rest_raise(500, "PGRST112", "response.status guc must be a valid status code", NULL);
		rest->response->status = atoi(status);
	}
}

/* Header names are tokens, values have no control characters; the shim's instructions cannot be given from here. */
static bool
add_headers(VyRest *rest, VyStr list)
{
	VyJsonIter items;

	if (vy_json_check(list, 4, NULL) != VY_JSON_OK || vy_json_kind(list) != VY_JSON_ARRAY)
		return false;
	items = vy_json_iter(list);
	while (vy_json_next(&items))
	{
		VyJsonIter members;
		char *name;
		char *value;
		size_t n;

		if (items.kind != VY_JSON_OBJECT)
			return false;
		members = vy_json_iter(items.value);
		if (!vy_json_next(&members) || members.kind != VY_JSON_STRING)
			return false;
		name = palloc(members.key.n + 1);
		n = vy_json_unescape(name, members.key);
		name[n] = '\0';
		for (char *p = name; *p; p++)
			*p = vy_ascii_lower(*p);
		if (n == 0 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != n || strncmp(name, "x-vyricon-shim", 14) == 0)
			return false;
		value = palloc(members.value.n + 1);
		n = vy_json_unescape(value, members.value);
		for (size_t i = 0; i < n; i++)
			if ((unsigned char) value[i] < 0x20 || value[i] == 0x7f)
				return false;
		vy_response_header(rest->response, name, vy_str(value, n));
		if (vy_json_next(&members))
			return false;
	}
	return true;
}
