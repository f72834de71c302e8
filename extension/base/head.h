/*
 * head.h: whether a request head can be read in two ways (RFC 9112, sections 3, 5 and 6). Whoever parses it gives the fields one by one.
 */
#ifndef VY_HEAD_H
#define VY_HEAD_H

#include "base/base.h"

typedef enum VyHeadVerdict
{
	VY_HEAD_OK,
	VY_HEAD_BAD, /* 400 */
	VY_HEAD_BAD_TARGET, /* 400 */
	VY_HEAD_CHUNKED, /* 411: a Transfer-Encoding */
	VY_HEAD_ENCODING, /* 415: a Content-Encoding */
	VY_HEAD_EXPECTATION /* 417 */
} VyHeadVerdict;

/* Starts as zeros. */
typedef struct VyHead
{
	VyHeadVerdict verdict;
	unsigned nfields;
	unsigned nhosts;
	unsigned nlengths;
	size_t length; /* of the body */
} VyHead;

/* False: a method that is not served. */
VY_MUST_CHECK bool vy_head_method(VyStr method, bool *read_only);

/* Tells routes apart: a hash of the method and the first four segments of the path. */
uint32_t vy_head_route(VyStr method, VyStr path);

/* "HTTP/1.1" or "HTTP/1.0"; newer: the first of them. */
VY_MUST_CHECK bool vy_head_version(VyStr version, bool *newer);

/*
 * A parser that works in place took this field from behind before: true if just a line's end stood between, and just blanks between the
 * colon and the value, so that it has read the line as everybody does.
 */
VY_MUST_CHECK bool vy_head_line_ok(const char *before, VyStr name, VyStr value);

/* False: bad, whatever follows. */
VY_MUST_CHECK bool vy_head_field(VyHead *head, VyStr name, VyStr value);

/* newer: HTTP/1.1, which demands a Host. path: the target without its query. */
VY_MUST_CHECK VyHeadVerdict vy_head_judge(const VyHead *head, bool newer, unsigned max_fields, VyStr target, VyStr path);

#endif
