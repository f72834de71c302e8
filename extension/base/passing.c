/*
 * passing.c: see passing.h.
 */
#include "base/passing.h"

#include "base/field.h"

static const VyStr own_headers[] = {VY_STR_INIT("content-length"), VY_STR_INIT("connection"), VY_STR_INIT("transfer-encoding"),
									VY_STR_INIT("date")};

static bool
passes(const VyHeader *header)
{
	if (header->value.n == 0 || vy_str_starts(header->name, "x-vyricon-shim-"))
		return false;
	for (size_t i = 0; i < sizeof(own_headers) / sizeof(own_headers[0]); i++)
		if (vy_str_eq(header->name, own_headers[i]))
			return false;
	return true;
}

size_t
vy_passing_keep(VyHeader *headers, size_t n, VyStr *wait)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (passes(&headers[i]))
			headers[kept++] = headers[i];
		else if (vy_str_is(headers[i].name, "x-vyricon-shim-wait"))
			*wait = headers[i].value;
	return kept;
}

bool
vy_passing_size(const VyHeader *headers, size_t n, size_t *size)
{
	*size = 0;
	for (size_t i = 0; i < n; i++)
	{
		if (!vy_field_name_ok(headers[i].name) || !vy_field_value_ok(headers[i].value))
			return false;
		*size += i == 0 ? headers[i].value.n : strlen("\r\n: ") + headers[i].name.n + headers[i].value.n;
	}
	return true;
}

static char *
put(char *at, VyStr bytes)
{
	memcpy(at, bytes.p, bytes.n);
	return at + bytes.n;
}

void
vy_passing_write(char *out, const VyHeader *headers, size_t n)
{
	char *at = out;

	for (size_t i = 0; i < n; i++)
	{
		if (i > 0)
			at = put(put(put(at, VY_STR("\r\n")), headers[i].name), VY_STR(": "));
		at = put(at, headers[i].value);
	}
}
