/*
 * answer.h: an HTTP/1.1 answer in a buffer: is it complete, and where is its body.
 */
#ifndef BENCH_ANSWER_H
#define BENCH_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct BenchAnswer
{
	int status;
	const char *body; /* in the buffer */
	size_t len;
	bool framed; /* Content-Length or chunks, and the body agrees with them */
} BenchAnswer;

/* 1: complete, 0: more to come, -1: not HTTP. in[n] is '\0'. Chunks are joined in place once they are all there. */
int bench_answer_parse(char *in, size_t n, BenchAnswer *a);

#endif
