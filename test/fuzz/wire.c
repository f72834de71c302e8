/*
 * wire.c: what is read is written as the same bytes, what is written is read as the same message, and a cut message is refused. Each input
 * is taken as a request, as an answer, and as bytes to make both of.
 */
#include "base/wire.h"

#include "../unit/same_wire.h"
#include "fuzz.h"

#define MAX_HEADERS 8

static char large[65536 + 256];
static uint8_t scratch[256];

static void
request_bytes(const uint8_t *in, size_t n)
{
	VyHeader headers[MAX_HEADERS];
	VyWireRequest request = {.headers = headers, .max_headers = MAX_HEADERS};
	uint8_t *out;

	if (!vy_wire_request_read(&request, in, n))
		return;
	REQUIRE(request.nheaders <= MAX_HEADERS && vy_wire_request_size(&request) == n);
	out = block(n);
	REQUIRE(vy_wire_request_write(out, n, &request) && memcmp(out, in, n) == 0);
	REQUIRE(!vy_wire_request_write(out, n - 1, &request));
	free(out);
}

static void
answer_bytes(const uint8_t *in, size_t n)
{
	VyHeader headers[MAX_HEADERS];
	VyWireAnswer answer = {.headers = headers, .max_headers = MAX_HEADERS};
	uint8_t *out;
	size_t head;
	size_t padding;

	if (!vy_wire_answer_read(&answer, in, n))
		return;
	head = vy_wire_answer_head_size(&answer);
	padding = in[0];
	REQUIRE(answer.nheaders <= MAX_HEADERS && padding <= 3 && memcmp(in + 1, "\0\0\0", padding) == 0 && head % 4 == 0);
	out = block(head);
	REQUIRE(vy_wire_answer_head_write(out, head, &answer));
	/* Only the writer aligns; what stands behind the padding is the same. */
	REQUIRE(head - out[0] + padding + answer.body.n == n && memcmp(out + 1 + out[0], in + 1 + padding, head - 1 - out[0]) == 0);
	REQUIRE(!vy_wire_answer_head_write(out, head - 1, &answer));
	free(out);
}

/* A name of 65536 and more bytes does not fit its field. */
static size_t
feed_headers(Feed *feed, VyHeader *headers, bool *fits)
{
	size_t n = feed_byte(feed) % (MAX_HEADERS + 1);

	for (size_t i = 0; i < n; i++)
	{
		if (feed->left > 0 && *feed->at == 0xFF)
		{
			(void) feed_byte(feed);
			headers[i].name = vy_str(large, 65536u - 128 + feed_byte(feed));
			*fits &= headers[i].name.n < 65536;
		}
		else
			headers[i].name = feed_str(feed, 254);
		headers[i].value = feed_str(feed, 255);
	}
	return n;
}

static void
drop_headers(VyHeader *headers, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		if (headers[i].name.p != large)
			drop(headers[i].name);
		drop(headers[i].value);
	}
}

static void
made_request(Feed feed)
{
	VyHeader headers[MAX_HEADERS];
	VyHeader read_headers[MAX_HEADERS];
	bool fits = true;
	uint8_t first = feed_byte(&feed);
	VyWireRequest request = {.peer = {.family = first & 7}, .headers = headers};
	VyWireRequest read = {.headers = read_headers, .max_headers = MAX_HEADERS};
	uint8_t *out;
	size_t n;

	for (size_t i = 0; i < sizeof(request.peer.addr); i++)
		request.peer.addr[i] = feed_byte(&feed);
	request.method = feed_str(&feed, 20);
	request.target = feed_str(&feed, 255);
	request.nheaders = feed_headers(&feed, headers, &fits);
	request.body = exact(feed.at, feed.left);
	n = vy_wire_request_size(&request);
	out = block(n);
	REQUIRE(vy_wire_request_write(out, n, &request) == fits);
	if (fits)
	{
		REQUIRE(vy_wire_request_read(&read, out, n) && same_request(&read, &request));
		REQUIRE(!vy_wire_request_read(&read, out, n - 1 - first % n));
	}
	free(out);
	drop(request.method);
	drop(request.target);
	drop(request.body);
	/* Longer than any field; nothing of it may be read. */
	request.method = request.target = vy_str(NULL, 0);
	request.body = vy_str(large, (size_t) UINT32_MAX + 1 + first);
	REQUIRE(!vy_wire_request_write(scratch, sizeof(scratch), &request));
	drop_headers(headers, request.nheaders);
}

static void
made_answer(Feed feed)
{
	VyHeader headers[MAX_HEADERS];
	VyHeader read_headers[MAX_HEADERS];
	bool fits = true;
	unsigned high = feed_byte(&feed);
	VyWireAnswer answer = {.status = high << 10 | feed_byte(&feed), .headers = headers};
	VyWireAnswer read = {.headers = read_headers, .max_headers = MAX_HEADERS};
	size_t head;
	uint8_t *out;

	fits = answer.status < 65536;
	answer.nheaders = feed_headers(&feed, headers, &fits);
	head = vy_wire_answer_head_size(&answer);
	out = block(head + feed.left);
	REQUIRE(vy_wire_answer_head_write(out, head, &answer) == fits);
	if (fits)
	{
		memcpy(out + head, feed.at, feed.left);
		REQUIRE(vy_wire_answer_read(&read, out, head + feed.left) && read.status == answer.status);
		REQUIRE(same_headers(read.headers, read.nheaders, headers, answer.nheaders));
		REQUIRE(vy_str_eq(read.body, vy_str((const char *) feed.at, feed.left)));
		REQUIRE(!vy_wire_answer_read(&read, out, high % head));
	}
	free(out);
	drop_headers(headers, answer.nheaders);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = block(size);
	Feed feed = {data, size};

	if (size > 0)
		memcpy(copy, data, size);
	request_bytes(copy, size);
	answer_bytes(copy, size);
	free(copy);
	made_request(feed);
	made_answer(feed);
	return 0;
}
