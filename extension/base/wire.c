/*
 * wire.c: the packed request and answer of wire.h.
 */
#include "base/wire.h"

typedef struct Writer
{
	uint8_t *at;
	uint8_t *end;
	bool ok;
} Writer;

typedef struct Reader
{
	const uint8_t *at;
	const uint8_t *end;
	bool ok;
} Reader;

static void
put_bytes(Writer *w, const void *p, size_t n)
{
	if (!w->ok || (size_t) (w->end - w->at) < n)
	{
		w->ok = false;
		return;
	}
	if (n > 0)
		memcpy(w->at, p, n);
	w->at += n;
}

static void
put_number(Writer *w, size_t value, int bytes)
{
	uint8_t raw[4];

	if (bytes < 4 && value >> (8 * bytes) != 0)
		w->ok = false;
	if (value > UINT32_MAX)
		w->ok = false;
	for (int i = 0; i < bytes; i++)
		raw[i] = (uint8_t) (value >> (8 * (bytes - 1 - i)));
	put_bytes(w, raw, (size_t) bytes);
}

static void
put_str(Writer *w, VyStr s, int bytes)
{
	put_number(w, s.n, bytes);
	put_bytes(w, s.p, s.n);
}

static void
put_headers(Writer *w, const VyHeader *headers, size_t n)
{
	put_number(w, n, 2);
	for (size_t i = 0; i < n; i++)
	{
		put_str(w, headers[i].name, 2);
		put_str(w, headers[i].value, 4);
	}
}

static size_t
headers_size(const VyHeader *headers, size_t n)
{
	size_t size = 2;

	for (size_t i = 0; i < n; i++)
		size += 2 + headers[i].name.n + 4 + headers[i].value.n;
	return size;
}

static size_t
get_number(Reader *r, int bytes)
{
	size_t value = 0;

	if (!r->ok || r->end - r->at < bytes)
	{
		r->ok = false;
		return 0;
	}
	for (int i = 0; i < bytes; i++)
		value = value << 8 | *r->at++;
	return value;
}

static VyStr
get_bytes(Reader *r, size_t n)
{
	VyStr s = {(const char *) r->at, n};

	if (!r->ok || (size_t) (r->end - r->at) < n)
	{
		r->ok = false;
		return (VyStr){NULL, 0};
	}
	r->at += n;
	return s;
}

static VyStr
get_str(Reader *r, int bytes)
{
	size_t n = get_number(r, bytes);

	return get_bytes(r, n);
}

static size_t
get_headers(Reader *r, VyHeader *headers, size_t max)
{
	size_t n = get_number(r, 2);

	if (n > max)
		r->ok = false;
	for (size_t i = 0; r->ok && i < n; i++)
	{
		headers[i].name = get_str(r, 2);
		headers[i].value = get_str(r, 4);
	}
	return n;
}

size_t
vy_wire_request_size(const VyWireRequest *request)
{
	return 1 + 1 + sizeof(request->peer.addr) + 2 + request->method.n + 4 + request->target.n +
		   headers_size(request->headers, request->nheaders) + 4 + request->body.n;
}

bool
vy_wire_request_write(uint8_t *out, size_t cap, const VyWireRequest *request)
{
	Writer w = {out, out + cap, true};

	put_number(&w, VY_WIRE_VERSION, 1);
	put_number(&w, request->peer.family, 1);
	put_bytes(&w, request->peer.addr, sizeof(request->peer.addr));
	put_str(&w, request->method, 2);
	put_str(&w, request->target, 4);
	put_headers(&w, request->headers, request->nheaders);
	put_str(&w, request->body, 4);
	return w.ok;
}

void
vy_wire_body_appended(uint8_t *body, size_t n)
{
	Writer w = {body - 4, body, true};

	put_number(&w, n, 4);
}

bool
vy_wire_request_read(VyWireRequest *request, const uint8_t *in, size_t n)
{
	Reader r = {in, in + n, true};
	VyStr addr;

	if (get_number(&r, 1) != VY_WIRE_VERSION)
		return false;
	request->peer.family = (uint8_t) get_number(&r, 1);
	addr = get_bytes(&r, sizeof(request->peer.addr));
	if (!r.ok)
		return false;
	memcpy(request->peer.addr, addr.p, addr.n);
	request->method = get_str(&r, 2);
	request->target = get_str(&r, 4);
	request->nheaders = get_headers(&r, request->headers, request->max_headers);
	request->body = get_str(&r, 4);
	return r.ok && r.at == r.end;
}

static size_t
answer_padding(const VyWireAnswer *answer)
{
	return 3 - (1 + 2 + headers_size(answer->headers, answer->nheaders) + 3) % 4;
}

size_t
vy_wire_answer_head_size(const VyWireAnswer *answer)
{
	return 1 + answer_padding(answer) + 2 + headers_size(answer->headers, answer->nheaders);
}

bool
vy_wire_answer_head_write(uint8_t *out, size_t cap, const VyWireAnswer *answer)
{
	Writer w = {out, out + cap, true};
	size_t padding = answer_padding(answer);

	put_number(&w, padding, 1);
	put_bytes(&w, "\0\0\0", padding);
	put_number(&w, answer->status, 2);
	put_headers(&w, answer->headers, answer->nheaders);
	return w.ok;
}

bool
vy_wire_answer_read(VyWireAnswer *answer, const uint8_t *in, size_t n)
{
	Reader r = {in, in + n, true};
	VyStr padding = get_bytes(&r, get_number(&r, 1));

	answer->status = (unsigned) get_number(&r, 2);
	answer->nheaders = get_headers(&r, answer->headers, answer->max_headers);
	if (!r.ok || padding.n > 3 || memcmp(padding.p, "\0\0\0", padding.n) != 0)
		return false;
	answer->body = vy_str((const char *) r.at, (size_t) (r.end - r.at));
	return true;
}
