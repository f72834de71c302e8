/*
 * wire.h: one request and one answer as bytes between the shim and vyricon.http_wire().
 *
 * All integers are big-endian.
 *   request: u8 version (1) | u8 peer family (0, 4, 6) | 16 bytes peer address | u16 n, method | u32 n, target | u16 header count,
 *            each: u16 n, name (lower case) | u32 n, value | u32 n, body
 *   answer:  u8 p (0-3), p zero bytes | u16 status | u16 header count, each: u16 n, name | u32 n, value | the body is the rest
 * The padding makes an answer's head a multiple of four, so that it can be written right in front of an aligned body.
 * Reading checks every length against the buffer; a reader of a broken message gets false and nothing else.
 */
#ifndef VY_WIRE_H
#define VY_WIRE_H

#include "base/base.h"

#define VY_WIRE_VERSION 1

typedef struct VyHeader
{
	VyStr name;
	VyStr value;
} VyHeader;

typedef struct VyPeer
{
	uint8_t family; /* 0 unknown, 4, 6 */
	uint8_t addr[16];
} VyPeer;

typedef struct VyWireRequest
{
	VyPeer peer;
	VyStr method;
	VyStr target;
	VyHeader *headers; /* the caller's array */
	size_t nheaders;
	size_t max_headers; /* set before reading */
	VyStr body;
} VyWireRequest;

typedef struct VyWireAnswer
{
	unsigned status;
	VyHeader *headers; /* the caller's array */
	size_t nheaders;
	size_t max_headers; /* set before reading */
	VyStr body;
} VyWireAnswer;

/* Bytes that vy_wire_request_write() will need. */
size_t vy_wire_request_size(const VyWireRequest *request);

/* Writes exactly vy_wire_request_size() bytes; false if a length does not fit its field. */
VY_MUST_CHECK bool vy_wire_request_write(uint8_t *out, size_t cap, const VyWireRequest *request);

/* A request was written with an empty body, and n bytes were put behind it, at body. */
void vy_wire_body_appended(uint8_t *body, size_t n);

/* The strings point into the buffer. */
VY_MUST_CHECK bool vy_wire_request_read(VyWireRequest *request, const uint8_t *in, size_t n);

/* Bytes of everything before the body, and the writer of just that: the body is written in place by the caller, behind it. */
size_t vy_wire_answer_head_size(const VyWireAnswer *answer);
VY_MUST_CHECK bool vy_wire_answer_head_write(uint8_t *out, size_t cap, const VyWireAnswer *answer);

VY_MUST_CHECK bool vy_wire_answer_read(VyWireAnswer *answer, const uint8_t *in, size_t n);

#endif
