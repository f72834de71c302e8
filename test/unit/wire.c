/*
 * wire.c: messages come back as they were written; cut, stretched or bent ones are refused.
 */
#include "base/wire.h"

#include "same_wire.h"
#include "tap.h"

#define MAX_HEADERS 8

static VyHeader sample_headers[] = {
	{VY_STR("host"), VY_STR("example.com")},
	{VY_STR("x-empty"), VY_STR("")},
	{VY_STR("x-bytes"), VY_STR("a\0\xFF")},
};

static VyWireRequest
sample_request(void)
{
	return (VyWireRequest){
		.peer = {.family = 4, .addr = {127, 0, 0, 1}},
		.method = VY_STR("POST"),
		.target = VY_STR("/rest/v1/tours?id=eq.1"),
		.headers = sample_headers,
		.nheaders = LENGTH(sample_headers),
		.body = VY_STR("{\"a\":\0 1}"),
	};
}

/* Reads from a copy without a byte to spare. */
static bool
reads(const uint8_t *bytes, size_t n, size_t max_headers, const VyWireRequest *want)
{
	VyStr copy = tight(vy_str((const char *) bytes, n));
	VyHeader headers[MAX_HEADERS];
	VyWireRequest request = {.headers = headers, .max_headers = max_headers};
	bool read = vy_wire_request_read(&request, (const uint8_t *) copy.p, n) && (want == NULL || same_request(&request, want));

	free((char *) copy.p);
	return read;
}

static void
test_request(void)
{
	VyWireRequest request = sample_request();
	VyWireRequest empty = {.method = VY_STR("")};
	uint8_t bytes[256];
	size_t n = vy_wire_request_size(&request);
	size_t read = 0;

	ok(n < sizeof(bytes) && vy_wire_request_write(bytes, n, &request), "a request is written into just its size");
	ok(bytes[0] == VY_WIRE_VERSION && bytes[1] == 4 && bytes[18] == 0 && bytes[19] == 4 && memcmp(bytes + 20, "POST", 4) == 0,
	   "it begins as wire.h says");
	ok(reads(bytes, n, MAX_HEADERS, &request), "it comes back");
	ok(reads(bytes, n, request.nheaders, &request), "it comes back with just enough headers");
	ok(!reads(bytes, n, request.nheaders - 1, NULL), "one header too many is refused");
	ok(!vy_wire_request_write(bytes, n - 1, &request), "it is not written into less");
	ok(vy_wire_request_write(bytes, n, &request), "and is still written after that");
	for (size_t cut = 0; cut < n; cut++)
		read += reads(bytes, cut, MAX_HEADERS, NULL);
	ok(read == 0, "cut anywhere it is refused");
	bytes[n] = 0;
	ok(!reads(bytes, n + 1, MAX_HEADERS, NULL), "a byte too many is refused");
	for (int version = 0; version < 256; version++)
	{
		bytes[0] = (uint8_t) version;
		read += version != VY_WIRE_VERSION && reads(bytes, n, MAX_HEADERS, NULL);
	}
	ok(read == 0, "another version is refused");
	n = vy_wire_request_size(&empty);
	ok(n == 30 && vy_wire_request_write(bytes, n, &empty) && reads(bytes, n, 0, &empty), "an empty request takes 30 bytes and comes back");
}

/* Each byte of a good message is set to each value: it reads as something or not at all, never beyond its end. */
static void
test_bent_requests(void)
{
	VyWireRequest request = sample_request();
	uint8_t bytes[256];
	size_t n = vy_wire_request_size(&request);
	size_t same = 0;

	ok(vy_wire_request_write(bytes, n, &request), "a request to bend");
	for (size_t i = 0; i < n; i++)
	{
		uint8_t kept = bytes[i];

		for (int value = 0; value < 256; value++)
		{
			bytes[i] = (uint8_t) value;
			same += value != kept && reads(bytes, n, MAX_HEADERS, &request);
		}
		bytes[i] = kept;
	}
	ok(same == 0, "no bent byte goes unseen");
}

static void
test_limits(void)
{
	static char large[65536];
	static uint8_t bytes[70000];
	VyHeader long_name = {{large, 65536}, {NULL, 0}};
	VyHeader fitting_name = {{large, 65535}, {NULL, 0}};
	VyWireRequest request = {.method = {large, 65536}};
	VyWireAnswer answer = {.status = 200, .headers = &long_name, .nheaders = 1};

	memset(large, 'x', sizeof(large));
	ok(!vy_wire_request_write(bytes, sizeof(bytes), &request), "a method of 65536 bytes does not fit its field");
	request.method.n = 65535;
	ok(vy_wire_request_write(bytes, vy_wire_request_size(&request), &request), "one of 65535 does");
	ok(!vy_wire_answer_head_write(bytes, sizeof(bytes), &answer), "a header name of 65536 bytes does not fit its field");
	answer.headers = &fitting_name;
	ok(vy_wire_answer_head_write(bytes, sizeof(bytes), &answer), "one of 65535 does");
	answer = (VyWireAnswer){.status = 65536};
	ok(!vy_wire_answer_head_write(bytes, sizeof(bytes), &answer), "a status of 65536 does not fit its field");
	request = (VyWireRequest){.body = {large, (size_t) UINT32_MAX + 1}};
	ok(!vy_wire_request_write(bytes, sizeof(bytes), &request), "a body of 4 GiB does not fit its field");
}

static void
test_appended_body(void)
{
	VyWireRequest request = sample_request();
	VyStr body = request.body;
	uint8_t bytes[256];
	size_t n;

	request.body = VY_STR("");
	n = vy_wire_request_size(&request);
	ok(vy_wire_request_write(bytes, n, &request), "a request is written without its body");
	memcpy(bytes + n, body.p, body.n);
	vy_wire_body_appended(bytes + n, body.n);
	request.body = body;
	ok(reads(bytes, n + body.n, MAX_HEADERS, &request), "the body that was put behind it is read with it");
}

static void
test_answer(void)
{
	VyHeader headers[MAX_HEADERS];
	VyWireAnswer answer = {.status = 409, .headers = sample_headers, .nheaders = LENGTH(sample_headers)};
	VyWireAnswer read = {.headers = headers, .max_headers = MAX_HEADERS};
	uint8_t bytes[256];
	size_t n = vy_wire_answer_head_size(&answer);
	size_t cuts = 0;

	ok(n < sizeof(bytes) && vy_wire_answer_head_write(bytes, n, &answer), "an answer's head is written into just its size");
	ok(!vy_wire_answer_head_write(bytes, n - 1, &answer), "but not into less");
	memcpy(bytes + n, "body", 4);
	ok(vy_wire_answer_read(&read, bytes, n + 4) && read.status == 409 && vy_str_is(read.body, "body") &&
		   same_headers(read.headers, read.nheaders, answer.headers, answer.nheaders),
	   "it comes back, the rest being the body");
	ok(vy_wire_answer_read(&read, bytes, n) && read.body.n == 0, "the body may be empty");
	for (size_t cut = 0; cut < n; cut++)
	{
		VyStr copy = tight(vy_str((const char *) bytes, cut));

		cuts += vy_wire_answer_read(&read, (const uint8_t *) copy.p, cut);
		free((char *) copy.p);
	}
	ok(cuts == 0, "cut anywhere in its head it is refused");
	ok(vy_wire_answer_read(&read, (const uint8_t *) "\0\0\xC8\0\0", 5) && read.status == 200, "a writer need not align");
	ok(!vy_wire_answer_read(&read, (const uint8_t *) "\4\0\0\0\0\0\xC8\0\0", 9), "a padding of four bytes is refused");
	ok(!vy_wire_answer_read(&read, (const uint8_t *) "\1\7\0\xC8\0\0", 6), "a padding of other bytes than zeros is refused");
	read.max_headers = LENGTH(sample_headers) - 1;
	ok(!vy_wire_answer_read(&read, bytes, n), "one header too many is refused");
}

int
main(void)
{
	test_request();
	test_bent_requests();
	test_limits();
	test_appended_body();
	test_answer();
	return tap_done();
}
